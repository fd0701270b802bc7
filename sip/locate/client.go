package locate

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// patience is how long one server may take to answer one question, and
	// rounds how often all are asked: as the C library does, only quicker.
	patience = 2 * time.Second
	rounds   = 2
	// resolutionDelay is for how long IPv4 addresses that are known wait for those of
	// IPv6, which some routers never answer about. RFC 8305, Section 3: 50 ms.
	resolutionDelay = 50 * time.Millisecond
	// udpSize is what we take in one datagram (DNS Flag Day 2020: no fragments).
	udpSize = 1232
)

// Client is a [Resolver] that asks DNS servers. Its methods may be used from any
// goroutine.
type Client struct {
	// Servers are the name servers to ask, "host:port"; asked for each question,
	// because they change with the network.
	Servers func() []string
	// Dial opens "udp" and "tcp" connections.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	cache
}

var _ Resolver = (*Client)(nil)

// NAPTR implements [Resolver].
func (c *Client) NAPTR(ctx context.Context, domain string) ([]NAPTR, error) {
	a, err := c.ask(ctx, question{domain, dns.TypeNAPTR})
	var out []NAPTR
	for _, rr := range a.records {
		if n, ok := rr.(*dns.NAPTR); ok {
			out = append(out, NAPTR{n.Order, n.Preference, n.Flags, n.Service, n.Replacement})
		}
	}
	return out, err
}

// SRV implements [Resolver].
func (c *Client) SRV(ctx context.Context, name string) ([]SRV, error) {
	a, err := c.ask(ctx, question{name, dns.TypeSRV})
	var out []SRV
	for _, rr := range a.records {
		if s, ok := rr.(*dns.SRV); ok {
			out = append(out, SRV{s.Priority, s.Weight, s.Port, s.Target})
		}
	}
	return out, err
}

// Addrs implements [Resolver]: the addresses of a name, IPv6 and IPv4 in turn
// (RFC 8305, Section 4). An address stands for itself.
func (c *Client) Addrs(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	type outcome struct {
		answer
		err error
	}
	six, done := make(chan outcome, 1), make(chan struct{})
	defer func() { cancel(); <-done }()
	go func() {
		defer close(done)
		a, err := c.ask(ctx, question{host, dns.TypeAAAA})
		six <- outcome{a, err}
	}()
	a4, err4 := c.ask(ctx, question{host, dns.TypeA})
	var a6 outcome
	if four := addresses(a4.records); len(four) == 0 {
		a6 = <-six
	} else {
		late := time.NewTimer(resolutionDelay)
		defer late.Stop()
		select {
		case a6 = <-six:
		case <-late.C:
		}
	}
	out := interleave(addresses(a6.records), addresses(a4.records))
	switch {
	case len(out) > 0:
		return out, nil
	case err4 != nil:
		return nil, fmt.Errorf("%w: %w", ErrLookup, err4)
	case a6.err != nil:
		return nil, fmt.Errorf("%w: %w", ErrLookup, a6.err)
	}
	return nil, ErrUnknown
}

func addresses(records []dns.RR) []netip.Addr {
	var out []netip.Addr
	for _, rr := range records {
		var ip net.IP
		switch rr := rr.(type) {
		case *dns.A:
			ip = rr.A
		case *dns.AAAA:
			ip = rr.AAAA
		}
		if a, ok := netip.AddrFromSlice(ip); ok {
			out = append(out, a.Unmap())
		}
	}
	return out
}

func interleave(a, b []netip.Addr) []netip.Addr {
	var out []netip.Addr
	for i := range max(len(a), len(b)) {
		if i < len(a) {
			out = append(out, a[i])
		}
		if i < len(b) {
			out = append(out, b[i])
		}
	}
	return out
}

var (
	errNoServer = errors.New("locate: no name server is set up")
	errMismatch = errors.New("locate: an answer to another question")
)

// ask answers a question from the cache, or asks the servers in turn.
func (c *Client) ask(ctx context.Context, q question) (answer, error) {
	q.name = dns.CanonicalName(q.name)
	if a, ok := c.get(time.Now(), q); ok {
		return a, nil
	}
	servers := c.Servers()
	err := errNoServer
	for range rounds {
		for _, server := range servers {
			var res *dns.Msg
			if res, err = c.exchange(ctx, server, q); err == nil {
				a := answer{records: ofKind(res.Answer, q.kind), unknown: res.Rcode == dns.RcodeNameError}
				c.put(time.Now(), q, a)
				return a, nil
			}
			if ctx.Err() != nil {
				return answer{}, ctx.Err()
			}
		}
	}
	return answer{}, err
}

// ofKind picks the records of a type; aliases on the way to them drop out.
func ofKind(records []dns.RR, kind uint16) []dns.RR {
	var out []dns.RR
	for _, rr := range records {
		if rr.Header().Rrtype == kind {
			out = append(out, rr)
		}
	}
	return out
}

// exchange asks one server, over TCP where a datagram cannot hold the answer.
func (c *Client) exchange(ctx context.Context, server string, q question) (*dns.Msg, error) {
	res, err := c.over(ctx, "udp", server, q)
	if err == nil && res.Truncated {
		res, err = c.over(ctx, "tcp", server, q)
	}
	if err != nil {
		return nil, err
	}
	if res.Rcode != dns.RcodeSuccess && res.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("locate: the name server answers %s", strings.ToLower(dns.RcodeToString[res.Rcode]))
	}
	return res, nil
}

func (c *Client) over(ctx context.Context, network, server string, q question) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := c.Dial(ctx, network, server)
	if err != nil {
		return nil, fmt.Errorf("locate: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	msg := &dns.Msg{}
	msg.SetQuestion(q.name, q.kind)
	var id [2]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	msg.Id = binary.BigEndian.Uint16(id[:])
	msg.SetEdns0(udpSize, false)
	dc := &dns.Conn{Conn: conn, UDPSize: udpSize}
	if network == "udp" {
		dc.Conn = packet{conn}
	}
	if err := dc.WriteMsg(msg); err != nil {
		return nil, fmt.Errorf("locate: %w", err)
	}
	for {
		res, err := dc.ReadMsg()
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil && res == nil && !errors.Is(err, dns.ErrShortRead):
			return nil, fmt.Errorf("locate: %w", err)
		case err == nil && matches(res, msg):
			return res, nil
		case network != "udp":
			return nil, errMismatch
		} // over UDP anybody can send rubbish: wait for the right one
	}
}

func matches(res, asked *dns.Msg) bool {
	return res.Response && res.Id == asked.Id && len(res.Question) == 1 &&
		strings.EqualFold(res.Question[0].Name, asked.Question[0].Name) &&
		res.Question[0].Qtype == asked.Question[0].Qtype
}

// packet makes the library see a datagram connection: it asks by this
// interface whether a length goes before each message.
type packet struct{ net.Conn }

// ReadFrom reads a datagram.
func (p packet) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := p.Read(b)
	return n, p.RemoteAddr(), err
}

// WriteTo sends a datagram to the connection's peer.
func (p packet) WriteTo(b []byte, _ net.Addr) (int, error) { return p.Write(b) }

package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"karat/sip/locate"
)

const (
	// dialTimeout bounds the search for a server that can be reached: six that say
	// nothing at all.
	dialTimeout = 32 * time.Second
	// serverTime is for how long a server may keep us from the next one. TCP has
	// asked three times by then (at 0, 1 and 3 s).
	serverTime = 5 * time.Second
	// headStart is what one address of a server gets before the next is tried beside
	// it. RFC 8305, Section 5: the Connection Attempt Delay, 250 ms.
	headStart = 250 * time.Millisecond
	// maxAddresses bounds the connections that one server's name can make us open.
	maxAddresses = 8
)

// place is a server at one of its addresses.
type place struct {
	kind transport
	addr netip.AddrPort
}

func (f *flow) place() place { return place{f.kind, f.remote} }

// errTried: all that there is has been tried.
var errTried = fmt.Errorf("%w: it has no other server", ErrUnreachable)

// dial opens a flow to the first server of a hop that can be reached, other than
// those that were tried. RFC 3263, Section 4.3: the next where one fails. Servers
// that failed lately come last, those that asked to be left alone not at all.
// names are those that a TLS certificate may be for; the first is asked for (SNI).
func (d *dialer) dial(ctx context.Context, h hop, names []string, tried map[place]bool) (*flow, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	servers, err := d.servers(ctx, h)
	if err != nil {
		return nil, err
	}
	s := search{dialer: d, tried: tried}
	for i, server := range servers {
		to := whom{names, server.webURL()}
		fresh := s.sort(ctx, server, to)
		if f, err := s.try(ctx, fresh, to, i+1 < len(servers) || len(s.failed) > 0); f != nil || err != nil {
			return f, err
		}
	}
	for i, last := range s.failed {
		if f, err := s.try(ctx, last.places, last.to, i+1 < len(s.failed)); f != nil || err != nil {
			return f, err
		}
	}
	if len(s.errs) == 0 {
		return nil, errTried
	}
	return nil, noneOf(s.errs)
}

// search is one run of dial.
type search struct {
	dialer *dialer
	tried  map[place]bool
	failed []unlucky // by server
	errs   []error
}

// unlucky are places of a server that failed lately.
type unlucky struct {
	places []place
	to     whom
}

// sort gives the places of a server that are to be tried now, and notes those that
// are to be tried last.
func (s *search) sort(ctx context.Context, h hop, to whom) (fresh []place) {
	addrs, err := s.dialer.addresses(ctx, h.host)
	if err != nil {
		s.errs = append(s.errs, err)
		return nil
	}
	var failed []place
	for _, addr := range addrs[:min(len(addrs), maxAddresses)] {
		p := place{h.kind, netip.AddrPortFrom(addr, h.port)}
		switch w := s.dialer.waits.of(p); {
		case s.tried[p]:
		case w.asked:
			s.errs = append(s.errs, &delayed{&StatusError{Code: sip.StatusServiceUnavailable}, time.Until(w.until)})
		case w.failed():
			failed = append(failed, p)
		default:
			fresh = append(fresh, p)
		}
	}
	if len(failed) > 0 {
		s.failed = append(s.failed, unlucky{failed, to})
	}
	return fresh
}

// try opens a flow to one of the places of a server. more: there are other servers.
// An error is one for which no other is to be tried.
func (s *search) try(ctx context.Context, places []place, to whom, more bool) (*flow, error) {
	if len(places) == 0 {
		return nil, nil
	}
	if more {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, serverTime)
		defer cancel()
	}
	f, err := s.dialer.reach(ctx, places, to)
	switch {
	case err == nil:
		f.others = f.others || more
		return f, nil
	case distrusted(err):
		return nil, err // that was the server; another is no remedy
	}
	s.errs = append(s.errs, err)
	return nil, nil
}

// noneOf is one sentence for the failures of several servers: that of the first,
// or of the first that did not ask for time.
func noneOf(errs []error) error {
	first := errs[0]
	var least *delayed
	for _, err := range errs {
		var asked *delayed
		if !errors.As(err, &asked) {
			first, least = err, nil
			break
		}
		if least == nil || asked.after < least.after {
			first, least = err, asked
		}
	}
	if len(errs) == 1 {
		return first
	}
	return fmt.Errorf("%w; nor does another of the provider's servers take us", first)
}

// reach opens a flow to one server: over UDP to the first of its addresses that we
// have a way to, else to the one that answers first.
func (d *dialer) reach(ctx context.Context, places []place, to whom) (f *flow, err error) {
	if places[0].kind != udp {
		return d.race(ctx, places, to)
	}
	for i, p := range places {
		if f, err = d.socket(ctx, p.addr); err == nil {
			f.others = i+1 < len(places)
			return f, nil
		}
	}
	return nil, err
}

// raced is what became of one connection.
type raced struct {
	place place
	conn  net.Conn
	err   error
}

// race connects to all addresses of a server, each with a head start before the
// next, and takes the connection that stands first, TLS included: a way that
// carries the beginning of a handshake only is none (RFC 8305, Section 5).
func (d *dialer) race(ctx context.Context, places []place, to whom) (*flow, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan raced)
	next := time.NewTimer(0)
	defer next.Stop()
	var won *raced
	var lost error
	for running, started := 0, 0; running > 0 || started < len(places); {
		select {
		case <-next.C:
			if started == len(places) {
				continue
			}
			p := places[started]
			started++
			running++
			go func() { // the loop ends when all have told
				conn, err := d.connect(ctx, p, to)
				results <- raced{p, conn, err}
			}()
			next.Reset(headStart)
		case r := <-results:
			running--
			switch {
			case r.err == nil && won == nil:
				won = &r
			case r.err == nil:
				_ = r.conn.Close()
			case won == nil:
				lost = d.lost(r, lost)
			}
			if won != nil || distrusted(lost) || ctx.Err() != nil {
				cancel()
				started = len(places)
			}
			next.Reset(0)
		}
	}
	if won == nil {
		return nil, lost
	}
	d.trust.chosen(won.conn, to)
	return d.carry(won.place, won.conn), nil
}

// lost notes that a place failed, and which of two errors counts: the one that says
// that somebody else answered, else the first.
func (d *dialer) lost(r raced, before error) error {
	if !errors.Is(r.err, context.Canceled) && !distrusted(r.err) {
		d.waits.failed(r.place)
	}
	if before == nil || distrusted(r.err) && !distrusted(before) {
		return r.err
	}
	return before
}

// hosts answers from the machine's own file of names, and asks nobody.
var hosts = &net.Resolver{
	PreferGo: true,
	Dial:     func(context.Context, string, string) (net.Conn, error) { return nil, errBlocked },
}

// addresses are those of a host in the order to try them: as the machine's file of
// hosts says, else the DNS, else the system, which may know names of its own.
func (d *dialer) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	if d.alias != nil {
		return []netip.Addr{d.alias(host)}, nil
	}
	if d.machine {
		if found, err := lookup(ctx, hosts, host); err == nil {
			return found, nil
		}
	}
	err := locate.ErrUnknown
	if d.locator != nil && asked(host) {
		var found []netip.Addr
		if found, err = d.locator.Addrs(ctx, host); err == nil {
			return found, nil
		}
	}
	if d.machine {
		return lookup(ctx, net.DefaultResolver, host)
	}
	return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
}

func lookup(ctx context.Context, r *net.Resolver, host string) ([]netip.Addr, error) {
	addrs, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil || len(addrs) == 0 {
		return nil, fmt.Errorf("%w: its name is unknown: %w", ErrUnreachable, err)
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, nil
}

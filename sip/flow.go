package sip

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	// writeTimeout is how long a connection may take to accept a message before
	// it is taken as broken.
	writeTimeout = 10 * time.Second
	// messageRate and messageBurst bound what one flow may bring in: a busy phone
	// gets a message a second. Beyond, datagrams are dropped and streams wait.
	messageRate  = 100 // a second
	messageBurst = 1000
	// maxFailures bounds the read errors of a UDP socket, one after the other,
	// that are taken for echoes of what was sent (ICMP).
	maxFailures = 16
)

// transport is what a flow runs over.
type transport int

const (
	udp transport = iota
	tcp
	overTLS
	overWS
	overWSS
)

func (t transport) String() string { return [...]string{"UDP", "TCP", "TLS", "WS", "WSS"}[t] }

func (t transport) param() string { return strings.ToLower(t.String()) }

// secure tells whether nobody on the way to the server reads what goes over it.
func (t transport) secure() bool { return t == overTLS || t == overWSS }

// web tells whether it is over a WebSocket (RFC 7118).
func (t transport) web() bool { return t == overWS || t == overWSS }

func (t transport) defaultPort() uint16 { return transports[t].Port() }

// carried is what sipgo takes a flow for.
func (t transport) carried() string {
	switch t {
	case overWS:
		return tcp.String()
	case overWSS:
		return overTLS.String()
	case udp, tcp, overTLS:
	}
	return t.String()
}

// flow is a socket or connection of ours that carries SIP.
type flow struct {
	kind    transport
	number  uint16
	local   netip.AddrPort
	remote  netip.AddrPort // zero: a socket that anybody may send to
	account bool           // leads to the account's registrar
	others  bool           // there are servers to try if this one says nothing
	conn    net.Conn       // all but udp
	web     *webSocket     // conn, if it is one
	socket  net.PacketConn // udp
	bucket  bucket
	parser  *sip.Parser
	bad     atomic.Uint64 // messages refused by the guard
	good    atomic.Bool   // a message has passed it
	inbound bool          // a connection that another opened
	left    atomic.Bool   // closed because the network changed
	came    atomic.Uint64 // what the peer has sent: messages, pings and pongs
	calls   atomic.Int32  // that go over it
	spare   atomic.Bool   // it is there for those only
	pong    chan struct{} // holds one when a pong came

	once  sync.Once
	done  chan struct{} // closed when the flow is broken or closed
	taken sync.Once
	ready chan struct{} // closed when sipgo reads from the flow, and so knows it
}

// numbers gives flows their numbers, 1 to 65535 and round again.
type numbers struct{ last atomic.Uint32 }

func (n *numbers) next() uint16 { return uint16(n.last.Add(1)-1)%65535 + 1 }

func newFlow(kind transport, number uint16, local, remote netip.AddrPort) *flow {
	return &flow{
		kind: kind, number: number, local: local, remote: remote,
		bucket: bucket{rate: messageRate, burst: messageBurst},
		parser: newParser(), pong: make(chan struct{}, 1), done: make(chan struct{}), ready: make(chan struct{}),
	}
}

func (f *flow) key() netip.AddrPort     { return netip.AddrPortFrom(flowHost, f.number) }
func (f *flow) peerKey() netip.AddrPort { return netip.AddrPortFrom(peerHost, f.number) }

// address makes sipgo send req over this flow, and over no other.
func (f *flow) address(req *sip.Request, to netip.AddrPort) {
	if f.kind == udp {
		req.Laddr = sip.Addr{IP: f.key().Addr().AsSlice(), Port: int(f.number)}
	}
	if f.kind != udp || f.remote.IsValid() || !to.IsValid() {
		to = f.peerKey()
	}
	setDestination(req, f.kind, to)
}

// close breaks the flow; what waits on done notices.
func (f *flow) close() {
	f.once.Do(func() {
		close(f.done)
		if f.conn != nil {
			_ = f.conn.Close()
		} else {
			_ = f.socket.Close()
		}
	})
}

// release closes the flow as soon as no call goes over it.
func (f *flow) release() {
	if f == nil {
		return
	}
	f.spare.Store(true)
	if f.calls.Load() <= 0 {
		f.close()
	}
}

// take and leave count the calls that go over the flow.
func (f *flow) take() { f.calls.Add(1) }

func (f *flow) leave() {
	if f.calls.Add(-1) <= 0 && f.spare.Load() {
		f.close()
	}
}

// read notes that sipgo has the flow in its pool: it adds it before it reads.
func (f *flow) read() { f.taken.Do(func() { close(f.ready) }) }

// expects tells whether a datagram may have come over this flow.
func (f *flow) expects(from netip.AddrPort) bool {
	// A provider may answer from another port, not from another host: this also
	// keeps strangers' INVITEs to our port out.
	return !f.remote.IsValid() || from.Addr() == f.remote.Addr()
}

// packets is a UDP flow as sipgo sees it: whole, canonical messages only, all
// from one made-up peer, so that its table of peers cannot grow.
type packets struct{ *flow }

// ReadFrom returns the next acceptable message.
func (p *packets) ReadFrom(b []byte) (int, net.Addr, error) {
	p.read()
	buf := make([]byte, maxMessage+1)
	for failures := 0; ; {
		n, from, err := p.socket.ReadFrom(buf)
		if err != nil {
			if failures++; failures < maxFailures && transient(err) && !p.closed() {
				continue
			}
			p.close()
			return 0, nil, net.ErrClosed
		}
		src, ok := addrPort(from)
		if !ok || !p.expects(src) {
			continue
		}
		p.came.Add(1)
		if n <= 4 {
			p.ponged() // a keep-alive, ours that comes back or the peer's own
			continue
		}
		if !p.bucket.take(time.Now()) {
			continue
		}
		msg, err := canonical(p.parser, buf[:n], src)
		if err != nil || len(msg) > len(b) {
			p.bad.Add(1)
			if res := refuse(buf[:n], src); res != nil {
				if to, err := netip.ParseAddrPort(res.Destination()); err == nil {
					_, _ = p.WriteTo([]byte(res.String()), net.UDPAddrFromAddrPort(to))
				}
			}
			continue
		}
		return copy(b, msg), net.UDPAddrFromAddrPort(p.peerKey()), nil
	}
}

// transient tells whether reading a UDP socket may go on after err, such as an
// ICMP message for something sent before.
func transient(err error) bool {
	var netErr *net.OpError
	return !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) && errors.As(err, &netErr)
}

func (f *flow) closed() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// WriteTo sends a message to the flow's peer, or to addr where it has none.
func (p *packets) WriteTo(b []byte, addr net.Addr) (int, error) {
	to, ok := addrPort(addr)
	if p.remote.IsValid() {
		to = p.remote
	}
	if !ok || to.Addr() == peerHost {
		return 0, errBlocked
	}
	return p.socket.WriteTo(b, net.UDPAddrFromAddrPort(to))
}

// Close does nothing: the flow is ours to close.
func (p *packets) Close() error { return nil }

// LocalAddr is made up.
func (p *packets) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(p.key()) }

// SetDeadline and its like are not used by sipgo here.
func (p *packets) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (p *packets) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (p *packets) SetWriteDeadline(time.Time) error { return nil }

// stream is a flow over a connection as sipgo sees it: one canonical message a Read.
type stream struct{ *flow }

// streamReader is the state of reading a stream; there is one reader.
type streamReader struct {
	*stream
	buf []byte
}

// Read implements net.Conn for writers only; sipgo gets a streamReader.
func (s *stream) Read([]byte) (int, error) { return 0, io.EOF }

// Read returns the next acceptable message.
func (r *streamReader) Read(b []byte) (int, error) {
	r.read()
	for {
		msg, err := r.message()
		if err != nil {
			r.close()
			return 0, io.EOF
		}
		out, err := canonical(r.parser, msg, r.remote)
		if err != nil || len(out) > len(b) {
			r.bad.Add(1)
			if res := refuse(msg, r.remote); res != nil {
				_, _ = r.stream.Write([]byte(res.String()))
			}
			continue
		}
		r.good.Store(true)
		r.bucket.wait(r.done)
		return copy(b, out), nil
	}
}

// message reads up to the end of one message. Pings are answered, pongs
// dropped.
func (r *streamReader) message() ([]byte, error) {
	chunk := make([]byte, 4096)
	if r.web != nil {
		return r.webMessage()
	}
	for {
		r.pongs()
		n, err := frame(r.buf)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			r.came.Add(1)
			msg := r.buf[:n:n]
			r.buf = append([]byte(nil), r.buf[n:]...)
			return msg, nil
		}
		n, err = r.conn.Read(chunk)
		if err != nil {
			return nil, fmt.Errorf("sip: read: %w", err)
		}
		r.buf = append(r.buf, chunk[:n]...)
	}
}

// pongs removes line ends before a message. RFC 5626, Section 4.4.1: a double
// CRLF is a ping, answered with a single one; that is a pong. Pings that arrive
// together get one: who sends line ends for ever would have us write for ever.
func (r *streamReader) pongs() {
	pinged := false
	defer func() {
		if pinged {
			_, _ = r.stream.Write([]byte("\r\n"))
		}
	}()
	for len(r.buf) >= 2 && string(r.buf[:2]) == "\r\n" {
		r.came.Add(1)
		if len(r.buf) >= 4 && string(r.buf[:4]) == "\r\n\r\n" {
			r.buf, pinged = r.buf[4:], true
			continue
		}
		r.buf = r.buf[2:]
		r.ponged()
	}
}

// Write sends a message; it breaks the flow when it fails.
func (s *stream) Write(b []byte) (int, error) {
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	n, err := s.conn.Write(b)
	if err != nil {
		s.close()
	}
	return n, err
}

// Close breaks the flow.
func (s *stream) Close() error { s.close(); return nil }

// LocalAddr is made up.
func (s *stream) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(s.key()) }

// RemoteAddr is made up.
func (s *stream) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(s.peerKey()) }

// SetDeadline and its like are not used by sipgo here.
func (s *stream) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (s *stream) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (s *stream) SetWriteDeadline(time.Time) error { return nil }

// addrPort reads the address of a socket.
func addrPort(a net.Addr) (netip.AddrPort, bool) {
	if a == nil {
		return netip.AddrPort{}, false
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), true
}

// bucket is a token bucket; one goroutine uses it.
type bucket struct {
	rate, burst float64
	spent       float64
	last        time.Time
}

func (b *bucket) take(now time.Time) bool {
	b.spent = max(0, b.spent-b.rate*now.Sub(b.last).Seconds())
	b.last = now
	if b.spent+1 > b.burst {
		return false
	}
	b.spent++
	return true
}

// wait takes, or waits until it can or done is closed.
func (b *bucket) wait(done <-chan struct{}) {
	for !b.take(time.Now()) {
		t := time.NewTimer(time.Second / messageRate)
		select {
		case <-done:
			t.Stop()
			return
		case <-t.C:
		}
	}
}

package path

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// base is one socket of an ICE path: the host's own, or an address at a relay.
type base struct {
	conn    packetConn
	local   netip.AddrPort // where it receives: at the relay, if it is one
	mapped  netip.AddrPort // as a STUN server sees it; invalid: not known
	stun    netip.AddrPort // that server
	relay   *allocation    // nil: the host's own
	reading bool           // ICE.mu guards it

	wg sync.WaitGroup // of permit

	mu     sync.Mutex   // guards what follows
	agents []*checkConn // who hears of STUN
	open   []netip.Addr // peers that the relay lets through
	asked  []netip.Addr // those it is being asked for
	closed bool
}

// public is the address that others reach it at.
func (b *base) public() netip.AddrPort {
	if b.mapped.IsValid() {
		return b.mapped
	}
	return b.local
}

// send sends one datagram.
func (b *base) send(d []byte, to netip.AddrPort) error {
	if b.relay != nil && !b.permitted(to.Addr()) {
		b.permit(d, to)
		return nil
	}
	if _, err := b.conn.WriteToUDPAddrPort(d, to); err != nil {
		if errors.Is(err, net.ErrClosed) {
			return ErrClosed
		}
		return fmt.Errorf("path: send: %w", err)
	}
	return nil
}

func (b *base) permitted(peer netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.open, peer)
}

// maxPermits bounds the peers that a relay is asked to let through: a peer's
// candidates, and where it moves.
const maxPermits = 64

// permit sends the first datagram to a peer. pion/turn asks the relay for a
// permission first (RFC 8656, Section 9), and waits a round trip for it: that
// is not for a sender who has a tick to keep. What else is sent meanwhile is
// lost like any packet.
func (b *base) permit(d []byte, to netip.AddrPort) {
	peer := to.Addr()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.open)+len(b.asked) >= maxPermits || slices.Contains(b.asked, peer) {
		return
	}
	b.asked = append(b.asked, peer)
	first := bytes.Clone(d)
	b.wg.Go(func() {
		_, err := b.conn.WriteToUDPAddrPort(first, to)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.asked = slices.DeleteFunc(b.asked, func(a netip.Addr) bool { return a == peer })
		if err == nil {
			b.open = append(b.open, peer)
		}
	})
}

// read delivers what arrives until the socket is closed.
func (b *base) read(done <-chan struct{}, deliver func(Class, netip.AddrPort, []byte)) {
	buf := make([]byte, MaxDatagram+1) // one more shows what was too large
	for {
		n, from, err := b.conn.ReadFromUDPAddrPort(buf)
		switch {
		case err != nil && (errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || b.isClosed() || !wait(done, readBackoff)):
			return
		case err != nil || n > MaxDatagram:
			continue
		}
		from = unmap(from)
		class := Classify(buf[:n])
		if class == STUN {
			b.checked(from, buf[:n])
		}
		deliver(class, from, buf[:n])
	}
}

// wait pauses, and tells whether the path is still open.
func wait(done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return false
	case <-t.C:
		return true
	}
}

func (b *base) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// bindingInterval keeps a NAT's binding while the call is not answered yet.
//
// RFC 8445, Section 11: a keepalive every 15 s.
const bindingInterval = 15 * time.Second

// keepAlive keeps the reflexive address alive until checks do.
func (b *base) keepAlive(done <-chan struct{}) {
	if !b.stun.IsValid() {
		return
	}
	for wait(done, bindingInterval) {
		if b.isClosed() || b.isChecked() {
			return
		}
		request, err := bindingRequest()
		if err != nil {
			return
		}
		_, _ = b.conn.WriteToUDPAddrPort(request, b.stun) // lost like any packet
	}
}

func (b *base) isChecked() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.agents) > 0
}

func (b *base) close() {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return
	}
	b.closed = true
	b.mu.Unlock()
	_ = b.conn.Close() // nothing is left to be done about it
	b.wg.Wait()
}

// checked hands a copy of a STUN packet to the agents.
func (b *base) checked(from netip.AddrPort, packet []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.agents {
		select {
		case c.queue <- check{from, bytes.Clone(packet)}:
		default: // a flood; checks are repeated
		}
	}
}

// checkQueue is how many STUN packets wait for an agent: both ends check each
// pair every 50 ms.
const checkQueue = 64

// check is one STUN packet.
type check struct {
	from netip.AddrPort
	b    []byte
}

// checkConn is a base as an agent sees it: STUN only.
type checkConn struct {
	base   *base
	queue  chan check
	closed chan struct{}
	once   sync.Once
}

var _ net.PacketConn = (*checkConn)(nil)

// attach makes the base's STUN packets heard by one more agent.
func (b *base) attach() *checkConn {
	c := &checkConn{base: b, queue: make(chan check, checkQueue), closed: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.agents = append(b.agents, c)
	return c
}

// ReadFrom returns the next STUN packet.
func (c *checkConn) ReadFrom(p []byte) (int, net.Addr, error) {
	select {
	case in := <-c.queue:
		return copy(p, in.b), net.UDPAddrFromAddrPort(in.from), nil
	case <-c.closed:
		return 0, nil, net.ErrClosed
	}
}

// WriteTo sends a check.
func (c *checkConn) WriteTo(p []byte, to net.Addr) (int, error) {
	return len(p), c.base.send(p, addrPort(to))
}

// Close ends ReadFrom. The socket stays: it is not the agent's.
func (c *checkConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		b := c.base
		b.mu.Lock()
		defer b.mu.Unlock()
		b.agents = slices.DeleteFunc(b.agents, func(a *checkConn) bool { return a == c })
	})
	return nil
}

// LocalAddr is the candidate's address.
func (c *checkConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.base.local) }

// SetDeadline and its like do nothing: closing ends a read, and no write waits.
func (c *checkConn) SetDeadline(time.Time) error      { return nil }
func (c *checkConn) SetReadDeadline(time.Time) error  { return nil }
func (c *checkConn) SetWriteDeadline(time.Time) error { return nil }

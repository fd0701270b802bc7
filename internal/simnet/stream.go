package simnet

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// listener accepts streams.
type listener struct {
	host  *Host
	local netip.AddrPort

	gate    // guards what follows
	waiting []*Conn
	closed  bool
}

// Accept waits for a connection.
func (l *listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) == 0 && !l.closed {
		l.wait(time.Time{})
	}
	if l.closed {
		return nil, opError("accept", "tcp", net.ErrClosed)
	}
	c := l.waiting[0]
	l.waiting = l.waiting[1:]
	return c, nil
}

// offer hands a connection to who accepts; false: refused.
func (l *listener) offer(c *Conn) bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.waiting) >= maxBacklog {
		return false
	}
	l.waiting = append(l.waiting, c)
	l.changed()
	return true
}

// Close refuses what waits and what comes.
func (l *listener) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return opError("close", "tcp", net.ErrClosed)
	}
	waiting := l.waiting
	l.closed, l.waiting = true, nil
	l.changed()
	l.mu.Unlock()
	for _, c := range waiting {
		c.Close()
	}
	l.host.mu.Lock()
	defer l.host.mu.Unlock()
	delete(l.host.listeners, l.local)
	return nil
}

// Addr is where it listens.
func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.local) }

// Conn is one end of a stream. It is a net.Conn with CloseWrite.
type Conn struct {
	host          *Host
	local, remote netip.AddrPort
	in, out       *half
	once          sync.Once
}

var _ net.Conn = (*Conn)(nil)

// half is one direction of a stream.
type half struct {
	network  *Network
	from, to netip.AddrPort

	gate           // guards what follows
	pieces         []piece
	size           int       // bytes in pieces
	last           time.Time // when the latest piece arrives
	readBy, sendBy time.Time
	reader, writer bool  // that end has closed
	broken         error // the network gave up, from last on
}

// piece of a stream; without data it is the end.
type piece struct {
	due  time.Time
	data []byte
}

func (h *Host) dialStream(ctx context.Context, remote netip.AddrPort) (net.Conn, error) {
	address, err := h.LocalFor(remote.Addr())
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	local := netip.AddrPortFrom(address, h.ephemeral())
	h.mu.Unlock()
	peer := h.network.hostOf(remote.Addr())
	if peer == nil {
		return nil, syscall.EHOSTUNREACH
	}
	near, far := h.pair(peer, local, remote)
	if err := near.open(ctx); err != nil {
		return nil, err
	}
	h.keep(near)
	peer.keep(far)
	if !peer.listenerAt(remote).offer(far) {
		near.Close()
		far.Close()
		return nil, syscall.ECONNREFUSED
	}
	return near, nil
}

// pair makes both ends of a connection.
func (h *Host) pair(peer *Host, local, remote netip.AddrPort) (near, far *Conn) {
	forth := &half{network: h.network, from: local, to: remote}
	back := &half{network: h.network, from: remote, to: local}
	near = &Conn{host: h, local: local, remote: remote, in: back, out: forth}
	far = &Conn{host: peer, local: remote, remote: local, in: forth, out: back}
	return near, far
}

// open waits for the round trip of the handshake, or until the network gives up.
func (c *Conn) open(ctx context.Context) error {
	took, err := c.out.travel(nil)
	if err == nil {
		var back time.Duration
		back, err = c.in.travel(nil)
		took += back
	}
	t := time.NewTimer(took)
	defer t.Stop()
	select {
	case <-t.C:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (h *Host) keep(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conns == nil {
		h.conns = map[*Conn]bool{}
	}
	h.conns[c] = true
}

// travel is how long a piece takes, being sent again as often as it is lost.
func (s *half) travel(data []byte) (time.Duration, error) {
	for lost := range maxResends {
		if s.network.hostOf(s.from.Addr()) == nil || s.network.hostOf(s.to.Addr()) == nil {
			break // an end has moved away
		}
		ds := s.network.decide(Packet{Network: "tcp", From: s.from, To: s.to, Data: data})
		if len(ds) > 0 {
			return time.Duration(lost)*resend + ds[0].After, nil
		}
	}
	return maxResends * resend, syscall.ETIMEDOUT
}

// Read waits for bytes.
func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.in.read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = opError("read", "tcp", err)
	}
	return n, err
}

func (s *half) read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.reader:
			return 0, net.ErrClosed
		case passed(s.readBy):
			return 0, errTimeout
		case len(b) == 0:
			return 0, nil
		case len(s.pieces) > 0 && passed(s.pieces[0].due):
			return s.take(b)
		case len(s.pieces) == 0 && s.broken != nil && passed(s.last):
			return 0, s.broken
		}
		s.wait(s.wake())
	}
}

// wake is when reading may go on.
func (s *half) wake() time.Time {
	if len(s.pieces) > 0 {
		return earlier(s.readBy, s.pieces[0].due)
	}
	if s.broken != nil {
		return earlier(s.readBy, s.last)
	}
	return s.readBy
}

// take gives out bytes of the first piece.
func (s *half) take(b []byte) (int, error) {
	p := &s.pieces[0]
	if p.data == nil {
		return 0, io.EOF // stays: every further Read meets it too
	}
	n := copy(b, p.data)
	if p.data = p.data[n:]; len(p.data) == 0 {
		s.pieces = s.pieces[1:]
	}
	s.size -= n
	s.changed()
	return n, nil
}

// Write blocks while the window is full.
func (c *Conn) Write(b []byte) (int, error) {
	sent := 0
	for {
		n, err := c.out.write(b[sent:])
		sent += n
		if err != nil {
			return sent, opError("write", "tcp", err)
		}
		if sent == len(b) {
			return sent, nil
		}
	}
}

func (s *half) write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.writer:
			return 0, net.ErrClosed
		case s.reader:
			return 0, syscall.EPIPE
		case passed(s.sendBy):
			return 0, errTimeout
		case s.broken != nil && passed(s.last):
			return 0, s.broken
		case len(b) == 0:
			return 0, nil
		case s.size < maxWindow:
			n := min(len(b), maxWindow-s.size)
			s.put(append([]byte{}, b[:n]...))
			return n, nil
		}
		s.wait(s.writable())
	}
}

// writable is when a blocked Write has to look again.
func (s *half) writable() time.Time {
	if s.broken != nil {
		return earlier(s.sendBy, s.last)
	}
	return s.sendBy
}

// put sends a piece (nil: the end), never overtaking an earlier one.
func (s *half) put(data []byte) {
	if s.broken != nil {
		return
	}
	after, err := s.travel(data)
	due := time.Now().Add(after)
	if due.Before(s.last) {
		due = s.last
	}
	s.last = due
	if err != nil {
		s.broken = err
	} else {
		s.pieces = append(s.pieces, piece{due, data})
		s.size += len(data)
	}
	s.changed()
}

// CloseWrite tells the peer that no more comes.
func (c *Conn) CloseWrite() error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if c.out.writer {
		return opError("close", "tcp", net.ErrClosed)
	}
	c.out.writer = true
	c.out.put(nil)
	c.out.changed()
	return nil
}

// Close ends both directions. The peer reads what was sent, then EOF.
func (c *Conn) Close() error {
	err := opError("close", "tcp", net.ErrClosed)
	c.once.Do(func() {
		_ = c.CloseWrite() // may have been called before: nothing to tell
		c.in.mu.Lock()
		c.in.reader, c.in.pieces, c.in.size = true, nil, 0
		c.in.changed()
		c.in.mu.Unlock()
		c.host.mu.Lock()
		delete(c.host.conns, c)
		c.host.mu.Unlock()
		err = nil
	})
	return err
}

// LocalAddr is our end.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr is the other end.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.readBy, t)
	c.out.setDeadline(&c.out.sendBy, t)
	return nil
}

// SetReadDeadline applies to reads under way too.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.readBy, t)
	return nil
}

// SetWriteDeadline applies to writes under way too.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(&c.out.sendBy, t)
	return nil
}

func (s *half) setDeadline(which *time.Time, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*which = t
	s.changed()
}

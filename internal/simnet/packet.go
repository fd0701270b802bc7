package simnet

import (
	"container/heap"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// PacketConn is a datagram socket. Besides net.PacketConn it has the calls of
// net.UDPConn that take a netip.AddrPort, and, when dialled, is a net.Conn.
type PacketConn struct {
	host   *Host
	local  netip.AddrPort
	remote netip.AddrPort // valid: dialled

	gate           // guards what follows
	queue          datagrams
	readBy, sendBy time.Time
	closed         bool
}

var (
	_ net.PacketConn = (*PacketConn)(nil)
	_ net.Conn       = (*PacketConn)(nil)
)

// datagram is under way, or has arrived: due tells.
type datagram struct {
	from, to netip.AddrPort
	due      time.Time
	order    uint64
	data     []byte
}

// datagrams is a heap by time of arrival, then by order of sending.
type datagrams []datagram

func (q datagrams) Len() int      { return len(q) }
func (q datagrams) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *datagrams) Push(x any)   { *q = append(*q, x.(datagram)) }
func (q datagrams) Less(i, j int) bool {
	if q[i].due.Equal(q[j].due) {
		return q[i].order < q[j].order
	}
	return q[i].due.Before(q[j].due)
}

func (q *datagrams) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = datagram{}
	*q = old[:len(old)-1]
	return last
}

// enqueue takes a datagram that was sent to us. A nil socket takes none.
func (c *PacketConn) enqueue(d datagram) fate {
	if c == nil {
		return unreachable
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed, c.remote.IsValid() && d.from != c.remote:
		return unreachable
	case len(c.queue) >= maxQueue:
		return overflowed
	}
	heap.Push(&c.queue, d)
	c.changed()
	return delivered
}

// ReadFromUDPAddrPort waits for a datagram and copies it to b; what does not
// fit is lost.
func (c *PacketConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	d, err := c.receive()
	if err != nil {
		return 0, netip.AddrPort{}, opError("read", "udp", err)
	}
	return copy(b, d.data), d.from, nil
}

func (c *PacketConn) receive() (datagram, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if c.closed {
			return datagram{}, net.ErrClosed
		}
		if passed(c.readBy) {
			return datagram{}, errTimeout
		}
		wake := c.readBy
		if len(c.queue) > 0 {
			if passed(c.queue[0].due) {
				return heap.Pop(&c.queue).(datagram), nil
			}
			wake = earlier(wake, c.queue[0].due)
		}
		c.wait(wake)
	}
}

// ReadFrom is ReadFromUDPAddrPort for those who want a net.Addr.
func (c *PacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// Read reads from the address that was dialled.
func (c *PacketConn) Read(b []byte) (int, error) {
	n, _, err := c.ReadFromUDPAddrPort(b)
	return n, err
}

// WriteToUDPAddrPort sends a datagram. It never blocks.
func (c *PacketConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	from, err := c.maySend(b, to)
	if err != nil {
		return 0, opError("write", "udp", err)
	}
	c.host.network.send(from, to, append([]byte{}, b...))
	return len(b), nil
}

// maySend checks what a kernel would and finds the address to send from.
func (c *PacketConn) maySend(b []byte, to netip.AddrPort) (netip.AddrPort, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return netip.AddrPort{}, net.ErrClosed
	case passed(c.sendBy):
		return netip.AddrPort{}, errTimeout
	case len(b) > maxDatagram:
		return netip.AddrPort{}, syscall.EMSGSIZE
	case !to.IsValid() || to.Port() == 0:
		return netip.AddrPort{}, syscall.EINVAL
	}
	if a := c.local.Addr(); !a.IsUnspecified() {
		if a.Is4() != to.Addr().Is4() {
			return netip.AddrPort{}, syscall.EAFNOSUPPORT
		}
		if c.host.network.hostOf(a) != c.host {
			return netip.AddrPort{}, syscall.ENETUNREACH
		}
		return c.local, nil
	}
	a, err := c.host.LocalFor(to.Addr())
	return netip.AddrPortFrom(a, c.local.Port()), err
}

// WriteTo is WriteToUDPAddrPort for those who have a net.Addr.
func (c *PacketConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	if u, ok := addr.(*net.UDPAddr); ok {
		return c.WriteToUDPAddrPort(b, u.AddrPort())
	}
	to, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return 0, opError("write", "udp", err)
	}
	return c.WriteToUDPAddrPort(b, to)
}

// Write sends to the address that was dialled.
func (c *PacketConn) Write(b []byte) (int, error) { return c.WriteToUDPAddrPort(b, c.remote) }

// Close wakes all readers.
func (c *PacketConn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return opError("close", "udp", net.ErrClosed)
	}
	c.closed = true
	c.queue = nil
	c.changed()
	c.mu.Unlock()
	c.host.network.forget(c.host, c.local)
	c.host.mu.Lock()
	defer c.host.mu.Unlock()
	delete(c.host.packets, c.local)
	return nil
}

// LocalAddr is where the socket listens.
func (c *PacketConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.local) }

// RemoteAddr is the address that was dialled; nil without one.
func (c *PacketConn) RemoteAddr() net.Addr {
	if !c.remote.IsValid() {
		return nil
	}
	return net.UDPAddrFromAddrPort(c.remote)
}

// SetDeadline sets both deadlines.
func (c *PacketConn) SetDeadline(t time.Time) error { return c.setDeadlines(&t, &t) }

// SetReadDeadline applies to reads under way too.
func (c *PacketConn) SetReadDeadline(t time.Time) error { return c.setDeadlines(&t, nil) }

// SetWriteDeadline makes writes fail from t on.
func (c *PacketConn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(nil, &t) }

func (c *PacketConn) setDeadlines(read, send *time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return opError("set", "udp", net.ErrClosed)
	}
	if read != nil {
		c.readBy = *read
	}
	if send != nil {
		c.sendBy = *send
	}
	c.changed()
	return nil
}

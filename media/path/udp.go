package path

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// packetConn is the part of *net.UDPConn that does not allocate. An in-memory
// network may have it too.
type packetConn interface {
	net.PacketConn
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
}

// UDP is a Path straight over a datagram socket.
type UDP struct {
	socket atomic.Pointer[socket]
	forks  forks

	wg   sync.WaitGroup
	done chan struct{}

	mu      sync.Mutex // guards: handler, closed
	handler Handler
	closed  bool
}

// socket is what a UDP path sends from.
type socket struct {
	conn  packetConn
	local netip.AddrPort
}

var _ Path = (*UDP)(nil)

// ListenUDP opens a socket: ListenUDP("udp4", "127.0.0.1:0").
func ListenUDP(network, address string) (*UDP, error) {
	addr, err := net.ResolveUDPAddr(network, address)
	if err != nil {
		return nil, fmt.Errorf("path: resolve %s: %w", address, err)
	}
	conn, err := net.ListenUDP(network, addr)
	if err != nil {
		return nil, fmt.Errorf("path: open the media socket: %w", err)
	}
	_ = conn.SetReadBuffer(readBuffer) // what the system allows is enough to talk
	return NewUDP(conn), nil
}

// readBuffer in bytes is asked of the system, which gives what it allows: junk that
// comes in bursts is to displace as little of the voice as can be.
const readBuffer = 1 << 20

// NewUDP takes over an open socket, which may be one of an in-memory network.
// A *net.UDPConn (or a conn with its AddrPort methods) sends and receives
// without allocating; any other is adapted.
func NewUDP(conn net.PacketConn) *UDP {
	pc, ok := conn.(packetConn)
	if !ok {
		pc = slowConn{conn}
	}
	u := &UDP{done: make(chan struct{})}
	u.socket.Store(&socket{pc, addrPort(conn.LocalAddr())})
	return u
}

// Local is the address that the socket is bound to.
func (u *UDP) Local() netip.AddrPort { return u.socket.Load().local }

// AsUDP finds the plain path in p, which may be Tapped.
func AsUDP(p Path) (u *UDP, ok bool) { return as[*UDP](p) }

// Adopt goes on from the socket of next, a path that nothing was done with, after
// the network changed. What still comes to the old socket is heard for a while.
func (u *UDP) Adopt(next *UDP) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return next.Close()
	}
	taken := next.socket.Load()
	old := u.socket.Swap(taken)
	if u.handler != nil {
		u.wg.Go(func() { u.pump(taken.conn, u.handler) })
	}
	u.wg.Go(func() {
		t := time.NewTimer(retireAfter)
		defer t.Stop()
		select {
		case <-t.C:
		case <-u.done:
		}
		_ = old.conn.Close() // a socket of the past
	})
	return nil
}

// Remote adds or moves a fork.
func (u *UDP) Remote(fork Fork, to netip.AddrPort) { u.forks.put(fork, to) }

// Authenticated latches a fork to where a genuine packet came from.
func (u *UDP) Authenticated(fork Fork, from netip.AddrPort) { u.forks.latch(fork, from) }

// Select keeps one fork only.
func (u *UDP) Select(fork Fork) { u.forks.selectOne(fork) }

// Peer is where Send goes for a fork at present; the zero value if nowhere.
func (u *UDP) Peer(fork Fork) netip.AddrPort {
	to, _ := u.forks.address(fork)
	return to
}

// Send sends one datagram. The kernel's buffer holds hundreds of voice packets,
// so it does not block at the pace of a call.
func (u *UDP) Send(fork Fork, b []byte) error {
	if len(b) > MaxDatagram {
		return ErrTooLarge
	}
	to, ok := u.forks.address(fork)
	if !ok {
		return ErrNoFork
	}
	if _, err := u.socket.Load().conn.WriteToUDPAddrPort(b, to); err != nil {
		if errors.Is(err, net.ErrClosed) {
			return ErrClosed
		}
		return fmt.Errorf("path: send: %w", err)
	}
	return nil
}

// Receive starts the goroutine that delivers to h. Later calls do nothing.
func (u *UDP) Receive(h Handler) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.handler != nil || u.closed {
		return
	}
	u.handler = serialized(h)
	conn := u.socket.Load().conn
	u.wg.Go(func() { u.pump(conn, u.handler) })
}

// readBackoff is the pause after a failed read. Errors of a datagram socket
// are of single packets (ICMP on some systems) and pass; the pause keeps one
// that stays from burning a core.
const readBackoff = 10 * time.Millisecond

func (u *UDP) pump(conn packetConn, h Handler) {
	buf := make([]byte, MaxDatagram+1) // one more shows what was too large
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) || !u.pause() {
				return
			}
			continue
		}
		if n > MaxDatagram {
			continue
		}
		from = unmap(from)
		h(Classify(buf[:n]), u.forks.owner(from), from, buf[:n])
	}
}

// pause waits readBackoff, and tells whether the path is still open.
func (u *UDP) pause() bool {
	t := time.NewTimer(readBackoff)
	defer t.Stop()
	select {
	case <-u.done:
		return false
	case <-t.C:
		return true
	}
}

// Close closes the socket and waits for the Handler's last call.
func (u *UDP) Close() error {
	u.mu.Lock()
	if u.closed {
		u.mu.Unlock()
		u.wg.Wait()
		return nil
	}
	u.closed = true
	u.mu.Unlock()
	close(u.done)
	err := u.socket.Load().conn.Close()
	u.wg.Wait()
	return err
}

// slowConn gives any net.PacketConn the AddrPort methods, at the cost of an
// allocation each.
type slowConn struct{ net.PacketConn }

func (s slowConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, from, err := s.ReadFrom(b)
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	return n, addrPort(from), nil
}

func (s slowConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return s.WriteTo(b, net.UDPAddrFromAddrPort(to))
}

// addrPort reads the address of a datagram socket; the zero value when it has
// none that is an IP address and port.
func addrPort(a net.Addr) netip.AddrPort {
	if u, ok := a.(*net.UDPAddr); ok {
		return unmap(u.AddrPort())
	}
	if a == nil {
		return netip.AddrPort{}
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return unmap(ap)
}

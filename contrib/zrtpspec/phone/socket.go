package phone

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// maxDatagram is more than any UDP datagram holds.
const maxDatagram = 1 << 16

// socket is T's end of the media path.
type socket struct {
	conn   *net.UDPConn
	remote netip.AddrPort
	buffer []byte
}

// listen opens a socket. A port that was just closed may be taken for a moment
// still: a process that another job starts holds copies of all sockets until it
// executes its program.
func listen(local netip.AddrPort) (*socket, error) {
	const tries, pause = 50, 20 * time.Millisecond
	for i := 1; ; i++ {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
		if err == nil {
			return &socket{conn: conn, buffer: make([]byte, maxDatagram)}, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) || i == tries {
			return nil, fmt.Errorf("listen for media: %w", err)
		}
		time.Sleep(pause)
	}
}

func (s *socket) port() uint16 { return s.conn.LocalAddr().(*net.UDPAddr).AddrPort().Port() }

// Send sends a datagram. That nobody listens yet is no error: T repeats itself.
func (s *socket) Send(b []byte) error {
	_, err := s.conn.WriteToUDPAddrPort(b, s.remote)
	return err
}

// Receive waits for a datagram from the address that was signalled: RFC 6189,
// Section 4 has ZRTP come from the port of media.
func (s *socket) Receive(wait time.Duration) []byte {
	_ = s.conn.SetReadDeadline(time.Now().Add(max(wait, time.Millisecond)))
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(s.buffer)
		if err != nil {
			return nil
		}
		if netip.AddrPortFrom(from.Addr().Unmap(), from.Port()) == s.remote {
			return append([]byte{}, s.buffer[:n]...)
		}
	}
}

func (s *socket) close() { _ = s.conn.Close() }

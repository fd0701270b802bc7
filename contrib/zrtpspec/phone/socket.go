package phone

import (
	"fmt"
	"net"
	"net/netip"
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

func listen(local netip.AddrPort) (*socket, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
	if err != nil {
		return nil, fmt.Errorf("listen for media: %w", err)
	}
	return &socket{conn: conn, buffer: make([]byte, maxDatagram)}, nil
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

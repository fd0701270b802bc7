package main

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"karat/contrib/interop/wiretap"
)

// socket is one call's at the far end. The kernel says when each datagram came: over
// loopback that is within the sender's own system call, so that it does not matter
// when this process gets to read it. It is not the runtime's: that would wake up for
// each datagram, and take the processors from Karat.
type socket struct {
	fd    int
	local netip.AddrPort
	peer  unix.SockaddrInet4
	oob   [128]byte
}

// socketBuffer holds what comes in some seconds of a call.
const socketBuffer = 1 << 20

func openSocket(local netip.Addr) (*socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	s := &socket{fd: fd}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer) // what is lost shows in the numbers
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.Bind(fd, &unix.SockaddrInet4{Addr: local.As4()}))
	name, unnamed := unix.Getsockname(fd)
	bound, ok := name.(*unix.SockaddrInet4)
	if err = errors.Join(err, unnamed); err != nil || !ok {
		s.close()
		return nil, fmt.Errorf("open a socket: %w", err)
	}
	s.local = netip.AddrPortFrom(local, uint16(bound.Port))
	return s, nil
}

func (s *socket) close() { _ = unix.Close(s.fd) } // nothing is written behind it

// connect says where write sends to.
func (s *socket) connect(to netip.AddrPort) {
	s.peer = unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().Unmap().As4()}
}

func (s *socket) write(b []byte) error { return unix.Sendto(s.fd, b, 0, &s.peer) }

// read returns a datagram that has come and when the kernel had it, and false if there
// is none.
func (s *socket) read(b []byte) (n int, at int64, ok bool, err error) {
	n, oobn, _, _, err := unix.Recvmsg(s.fd, b, s.oob[:], 0)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return 0, 0, false, nil
	case err != nil:
		return 0, 0, false, err
	}
	came, err := wiretap.Stamp(s.oob[:oobn])
	return n, came.UnixNano(), err == nil, err
}

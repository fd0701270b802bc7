package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// socket is one call's at the far end. The kernel says when each datagram came: over
// loopback that is within the sender's own system call, so that it does not matter
// when this process gets to read it.
type socket struct {
	conn *net.UDPConn
	oob  [128]byte
}

// socketBuffer holds what comes in ten seconds of a call.
const socketBuffer = 1 << 20

func openSocket(local netip.Addr) (*socket, error) {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(socketBuffer) // what is lost shows in the numbers
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var refused error
	err = raw.Control(func(fd uintptr) {
		refused = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	})
	if err != nil || refused != nil {
		conn.Close()
		return nil, fmt.Errorf("the kernel does not tell when packets come: %w %w", err, refused)
	}
	return &socket{conn: conn}, nil
}

func (s *socket) local() netip.AddrPort { return s.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// read waits for a datagram until a time (zero: for ever) and tells when the kernel
// had it.
func (s *socket) read(b []byte, until time.Time) (n int, at int64, err error) {
	if err := s.conn.SetReadDeadline(until); err != nil {
		return 0, 0, err
	}
	n, oobn, _, _, err := s.conn.ReadMsgUDPAddrPort(b, s.oob[:])
	if err != nil {
		return 0, 0, err
	}
	at, ok := stamp(s.oob[:oobn])
	if !ok {
		return 0, 0, fmt.Errorf("the kernel did not tell when a packet came")
	}
	return n, at, nil
}

// stamp reads the time out of what came beside a datagram: struct cmsghdr, then
// struct timespec.
func stamp(oob []byte) (int64, bool) {
	header, data, _, err := unix.ParseOneSocketControlMessage(oob)
	if err != nil || header.Level != unix.SOL_SOCKET || header.Type != unix.SCM_TIMESTAMPNS || len(data) < 16 {
		return 0, false
	}
	return int64(binary.NativeEndian.Uint64(data))*int64(time.Second) + int64(binary.NativeEndian.Uint64(data[8:])), true
}

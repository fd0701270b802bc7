// Package wiretap records every packet on loopback while a call lasts, and
// says what each was: SIP, TLS, ZRTP, STUN, DTLS or RTP, by the first octets
// (RFC 7983), from which socket, and when.
//
// What a phone must never send can only be proved from outside it. Who sent a
// packet is told by its source port: the ports of the other programs are
// known, whatever comes from any other port was the phone's under test.
//
// It does NOT decrypt anything. That RTP is encrypted it can only conclude
// from what encryption does to the octets (see LooksEncrypted).
package wiretap

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Capture records one device of the network namespace that it was opened in.
type Capture struct {
	fd     int
	stop   chan struct{}
	ended  sync.WaitGroup
	file   *os.File
	pcap   *bufio.Writer
	keep   func(Packet) bool
	failed error // valid after ended

	mu      sync.Mutex // guards: packets
	packets []Packet
}

const (
	// receiveBuffer holds some seconds of a call while this program sleeps.
	receiveBuffer = 16 << 20
	// pollInterval is how often a quiet capture looks whether it was stopped.
	pollInterval = 50 * time.Millisecond
	// snapLength: loopback's MTU.
	snapLength = 65536
	// linkTypeRaw: packets begin with the IP header.
	linkTypeRaw = 101
)

// ErrDropped: the kernel had no room for some packets, so nothing that needs
// all of them can be said.
var ErrDropped = errors.New("wiretap: packets were lost while recording")

// Start records all packets on loopback that keep accepts (nil: all), and writes
// them to a pcap file as well.
func Start(path string, keep func(Packet) bool) (*Capture, error) {
	return StartOn("lo", path, keep)
}

// StartOn records what arrives at a network device. On the line to a phone's
// router that is all that the phone sends.
func StartOn(device, path string, keep func(Packet) bool) (*Capture, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(htons(unix.ETH_P_ALL)))
	if err != nil {
		return nil, fmt.Errorf("wiretap: recording needs root or CAP_NET_RAW: %w", err)
	}
	c := &Capture{fd: fd, stop: make(chan struct{}), keep: keep}
	if err := c.open(device, path); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("wiretap: %w", err)
	}
	c.ended.Go(c.run)
	return c, nil
}

func (c *Capture) open(device, path string) error {
	link, err := net.InterfaceByName(device)
	if err != nil {
		return err
	}
	if err := unix.Bind(c.fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: link.Index}); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer); err != nil {
		// Without root the limit of the system applies; ErrDropped tells.
		_ = unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	}
	if err := unix.SetNonblock(c.fd, true); err != nil {
		return err
	}
	if c.file, err = os.Create(path); err != nil {
		return err
	}
	c.pcap = bufio.NewWriter(c.file)
	return writePcapHeader(c.pcap)
}

func (c *Capture) run() {
	buf := make([]byte, snapLength)
	for {
		n, from, err := unix.Recvfrom(c.fd, buf, 0)
		switch {
		case err == nil:
			c.add(time.Now(), from, buf[:n])
			continue
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EAGAIN):
			c.failed = err
			return
		}
		select {
		case <-c.stop: // and nothing is left to read
			return
		default:
		}
		fds := []unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, int(pollInterval.Milliseconds())); err != nil && !errors.Is(err, unix.EINTR) {
			c.failed = err
			return
		}
	}
}

// add keeps one packet. Loopback shows each twice, leaving and arriving.
func (c *Capture) add(at time.Time, from unix.Sockaddr, b []byte) {
	if link, ok := from.(*unix.SockaddrLinklayer); ok && link.Pkttype == unix.PACKET_OUTGOING {
		return
	}
	p, ok := Parse(at, b)
	if !ok || c.keep != nil && !c.keep(p) {
		return
	}
	if err := writePcap(c.pcap, at, b); err != nil {
		c.failed = err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.packets = append(c.packets, p)
}

// Packets returns what was recorded so far.
func (c *Capture) Packets() []Packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.packets[:len(c.packets):len(c.packets)]
}

// Wait polls until enough says so or ctx ends.
func (c *Capture) Wait(ctx context.Context, enough func([]Packet) bool) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for !enough(c.Packets()) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wiretap: %w", context.Cause(ctx))
		}
	}
	return nil
}

// Stop ends the recording and returns all packets, or ErrDropped.
func (c *Capture) Stop() ([]Packet, error) {
	close(c.stop)
	c.ended.Wait()
	defer unix.Close(c.fd)
	if err := errors.Join(c.failed, c.pcap.Flush(), c.file.Close()); err != nil {
		return nil, fmt.Errorf("wiretap: %w", err)
	}
	stats, err := unix.GetsockoptTpacketStats(c.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return nil, fmt.Errorf("wiretap: %w", err)
	}
	if stats.Drops > 0 {
		return nil, fmt.Errorf("%w: %d", ErrDropped, stats.Drops)
	}
	return c.Packets(), nil
}

func htons(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

func writePcapHeader(w *bufio.Writer) error {
	le := binary.LittleEndian
	h := le.AppendUint32(nil, 0xa1b23c4d) // nanoseconds
	h = le.AppendUint16(h, 2)
	h = le.AppendUint16(h, 4)
	h = le.AppendUint64(h, 0)
	h = le.AppendUint32(h, snapLength)
	h = le.AppendUint32(h, linkTypeRaw)
	_, err := w.Write(h)
	return err
}

func writePcap(w *bufio.Writer, at time.Time, b []byte) error {
	le := binary.LittleEndian
	h := le.AppendUint32(nil, uint32(at.Unix()))
	h = le.AppendUint32(h, uint32(at.Nanosecond()))
	h = le.AppendUint32(h, uint32(len(b)))
	h = le.AppendUint32(h, uint32(len(b)))
	_, err := w.Write(append(h, b...))
	return err
}

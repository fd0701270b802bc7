package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"karat/contrib/interop/wiretap"
)

// Watch is who stands where a host's packets leave it. The kernel tells when: within
// the sender's own system call, so that it does not matter when this process runs.
type Watch struct {
	fd      int
	see     func(at time.Time, b []byte)
	stop    chan struct{}
	running sync.WaitGroup
	failed  error // valid after running
}

const (
	// watched holds what a host sends in some seconds.
	watched = 4 << 20
	// looks is how often a watch looks. Nothing else depends on it.
	looks = 50 * time.Millisecond
)

// ErrUnseen: the kernel had no room for some packets.
var ErrUnseen = errors.New("link: packets left a host unseen")

// Watch shows see each packet that leaves the host, from one goroutine; b is valid
// until it returns.
func (h Host) Watch(see func(at time.Time, b []byte)) (*Watch, error) {
	w := &Watch{see: see, stop: make(chan struct{})}
	err := within(h.Name, func() (err error) {
		w.fd, err = openWatch()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("link: watching %s: %w", h.Name, err)
	}
	w.running.Go(w.run)
	return w, nil
}

// Close ends the watch. ErrUnseen: it did not see everything.
func (w *Watch) Close() error {
	close(w.stop)
	w.running.Wait()
	defer unix.Close(w.fd)
	stats, err := unix.GetsockoptTpacketStats(w.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	switch {
	case w.failed != nil || err != nil:
		return errors.Join(w.failed, err)
	case stats.Drops > 0:
		return fmt.Errorf("%w: %d", ErrUnseen, stats.Drops)
	}
	return nil
}

// openWatch opens the socket, in the host's namespace.
func openWatch() (int, error) {
	link, err := net.InterfaceByName(device)
	if err != nil {
		return -1, err
	}
	every := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(every))
	if err != nil {
		return -1, err
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, watched),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: every, Ifindex: link.Index}))
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (w *Watch) run() {
	tick := time.NewTicker(looks)
	defer tick.Stop()
	for last := false; ; {
		if w.failed = w.drain(); w.failed != nil || last {
			return
		}
		select {
		case <-tick.C:
		case <-w.stop:
			last = true
		}
	}
}

// drain shows what has left since.
func (w *Watch) drain() error {
	var b [maxPacket]byte
	var oob [128]byte
	for {
		n, oobn, _, from, err := unix.Recvmsg(w.fd, b[:], oob[:], 0)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		}
		if link, ok := from.(*unix.SockaddrLinklayer); !ok || link.Pkttype != unix.PACKET_OUTGOING {
			continue
		}
		at, err := wiretap.Stamp(oob[:oobn])
		if err != nil {
			return err
		}
		w.see(at, b[:n])
	}
}

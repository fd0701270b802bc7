// Package link joins two hosts by a line with a delay. A host is a network
// namespace of Linux with one interface; every packet between the two passes
// through this process, which holds it back for the delay and shows it to
// whoever wants to see it. Voice may also be lost, singly or in bursts, and come
// unevenly.
//
// It exists because netem is not built into every kernel. It needs root. It
// does NOT reorder or limit anything, and carries IPv4 only.
package link

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A Link is two hosts and the line between them.
type Link struct {
	A, B Host

	line    Line
	see     func(at time.Time, sent bool, b []byte)
	running sync.WaitGroup
}

// Host is one end.
type Host struct {
	Name string // of its network namespace
	Addr netip.Addr
	tun  *os.File
}

// Wrap is what to put before a command so that it runs on this host.
func (h Host) Wrap() []string { return []string{"ip", "netns", "exec", h.Name} }

const (
	device = "link0"
	// maxPacket is the device's MTU and some.
	maxPacket = 2048
	// queued packets in one direction: seconds of a call at any delay.
	queued = 4096
)

// Join makes two hosts. Each packet takes delay from one to the other, and see
// (nil: nobody) is shown it twice: when it was sent, and when it is delivered.
// It is called from two goroutines; b is valid until it returns.
func Join(ctx context.Context, delay time.Duration, see func(at time.Time, sent bool, b []byte)) (*Link, error) {
	return Line{Delay: delay}.Join(ctx, see)
}

// Join makes two hosts with this line between them. A packet that is lost is
// shown once.
func (line Line) Join(ctx context.Context, see func(at time.Time, sent bool, b []byte)) (*Link, error) {
	if see == nil {
		see = func(time.Time, bool, []byte) {}
	}
	l := &Link{line: line, see: see}
	// RFC 5737: addresses for documentation, which nobody has.
	ends := map[*Host]string{&l.A: "198.51.100.1", &l.B: "198.51.100.2"}
	names := map[*Host]string{&l.A: "a", &l.B: "b"}
	for h, addr := range ends {
		h.Name = fmt.Sprintf("link-%d%s-%s", os.Getpid(), line.Name, names[h])
		h.Addr = netip.MustParseAddr(addr)
		if err := h.make(ctx); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	l.carry(l.A.tun, l.B.tun, line.fate(1))
	l.carry(l.B.tun, l.A.tun, line.fate(2))
	return l, nil
}

// Close removes both hosts. What still runs on them loses its network.
func (l *Link) Close() error {
	var errs []error
	for _, h := range []*Host{&l.A, &l.B} {
		if h.tun != nil {
			errs = append(errs, h.tun.Close())
			errs = append(errs, ip(context.Background(), "netns", "del", h.Name))
		}
	}
	l.running.Wait()
	return errors.Join(errs...)
}

func (h *Host) make(ctx context.Context) error {
	if err := ip(ctx, "netns", "add", h.Name); err != nil {
		return err
	}
	var err error
	if h.tun, err = openTUN(h.Name); err != nil {
		return errors.Join(err, ip(context.Background(), "netns", "del", h.Name))
	}
	for _, args := range []string{
		"link set lo up",
		"addr add " + h.Addr.String() + "/24 dev " + device,
		"link set " + device + " up",
		// Phones take a host without a default route for offline.
		"route add default dev " + device,
	} {
		if err := ip(ctx, append([]string{"-n", h.Name}, strings.Fields(args)...)...); err != nil {
			return err
		}
	}
	return nil
}

func ip(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("link: ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// openTUN opens the device inside the namespace. The descriptor belongs to it
// whichever namespace its reader is in.
func openTUN(name string) (tun *os.File, err error) {
	err = within(name, func() (err error) {
		tun, err = openTUNHere()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("link: %s on %s: %w", device, name, err)
	}
	return tun, nil
}

// within runs f in a namespace.
func within(name string, f func() error) error {
	result := make(chan error)
	go func() {
		// Never unlocked: the thread ends with this goroutine, in whatever
		// namespace it is then.
		runtime.LockOSThread()
		result <- enter("/run/netns/"+name, f)
	}()
	return <-result
}

func enter(namespace string, f func() error) error {
	ns, err := os.Open(namespace)
	if err != nil {
		return err
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	return f()
}

func openTUNHere() (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	request, err := unix.NewIfreq(device)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	// Nonblocking, so that Close ends a Read.
	return os.NewFile(uintptr(fd), device), nil
}

// held is a packet on its way.
type held struct {
	due time.Time
	b   []byte
}

// carry takes packets from one end to the other until the ends are closed. They
// stay in order, so one goroutine can wait for each in turn.
func (l *Link) carry(from, to *os.File, f *fate) {
	line := make(chan held, queued)
	l.running.Go(func() {
		defer close(line)
		buf := make([]byte, maxPacket)
		for {
			n, err := from.Read(buf)
			if err != nil {
				return // closed
			}
			now := time.Now()
			l.see(now, true, buf[:n])
			due, arrives := f.of(now, buf[:n])
			if !arrives {
				continue
			}
			select {
			case line <- held{due, append([]byte(nil), buf[:n]...)}:
			default: // a flood: a full queue loses packets, as on a real line
			}
		}
	})
	l.running.Go(func() {
		for p := range line {
			time.Sleep(time.Until(p.due))
			l.see(time.Now(), false, p.b)
			if _, err := to.Write(p.b); err != nil {
				continue // the reader ends when the ends are closed
			}
		}
	})
}

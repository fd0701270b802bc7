package link

import (
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// socketOn opens a UDP socket on a host. It stays there.
func socketOn(t *testing.T, h Host) *net.UDPConn {
	t.Helper()
	var conn *net.UDPConn
	opened := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread stays in the host
		opened <- func() error {
			ns, err := os.Open("/run/netns/" + h.Name)
			if err != nil {
				return err
			}
			defer ns.Close()
			if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
				return err
			}
			conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: h.Addr.AsSlice()})
			return err
		}()
	}()
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestPacketsTakeTheDelayAndAreSeen(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("making hosts needs root")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skip("no TUN device here")
	}
	const delay = 30 * time.Millisecond
	var sent, delivered atomic.Int32
	l, err := Join(t.Context(), delay, func(_ time.Time, leaving bool, b []byte) {
		switch {
		case b[0]>>4 != 4 || b[9] != unix.IPPROTO_UDP:
		case leaving:
			sent.Add(1)
		default:
			delivered.Add(1)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	a, b := socketOn(t, l.A), socketOn(t, l.B)
	var left []time.Time
	watch, err := l.A.Watch(func(at time.Time, b []byte) {
		if b[0]>>4 == 4 && b[9] == unix.IPPROTO_UDP {
			left = append(left, at)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := a.WriteTo([]byte("over there"), b.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	b.SetReadDeadline(began.Add(5 * time.Second))
	n, _, err := b.ReadFrom(buf)
	if err != nil || string(buf[:n]) != "over there" {
		t.Fatalf("received %q, %v", buf[:n], err)
	}
	if took := time.Since(began); took < delay || took > 3*delay {
		t.Errorf("took %v over a line of %v", took, delay)
	}
	if sent.Load() != 1 || delivered.Load() != 1 {
		t.Errorf("seen %d leaving and %d arriving, not one each", sent.Load(), delivered.Load())
	}
	if err := watch.Close(); err != nil || len(left) != 1 {
		t.Fatalf("%d packets were watched leaving, not one: %v", len(left), err)
	}
	if after := left[0].Sub(began.Round(0)); after < 0 || after > delay {
		t.Errorf("it left %v after it was sent", after)
	}
}

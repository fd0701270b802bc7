package simnet

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func openPacket(t *testing.T, h *Host, network, address string) *PacketConn {
	t.Helper()
	c, err := h.ListenPacket(context.Background(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	return c.(*PacketConn)
}

// wantPacket reads a datagram and checks its text, its sender and the time.
func wantPacket(t *testing.T, c *PacketConn, text string, from netip.AddrPort, at time.Time) {
	t.Helper()
	b := make([]byte, 2048)
	n, sender, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(b[:n]); got != text || sender != from || !time.Now().Equal(at) {
		t.Fatalf("received %q from %s at %v; want %q from %s at %v", got, sender, time.Now(), text, from, at)
	}
}

func wantNothing(t *testing.T, c *PacketConn, d time.Duration) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(d))
	defer c.SetReadDeadline(time.Time{})
	n, from, err := c.ReadFromUDPAddrPort(make([]byte, 2048))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("received %d bytes from %s (%v); want nothing for %v", n, from, err, d)
	}
}

func TestDelayIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{Plan: Delay(30 * time.Millisecond)})
		defer n.Close()
		a := openPacket(t, n.Host("10.0.0.1"), "udp", ":0")
		b := openPacket(t, n.Host("10.0.0.2"), "udp", "10.0.0.2:5060")
		start := time.Now()
		to := netip.MustParseAddrPort("10.0.0.2:5060")
		from := netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), a.local.Port())
		a.WriteToUDPAddrPort([]byte("one"), to)
		a.WriteTo([]byte("two"), net.UDPAddrFromAddrPort(to))
		wantPacket(t, b, "one", from, start.Add(30*time.Millisecond))
		wantPacket(t, b, "two", from, start.Add(30*time.Millisecond))
		wantNothing(t, b, time.Hour)
	})
}

func TestRulesReorderLoseAndDuplicate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := func(p Packet, _ *rand.Rand) []Delivery {
			switch p.Number {
			case 1:
				return []Delivery{{After: 50 * time.Millisecond}}
			case 2:
				return nil
			case 3:
				return []Delivery{{After: time.Millisecond}, {After: 2 * time.Millisecond, Data: []byte("forged")}}
			}
			return []Delivery{{After: 3 * time.Millisecond}}
		}
		var seen []int
		n := New(Config{Plan: plan, Tap: func(p Packet) { seen = append(seen, p.Copies) }})
		defer n.Close()
		a := openPacket(t, n.Host("10.0.0.1"), "udp", "10.0.0.1:1000")
		b := openPacket(t, n.Host("10.0.0.2"), "udp", "10.0.0.2:2000")
		start := time.Now()
		for _, s := range []string{"one", "two", "three", "four"} {
			a.WriteToUDPAddrPort([]byte(s), b.local)
		}
		wantPacket(t, b, "three", a.local, start.Add(1*time.Millisecond))
		wantPacket(t, b, "forged", a.local, start.Add(2*time.Millisecond))
		wantPacket(t, b, "four", a.local, start.Add(3*time.Millisecond))
		wantPacket(t, b, "one", a.local, start.Add(50*time.Millisecond))
		if want := []int{1, 0, 2, 1}; !slices.Equal(seen, want) {
			t.Errorf("the tap saw copies %v, want %v", seen, want)
		}
		if got, want := n.Stats(), (Stats{Sent: 4, Delivered: 4, Lost: 1, Duplicated: 1}); got != want {
			t.Errorf("stats %+v, want %+v", got, want)
		}
	})
}

// TestSameSeedSameFate: chances depend on seed and flow, not on other flows.
func TestSameSeedSameFate(t *testing.T) {
	run := func(seed uint64, noise bool) (lost []int) {
		plan := Loss(0.3, Jitter(time.Second, Duplicate(0.1, time.Millisecond, Delay(0))))
		n := New(Config{Seed: seed, Plan: plan, Tap: func(p Packet) {
			if p.To.Port() == 2 && p.Copies == 0 {
				lost = append(lost, p.Number)
			}
		}})
		from, to, other := netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:2"), netip.MustParseAddrPort("10.0.0.2:3")
		for range 100 {
			if noise {
				n.Inject(from, other, nil)
			}
			n.Inject(from, to, nil)
		}
		return lost
	}
	a, b := run(1, false), run(1, true)
	if !slices.Equal(a, b) {
		t.Errorf("lost %v alone and %v beside another flow", a, b)
	}
	if len(a) < 15 || len(a) > 45 {
		t.Errorf("lost %d of 100 at 30%%", len(a))
	}
	if slices.Equal(a, run(2, false)) {
		t.Error("another seed lost the same packets")
	}
}

func TestQueueIsBounded(t *testing.T) {
	n := New(Config{})
	defer n.Close()
	b := openPacket(t, n.Host("10.0.0.2"), "udp", "10.0.0.2:2000")
	for range maxQueue + 7 {
		n.Inject(netip.MustParseAddrPort("10.9.9.9:9"), b.local, []byte("flood"))
	}
	if s := n.Stats(); s.Delivered != maxQueue || s.Overflowed != 7 {
		t.Errorf("stats %+v", s)
	}
}

func TestDeadlineAndCloseWakeReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{})
		c := openPacket(t, n.Host("10.0.0.1"), "udp", ":0")
		errs := make(chan error)
		read := func() {
			_, _, err := c.ReadFrom(make([]byte, 1))
			errs <- err
		}
		go read()
		synctest.Wait()
		start := time.Now()
		c.SetReadDeadline(start.Add(time.Second))
		err := <-errs
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() || time.Since(start) != time.Second {
			t.Errorf("%v after %v; want a timeout after 1s", err, time.Since(start))
		}
		c.SetReadDeadline(time.Time{})
		go read()
		synctest.Wait()
		n.Close()
		if err := <-errs; !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v; want net.ErrClosed", err)
		}
		if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("writing: %v; want net.ErrClosed", err)
		}
	})
}

func TestAddresses(t *testing.T) {
	ctx := context.Background()
	n := New(Config{})
	defer n.Close()
	h := n.Host("10.0.0.1", "2001:db8::1")
	n.Host("10.0.0.2", "2001:db8::2")
	n.Name("sip.example", "2001:db8::2", "10.0.0.2")
	all := openPacket(t, h, "udp", ":5060")
	for _, bad := range []struct{ network, address string }{
		{"udp", ":5060"}, {"udp", "10.0.0.2:1"}, {"tcp", ":1"}, {"udp", "x:1"}, {"udp", "10.0.0.1"}, {"udp", "10.0.0.1:99999"},
	} {
		if _, err := h.ListenPacket(ctx, bad.network, bad.address); err == nil {
			t.Errorf("listening at %v succeeded", bad)
		}
	}
	for remote, want := range map[string]string{"10.0.0.2": "10.0.0.1", "2001:db8::2": "2001:db8::1", "::ffff:10.0.0.2": "10.0.0.1"} {
		if got, err := h.LocalFor(netip.MustParseAddr(remote)); err != nil || got.String() != want {
			t.Errorf("LocalFor(%s) = %s, %v", remote, got, err)
		}
	}
	for network, want := range map[string]string{"udp": "[2001:db8::2]:7", "udp4": "10.0.0.2:7", "udp6": "[2001:db8::2]:7"} {
		c, err := h.Dial(ctx, network, "sip.example:7")
		if err != nil || c.RemoteAddr().String() != want {
			t.Errorf("Dial(%s): %v, %v", network, c, err)
		}
	}
	if _, err := h.Dial(ctx, "udp", "nowhere.example:7"); err == nil || !strings.Contains(err.Error(), "no such host") {
		t.Errorf("dialling an unknown name: %v", err)
	}
	n.Inject(netip.MustParseAddrPort("[2001:db8::2]:9"), netip.MustParseAddrPort("[2001:db8::1]:5060"), []byte("six"))
	if s := n.Stats(); s.Unreachable != 1 {
		t.Errorf("an IPv4 socket took an IPv6 packet: %+v", s)
	}
	if _, err := all.WriteToUDPAddrPort(make([]byte, maxDatagram+1), netip.MustParseAddrPort("10.0.0.2:1")); err == nil {
		t.Error("a datagram larger than UDP's was sent")
	}
}

// TestRealTime: the same network outside a bubble, with readers and writers in
// parallel (for the race detector).
func TestRealTime(t *testing.T) {
	n := New(Config{Plan: Between("10.0.0.1", "10.0.0.2", Delay(time.Millisecond), Drop(func(Packet) bool { return true }, Delay(0)))})
	defer n.Close()
	a := openPacket(t, n.Host("10.0.0.1"), "udp", "10.0.0.1:1")
	b := openPacket(t, n.Host("10.0.0.2"), "udp", "10.0.0.2:2")
	c := openPacket(t, n.Host("10.0.0.3"), "udp", "10.0.0.3:3")
	c.WriteToUDPAddrPort([]byte("lost"), b.local)
	const packets = 200
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range packets / 2 {
				a.WriteToUDPAddrPort([]byte("x"), b.local)
			}
		})
		wg.Go(func() {
			for range packets / 2 {
				if _, from, err := b.ReadFrom(make([]byte, 8)); err != nil || from.String() != "10.0.0.1:1" {
					t.Error(from, err)
				}
			}
		})
	}
	wg.Wait()
}

// What was counted of a socket goes with it, if nobody can mean its port any more.
func TestClosedSocketsLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{})
		defer n.Close()
		a, b := n.Host("10.0.0.1"), n.Host("10.0.0.2")
		server := openPacket(t, b, "udp", ":5060")
		for range 100 {
			one, other := openPacket(t, a, "udp", "10.0.0.1:0"), openPacket(t, b, "udp", ":0")
			to := netip.AddrPortFrom(b.Addr(), other.local.Port())
			one.WriteToUDPAddrPort([]byte("voice"), to)
			one.WriteToUDPAddrPort([]byte("to the server"), netip.MustParseAddrPort("10.0.0.2:5060"))
			other.WriteToUDPAddrPort([]byte("voice"), one.local)
			server.WriteToUDPAddrPort([]byte("an answer"), one.local)
			one.Close()
			other.WriteToUDPAddrPort([]byte("too late"), one.local)
			other.Close()
		}
		if len(n.flows) != 0 {
			t.Errorf("%d flows are kept of sockets that are closed", len(n.flows))
		}
		last := openPacket(t, a, "udp", "10.0.0.1:5061")
		last.WriteToUDPAddrPort([]byte("from a port of its own"), netip.MustParseAddrPort("10.0.0.2:5060"))
		last.Close()
		if len(n.flows) != 1 {
			t.Errorf("%d flows are kept of a socket at a port of its own, want 1: who opens it again goes on counting", len(n.flows))
		}
	})
}

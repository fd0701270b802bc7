package path_test

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"karat/internal/simnet"
	"karat/media/path"
	"karat/media/path/pathtest"
)

func TestUDP(t *testing.T) {
	open := func(t *testing.T) path.Path {
		p, err := path.ListenUDP("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	pathtest.Run(t, open)
	pathtest.RunAllocations(t, open)
}

func TestTapped(t *testing.T) {
	open := func(t *testing.T) path.Path {
		p, err := path.ListenUDP("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return path.Tapped(p, func(bool, path.Class, netip.AddrPort, []byte) {})
	}
	pathtest.Run(t, open)
	pathtest.RunAllocations(t, open)
}

// TestSimulated runs the suite on the network in memory.
func TestSimulated(t *testing.T) {
	n := simnet.New(simnet.Config{Plan: simnet.Delay(0)})
	defer n.Close()
	host := n.Host("10.0.0.1")
	pathtest.Run(t, func(t *testing.T) path.Path {
		conn, err := host.ListenPacket(context.Background(), "udp", "10.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return path.NewUDP(conn)
	})
}

// TestPlainPacketConn runs it over a conn that has only what net.PacketConn
// asks for.
func TestPlainPacketConn(t *testing.T) {
	pathtest.Run(t, func(t *testing.T) path.Path {
		conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return path.NewUDP(struct{ net.PacketConn }{conn})
	})
}

// TestDualStack: a socket for both families tells IPv4 peers by their IPv4
// address.
func TestDualStack(t *testing.T) {
	both, err := path.ListenUDP("udp", "[::]:0")
	if err != nil {
		t.Skip("no IPv6 here: ", err)
	}
	defer both.Close()
	four, err := path.ListenUDP("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer four.Close()
	both.Remote(3, four.Local())
	four.Remote(1, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), both.Local().Port()))
	got := make(chan path.Fork, 1)
	both.Receive(func(_ path.Class, fork path.Fork, from netip.AddrPort, _ []byte) {
		if from != four.Local() {
			t.Errorf("from %v, want %v", from, four.Local())
		}
		got <- fork
	})
	if err := four.Send(1, []byte("x")); err != nil {
		t.Fatal(err)
	}
	select {
	case fork := <-got:
		if fork != 3 {
			t.Errorf("fork %d, want 3", fork)
		}
	case <-time.After(5 * time.Second):
		t.Error("nothing received")
	}
}

func TestClassify(t *testing.T) {
	// RFC 7983, Section 7, Figure 3.
	for first := range 256 {
		want := path.Unknown
		switch {
		case first <= 3:
			want = path.STUN
		case 16 <= first && first <= 19:
			want = path.ZRTP
		case 20 <= first && first <= 63:
			want = path.DTLS
		case 128 <= first && first <= 191:
			want = path.RTP
		}
		if got := path.Classify([]byte{byte(first)}); got != want {
			t.Errorf("first byte %d: %v, want %v", first, got, want)
		}
	}
	if got := path.Classify(nil); got != path.Unknown {
		t.Errorf("an empty datagram: %v", got)
	}
}

// TestTap hears both directions with the right peer, and only what was sent.
func TestTap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Config{Plan: simnet.Delay(0)})
		defer n.Close()
		open := func(host string) *path.UDP {
			conn, err := n.Host(host).ListenPacket(context.Background(), "udp", host+":4000")
			if err != nil {
				t.Fatal(err)
			}
			return path.NewUDP(conn)
		}
		type note struct {
			sent  bool
			class path.Class
			peer  netip.AddrPort
			text  string
		}
		var mu sync.Mutex // guards notes
		var notes []note
		far := open("10.0.0.2")
		near := path.Tapped(open("10.0.0.1"), func(sent bool, class path.Class, peer netip.AddrPort, b []byte) {
			mu.Lock()
			defer mu.Unlock()
			notes = append(notes, note{sent, class, peer, string(b)})
		})
		near.Receive(func(path.Class, path.Fork, netip.AddrPort, []byte) {})
		far.Receive(func(path.Class, path.Fork, netip.AddrPort, []byte) {})
		near.Remote(1, far.Local())
		far.Remote(1, near.Local())
		near.Send(1, []byte("\x80out"))
		near.Send(2, []byte("to nobody"))
		far.Send(1, []byte("\x10in"))
		synctest.Wait()
		near.Close()
		far.Close()
		want := []note{{true, path.RTP, far.Local(), "\x80out"}, {false, path.ZRTP, far.Local(), "\x10in"}}
		if len(notes) != 2 || notes[0] != want[0] || notes[1] != want[1] {
			t.Errorf("the tap heard %v, want %v", notes, want)
		}
	})
}

// TestTooLarge: a datagram that is larger than any of a call is dropped whole.
func TestTooLarge(t *testing.T) {
	p, err := path.ListenUDP("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	conn, err := net.Dial("udp4", p.Local().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	got := make(chan int, 10)
	p.Receive(func(_ path.Class, _ path.Fork, _ netip.AddrPort, b []byte) { got <- len(b) })
	for _, size := range []int{path.MaxDatagram + 1, 60000, path.MaxDatagram} {
		if _, err := conn.Write(bytes.Repeat([]byte{0x80}, size)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case n := <-got:
		if n != path.MaxDatagram {
			t.Errorf("the first datagram delivered has %d bytes, want %d", n, path.MaxDatagram)
		}
	case <-time.After(5 * time.Second):
		t.Error("nothing received")
	}
}

func BenchmarkSendReceive(b *testing.B) {
	from, err := path.ListenUDP("udp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer from.Close()
	to, err := path.ListenUDP("udp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer to.Close()
	got := make(chan struct{}, 1)
	to.Receive(func(path.Class, path.Fork, netip.AddrPort, []byte) { got <- struct{}{} })
	from.Remote(1, to.Local())
	packet := make([]byte, 82)
	b.ReportAllocs()
	for b.Loop() {
		if err := from.Send(1, packet); err != nil {
			b.Fatal(err)
		}
		<-got
	}
}

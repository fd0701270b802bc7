package path_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"karat/internal/secret"
	"karat/internal/simnet"
	"karat/media/path"
	"karat/media/path/pathtest"
)

const (
	aliceAddr, bobAddr, relayAddr, movedAddr = "10.0.0.1", "10.0.0.2", "10.0.0.9", "10.0.0.3"
	aliceAddr6, bobAddr6, relayAddr6         = "2001:db8::1", "2001:db8::2", "2001:db8::9"
)

// iceWorld is a network in memory with a relay, in a bubble.
type iceWorld struct {
	t   *testing.T
	net *simnet.Network

	hosts map[string]*simnet.Host

	mu   sync.Mutex // guards sent
	sent []simnet.Packet
}

// inICEWorld runs f in a bubble. apart: alice's and bob's machines do not reach
// each other, as behind NATs of their own, only the relay.
func inICEWorld(t *testing.T, apart bool, f func(*iceWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &iceWorld{t: t, hosts: map[string]*simnet.Host{}}
		plan := simnet.Delay(20 * time.Millisecond)
		if apart {
			plan = simnet.Between(aliceAddr, bobAddr, simnet.Loss(1, plan), plan)
		}
		w.net = simnet.New(simnet.Config{Plan: plan, Tap: w.tap})
		t.Cleanup(func() { w.net.Close() })
		pathtest.Relay(t, w.host(relayAddr), netip.MustParseAddrPort(relayAddr+":3478"), nil)
		f(w)
	})
}

// host is the machine with these addresses.
func (w *iceWorld) host(addresses ...string) *simnet.Host {
	if w.hosts[addresses[0]] == nil {
		w.hosts[addresses[0]] = w.net.Host(addresses...)
	}
	return w.hosts[addresses[0]]
}

func (w *iceWorld) tap(p simnet.Packet) {
	p.Data = bytes.Clone(p.Data)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, p)
}

// peersOf lists the addresses that a host sent datagrams or stream bytes to.
func (w *iceWorld) peersOf(host string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, p := range w.sent {
		if to := p.To.Addr().String(); p.From.Addr().String() == host && !slices.Contains(all, to) {
			all = append(all, to)
		}
	}
	return all
}

// icePeer is a path and what it received.
type icePeer struct {
	*path.ICE
	w   *iceWorld
	got chan string
}

func relayAt(host, query string) path.Relay {
	return path.Relay{URL: "turn:" + host + query, User: pathtest.RelayUser, Password: secret.Copy([]byte(pathtest.RelayPassword))}
}

func (w *iceWorld) open(host string, change func(*path.ICEConfig)) *icePeer {
	w.t.Helper()
	cfg := path.ICEConfig{Local: netip.MustParseAddr(host), Network: w.host(host)}
	change(&cfg)
	p, err := path.OpenICE(w.t.Context(), cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.peer(p)
}

func (w *iceWorld) peer(p *path.ICE) *icePeer {
	peer := &icePeer{ICE: p, w: w, got: make(chan string, 1000)}
	p.Receive(func(class path.Class, _ path.Fork, _ netip.AddrPort, b []byte) {
		if class != path.STUN {
			peer.got <- string(b)
		}
	})
	w.t.Cleanup(func() {
		if err := p.Close(); err != nil {
			w.t.Errorf("Close: %v", err)
		}
	})
	return peer
}

// connect lets both ends check each other and waits until they are ready.
func connect(t *testing.T, a, b *icePeer) {
	t.Helper()
	a.Remote(1, b.Local())
	b.Remote(1, a.Local())
	ra, err := a.Check(1, true, b.Describe())
	if err != nil {
		t.Fatal(err)
	}
	rb, err := b.Check(1, false, a.Describe())
	if err != nil {
		t.Fatal(err)
	}
	<-ra
	<-rb
}

// exchange sends both ways and wants it to arrive.
func exchange(t *testing.T, a, b *icePeer) {
	t.Helper()
	for _, way := range []struct{ from, to *icePeer }{{a, b}, {b, a}} {
		// Packets are lost while a relay permits the peer: try as a phone would.
		deadline := time.After(5 * time.Second)
		for arrived := false; !arrived; {
			if err := way.from.Send(1, []byte("\x10hello")); err != nil {
				t.Fatal(err)
			}
			select {
			case <-way.to.got:
				arrived = true
			case <-time.After(100 * time.Millisecond):
			case <-deadline:
				t.Fatalf("nothing arrived at %v", way.to.Local())
			}
		}
	}
}

func TestItem57_ICE(t *testing.T) {
	both := func(c *path.ICEConfig) { c.Relay, c.STUN = relayAt(relayAddr, ""), relayAddr+":3478" }
	t.Run("Direct", func(t *testing.T) {
		inICEWorld(t, false, func(w *iceWorld) {
			a, b := w.open(aliceAddr, both), w.open(bobAddr, both)
			began := time.Now()
			connect(w.t, a, b)
			if d := time.Since(began); d > time.Second {
				w.t.Errorf("a way through an open network was found after %v", d)
			}
			if got := a.Peer(1).Addr().String(); got != bobAddr {
				w.t.Errorf("alice sends to %v, want bob's own address", got)
			}
			exchange(w.t, a, b)
		})
	})
	t.Run("ThroughTheRelay", func(t *testing.T) {
		inICEWorld(t, true, func(w *iceWorld) {
			a, b := w.open(aliceAddr, both), w.open(bobAddr, both)
			connect(w.t, a, b)
			if got := a.Peer(1).Addr().String(); got != relayAddr {
				w.t.Errorf("alice sends to %v, want the relay", got)
			}
			exchange(w.t, a, b)
			time.Sleep(15 * time.Minute) // permissions last 5 minutes, channels and allocations 10
			exchange(w.t, a, b)
		})
	})
}

// Relay-only: no datagram, connection or byte goes anywhere but to the relay,
// and no other address is named.
func TestItem57_RelayOnly(t *testing.T) {
	for _, query := range []string{"", "?transport=tcp"} {
		t.Run("turn"+query, func(t *testing.T) {
			inICEWorld(t, false, func(w *iceWorld) {
				only := func(c *path.ICEConfig) {
					c.Relay, c.RelayOnly, c.STUN = relayAt(relayAddr, query), true, relayAddr+":3478"
				}
				a, b := w.open(aliceAddr, only), w.open(bobAddr, func(*path.ICEConfig) {})
				for _, c := range append(a.Describe().Candidates, a.Local().String()) {
					if strings.Contains(c, aliceAddr) {
						w.t.Errorf("an offer would name our address: %s", c)
					}
				}
				if n := len(a.Describe().Candidates); n != 1 {
					w.t.Errorf("%d candidates, want the relay's alone", n)
				}
				connect(w.t, a, b)
				exchange(w.t, a, b)
				time.Sleep(time.Minute)
				if to := w.peersOf(aliceAddr); len(to) != 1 || to[0] != relayAddr {
					w.t.Errorf("alice sent to %v", to)
				}
			})
		})
	}
	inICEWorld(t, false, func(w *iceWorld) {
		_, err := path.OpenICE(w.t.Context(), path.ICEConfig{Local: netip.MustParseAddr(aliceAddr), Network: w.host(aliceAddr), RelayOnly: true})
		if !errors.Is(err, path.ErrRelay) {
			w.t.Errorf("relay-only without a relay: %v, want ErrRelay", err)
		}
	})
}

// TURN over TLS: the relay must prove that it is the one that was named.
func TestItem57_RelayTLS(t *testing.T) {
	inICEWorld(t, false, func(w *iceWorld) {
		const at = "10.0.0.8"
		roots, certificate := certificateFor(w.t, at)
		pathtest.Relay(w.t, w.host(at), netip.MustParseAddrPort(at+":5349"), func(l net.Listener) net.Listener {
			return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}})
		})
		secured := path.Relay{
			URL: "turns:" + at, User: pathtest.RelayUser, Password: secret.Copy([]byte(pathtest.RelayPassword)), Roots: roots,
		}
		a := w.open(aliceAddr, func(c *path.ICEConfig) { c.Relay, c.RelayOnly = secured, true })
		b := w.open(bobAddr, func(*path.ICEConfig) {})
		connect(w.t, a, b)
		exchange(w.t, a, b)
		if to := w.peersOf(aliceAddr); len(to) != 1 || to[0] != at {
			w.t.Errorf("alice sent to %v", to)
		}
		secured.Roots = x509.NewCertPool()
		_, err := path.OpenICE(w.t.Context(), path.ICEConfig{
			Local: netip.MustParseAddr(aliceAddr), Network: w.host(aliceAddr), Relay: secured, RelayOnly: true,
		})
		if !errors.Is(err, path.ErrRelay) {
			w.t.Errorf("a relay with a certificate of nobody's: %v", err)
		}
	})
}

// certificateFor makes a certificate for an address, valid in a bubble's time.
func certificateFor(t *testing.T, address string) (*x509.CertPool, tls.Certificate) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(address)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(nil, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return roots, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
}

// A relay that does not answer, or not us, fails closed.
func TestItem57_RelayRefuses(t *testing.T) {
	inICEWorld(t, false, func(w *iceWorld) {
		try := func(r path.Relay) error {
			p, err := path.OpenICE(w.t.Context(), path.ICEConfig{
				Local: netip.MustParseAddr(aliceAddr), Network: w.host(aliceAddr), Relay: r, RelayOnly: true,
			})
			if err == nil {
				p.Close()
			}
			return err
		}
		wrong := relayAt(relayAddr, "")
		wrong.Password = secret.Copy([]byte("wrong"))
		if err := try(wrong); !errors.Is(err, path.ErrRelay) { // pion's server says 400, others 401
			w.t.Errorf("a wrong password: %v", err)
		}
		began := time.Now()
		if err := try(relayAt("10.0.0.77", "")); !errors.Is(err, path.ErrRelay) || strings.Contains(err.Error(), "10.0") {
			w.t.Errorf("a relay that is not there: %v", err)
		}
		if d := time.Since(began); d > 6*time.Second {
			w.t.Errorf("it took %v to give up", d)
		}
	})
}

// Peers without ICE, and relays that strip it, are sent to as c= and m= say,
// and followed when a packet proved genuine.
func TestItem60_PeerWithoutICE(t *testing.T) {
	for name, only := range map[string]bool{"RelayOnly": true, "Host": false} {
		t.Run(name, func(t *testing.T) {
			inICEWorld(t, false, func(w *iceWorld) {
				a := w.open(aliceAddr, func(c *path.ICEConfig) {
					c.RelayOnly = only
					if only {
						c.Relay = relayAt(relayAddr, "")
					}
				})
				conn, err := w.host(bobAddr).ListenPacket(context.Background(), "udp", bobAddr+":4000")
				if err != nil {
					w.t.Fatal(err)
				}
				plain := path.NewUDP(conn)
				defer plain.Close()
				got := make(chan string, 100)
				plain.Receive(func(class path.Class, _ path.Fork, _ netip.AddrPort, b []byte) {
					got <- fmt.Sprintf("%v of %d", class, len(b))
				})
				a.Remote(1, plain.Local())
				plain.Remote(1, a.Local())
				if err := a.Send(1, []byte("\x10first")); err != nil {
					w.t.Fatal(err)
				}
				if g := <-got; g != "ZRTP of 6" {
					w.t.Errorf("bob's first packet is %s", g)
				}
				if err := plain.Send(1, []byte("\x10back")); err != nil {
					w.t.Fatal(err)
				}
				if g := <-a.got; g != "\x10back" {
					w.t.Errorf("alice received %q", g)
				}
				select {
				case g := <-got:
					w.t.Errorf("a peer without ICE received %s, too", g)
				case <-time.After(time.Minute):
				}
			})
		})
	}
}

// A peer that says it speaks ICE and answers no check is sent to as c= and m=
// say, in the end.
func TestItem60_ChecksFail(t *testing.T) {
	inICEWorld(t, false, func(w *iceWorld) {
		a, b := w.open(aliceAddr, func(*path.ICEConfig) {}), w.open(bobAddr, func(*path.ICEConfig) {})
		a.Remote(1, b.Local())
		b.Remote(1, a.Local())
		lost := b.Describe()
		lost.Pwd = strings.Repeat("x", 24)
		ready, err := a.Check(1, true, lost)
		if err != nil {
			w.t.Fatal(err)
		}
		began := time.Now()
		<-ready
		if d := time.Since(began); d != 8*time.Second {
			w.t.Errorf("it took %v to try another way, want 8 s", d)
		}
		exchange(w.t, a, b)
	})
}

func TestItem57_NetworkChange(t *testing.T) {
	inICEWorld(t, false, func(w *iceWorld) {
		with := func(c *path.ICEConfig) { c.Relay = relayAt(relayAddr, "") }
		// Alice's machine has two networks; its sockets are bound to one each.
		w.host(aliceAddr, movedAddr)
		a, b := w.open(aliceAddr, with), w.open(bobAddr, with)
		connect(w.t, a, b)
		exchange(w.t, a, b)

		before := a.Describe()
		if err := a.Restart(w.t.Context(), netip.MustParseAddr(movedAddr)); err != nil {
			w.t.Fatal(err)
		}
		after := a.Describe()
		if after.Ufrag == before.Ufrag || after.Pwd == before.Pwd || slices.Equal(after.Candidates, before.Candidates) {
			w.t.Errorf("a restart kept %+v of %+v", after, before)
		}
		exchange(w.t, a, b) // the old way still serves
		if err := b.Renew(); err != nil {
			w.t.Fatal(err)
		}
		if b.Describe().Ufrag == "" || !slices.Equal(b.Describe().Candidates, b.Describe().Candidates) {
			w.t.Error("bob's renewal has no candidates")
		}
		ra, err := a.Check(1, true, b.Describe())
		if err != nil {
			w.t.Fatal(err)
		}
		rb, err := b.Check(1, false, after)
		if err != nil {
			w.t.Fatal(err)
		}
		<-ra
		<-rb
		if got := b.Peer(1).Addr().String(); got != movedAddr {
			w.t.Errorf("bob sends to %v, want alice's new address", got)
		}
		exchange(w.t, a, b)
		time.Sleep(time.Minute)
		exchange(w.t, a, b)
	})
}

// The description has one shape: nothing in it but addresses.
func TestItem57_CandidatesLeakNothing(t *testing.T) {
	inICEWorld(t, false, func(w *iceWorld) {
		a := w.open(aliceAddr, func(c *path.ICEConfig) { c.Relay, c.STUN = relayAt(relayAddr, ""), relayAddr+":3478" })
		d := a.Describe()
		want := []string{
			fmt.Sprintf("3 1 UDP 16777215 %s %d typ relay raddr 0.0.0.0 rport 9", relayAddr, a.Local().Port()),
			fmt.Sprintf("1 1 UDP 2130706431 %s ", aliceAddr),
		}
		if len(d.Candidates) != 2 || d.Candidates[0] != want[0] || !strings.HasPrefix(d.Candidates[1], want[1]) {
			w.t.Errorf("candidates %q, want %q", d.Candidates, want)
		}
		if len(d.Ufrag) != 8 || len(d.Pwd) != 24 {
			w.t.Errorf("credentials %q %q", d.Ufrag, d.Pwd)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, p := range w.sent {
			if bytes.Contains(bytes.ToLower(p.Data), []byte("pion")) && p.From.Addr().String() != relayAddr {
				w.t.Errorf("a packet to %v names the software", p.To)
			}
		}
	})
}

func TestItem57_IPv6(t *testing.T) {
	inICEWorld(t, false, func(w *iceWorld) {
		pathtest.Relay(w.t, w.host(relayAddr6), netip.MustParseAddrPort("["+relayAddr6+"]:3478"), nil)
		with := func(c *path.ICEConfig) { c.Relay, c.RelayOnly = relayAt("["+relayAddr6+"]", ""), true }
		a, b := w.open(aliceAddr6, with), w.open(bobAddr6, with)
		if !a.Local().Addr().Is6() {
			w.t.Errorf("an IPv6 call would be relayed at %v", a.Local())
		}
		connect(w.t, a, b)
		exchange(w.t, a, b)
	})
}

// TestICEIsAPath runs the suite of all paths on a path with ICE that meets
// peers without.
func TestICEIsAPath(t *testing.T) {
	n := simnet.New(simnet.Config{Plan: simnet.Delay(0)})
	defer n.Close()
	host := n.Host("10.0.0.1")
	pathtest.Run(t, func(t *testing.T) path.Path {
		p, err := path.OpenICE(t.Context(), path.ICEConfig{Local: netip.MustParseAddr("10.0.0.1"), Network: host})
		if err != nil {
			t.Fatal(err)
		}
		return p
	})
	pathtest.RunAllocations(t, func(t *testing.T) path.Path {
		p, err := path.OpenICE(t.Context(), path.ICEConfig{Local: netip.MustParseAddr("127.0.0.1")})
		if err != nil {
			t.Fatal(err)
		}
		return p
	})
}

// What a hostile peer lists: names, TCP, multicast, port 0, far too many.
func TestItem57_CandidatesAreBounded(t *testing.T) {
	inICEWorld(t, false, func(w *iceWorld) {
		a := w.open(aliceAddr, func(*path.ICEConfig) {})
		d := path.Description{Ufrag: "abcd", Pwd: strings.Repeat("p", 24), Candidates: []string{
			"1 1 UDP 2130706431 some-name.local 4000 typ host",
			"1 1 UDP 2130706431 victim.example.org 4000 typ host",
			"1 1 TCP 2130706431 " + bobAddr + " 4000 typ host tcptype passive",
			"1 1 UDP 2130706431 224.0.0.1 4000 typ host",
			"1 1 UDP 2130706431 0.0.0.0 4000 typ host",
			"1 1 UDP 2130706431 " + bobAddr + " 0 typ host",
			"1 2 UDP 2130706431 " + bobAddr + " 4001 typ host",
			"garbage", "",
		}}
		if _, err := a.Check(1, true, d); !errors.Is(err, path.ErrICE) {
			w.t.Errorf("nothing there to check: %v", err)
		}
		for i := range 500 {
			d.Candidates = append(d.Candidates, fmt.Sprintf("1 1 UDP 2130706431 10.9.%d.%d 4000 typ host", i/250, i%250+1))
		}
		if _, err := a.Check(1, true, d); err != nil {
			w.t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if n := len(w.peersOf(aliceAddr)); n == 0 || n > 24 {
			w.t.Errorf("%d addresses were tried", n)
		}
	})
}

func TestCheckRelay(t *testing.T) {
	for url, ok := range map[string]bool{
		"turn:relay.example.org":                    true,
		"turn:relay.example.org:3478?transport=udp": true,
		"turn:192.0.2.1:443?transport=tcp":          true,
		"turn:relay.example.org:443?transport=tls":  true,
		"turns:relay.example.org":                   true,
		"turns:[2001:db8::1]:5349?transport=tcp":    true,
		"turns:relay.example.org?transport=udp":     false, // DTLS
		"turn:relay.example.org?transport=sctp":     false,
		"turn:":                                     false,
		"turn:relay:0":                              false,
		"turn:user@relay":                           false,
		"stun:relay":                                false,
		"relay.example.org":                         false,
		"turn:2001:db8::1":                          true,
		"turn:a:b:c":                                false,
	} {
		if err := path.CheckRelay(url); (err == nil) != ok {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// machineHost is this machine, for benchmarks.
type machineHost struct{}

func (machineHost) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	return new(net.ListenConfig).ListenPacket(ctx, network, address)
}

func (machineHost) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, network, address)
}

func (machineHost) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, address)
}

// BenchmarkICE sends and receives a voice packet, beside pion's own way.
func BenchmarkICE(b *testing.B) {
	here := netip.MustParseAddr("127.0.0.1")
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	at := netip.MustParseAddrPort(pc.LocalAddr().String())
	pc.Close()
	run := func(name string, cfg path.ICEConfig) {
		b.Run(name, func(b *testing.B) {
			open := func() (*path.ICE, chan struct{}) {
				p, err := path.OpenICE(context.Background(), cfg)
				if err != nil {
					b.Fatal(err)
				}
				got := make(chan struct{}, 1000)
				p.Receive(func(class path.Class, _ path.Fork, _ netip.AddrPort, _ []byte) {
					if class == path.RTP {
						got <- struct{}{}
					}
				})
				b.Cleanup(func() { p.Close() })
				return p, got
			}
			from, _ := open()
			to, got := open()
			ra, err := from.Check(1, true, to.Describe())
			if err != nil {
				b.Fatal(err)
			}
			rb, err := to.Check(1, false, from.Describe())
			if err != nil {
				b.Fatal(err)
			}
			from.Remote(1, to.Local())
			<-ra
			<-rb
			packet := make([]byte, 82)
			packet[0] = 0x80
			for range 100 { // the relay permits, and binds a channel
				_ = from.Send(1, packet)
				time.Sleep(5 * time.Millisecond)
			}
			for len(got) > 0 {
				<-got
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := from.Send(1, packet); err != nil {
					b.Fatal(err)
				}
				<-got
			}
		})
	}
	run("Host", path.ICEConfig{Local: here})
	pathtest.Relay(b, machineHost{}, at, nil)
	run("Relay", path.ICEConfig{Local: here, Relay: relayAt(at.String(), ""), RelayOnly: true})
}

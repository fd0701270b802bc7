package sip

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"

	"karat/internal/secret"
	"karat/internal/simnet"
	"karat/sip/dialog"
	"karat/sip/locate"
	"karat/sip/locate/locatetest"
)

// A provider whose domain names two servers: DNS and all in memory.
type twoServers struct {
	t         *testing.T
	net       *simnet.Network
	us        *simnet.Host
	hosts     map[string]*simnet.Host // one and two
	transport string
	zone      *locatetest.Zone
}

const nameServer = "10.0.0.53:53"

// withServers runs a test with them over a transport; each host has an IPv6 address
// if both.
func withServers(t *testing.T, transport string, f func(t *testing.T, s *twoServers)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Config{})
		t.Cleanup(func() { n.Close() })
		pc, err := n.Host("10.0.0.53").ListenPacket(t.Context(), "udp", nameServer)
		if err != nil {
			t.Fatal(err)
		}
		s := &twoServers{
			t: t, net: n, us: n.Host("10.0.0.2", "fd00::2"), transport: transport,
			hosts: map[string]*simnet.Host{"one": n.Host("10.0.0.11", "fd00::11"), "two": n.Host("10.0.0.12", "fd00::12")},
		}
		s.zone = locatetest.Serve(t, pc, nil,
			"_sip._"+transport+".example.org. 300 IN SRV 1 0 5060 one.example.org.",
			"_sip._"+transport+".example.org. 300 IN SRV 2 0 5060 two.example.org.",
			"one.example.org. 300 IN A 10.0.0.11", "two.example.org. 300 IN A 10.0.0.12")
		f(t, s)
	})
}

// agent starts a phone that asks the name server.
func (s *twoServers) agent() *Agent {
	s.t.Helper()
	a, err := NewAgent(Config{Network: s.us, Account: &Account{
		AOR: "sip:alice@example.org", Registrar: "sip:example.org;transport=" + s.transport, Password: secret.Copy([]byte("wonderland")),
	}})
	if err != nil {
		s.t.Fatal(err)
	}
	a.dialer.locator = &locate.Client{Servers: func() []string { return []string{nameServer} }, Dial: s.us.Dial}
	if err := a.Start(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { shut(a) })
	return a
}

// listen has a server take connections.
func (s *twoServers) listen(name string) lines {
	s.t.Helper()
	ln, err := s.hosts[name].Listen(s.t.Context(), "tcp", "[::]:5060")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { ln.Close() })
	return lines{s.t, ln}
}

// swallow loses all that goes to an address.
func (s *twoServers) swallow(address string) {
	to := netip.MustParseAddr(address)
	s.net.SetPlan(simnet.Drop(func(p simnet.Packet) bool { return p.To.Addr() == to }, simnet.Delay(0)))
}

// registered gives the connection to a server at which the phone has registered.
func (s *twoServers) registered(l lines, a *Agent) *wire {
	s.t.Helper()
	w := l.accept()
	w.register()
	wantRegistered(s.t, a)
	return w
}

// A server that refuses, that says nothing in whatever way, or that is out of service
// is followed by the next; the user hears of nothing.
func TestItem01_RegistersAtTheNextServer(t *testing.T) {
	for name, tc := range map[string]struct {
		first func(s *twoServers) // what the first server is like
		after time.Duration
	}{
		"refuses":      {func(*twoServers) {}, 0},
		"is not there": {func(s *twoServers) { s.hosts["one"].Move() }, 0},
		"swallows":     {func(s *twoServers) { s.swallow("10.0.0.11") }, 3 * time.Second}, // for which this network tries
		"says nothing": {func(s *twoServers) { s.listen("one") }, firstWord},
		"503": {func(s *twoServers) {
			l := s.listen("one")
			go func() { w := l.accept(); w.answer(w.request("REGISTER"), 503) }()
		}, 0},
		"503 with Retry-After": {func(s *twoServers) {
			l := s.listen("one")
			go func() { w := l.accept(); w.answer(w.request("REGISTER"), 503, "Retry-After: 600") }()
		}, 0},
		"hangs up": {func(s *twoServers) {
			l := s.listen("one")
			go func() { l.accept().conn.Close() }()
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			withServers(t, "tcp", func(t *testing.T, s *twoServers) {
				tc.first(s)
				two := s.listen("two")
				start := time.Now()
				s.registered(two, s.agent())
				if d := time.Since(start); d < tc.after || d > tc.after+100*time.Millisecond {
					t.Errorf("registered after %v, want %v", d, tc.after)
				}
			})
		})
	}
}

// The same over UDP, where only silence tells.
func TestItem01_RegistersAtTheNextServerOverUDP(t *testing.T) {
	withServers(t, "udp", func(t *testing.T, s *twoServers) {
		conn, err := s.hosts["two"].ListenPacket(t.Context(), "udp", "10.0.0.12:5060")
		if err != nil {
			t.Fatal(err)
		}
		p := &peer{t: t, conn: conn, start: time.Now()}
		a := s.agent()
		p.register()
		wantRegistered(t, a)
		if d := time.Since(p.start); d < firstWord || d > firstWord+time.Second {
			t.Errorf("registered after %v", d)
		}
	})
}

// Where all fail one sentence says so, and the next attempt comes as if there were
// one.
func TestItem01_AllServersFail(t *testing.T) {
	withServers(t, "tcp", func(t *testing.T, s *twoServers) {
		one := s.listen("one") // the other one refuses connections
		go func() { w := one.accept(); w.answer(w.request("REGISTER"), 503, "Retry-After: 600") }()
		a := s.agent()
		lost := wantLost(t, a)
		if !errors.Is(lost.Why, ErrUnreachable) || !strings.HasSuffix(lost.Why.Error(), "nor does another of the provider's servers take us") || lost.Retry > 4*time.Second {
			t.Errorf("got %+v", lost)
		}
		// The one that asked for time is not asked again before.
		two := s.listen("two")
		s.registered(two, a)
	})
}

// A phone goes back to the server that the provider wants first only when it has to
// go anywhere, and not soon after that failed.
func TestItem01_AFailedServerIsLeftAlone(t *testing.T) {
	withServers(t, "tcp", func(t *testing.T, s *twoServers) {
		two := s.listen("two")
		a := s.agent()
		w := s.registered(two, a)
		one := s.listen("one")
		again := func(l lines) *wire {
			t.Helper()
			synctest.Wait() // it knows by now what it is registered over
			_ = w.conn.Close()
			wantLost(t, a)
			w := s.registered(l, a)
			if _, ok := (<-a.Events()).(Reconnected); !ok {
				t.Error("calls are not told")
			}
			return w
		}
		w = again(two)
		a.dialer.waits.served(place{tcp, netip.MustParseAddrPort("10.0.0.11:5060")}) // it is over
		again(one)
	})
}

// calling starts a call of a phone that is registered at the first server.
func (s *twoServers) calling() (one, two lines, at *wire, a *Agent, c *Call) {
	s.t.Helper()
	one, two = s.listen("one"), s.listen("two")
	a = s.agent()
	at = s.registered(one, a)
	return one, two, at, a, s.call(a)
}

func (s *twoServers) call(a *Agent) *Call {
	s.t.Helper()
	c, err := a.Invite(s.t.Context(), "sip:bob@example.org", offer)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// An INVITE that a server does not take goes to the next one, the same but for its
// branch, and the whole call stays there. The registration stays where it is.
func TestItem01_CallsByTheNextServer(t *testing.T) {
	for name, refuse := range map[string]func(w *wire){
		"503":           func(w *wire) { w.answer(w.request("INVITE"), 503) },
		"503 after 100": func(w *wire) { m := w.request("INVITE"); w.answer(m, 100); w.answer(m, 503, "Retry-After: 100") },
	} {
		t.Run(name, func(t *testing.T) {
			withServers(t, "tcp", func(t *testing.T, s *twoServers) {
				_, two, at, a, c := s.calling()
				refuse(at)
				at.request("ACK")
				there := two.accept()
				m := there.request("INVITE")
				if n, _, _ := dialog.Seq(m); n != 1 || string(m.Body()) != string(offer) {
					t.Errorf("got\n%s", m)
				}
				there.respond(m, "SIP/2.0 407 Prove It", "b", "Proxy-Authenticate: "+asks("example.org", "n", strong))
				there.request("ACK")
				m = there.request("INVITE")
				there.respond(m, "SIP/2.0 200 OK", "b", bobContact)
				there.request("ACK")
				wantEvent[Answered](t, c)
				// What failed is not asked for the next call either.
				second := s.call(a)
				beside := two.accept()
				beside.respond(beside.request("INVITE"), "SIP/2.0 486 Busy", "b")
				beside.request("ACK")
				wantEvent[Failed](t, second)
				c.Hangup()
				there.respond(there.request("BYE"), "SIP/2.0 200 OK", "")
				wantEvent[Ended](t, c)
				time.Sleep(40 * time.Second) // the transactions end, and the connections with them
				a.mu.Lock()
				if len(a.flows) != 1 {
					t.Errorf("%d connections stay", len(a.flows))
				}
				a.mu.Unlock()
				a.dialer.waits.served(a.line.current().place())
				if w, err := a.line.way(t.Context(), nil); err != nil || w.flow != a.line.current() {
					t.Errorf("the next call goes by %+v, %v", w, err)
				}
			})
		})
	}
}

// A server that says nothing at all to an INVITE keeps nobody from calling: the next
// is asked after eight seconds. What the first still says is ended.
func TestItem01_AServerThatSaysNothingToACall(t *testing.T) {
	for name, late := range map[string]func(w *wire, text string){
		"rings late": func(w *wire, text string) {
			m := parsed(w.t, text)
			w.respond(m, "SIP/2.0 180 Ringing", "late", bobContact)
			w.respond(w.of("CANCEL"), "SIP/2.0 200 OK", "late")
			w.respond(m, "SIP/2.0 487 Request Terminated", "late")
			w.request("ACK")
		},
		"answers late": func(w *wire, text string) {
			w.respond(parsed(w.t, text), "SIP/2.0 200 OK", "late", bobContact)
		},
	} {
		t.Run(name, func(t *testing.T) {
			withServers(t, "tcp", func(t *testing.T, s *twoServers) {
				_, two, at, _, c := s.calling()
				m := at.request("INVITE")
				start := time.Now()
				there := two.accept()
				invite := there.request("INVITE")
				if d := time.Since(start); d != firstWord {
					t.Errorf("the next server is asked after %v", d)
				}
				late(at, m.String())
				there.respond(invite, "SIP/2.0 200 OK", "b", bobContact)
				want := map[string]bool{"ACK b": true}
				if name == "answers late" { // its ACK and BYE go where the call is
					want["ACK late"], want["BYE late"] = true, true
				}
				for range len(want) {
					m := there.request("")
					if got := string(m.Method) + " " + dialog.ToTag(m); !want[got] {
						t.Errorf("got %s", got)
					}
				}
				wantEvent[Answered](t, c)
			})
		})
	}
}

// A connection that breaks under an INVITE: the next server, as long as nobody rang.
func TestItem01_AConnectionBreaksUnderACall(t *testing.T) {
	withServers(t, "tcp", func(t *testing.T, s *twoServers) {
		one, two, at, a, c := s.calling()
		at.request("INVITE")
		_ = one.ln.Close()
		_ = at.conn.Close()
		there := two.accept()
		there.respond(there.request("INVITE"), "SIP/2.0 200 OK", "b", bobContact)
		there.request("ACK")
		wantEvent[Answered](t, c)
		wantLost(t, a)
		s.registered(two, a) // the account's own connection, beside that of the call
	})
	withServers(t, "tcp", func(t *testing.T, s *twoServers) {
		_, _, at, _, c := s.calling()
		at.respond(at.request("INVITE"), "SIP/2.0 180 Ringing", "b", bobContact)
		wantEvent[Progress](t, c)
		_ = at.conn.Close()
		if e := wantEvent[Failed](t, c); !errors.Is(e.Why, ErrNoFlow) {
			t.Errorf("got %+v", e)
		}
	})
}

// Where no server takes a call, the first one's word is the one that is told; who
// hangs up meanwhile calls nobody.
func TestItem01_NoServerTakesACall(t *testing.T) {
	withServers(t, "tcp", func(t *testing.T, s *twoServers) {
		_, two, at, _, c := s.calling()
		at.answer(at.request("INVITE"), 503)
		there := two.accept()
		there.answer(there.request("INVITE"), 503)
		if e := wantEvent[Failed](t, c); e.Code != 503 {
			t.Errorf("got %+v", e)
		}
	})
	withServers(t, "tcp", func(t *testing.T, s *twoServers) {
		_, two, at, _, c := s.calling()
		_ = two.ln.Close()
		s.swallow("10.0.0.12")
		at.answer(at.request("INVITE"), 503)
		time.Sleep(time.Second)
		c.Hangup()
		if e := wantEvent[Failed](t, c); !errors.Is(e.Why, ErrHungUp) {
			t.Errorf("got %+v", e)
		}
		<-c.done
	})
}

// The addresses of a server are raced, IPv6 first, with a head start of a quarter of
// a second; one that fails makes room at once.
func TestItem01_HappyEyeballs(t *testing.T) {
	for name, tc := range map[string]struct {
		first func(s *twoServers)
		want  string
		after time.Duration
	}{
		"both work":         {func(s *twoServers) { s.listen("one") }, "fd00::2", 0},
		"IPv6 is swallowed": {func(s *twoServers) { s.listen("one"); s.swallow("fd00::11") }, "10.0.0.2", headStart},
		"IPv6 refuses": {func(s *twoServers) {
			if _, err := s.hosts["one"].Listen(s.t.Context(), "tcp", "10.0.0.11:5060"); err != nil {
				s.t.Fatal(err)
			}
		}, "10.0.0.2", 0},
		"no IPv6 here": {func(s *twoServers) { s.listen("one"); s.us.Move("10.0.0.2") }, "10.0.0.2", 0},
	} {
		t.Run(name, func(t *testing.T) {
			withServers(t, "tcp", func(t *testing.T, s *twoServers) {
				s.zone.Set(t, "_sip._tcp.example.org. 300 IN SRV 1 0 5060 one.example.org.",
					"one.example.org. 300 IN A 10.0.0.11", "one.example.org. 300 IN AAAA fd00::11")
				tc.first(s)
				a, start := s.agent(), time.Now()
				for a.line.current() == nil {
					time.Sleep(time.Millisecond)
				}
				f := a.line.current()
				if got := f.local.Addr().String(); got != tc.want {
					t.Errorf("it goes from %s, want %s", got, tc.want)
				}
				if d := time.Since(start); d < tc.after || d > tc.after+10*time.Millisecond {
					t.Errorf("connected after %v, want %v", d, tc.after)
				}
			})
		})
	}
}

// A server that shows a wrong certificate ends the search: nobody who can stop the
// packets of the others gains by it.
func TestItem03_NoOtherServerAfterAWrongCertificate(t *testing.T) {
	wrong := fmt.Errorf("%w: it is for another name", ErrCertificate)
	places := []place{{overTLS, netip.MustParseAddrPort("10.0.0.11:5061")}, {overTLS, netip.MustParseAddrPort("10.0.0.12:5061")}}
	d := &dialer{}
	if err := d.lost(raced{place: places[1], err: wrong}, d.lost(raced{place: places[0], err: ErrUnreachable}, nil)); !errors.Is(err, ErrCertificate) {
		t.Errorf("got %v", err)
	}
	if !d.waits.of(places[0]).failed() || d.waits.of(places[1]).failed() {
		t.Error("the wrong one is left alone")
	}
}

// One of the servers has TLS: none without is tried after it.
func TestItem02_NoClearServerAfterOneWithTLS(t *testing.T) {
	z := &zone{srv: map[string][]locate.SRV{
		"_sips._tcp.example.org": {{Port: 5061, Target: "a.example.org."}},
		"_sip._tcp.example.org":  {{Port: 5060, Target: "b.example.org."}},
		"_sip._udp.example.org":  {{Port: 5060, Target: "c.example.org."}},
	}}
	h, err := parseHop("sip:example.org")
	if err != nil {
		t.Fatal(err)
	}
	got, err := (&dialer{locator: z}).servers(t.Context(), h)
	if err != nil || len(got) != 1 || got[0].kind != overTLS {
		t.Errorf("got %+v, %v", got, err)
	}
}

// What is remembered of servers is bounded, ends, and is forgotten with the network,
// but for what a server asked for.
func TestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w waits
		at := func(n int) place {
			return place{tcp, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 5060)}
		}
		w.failed(at(1))
		w.asked(at(2), time.Hour)
		w.moved()
		if w.of(at(1)).failed() || !w.of(at(2)).asked {
			t.Error("a change of the network forgets the wrong ones")
		}
		w.failed(at(1))
		time.Sleep(leftAlone)
		if w.of(at(1)).failed() {
			t.Error("left alone for too long")
		}
		for range 1000 {
			w.failed(at(rand.IntN(1 << 16)))
		}
		if len(w.until) > maxWaits {
			t.Errorf("%d are remembered", len(w.until))
		}
	})
}

// The system is asked for names where the network is its own, and nowhere else.
func TestAddressesOfHosts(t *testing.T) {
	d := &dialer{machine: true}
	if got, err := d.addresses(t.Context(), "localhost"); err != nil || !got[0].IsLoopback() {
		t.Errorf("got %v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, host := range []string{"nowhere.invalid", "example.org"} {
		if got, err := (&dialer{}).addresses(ctx, host); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: got %v, %v", host, got, err)
		}
	}
	if got, err := d.addresses(t.Context(), "[::ffff:192.0.2.1]"); err != nil || got[0] != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("got %v, %v", got, err)
	}
}

func parsed(t *testing.T, text string) *sip.Request {
	t.Helper()
	msg, err := sip.ParseMessage([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return msg.(*sip.Request)
}

// of is the next such request; OPTIONS before it are answered.
func (w *wire) of(method string) *sip.Request {
	w.t.Helper()
	for {
		m := w.request("")
		if string(m.Method) == method {
			return m
		}
		if m.Method != sip.OPTIONS {
			w.t.Fatalf("got %s, want %s", m.Method, method)
		}
		w.answer(m, 200)
	}
}

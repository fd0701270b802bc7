package softphone_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"karat/internal/secret"
	"karat/internal/simnet"
	"karat/internal/socks/sockstest"
	"karat/media/path"
	"karat/media/path/pathtest"
	"karat/softphone"
	"karat/softphone/assay"
	"karat/softphone/store"
)

const socksHost = "10.0.0.7"

// socks starts a SOCKS proxy, which alone knows what the provider's and the relay's
// names mean.
func (w *world) socks() *sockstest.Proxy {
	w.t.Helper()
	host := w.net.Host(socksHost)
	ln, err := host.Listen(w.t.Context(), "tcp", socksHost+":9050")
	if err != nil {
		w.t.Fatal(err)
	}
	p := &sockstest.Proxy{Names: map[string]string{"sip.example.org": providerAddr, "example.org": providerAddr, "relay.example.org": relayHost}}
	sockstest.Serve(w.t, p, ln, host.Dial)
	return p
}

// useSOCKS changes a user's account before its phone starts.
func (u *user) useSOCKS(registrar string) {
	u.w.t.Helper()
	a := u.store.Accounts()[0]
	a.Registrar, a.CA = registrar, u.w.ca.PEM()
	a.Relay = store.Relay{URL: "turn:relay.example.org?transport=tcp", User: pathtest.RelayUser, Password: secret.Copy([]byte(pathtest.RelayPassword)), Only: true}
	a.SOCKS.Address = socksHost + ":9050"
	if err := u.store.SetAccount(a); err != nil {
		u.w.t.Fatal(err)
	}
}

// Through a SOCKS proxy nothing goes anywhere but to the proxy, the voice included,
// and no name server is asked: neither for addresses nor for servers of the domain.
// The network below is the one that would carry the questions.
func TestSOCKS_NothingGoesAround(t *testing.T) {
	for _, registrar := range []string{"sip:sip.example.org;transport=tls", "sip:example.org:5060;transport=tcp", ""} {
		inWorld(t, func(t *testing.T, w *world) {
			w.relay()
			proxy := w.socks()
			alice, bob := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
			alice.useSOCKS(registrar)
			alice.host = w.net.Host("10.0.0.1")
			asked := &questions{Host: alice.host}
			alice.start(func(c *softphone.Config) { c.Network = asked })
			bob.start(auto)
			a, b := talk(alice, bob)
			if a.SAS != b.SAS {
				t.Errorf("agreed on %+v and %+v", a, b)
			}
			time.Sleep(3 * time.Second)
			for _, u := range []*user{alice, bob} {
				if m := expect[softphone.Media](u); m.Received < 40 {
					t.Errorf("%s heard %+v", u.name, m)
				}
			}
			f := lastAssay(alice).Finding(assay.Undisclosed)
			hangUp(alice, bob)
			for _, p := range w.sentBy("10.0.0.1") {
				if p.To.String() != socksHost+":9050" {
					t.Fatalf("alice's phone sent %v to %v", path.Classify(p.Data), p.To)
				}
			}
			if i := slices.IndexFunc(asked.dialled, func(s string) bool { return s != "tcp "+socksHost+":9050" }); i >= 0 {
				t.Errorf("alice's phone opened %s", asked.dialled[i])
			}
			for _, p := range w.sentBy("10.0.0.2") {
				if to := p.To.Addr().String(); to == "10.0.0.1" || to == socksHost {
					t.Fatalf("bob's phone found alice's way: %v", p.To)
				}
			}
			got := proxy.Asked()
			slices.Sort(got)
			host := map[string]string{"": "example.org:5061", "sip:example.org:5060;transport=tcp": "example.org:5060"}[registrar]
			if host == "" {
				host = "sip.example.org:5061"
			}
			if want := []string{"relay.example.org:3478", host}; !equalSets(slices.Compact(got), want) {
				t.Errorf("%q: the proxy was asked for %q, want %q", registrar, got, want)
			}
			if users := proxy.Users(); len(slices.Compact(users)) != 1 {
				t.Errorf("the proxy saw %q", users)
			}
			if !strings.Contains(f.Why, "the proxy sees yours") {
				t.Errorf("the assay says %+v", f)
			}
		})
	}
}

func equalSets(a, b []string) bool {
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// questions is a network that notes what is opened on it.
type questions struct {
	*simnet.Host
	dialled []string
}

// ListenPacket notes a socket.
func (q *questions) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	q.dialled = append(q.dialled, "socket "+network)
	return q.Host.ListenPacket(ctx, network, address)
}

// Dial notes a connection.
func (q *questions) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	q.dialled = append(q.dialled, network+" "+address)
	return q.Host.Dial(ctx, network, address)
}

// A proxy that is not there, and a relay that it does not reach: no call, no voice, and
// nothing goes around.
func TestSOCKS_FailsClosed(t *testing.T) {
	for _, tc := range []struct {
		name         string
		proxy, relay bool
	}{{"no proxy", false, true}, {"no relay", true, false}} {
		inWorld(t, func(t *testing.T, w *world) {
			if tc.proxy {
				w.socks()
			} else {
				w.net.Host(socksHost) // a machine on which nobody listens
			}
			if tc.relay {
				w.relay()
			} else {
				w.net.Host(relayHost)
			}
			alice, bob := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
			alice.useSOCKS("sip:sip.example.org;transport=tls")
			alice.switchOn()
			bob.start(auto)
			if !tc.proxy {
				e := expect[softphone.RegistrationLost](alice)
				if !strings.Contains(e.Why, "SOCKS proxy cannot be reached") {
					t.Errorf("%s: %s", tc.name, e.Why)
				}
			} else {
				expect[softphone.Registered](alice)
				alice.dial("bob")
				if e := expect[softphone.Ended](alice); e.Outcome != softphone.Unreachable || !strings.Contains(e.Why, "relay") {
					t.Errorf("%s: ended as %+v", tc.name, e)
				}
			}
			for _, p := range w.sentBy("10.0.0.1") {
				if p.To.String() != socksHost+":9050" {
					t.Fatalf("%s: alice's phone sent something to %v", tc.name, p.To)
				}
			}
		})
	}
}

// What would go around the proxy is refused before anything is opened.
func TestSOCKS_RefusedTogether(t *testing.T) {
	whole := store.Account{
		SOCKS: store.SOCKS{Address: "127.0.0.1:9050"},
		Relay: store.Relay{URL: "turn:relay.example.org?transport=tls", Only: true},
	}
	if err := softphone.CheckProxy(&whole); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*store.Account){
		"no relay":       func(a *store.Account) { a.Relay = store.Relay{} },
		"not relay-only": func(a *store.Account) { a.Relay.Only = false },
		"relay over UDP": func(a *store.Account) { a.Relay.URL = "turn:relay.example.org" },
		"STUN":           func(a *store.Account) { a.STUN = "stun.example.org" },
		"a named proxy":  func(a *store.Account) { a.SOCKS.Address = "proxy.example.org:1080" },
	} {
		a := whole
		change(&a)
		if err := softphone.CheckProxy(&a); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	inWorld(t, func(t *testing.T, w *world) {
		host := w.net.Host("10.0.0.1")
		for _, tc := range []struct {
			registrar, listen, says string
		}{
			{"sip:sip.example.org;transport=udp", "", "SOCKS proxy does not carry"},
			{"sip:sip.example.org;transport=tls", "udp:10.0.0.1:5060", "--listen"},
		} {
			alice := w.user(fmt.Sprintf("alice%d", len(tc.listen)), "10.0.0.1")
			alice.useSOCKS(tc.registrar)
			cfg := softphone.Config{Store: alice.store, Microphone: "null", Speaker: "null", Network: host}
			if tc.listen != "" {
				cfg.Listen = []string{tc.listen}
			}
			if _, err := softphone.New(cfg); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%+v: %v", tc, err)
			}
		}
	})
}

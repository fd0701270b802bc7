package softphone_test

import (
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"karat/media/path"
	"karat/softphone"
	"karat/softphone/netwatch"
)

// goTo takes a user's machine to another address, or to none, in the middle of
// what it does.
func (u *user) goTo(addresses ...string) {
	u.host.Move(addresses...)
	if len(addresses) > 0 {
		u.addr = addresses[0]
	}
	u.moved <- netwatch.Change{}
}

// heard tells how many packets of the voice a user hears in d.
func (u *user) heard(d time.Duration) uint64 {
	u.w.t.Helper()
	before := expect[softphone.Media](u).Received
	for end := time.Now().Add(d); time.Now().Before(end); {
		expect[softphone.Media](u)
	}
	return expect[softphone.Media](u).Received - before
}

// bothHear fails unless nearly all of two seconds is heard at both ends.
func bothHear(alice, bob *user) {
	alice.w.t.Helper()
	for _, u := range []*user{alice, bob} {
		if n := u.heard(2 * time.Second); n < 90 {
			u.w.t.Errorf("%s hears %d packets in 2 s", u.name, n)
		}
	}
}

// sameKeys fails if anything was agreed on again, or got less private.
func sameKeys(users ...*user) {
	for _, u := range users {
		u.w.t.Helper()
		secure := 0
		for _, ev := range u.seen {
			switch ev.(type) {
			case softphone.Secure:
				secure++
			case softphone.DowngradeRefused, softphone.Mismatch, softphone.Ended:
				u.w.t.Errorf("%s saw %T", u.name, ev)
			}
		}
		if r := lastAssay(u); secure != 1 || !r.Private {
			u.w.t.Errorf("%s: keys were agreed on %d times, private: %v", u.name, secure, r.Private)
		}
	}
}

// A host that changes its address in the middle of a call: the call follows within
// seconds, with the same keys, and the user is told while it lasts.
func TestItem13_CallFollowsTheNetwork(t *testing.T) {
	for name, prepare := range map[string]func(w *world, u *user){
		"UDP":        func(*world, *user) {},
		"TCP":        func(_ *world, u *user) { u.overTCP() },
		"TLS":        func(_ *world, u *user) { u.overTLS() },
		"ICE":        func(_ *world, u *user) { u.useRelay(false) },
		"relay only": func(_ *world, u *user) { u.useRelay(true) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.relay()
				alice, bob := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
				prepare(w, alice)
				prepare(w, bob)
				alice.start()
				bob.start(auto)
				talk(alice, bob)
				bothHear(alice, bob)
				start := time.Now()
				alice.goTo("10.1.0.7")
				if m := expect[softphone.Moving](alice); m.Done || m.Why == "" {
					t.Errorf("first it is said that %+v", m)
				}
				for m := expect[softphone.Moving](alice); !m.Done; m = expect[softphone.Moving](alice) {
				}
				if d := time.Since(start); d > 5*time.Second {
					t.Errorf("moved after %v", d)
				}
				time.Sleep(time.Second)
				bothHear(alice, bob)
				sameKeys(alice, bob)
				alice.goTo("10.1.0.8") // and once more
				expect[softphone.Moving](alice)
				expect[softphone.Moving](alice)
				time.Sleep(time.Second)
				bothHear(alice, bob)
				sameKeys(alice, bob)
				if a, b := hangUp(bob, alice); a.Outcome != softphone.Private || b.Outcome != softphone.Private {
					t.Errorf("ended as %+v, %+v", a, b)
				}
			})
		})
	}
}

// A call that finds no port in the new network says so, and moves with the next
// change.
func TestItem13_NoPortInTheNewNetwork(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		full := false
		alice, bob := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
		alice.start(func(c *softphone.Config) {
			open := c.OpenPath
			c.OpenPath = func(local netip.Addr) (path.Path, error) {
				if full {
					return nil, syscall.EADDRINUSE
				}
				return open(local)
			}
		})
		bob.start(auto)
		talk(alice, bob)
		full = true
		alice.goTo("10.1.0.7")
		expect[softphone.Moving](alice)
		if m := expect[softphone.Moving](alice); !m.Done || !strings.Contains(m.Why, "call again") {
			t.Errorf("it is said that %+v", m)
		}
		full = false
		alice.goTo("10.1.0.8")
		for m := expect[softphone.Moving](alice); !m.Done; m = expect[softphone.Moving](alice) {
		}
		time.Sleep(time.Second)
		bothHear(alice, bob)
		sameKeys(alice, bob)
		hangUp(alice, bob)
	})
}

// Both ends change their networks in the same moment.
func TestItem13_BothEndsMove(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.aliceAndBob(auto)
		talk(alice, bob)
		bothHear(alice, bob)
		go alice.goTo("10.1.0.7")
		bob.goTo("10.2.0.7")
		for _, u := range []*user{alice, bob} {
			for m := expect[softphone.Moving](u); !m.Done; m = expect[softphone.Moving](u) {
			}
		}
		bothHear(alice, bob)
		sameKeys(alice, bob)
		hangUp(alice, bob)
	})
}

// Forty seconds without any network: the call waits, says so, and goes on.
func TestItem13_NoNetworkForAWhile(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
		alice.overTLS()
		alice.start()
		bob.start(auto)
		talk(alice, bob)
		alice.goTo()
		if m := expect[softphone.Moving](alice); m.Done || m.Why == "" {
			t.Errorf("it is said that %+v", m)
		}
		time.Sleep(40 * time.Second)
		back := time.Now()
		alice.goTo("10.1.0.7")
		for m := expect[softphone.Moving](alice); !m.Done; m = expect[softphone.Moving](alice) {
		}
		if d := time.Since(back); d > 5*time.Second {
			t.Errorf("the call goes on after %v", d)
		}
		bothHear(alice, bob)
		sameKeys(alice, bob)
		hangUp(alice, bob)
	})
}

// A machine that slept registers anew at once, though its address is the same.
func TestItem13_AfterSleep(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice := w.user("alice", "10.0.0.1")
		alice.overTLS()
		alice.start()
		woken := time.Now()
		alice.moved <- netwatch.Change{Slept: true}
		expect[softphone.RegistrationLost](alice)
		expect[softphone.Registered](alice)
		if d := time.Since(woken); d > 5*time.Second {
			t.Errorf("registered again after %v", d)
		}
	})
}

// Without ICE a move sends no STUN, and with a relay only, nothing but to the relay
// and the provider.
func TestItem13_MovingShowsNoMore(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.relayed()
		talk(alice, bob)
		alice.goTo("10.1.0.7")
		for m := expect[softphone.Moving](alice); !m.Done; m = expect[softphone.Moving](alice) {
		}
		bothHear(alice, bob)
		hangUp(alice, bob)
		for _, p := range w.sentBy("10.1.0.7") {
			if to := p.To.Addr().String(); to != relayHost && to != providerAddr {
				t.Fatalf("sent %v to %v", path.Classify(p.Data), p.To)
			}
		}
		if n := w.classes("10.0.0.2")[path.STUN]; n != 0 {
			t.Errorf("bob, who has no relay, sent %d STUN packets", n)
		}
	})
}

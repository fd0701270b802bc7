package softphone_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"karat/internal/secret"
	"karat/internal/simnet"
	"karat/softphone"
	"karat/softphone/assay"
	"karat/softphone/request"
	"karat/softphone/store"
)

// Who is not to be known is not recognised either.
func TestAnonymousCallIsNotRecognised(t *testing.T) {
	inWorldAt(t, someday, func(t *testing.T, w *world) {
		alice, bob := w.friends()
		alice.stop()
		alice.start(func(c *softphone.Config) { c.Anonymous = true })
		a, b := talk(alice, bob)
		if in := lastIncoming(bob); in.Probably != "" {
			t.Errorf("an anonymous call rings as %+v", in)
		}
		if a.Continuity || b.Continuity {
			t.Errorf("an anonymous call is known: %+v", b)
		}
		time.Sleep(time.Second)
		hangUp(alice, bob)
		alice.stop()
		alice.start(auto)
		w.wantFriends(alice, bob, "an anonymous call")
	})
}

// strip takes the Hello's hashes out of the signalling.
func strip(p simnet.Packet, _ *rand.Rand) []simnet.Delivery {
	data := bytes.ReplaceAll(p.Data, []byte("a=zrtp-hash:"), []byte("a=some-hash:"))
	return []simnet.Delivery{{After: 10 * time.Millisecond, Data: data}}
}

// Where the hash is taken out on the way the phone rings as a stranger's, and says
// why; once it is answered both ends know each other all the same, and say that this
// call can be linked to others.
func TestHashTakenOut(t *testing.T) {
	inWorldAt(t, someday, func(t *testing.T, w *world) {
		alice, bob := w.friends()
		w.net.SetPlan(strip)
		a, b := talk(alice, bob)
		in := lastIncoming(bob)
		if in.Probably != "" || !strings.Contains(strings.Join(in.Known, "\n"), "taken out on the way") {
			t.Errorf("alice rings as %+v", in)
		}
		if !a.Continuity || !b.Continuity || !a.Verified || !b.Verified || saw[softphone.Mismatch](alice) || saw[softphone.Mismatch](bob) {
			t.Errorf("the ends do not know each other: %+v %+v", a, b)
		}
		for _, u := range []*user{alice, bob} {
			if why := lastAssay(u).Finding(assay.Unlinked).Why; !strings.Contains(why, "taken out on the way") {
				t.Errorf("%s: unlinked: %s", u.name, why)
			}
		}
		time.Sleep(time.Second)
		hangUp(alice, bob)
		w.net.SetPlan(simnet.Delay(10 * time.Millisecond))
		w.wantFriends(alice, bob, "a hash was taken out")
	})
}

// A contact with a new phone is not an alarm and not the phone of before: it is
// said, and once the code was compared the new one is recognised.
func TestNewPhoneOfAContact(t *testing.T) {
	inWorldAt(t, someday, func(t *testing.T, w *world) {
		alice, bob := w.friends()
		bob.stop()
		bob.store.Close()
		bob.home = filepath.Join(t.TempDir(), "new phone")
		bob.open()
		err := bob.store.SetAccount(store.Account{
			AOR: "sip:bob@example.org", Registrar: "sip:" + providerAddr + ":5060;transport=udp", Password: secret.Copy([]byte("b-pw")),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := bob.store.SetContact(store.Contact{Name: "alice", URIs: []string{"sip:alice@example.org"}}); err != nil {
			t.Fatal(err)
		}
		bob.start(auto)
		alice.seen = nil
		a, _ := talk(alice, bob)
		if saw[softphone.Mismatch](alice) || a.Continuity {
			t.Errorf("a new phone: %+v", a)
		}
		r := lastAssay(alice)
		if f := r.Finding(assay.Participants); f.Verdict != assay.Unconfirmed || !strings.Contains(f.Why, "another phone than this one") {
			t.Errorf("a new phone: %+v", f)
		}
		alice.phone.SASCompared(alice.call, true)
		bob.phone.SASCompared(bob.call, true)
		time.Sleep(time.Second)
		hangUp(alice, bob)
		w.wantFriends(alice, bob, "the new phone was compared")
	})
}

// A contact that is re-introduced has the phone that answers next, and no other, and
// that is said; once the time is over it has the old one.
func TestReintroducedContact(t *testing.T) {
	for _, inTime := range []bool{true, false} {
		inWorldAt(t, someday, func(t *testing.T, w *world) {
			alice, bob := w.friends()
			old, _ := alice.store.Contact("bob")
			bob.stop()
			bob.store.Close()
			bob.home = filepath.Join(t.TempDir(), "new phone")
			bob.open()
			if err := errors.Join(
				bob.store.SetAccount(store.Account{
					AOR: "sip:bob@example.org", Registrar: "sip:" + providerAddr + ":5060;transport=udp", Password: secret.Copy([]byte("b-pw")),
				}),
				bob.store.SetContact(store.Contact{Name: "alice", URIs: []string{"sip:alice@example.org"}}),
				alice.store.Reintroduce("bob", time.Now().Add(time.Hour)),
			); err != nil {
				t.Fatal(err)
			}
			bob.start(auto)
			if !inTime {
				time.Sleep(time.Hour)
			}
			alice.seen = nil
			a, _ := talk(alice, bob)
			if saw[softphone.Mismatch](alice) || a.Continuity || a.Verified {
				t.Errorf("a new phone: %+v", a)
			}
			if f := lastAssay(alice).Finding(assay.Participants); f.Verdict != assay.Unconfirmed {
				t.Errorf("a new phone: %+v", f)
			}
			time.Sleep(time.Second)
			hangUp(alice, bob)
			now, _ := alice.store.Contact("bob")
			if len(now.Peers) != 1 {
				t.Fatalf("%d phones", len(now.Peers))
			}
			p, before := now.Peers[0], old.Peers[0]
			if renewed := p.ZID != before.ZID; renewed != inTime || p.Reintroduced != inTime || p.Verified == inTime {
				t.Errorf("in time: %v, another phone: %v, %+v", inTime, renewed, p)
			}
			if said := strings.Contains(names(alice.seen), "is now bob's"); said != inTime {
				t.Errorf("in time: %v, said: %v", inTime, said)
			}
			if inTime {
				talk(bob, alice) // so that bob knows whose phone it is
				alice.phone.SASCompared(alice.call, true)
				bob.phone.SASCompared(bob.call, true)
				time.Sleep(time.Second)
				hangUp(bob, alice)
				w.wantFriends(alice, bob, "re-introduced")
			}
		})
	}
}

// Keys of hours that have passed are gone from the store, while the phone is on.
func TestKeysMoveWithTheHours(t *testing.T) {
	inWorldAt(t, someday, func(t *testing.T, w *world) {
		alice, _ := w.friends()
		zid := alice.store.Accounts()[0].ZID
		before := alice.store.Known(zid)[0].Requests.Keys[0]
		for range 3 {
			time.Sleep(time.Hour)
			after := alice.store.Known(zid)[0].Requests.Keys[0]
			if want := request.Kept(time.Now()); request.Hour(after.Hour) != want || after.Key.Equal(before.Key) {
				t.Errorf("at %v the key is of hour %d, want %d", time.Now(), after.Hour, want)
			}
			before = after
		}
	})
}

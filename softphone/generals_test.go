package softphone_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"karat/internal/simnet"
	"karat/media/path"
	"karat/softphone"
	"karat/softphone/assay"
	"karat/zrtp/wire"
)

// A cut is where a call breaks: at the first message of a kind that a host sends.
// That and all it sends afterwards is lost; if both, what the other sends as well.
type cut struct {
	host netip.Addr
	kind string
	both bool
}

// Kinds of packets that are not whole messages.
const (
	piece = "a piece of a long message"
	voice = "voice"
)

func kindOf(p simnet.Packet) string {
	switch path.Classify(p.Data) {
	case path.RTP:
		return voice
	case path.ZRTP:
		packet, err := wire.ParsePacket(p.Data)
		if err != nil {
			return ""
		}
		if _, ok := packet.Fragment(); ok {
			return piece
		}
		return string(wire.TypeOf(packet.Message))
	case path.STUN, path.DTLS, path.Unknown:
	}
	return ""
}

// plan is the network of a call that breaks there. Signalling goes through.
func (c cut) plan() simnet.Plan {
	var broken atomic.Bool
	return simnet.Drop(func(p simnet.Packet) bool {
		signals := p.To.Port() == 5060 || p.From.Port() == 5060
		ours := p.From.Addr() == c.host
		if !signals && ours && kindOf(p) == c.kind {
			broken.Store(true)
		}
		return !signals && broken.Load() && (ours || c.both)
	}, simnet.Delay(10*time.Millisecond))
}

// cuts are all of them: at each message of the handshake, by either side.
func cuts(kinds ...string) (all []cut) {
	for _, kind := range kinds {
		for _, host := range []string{"10.0.0.1", "10.0.0.2"} {
			for _, both := range []bool{false, true} {
				all = append(all, cut{netip.MustParseAddr(host), kind, both})
			}
		}
	}
	return all
}

// broken lets a call break, and both give it up.
func (w *world) broken(from, to *user, c cut) {
	w.net.SetPlan(c.plan())
	from.dial(to.name)
	time.Sleep(15 * time.Second)
	from.phone.Hangup(from.call)
	expect[softphone.Ended](from)
	expect[softphone.Ended](to)
	w.net.SetPlan(simnet.Delay(10 * time.Millisecond))
	time.Sleep(time.Minute)
}

// wantFriends lets a call go well, and checks that each end knows the other again:
// nobody rings as a stranger, and nobody is alarmed.
func (w *world) wantFriends(from, to *user, after any) {
	w.t.Helper()
	from.seen, to.seen = nil, nil
	a, b := talk(from, to)
	for _, u := range []*user{from, to} {
		if saw[softphone.Mismatch](u) {
			w.t.Fatalf("after %v: a false alarm at %s", after, u.name)
		}
		if r := lastAssay(u); r.Finding(assay.Participants).Verdict != assay.Held {
			w.t.Errorf("after %v: %s: %+v", after, u.name, r.Finding(assay.Participants))
		}
	}
	if !a.Continuity || !b.Continuity || !a.Verified || !b.Verified {
		w.t.Errorf("after %v: %+v", after, a)
	}
	if in := lastIncoming(to); in.Probably != from.name {
		w.t.Errorf("after %v: %s rings as %q", after, from.name, in.Probably)
	}
	time.Sleep(time.Second)
	hangUp(from, to)
	time.Sleep(time.Minute)
}

func lastIncoming(u *user) softphone.Incoming {
	for i := len(u.seen) - 1; i >= 0; i-- {
		if in, ok := u.seen[i].(softphone.Incoming); ok {
			return in
		}
	}
	return softphone.Incoming{}
}

// friends are two users who have compared the code, and have both called.
func (w *world) friends() (alice, bob *user) {
	alice, bob = w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
	alice.start(auto)
	bob.start(auto)
	befriend(alice, bob, true)
	return alice, bob
}

// Two Generals: wherever a call breaks, and whatever each end has written by then,
// the next call finds two phones that know each other, whoever calls.
func TestTwoGenerals(t *testing.T) {
	late := []string{string(wire.TypeConfirm1), string(wire.TypeConfirm2), string(wire.TypeConf2ACK), voice}
	kinds, callers := late[1:], []string{"bob"}
	if !testing.Short() {
		kinds = append([]string{string(wire.TypeHello), string(wire.TypeHelloACK), piece}, late...)
		callers = append(callers, "alice")
	}
	for _, first := range callers {
		t.Run(first+" calls", func(t *testing.T) {
			inWorldAt(t, someday, func(_ *testing.T, w *world) {
				from, to := w.friends()
				if first == "bob" {
					from, to = to, from
				}
				for i, c := range cuts(kinds...) {
					w.broken(from, to, c)
					if i%2 == 0 {
						w.wantFriends(from, to, c)
					} else {
						w.wantFriends(to, from, c)
					}
				}
			})
		})
	}
	t.Run("several in a row", func(t *testing.T) {
		inWorldAt(t, someday, func(_ *testing.T, w *world) {
			alice, bob := w.friends()
			random := rand.New(rand.NewPCG(1, 2))
			all := cuts(late...)
			for range 4 {
				var after []cut
				for range 3 {
					after = append(after, all[random.IntN(len(all))])
					if random.IntN(2) == 0 {
						alice, bob = bob, alice
					}
					w.broken(alice, bob, after[len(after)-1])
				}
				w.wantFriends(alice, bob, after)
			}
		})
	})
}

// copyHome copies what a phone keeps, as it lies on the disk.
func (u *user) copyHome(name string) (home string) {
	u.w.t.Helper()
	home = filepath.Join(u.w.t.TempDir(), name)
	for _, dir := range []string{"", ".state"} {
		if err := os.CopyFS(home+dir, os.DirFS(u.home+dir)); err != nil {
			u.w.t.Fatal(err)
		}
	}
	return home
}

// moveTo switches the phone off, and on again with what is kept in another home.
func (u *user) moveTo(home string) {
	u.stop()
	u.store.Close()
	u.home = home
	u.open()
	u.start(auto)
}

// A phone that was set back to an old store, and one of two copies that went on, are
// noticed at both ends by whoever calls: the alarm rings, and the microphones stay
// closed. When the code has been compared all is well again.
func TestRolledBackAndCloned(t *testing.T) {
	for _, tc := range []struct{ name, caller string }{
		{"the old one is called", "alice"},
		{"the old one calls", "bob"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inWorldAt(t, someday, func(t *testing.T, w *world) {
				alice, bob := w.friends()
				snapshot := bob.copyHome("snapshot")
				w.wantFriends(alice, bob, "nothing")
				w.wantFriends(bob, alice, "nothing")
				bob.moveTo(snapshot) // put back, or the copy of somebody else
				from, to := alice, bob
				if tc.caller == "bob" {
					from, to = bob, alice
				}
				before := w.classes(alice.addr)[path.RTP]
				from.dial(to.name)
				in := expect[softphone.Incoming](to)
				if knows := in.Probably != ""; knows != (tc.caller == "bob") {
					t.Errorf("%s rings as %+v", from.name, in)
				}
				expect[softphone.Mismatch](alice)
				if tc.caller == "bob" {
					expect[softphone.Mismatch](bob)
				} else if got := fmt.Sprint(in.Known); !saw[softphone.Mismatch](bob) && len(got) < 100 {
					t.Errorf("bob is told only %s", got)
				}
				expect[softphone.Secure](alice)
				time.Sleep(time.Second)
				if n := w.classes(alice.addr)[path.RTP] - before; n != 0 {
					t.Errorf("%d voice packets left during a mismatch", n)
				}
				alice.phone.SASCompared(alice.call, true)
				bob.phone.SASCompared(bob.call, true)
				expect[softphone.Talking](alice)
				time.Sleep(time.Second)
				hangUp(from, to)
				w.wantFriends(from, to, tc.name)
			})
		})
	}
}

// twin is a second phone that runs on a copy of what a phone keeps, at another place.
func (u *user) twin(addr string) *user {
	t := &user{w: u.w, name: u.name, addr: addr, home: u.copyHome("twin")}
	t.open()
	t.start(auto)
	return t
}

// Of two copies of one phone that call at the same moment only one rings as the phone
// that is known. Who is answered as a stranger finds that the other does not know it,
// and opens no microphone; and the one that is known stays so.
func TestTwinsAtOnce(t *testing.T) {
	for _, answered := range []string{"the known one", "the other"} {
		t.Run(answered, func(t *testing.T) {
			inWorldAt(t, someday, func(t *testing.T, w *world) {
				alice, bob := w.friends()
				twin := bob.twin("10.0.0.3")
				alice.stop()
				alice.start()
				before := map[string]int{bob.addr: w.classes(bob.addr)[path.RTP]}
				bob.dial("alice")
				twin.dial("alice")
				known, other := expect[softphone.Incoming](alice), expect[softphone.Incoming](alice)
				if known.Probably == "" {
					known, other = other, known
				}
				if known.Probably != "bob" || other.Probably != "" {
					t.Fatalf("they ring as %q and %q", known.Probably, other.Probably)
				}
				call := known.Call
				if answered == "the other" {
					call = other.Call
				}
				alice.phone.Answer(call)
				s := expect[softphone.Secure](alice)
				time.Sleep(2 * time.Second)
				if want := answered == "the known one"; s.Verified != want || s.Continuity != want {
					t.Errorf("%s is taken for: %+v", answered, s)
				}
				alarms := 0
				for _, u := range []*user{bob, twin} {
					for len(u.phone.Events()) > 0 {
						if _, ok := (<-u.phone.Events()).(softphone.Mismatch); ok {
							alarms++
							if n := w.classes(u.addr)[path.RTP] - before[u.addr]; n != 0 {
								t.Errorf("%d voice packets left %s", n, u.addr)
							}
						}
					}
				}
				if want := map[string]int{"the other": 1}[answered]; alarms != want {
					t.Errorf("%d alarms, want %d", alarms, want)
				}
			})
		})
	}
}

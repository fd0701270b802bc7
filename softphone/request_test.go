package softphone_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"karat/internal/simnet"
	"karat/media/path"
	"karat/softphone"
	"karat/softphone/assay"
	"karat/softphone/store"
	"karat/zrtp/wire"
)

// befriend makes each a contact of the other, by address, and lets them talk until
// each knows the other's phone: once each way.
func befriend(a, b *user, compare bool) {
	a.w.t.Helper()
	for _, p := range [][2]*user{{a, b}, {b, a}} {
		err := p[0].store.SetContact(store.Contact{Name: p[1].name, URIs: []string{"sip:" + p[1].name + "@example.org"}})
		if err != nil {
			a.w.t.Fatal(err)
		}
		talk(p[0], p[1])
		if compare {
			p[0].phone.SASCompared(p[0].call, true)
			p[1].phone.SASCompared(p[1].call, true)
		}
		time.Sleep(time.Second) // each hears the other
		hangUp(p[0], p[1])
	}
}

// someday is when requests can be recognised.
var someday = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// shown are all octets of a call's ZRTP messages and signalling that stand for
// something: the messages eight octets at a time, the lines of SIP and SDP word by
// word.
func shown(t *testing.T, packets []simnet.Packet) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, p := range packets {
		switch {
		case p.To.Port() == 5060 || p.From.Port() == 5060:
			for line := range strings.SplitSeq(string(p.Data), "\r\n") {
				if strings.Contains(line, registered) {
					continue
				}
				for _, word := range strings.FieldsFunc(line, isSeparator) {
					all[word] = true
				}
			}
		case path.Classify(p.Data) == path.ZRTP:
			packet, err := wire.ParsePacket(p.Data)
			if err != nil {
				t.Fatal(err)
			}
			m := packet.Message
			for at := 0; at+8 <= len(m); at += 4 {
				all[fmt.Sprintf("%016x", binary.BigEndian.Uint64(m[at:]))] = true
			}
		}
	}
	return all
}

// registered is in the address by which a phone is registered. It is the same in all
// calls until the next registration: to the provider, who knows whose it is, and to
// those who can read the signalling.
const registered = "@anonymous.invalid"

func isSeparator(r rune) bool { return strings.ContainsRune(" \r\n;,=<>\"@:/", r) }

// sentDuring is what hosts sent while f ran.
func (w *world) sentDuring(hosts []string, f func()) (packets []simnet.Packet) {
	before := map[string]int{}
	for _, h := range hosts {
		before[h] = len(w.sentBy(h))
	}
	f()
	for _, h := range hosts {
		packets = append(packets, w.sentBy(h)[before[h]:]...)
	}
	return packets
}

// tenCalls lets alice and bob, who know each other's phones or have only talked once,
// talk ten times, in both directions and over a full hour, and returns what was shown
// in each call.
func tenCalls(t *testing.T, known bool) (calls []map[string]bool) {
	inWorldAt(t, someday, func(t *testing.T, w *world) {
		alice, bob := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
		alice.start(auto)
		bob.start(auto)
		if known {
			befriend(alice, bob, true)
		} else {
			talk(alice, bob)
			hangUp(alice, bob)
		}
		for call := range 10 {
			from, to := alice, bob
			if call%3 == 2 {
				from, to = bob, alice
			}
			packets := w.sentDuring([]string{alice.addr, bob.addr}, func() {
				a, b := talk(from, to)
				if !a.Continuity || !b.Continuity || known && (!a.Verified || !b.Verified) {
					t.Errorf("call %d: %+v %+v", call, a, b)
				}
				for _, u := range []*user{from, to} {
					if got := lastAssay(u).Finding(assay.Unlinked).Why; known != strings.Contains(got, "nothing in common") {
						t.Errorf("call %d: unlinked: %s", call, got)
					}
				}
				time.Sleep(time.Second)
				hangUp(from, to)
			})
			calls = append(calls, shown(t, packets))
			time.Sleep(7 * time.Minute)
		}
	})
	return calls
}

// Ten calls of two Karats that know each other's phones show no value twice, but
// what all calls of all phones show. Where they do not know them, they do.
func TestTenCallsAreUnlinked(t *testing.T) {
	others := tenCalls(t, true) // of two like them, who have other keys
	repeated := func(calls []map[string]bool) (all []string) {
		times := map[string]int{}
		for _, shown := range calls {
			for v := range shown {
				times[v]++
			}
		}
		for v, n := range times {
			common := false
			for _, shown := range others {
				common = common || shown[v]
			}
			if n > 1 && !common {
				all = append(all, v)
			}
		}
		return all
	}
	if all := repeated(tenCalls(t, true)); len(all) > 0 {
		t.Errorf("%d values come again: %q", len(all), all)
	}
	if all := repeated(tenCalls(t, false)); len(all) < 4 { // both ZIDs
		t.Errorf("only %d values come again between strangers: this test sees nothing", len(all))
	}
}

// rings lets one user call another, who does not answer, and returns what the other
// sees of it.
func rings(from, to *user) softphone.Incoming {
	from.dial(to.name)
	in := expect[softphone.Incoming](to)
	from.phone.Hangup(from.call)
	expect[softphone.Ended](from)
	expect[softphone.Ended](to)
	return in
}

// A contact rings under its name, whatever the provider says of the address, and
// nobody else does.
func TestContactRingsProbablyByName(t *testing.T) {
	inWorldAt(t, someday, func(t *testing.T, w *world) {
		alice, bob, mallory := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2"), w.user("mallory", "10.0.0.3")
		alice.start(auto)
		bob.start(auto)
		mallory.overTCP()
		mallory.start()
		befriend(alice, bob, false)
		bob.stop()
		bob.start()
		in := rings(alice, bob)
		if in.Probably != "alice" || !strings.Contains(strings.Join(in.Known, "\n"), "probably alice") {
			t.Errorf("alice rings as %+v", in)
		}
		if in := rings(mallory, bob); in.Probably != "" {
			t.Errorf("mallory rings as %+v", in)
		}
		// The address is another one's: it is the phone that counts.
		if err := bob.store.RenameContact("alice", "my friend"); err != nil {
			t.Fatal(err)
		}
		if err := bob.store.SetContact(store.Contact{Name: "my friend", URIs: []string{"sip:other@example.org"}}); err != nil {
			t.Fatal(err)
		}
		if in := rings(alice, bob); in.Probably != "my friend" || !strings.Contains(strings.Join(in.Known, "\n"), "another address") {
			t.Errorf("alice rings as %+v", in)
		}
	})
}

// The hash of a request, in an INVITE of somebody else, rings as nobody's.
func TestRequestIsAcceptedOnce(t *testing.T) {
	inWorldAt(t, someday, func(t *testing.T, w *world) {
		alice, bob := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
		mallory := w.stranger()
		defer mallory.close()
		alice.start(auto)
		bob.start(auto)
		befriend(alice, bob, false)
		bob.stop()
		bob.start()
		packets := w.sentDuring([]string{alice.addr}, func() {
			if in := rings(alice, bob); in.Probably != "alice" {
				t.Errorf("alice rings as %+v", in)
			}
		})
		for _, restarted := range []bool{false, true} {
			if restarted {
				bob.stop()
				bob.start()
			}
			call, err := mallory.agent.Invite(t.Context(), "sip:bob@example.org", []byte(sdpOf(t, packets)))
			if err != nil {
				t.Fatal(err)
			}
			in := expect[softphone.Incoming](bob)
			if in.Probably != "" {
				t.Errorf("restarted %v: a request that was used rings as %+v", restarted, in)
			}
			call.Hangup()
			expect[softphone.Ended](bob)
		}
	})
}

// sdpOf is the description in the INVITE among packets.
func sdpOf(t *testing.T, packets []simnet.Packet) string {
	t.Helper()
	for _, p := range packets {
		if text := string(p.Data); strings.HasPrefix(text, "INVITE ") {
			_, body, _ := strings.Cut(text, "\r\n\r\n")
			return body
		}
	}
	t.Fatal("no INVITE")
	return ""
}

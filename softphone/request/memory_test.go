package request

import (
	"encoding/binary"
	"testing"

	"karat/internal/secret"
)

// generals are two ends who call each other, and the calls that led here.
type generals struct {
	ends [2]Memory
	path []outcome
}

// outcome is how a call went: who called, and what of it each end kept and heard.
type outcome struct {
	caller int
	kept   [2]bool // the end has written what the call left
	heard  [2]bool // and has heard the other's voice
}

// outcomes are all ways in which a call can go: it dies before anybody has written
// anything, between the two, or later, before or after the voice of each is heard.
func outcomes() (all []outcome) {
	for caller := range 2 {
		for bits := range 16 {
			o := outcome{caller, [2]bool{bits&1 > 0, bits&2 > 0}, [2]bool{bits&4 > 0, bits&8 > 0}}
			// Voice is sent by who has written, and believed by who has.
			if (o.heard[0] || o.heard[1]) && !(o.kept[0] && o.kept[1]) {
				continue
			}
			all = append(all, o)
		}
	}
	return all
}

// call lets one end call the other and tells what is wrong with it.
func (g generals) call(t *testing.T, o outcome, fresh byte) generals {
	t.Helper()
	caller, callee := g.ends[o.caller], g.ends[1-o.caller]
	s := s1(caller, callee)
	// Before the two have ever completed a call together nobody has to recognise
	// anybody: then nothing is expected, and nothing rings.
	if _, _, unproven := caller.Expected(); caller.Newest.Present() && !unproven && !accepts(callee, caller.Sending()) {
		t.Fatalf("not recognised: after %+v %d calls", g.path, o.caller)
	}
	for _, m := range g.ends {
		if rs1, _, unproven := m.Expected(); rs1.Present() && !unproven && !s.Present() {
			t.Fatalf("a false alarm after %+v", g.path)
		}
	}
	value := secret.Own(binary.BigEndian.AppendUint16(nil, uint16(fresh)))
	for i := range g.ends {
		if o.kept[i] {
			g.ends[i] = g.ends[i].Update(Entry{Secret: value, Initiator: i == 0}, s)
			g.ends[i].Proven = o.heard[i]
		}
	}
	g.path = append(g.path[:len(g.path):len(g.path)], o)
	return g
}

func accepts(m Memory, sent Entry) bool {
	for _, e := range m.Accepting() {
		if e.Secret.Equal(sent.Secret) {
			return true
		}
	}
	return false
}

// s1 is what both ends find, by RFC 6189, Section 4.3: the caller's rs1 or else its
// rs2, where the callee has it as either.
func s1(initiator, responder Memory) secret.Bytes {
	a1, a2, _ := initiator.Expected()
	b1, b2, _ := responder.Expected()
	for _, a := range []Entry{a1, a2} {
		if a.Present() && (a.Secret.Equal(b1.Secret) || a.Secret.Equal(b2.Secret)) {
			return a.Secret
		}
	}
	return secret.Bytes{}
}

// Two Generals: whatever each end misses of four calls in a row, beginning with the
// first, the next call finds the other recognised and rings no alarm.
func TestTwoGenerals(t *testing.T) {
	all := outcomes()
	var explore func(g generals, depth int)
	explore = func(g generals, depth int) {
		for _, o := range all {
			next := g.call(t, o, byte(depth+1))
			if depth < 4 {
				explore(next, depth+1)
			}
		}
	}
	explore(generals{}, 0)
}

// A store that was rolled back to before a call in which both were heard, and the
// second of two copies, share nothing any more that counts: both ends see a
// mismatch, whoever calls.
func TestRolledBackAndCloned(t *testing.T) {
	talked := outcome{0, [2]bool{true, true}, [2]bool{true, true}}
	g := generals{}.call(t, talked, 1).call(t, talked, 2)
	old := g.ends[1]
	g = g.call(t, talked, 3)
	for name, pair := range map[string][2]Memory{"the old one is called": {g.ends[0], old}, "the old one calls": {old, g.ends[0]}} {
		if s1(pair[0], pair[1]).Present() {
			t.Errorf("%s: not noticed", name)
		}
		for _, m := range pair {
			if _, _, unproven := m.Expected(); unproven {
				t.Errorf("%s: an end expects nothing", name)
			}
		}
	}
	if !accepts(g.ends[0], old.Sending()) {
		t.Error("the old one is a stranger: nobody would be alarmed")
	}
	// The rule that makes it so: without it both copies would go on for ever.
	forgiving := g.ends[0]
	forgiving.Proven = false
	old.Proven = false
	if !s1(old, forgiving).Present() {
		t.Error("the test cannot fail")
	}
}

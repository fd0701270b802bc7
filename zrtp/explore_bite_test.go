package zrtp

import (
	"strings"
	"testing"
	"time"

	"karat/zrtp/wire"
)

// The explorer finds an engine that is broken: each of these has one thing wrong
// with it, done to its Session after every step.
func TestExplorerBites(t *testing.T) {
	friends := explored(t)["friends, initiator"]
	for name, c := range map[string]struct {
		faults int
		hack   func(end int, s *Session)
		want   string
	}{
		"no retransmission":             {1, dropTimers, "waits in"},
		"a timer that is never reached": {1, farTimers, "waits in"},
		"keys of its own":               {0, flipKeys, "different keys"},
		"a SAS of its own":              {0, flipSAS, "different SAS"},
		"no end of repeating":           {1, repeatForEver, "circles"},
		"a deaf end":                    {0, goIdle, "stuck in idle"},
		"alive after death":             {1, rise, "after Failed"},
		"a false alarm":                 {0, alarm, "false alarm"},
	} {
		t.Run(name, func(t *testing.T) {
			x := friends.walk(t, c.faults, nil, c.hack)
			if headline, _, _ := strings.Cut(x.found, "\n"); !strings.Contains(headline, c.want) {
				t.Errorf("found %q, want %q", headline, c.want)
			}
		})
	}
}

func dropTimers(_ int, s *Session) { s.timer, s.patience = retransmission{}, time.Time{} }

func farTimers(_ int, s *Session) {
	s.timer, s.helloTimer = retransmission{}, retransmission{}
	s.patience = epoch.Add(time.Hour)
}

func flipKeys(end int, s *Session) {
	for _, e := range s.events {
		if agreed, ok := e.(KeysAgreed); ok && end == 0 {
			agreed.Keys.Send.Key.Expose()[0] ^= 1
		}
	}
}

func flipSAS(end int, s *Session) {
	for i, e := range s.events {
		if secure, ok := e.(Secure); ok && end == 0 {
			secure.SAS += "?"
			s.events[i] = secure
		}
	}
}

// repeatForEver answers each Confirm2 and Conf2ACK with another.
func repeatForEver(_ int, s *Session) {
	if s.state == stateSecure && len(s.packets) == 0 {
		s.transmit(wire.HelloACK{}.Append(nil))
	}
}

func goIdle(end int, s *Session) {
	if end == 0 && s.state == stateCommit {
		s.quiesce()
		s.state = stateIdle
	}
}

func rise(_ int, s *Session) {
	if s.state == stateFailed {
		s.emit(KeysAgreed{})
	}
}

func alarm(_ int, s *Session) {
	if s.state == stateDHPart2 {
		s.emit(Mismatch{})
	}
}

// Two states that differ in one field have different digests, however deep it
// lies, and a copy has memory of its own.
func TestDeepCopyAndDigest(t *testing.T) {
	a, _ := explored(t)["friends, initiator"].ends()
	body := sessionAnatomy()
	w := &world{now: epoch, body: body}
	original := newEnd(t, "", a).Session
	original.Start(epoch)
	original.memory.recall(epoch, Retained{RS1: rs(1)})
	of := func(s *Session) [32]byte { return (&player{session: s}).digest(w) }
	for name, change := range map[string]func(s *Session){
		"a plain field":           func(s *Session) { s.helloExtended = true },
		"a timer":                 func(s *Session) { s.timer.due = epoch.Add(1) },
		"a secret behind a slice": func(s *Session) { s.memory.rs1.value.Expose()[0] ^= 1 },
		"an array":                func(s *Session) { s.chain.h0[31] ^= 1 },
		"random numbers drawn":    func(s *Session) { s.cfg.Rand.Read(make([]byte, 8)) },
		"behind a pointer":        func(s *Session) { s.x.keys = &keySchedule{sas: 1} },
		"behind an interface":     func(s *Session) { s.x.ka = &x255{pv: []byte{1}} },
	} {
		before := of(original)
		twin := deepCopy(body, original)
		if of(twin) != before {
			t.Errorf("%s: a copy has another digest", name)
		}
		change(twin)
		if of(twin) == before {
			t.Errorf("%s does not count", name)
		}
		if of(original) != before {
			t.Errorf("%s: the change shows in the original", name)
		}
	}
	later := deepCopy(body, original)
	shift := func(s *Session, d time.Duration) {
		for _, at := range []*time.Time{&s.helloTimer.due, &s.helloEnd} {
			*at = at.Add(d)
		}
	}
	shift(later, time.Hour)
	if (&player{session: later}).digest(&world{now: epoch.Add(time.Hour), body: body}) != of(original) {
		t.Error("the same state an hour later has another digest")
	}
}

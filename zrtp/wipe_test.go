package zrtp

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// witness holds slices of secrets, to see what becomes of their memory.
type witness map[string][]byte

func (w witness) add(name string, s secret.Bytes) {
	if s.Present() {
		w[name] = s.Expose()
	}
}

// wantWiped checks that all memory is cleared.
func (w witness) wantWiped(t *testing.T, when string) {
	t.Helper()
	if len(w) == 0 {
		t.Fatalf("%s: nothing to look at", when)
	}
	for name, b := range w {
		if !bytes.Equal(b, make([]byte, len(b))) {
			t.Errorf("%s: %s is not wiped", when, name)
		}
	}
}

// confirmSecrets are those that only the Confirms need.
func (w witness) confirmSecrets(e *end) {
	for role, side := range map[string]sideKeys{"initiator": e.x.keys.initiator, "responder": e.x.keys.responder} {
		w.add(role+" mackey", side.mac)
		w.add(role+" zrtpkey", side.zrtp)
	}
}

// until runs a link until an end reaches a state.
func (l *link) until(e *end, s state) {
	l.t.Helper()
	for range 1000 {
		if e.state == s {
			return
		}
		l.now = l.next()
		f := l.queue[0]
		l.queue = l.queue[1:]
		f.to.Receive(l.now, f.pkt)
		l.drain(f.to)
	}
	l.t.Fatalf("%s never came to %v", e.name, s)
}

// Sections 4.4.1.4 and 4.6.1: what served its purpose is erased: the DH secret
// with the DHResult, the confirm keys with Confirm, the rest when secure.
func TestWiping(t *testing.T) {
	for _, ka := range []string{"X255", "X448", "EC25", "EC38", "DH3k"} {
		a, b := configs()
		a.Algorithms = Algorithms{KeyAgreements: []string{ka}, Hashes: []string{"S384"}}
		b.Algorithms = a.Algorithms
		a.Retained, b.Retained = keeps(1, 2), keeps(1, 2)
		l := newLink(t, a, b)
		l.start()
		l.until(l.a, stateCommit)
		half := witness{}
		half.add("DH secret", dhSecret(l.a))
		l.until(l.b, stateCommit)
		half.add("DH secret of b", dhSecret(l.b))
		l.a.x.ka, l.b.x.ka = spy{l.a.x.ka, half}, spy{l.b.x.ka, half}
		l.filter = func(_ *end, _ int, pkt []byte) []arrival {
			if messageType(pkt) == wire.TypeConfirm1 { // both have their DHResult
				if len(half) != 4 {
					t.Errorf("saw %d secrets, want 4", len(half))
				}
				half.wantWiped(t, "with Confirm1")
			}
			return []arrival{{pkt: pkt}}
		}
		initiator := l.a
		l.run(0)
		if l.a.x.role == Responder {
			initiator = l.b
		}
		half.wantWiped(t, "after DHResult")
		keys, _ := find[KeysAgreed](initiator)
		if keys.Keys.Send.Key.Equal(secret.Own(make([]byte, 32))) {
			t.Error("the SRTP keys were wiped under their owner")
		}
		if initiator.chain != (hashChain{}) || initiator.x.keys != nil || initiator.x.ka != nil {
			t.Error("something is kept in the secure state")
		}
		s, _ := find[Secure](initiator)
		if !s.Remember.RS2.Equal(rs(1)) {
			t.Error("Remember was wiped under its owner")
		}
	}
}

// spy is half of a key agreement that remembers where its DHResult lay.
type spy struct {
	keyAgreement
	seen witness
}

func (s spy) agree(peer []byte) (secret.Bytes, error) {
	result, err := s.keyAgreement.agree(peer)
	s.seen.add(fmt.Sprintf("DHResult of %p", s.keyAgreement), result)
	return result, err
}

func dhSecret(e *end) secret.Bytes {
	switch ka := e.x.ka.(type) {
	case *x255:
		return ka.scalar
	case *x448:
		return ka.scalar
	case *ec:
		return ka.scalar
	case *dh3k:
		return ka.exponent
	}
	return secret.Bytes{}
}

// The keys of the Confirms go with the initiator's KeysAgreed.
func TestConfirmKeysAreWiped(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	w := witness{}
	l.filter = func(from *end, _ int, pkt []byte) []arrival {
		switch messageType(pkt) {
		case wire.TypeConfirm1:
			w.confirmSecrets(from)
			w.add("new rs1", from.x.keys.retained)
		case wire.TypeConfirm2:
			initiator := witness{}
			initiator.confirmSecrets(from)
			initiator.wantWiped(t, "initiator, after Confirm2")
		case wire.TypeConf2ACK:
			w.wantWiped(t, "responder, secure")
		}
		return []arrival{{pkt: pkt}}
	}
	l.start()
	l.run(time.Second)
	l.wantSecure()
}

// Close in the middle wipes everything, events that nobody took included.
func TestCloseWipes(t *testing.T) {
	for _, at := range []state{stateCommit, stateDHPart1, stateDHPart2, stateConfirm1, stateConfirm2, stateSecure} {
		t.Run(at.String(), func(t *testing.T) {
			a, b := configs()
			known := remembers(Retained{RS1: rs(1), RS2: rs(2), PBXSecret: rs(5)})
			a.Retained, b.Retained = known, known
			a.AuxSecret, b.AuxSecret = rs(6), rs(6)
			l := newLink(t, a, b)
			l.start()
			for range 100 { // to the state, without taking the last events
				if l.a.state == at || l.b.state == at {
					break
				}
				f := l.queue[0]
				l.queue = l.queue[1:]
				f.to.Receive(l.now, f.pkt)
				if f.to.state != at {
					l.drain(f.to)
				}
			}
			e := l.a
			if l.b.state == at {
				e = l.b
			}
			w := witness{}
			w.add("rs1", e.memory.rs1.value)
			w.add("aux", e.memory.aux)
			w.add("pbx", e.memory.pbx)
			w["h0"] = e.chain.h0[:]
			if e.x.ka != nil {
				w.add("DH secret", dhSecret(e))
			}
			if e.x.keys != nil {
				w.confirmSecrets(e)
				w.add("srtpkeyi", e.x.keys.initiator.srtp.Key)
				w.add("new rs1", e.x.keys.retained)
			}
			for _, event := range e.Session.events {
				if k, ok := event.(KeysAgreed); ok {
					w.add("srtp key in an event", k.Keys.Send.Key)
				}
				if s, ok := event.(Secure); ok {
					w.add("rs1 in an event", s.Remember.RS1)
					w.add("pbx in an event", s.Remember.PBXSecret)
				}
			}
			e.Close()
			w.wantWiped(t, "after Close in "+at.String())
			wantSilent(t, e)
		})
	}
}

// wantSilent checks that a closed session does nothing more.
func wantSilent(t *testing.T, e *end) {
	t.Helper()
	e.Start(epoch)
	e.Receive(epoch, packet(1, wire.Ping{}))
	e.Advance(epoch.Add(time.Hour))
	e.ReceivedSRTP(epoch)
	e.Close()
	if _, ok := e.NextPacket(); ok {
		t.Error("a closed session sends")
	}
	if _, ok := e.NextEvent(); ok {
		t.Error("a closed session tells")
	}
	if !e.Deadline().IsZero() {
		t.Error("a closed session has a deadline")
	}
}

// A failure wipes too (Section 4.7.1).
func TestFailureWipes(t *testing.T) {
	a, b := configs()
	a.Retained = keeps(1, 2)
	l := newLink(t, a, b)
	w := witness{}
	l.tamper(wire.TypeConfirm1, func(from *end, msg []byte) []byte {
		victim := l.other(from)
		w.add("rs1", victim.memory.rs1.value)
		w.confirmSecrets(victim)
		w.add("srtpkeyi", victim.x.keys.initiator.srtp.Key)
		msg[12] ^= 1
		return msg
	})
	l.start()
	l.run(5 * time.Second)
	w.wantWiped(t, "after Error 0x70")
}

// Without random numbers nothing begins, and nothing goes on.
func TestNoRandomNumbers(t *testing.T) {
	for octets := range 400 {
		a, b := configs()
		a.Rand = bytes.NewReader(make([]byte, octets))
		s, err := NewSession(a)
		if err != nil {
			if octets >= 36 {
				t.Errorf("%d octets: %v", octets, err)
			}
			continue
		}
		l := &link{t: t, now: epoch, a: &end{Session: s, name: "a"}, b: newEnd(t, "b", b)}
		l.start()
		l.run(time.Second)
		if count[Failed](l.a) == 0 && count[Secure](l.a) == 0 {
			t.Errorf("%d octets: hangs in %s", octets, l.a.story())
		}
		if count[Failed](l.a) > 0 {
			wantCode(t, l.wantFailed(l.a), wire.CodeSoftware)
		}
	}
}

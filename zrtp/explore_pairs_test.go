package zrtp

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// earlierCall is what an attacker kept of a call of the same two phones.
func (p pair) earlierCall(t *testing.T) (letters []letter) {
	t.Helper()
	a, b := p.ends()
	a.Rand, b.Rand = testRand(101), testRand(102)
	l := newLink(t, a, b)
	if p.first != nil {
		p.first(l.a.Session, l.b.Session)
	}
	l.start()
	l.run(time.Second)
	if p.first == nil {
		l.wantSecure()
	} else {
		l.wantStream()
	}
	for _, e := range []*end{l.a, l.b} {
		for _, pkt := range e.sent {
			next := newLetter(pkt)
			if !slices.ContainsFunc(letters, func(o letter) bool { return o.id == next.id }) {
				letters = append(letters, next)
			}
		}
	}
	return letters
}

// share tells whether two phones share a secret.
func share(a, b Config) bool {
	if a.Retained == nil || b.Retained == nil {
		return false
	}
	ofB, knowsB := a.Retained(b.ZID)
	ofA, knowsA := b.Retained(a.ZID)
	return knowsA && knowsB && ofA.RS1.Equal(ofB.RS1)
}

// pair makes the two ends of a walk, the same each time.
type pair struct {
	ends      func() (a, b Config)
	announced bool // both Hellos, in signalling
	clear     bool // the users may go clear
	// first joins the two to a first stream.
	first func(a, b *Session)
	// fewer faults than others have: its walks are long.
	fewer int
}

// explored are the pairs of phones to walk through: those that never met, those
// that share a secret, those whose signalling announced the Hellos, and those
// that speak KEM mode. The role is the first one's under contention.
func explored(t *testing.T) map[string]pair {
	t.Helper()
	quick := Algorithms{KeyAgreements: []string{"X255"}, Hashes: []string{"S256"}}
	// Not X2M2: Go's own ML-KEM takes its random numbers elsewhere, and no two
	// states would be the same.
	strong := Algorithms{KeyAgreements: []string{"X1M1"}, Hashes: []string{"S384"}, Ciphers: []string{"AES3"}}
	return map[string]pair{
		"strangers, initiator": {ends: inRole(t, Initiator, quick, false)},
		"strangers, responder": {ends: inRole(t, Responder, quick, false), fewer: 1},
		"friends, initiator":   {ends: inRole(t, Initiator, quick, true), fewer: 1},
		"announced, responder": {ends: inRole(t, Responder, quick, true), announced: true},
		"KEM, initiator":       {ends: inRole(t, Initiator, strong, true), announced: true, fewer: 1},
		"KEM, responder":       {ends: inRole(t, Responder, strong, false), fewer: 1},
		"Preshared":            {ends: preshare(inRole(t, Initiator, quick, true)), fewer: 1},
		"Multistream":          {ends: further, first: joined(t, quick), fewer: 1},
		"clear":                {ends: allowClear(inRole(t, Initiator, quick, false)), clear: true, fewer: 1},
	}
}

// preshare lets two who know each other go without a key agreement.
func preshare(ends func() (a, b Config)) func() (a, b Config) {
	return func() (a, b Config) {
		a, b = ends()
		a.Preshared, b.Preshared = true, true
		a.Retained, b.Retained = remembers(verified()), remembers(verified())
		return a, b
	}
}

func allowClear(ends func() (a, b Config)) func() (a, b Config) {
	return func() (a, b Config) {
		a, b = ends()
		a.AllowClear, b.AllowClear = true, true
		return a, b
	}
}

// further are two ends of a further stream.
func further() (a, b Config) {
	a, b = configs()
	a.Algorithms = Algorithms{KeyAgreements: []string{"X255"}, Hashes: []string{"S256"}}
	b.Algorithms = a.Algorithms
	return furtherConfig(a, 1), furtherConfig(b, 1)
}

// joined makes a first stream, and joins two ends to it: each pair of them with a
// memory of nonces of its own, for the walks must not know of each other.
func joined(t *testing.T, algorithms Algorithms) func(a, b *Session) {
	return func(a, b *Session) {
		t.Helper()
		x, y := multistreamConfigs()
		x.Algorithms, y.Algorithms = algorithms, algorithms
		first := firstStream(t, x, y)
		if err := errors.Join(a.Join(epoch, sessionKey(t, first.a)), b.Join(epoch, sessionKey(t, first.b))); err != nil {
			t.Fatal(err)
		}
	}
}

// inRole looks for random numbers that give the first end a role.
func inRole(t *testing.T, role Role, algorithms Algorithms, known bool) func() (a, b Config) {
	t.Helper()
	for seed := range byte(64) {
		ends := func() (a, b Config) {
			a, b = configs()
			a.Algorithms, b.Algorithms = algorithms, algorithms
			a.Rand = testRand(seed)
			if known {
				a.Retained, b.Retained = keeps(1, 2), keeps(1, 2)
			}
			return a, b
		}
		a, b := ends()
		l := newLink(t, a, b)
		l.start()
		l.run(time.Second)
		if s, _ := l.wantSecure(); s.Role == role {
			return ends
		}
	}
	t.Fatalf("the first end never became %v", role)
	return nil
}

package spec

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"slices"
	"time"

	"karat/contrib/zrtpspec/keys"
	"karat/zrtp/wire"
)

// Meet exchanges Hellos: when it returns T has P's, and P has acknowledged T's.
func (t *T) Meet() {
	until := time.Now().Add(patience)
	for t.peer.raw == nil || !t.peer.acked {
		if time.Now().After(until) {
			t.Fail("P's Hello came: %v; P acknowledged T's Hello: %v", t.peer.raw != nil, t.peer.acked)
		}
		if t.call == nil || !t.peer.acked {
			t.dial()
			t.send(t.helloRaw)
		}
		t.settle(helloPause)
	}
}

// settle receives for a while, or until the Hellos are exchanged.
func (t *T) settle(d time.Duration) {
	until := time.Now().Add(d)
	for t.peer.raw == nil || !t.peer.acked {
		m, ok := t.receive(time.Until(until))
		if !ok {
			return
		}
		if m.typ == wire.TypeError {
			t.Fail("P answers T's Hello with %s", describe(m.raw))
		}
	}
}

// AwaitCommit meets P and lets it commit: T will be responder.
func (t *T) AwaitCommit() wire.Commit {
	t.Meet()
	if t.peer.ours == nil {
		t.await(patience, wire.TypeCommit)
	}
	c, err := wire.ParseCommit(t.peer.ours)
	if err != nil {
		t.Fail("P's Commit: %v", err)
	}
	if !keys.Links(c.H2, t.peer.hello.H3) {
		t.Fail("the H2 in P's Commit does not hash to the H3 in its Hello")
	}
	t.role, t.commit = keys.Responder, t.peer.ours
	t.suite = keys.Suite{Hash: c.Hash, Cipher: c.Cipher, AuthTag: c.AuthTag, KeyAgreement: c.KeyAgreement, SAS: c.SAS}
	return c
}

// draw draws T's half of the key agreement, unless a case gave one.
func (t *T) draw() {
	if t.half != nil {
		return
	}
	half, err := keys.NewHalf(t.suite.KeyAgreement)
	if err != nil {
		t.Fail("P chose %s, which T did not offer", t.suite.KeyAgreement)
	}
	t.half = half
}

// dhPart writes T's DHPart. Secrets that T has not get random ids.
func (t *T) dhPart(part int) wire.DHPart {
	t.draw()
	d := wire.DHPart{Part: part, H1: t.chain.H1, PublicValue: t.half.Public()}
	for _, id := range []*[8]byte{&d.RS1ID, &d.RS2ID, &d.AuxID, &d.PBXID} {
		_, _ = rand.Read(id[:])
	}
	if t.memory.rs1 != nil {
		d.RS1ID = t.suite.SecretID(t.memory.rs1, t.role)
	}
	if t.memory.rs2 != nil {
		d.RS2ID = t.suite.SecretID(t.memory.rs2, t.role)
	}
	if t.draft != nil {
		t.draft(&d)
	}
	return d
}

// SendDHPart1 answers P's Commit.
func (t *T) SendDHPart1() {
	t.dhPart1 = t.seal(t.dhPart(1).Append(nil), t.chain.H0)
	t.send(t.dhPart1)
}

// AwaitDHPart2 takes P's DHPart2 and derives the keys.
func (t *T) AwaitDHPart2() wire.DHPart {
	m := t.await(patience, wire.TypeDHPart2)
	t.dhPart2 = m.raw
	t.learnDHPart(m.raw)
	commit, _ := wire.ParseCommit(t.commit)
	if !keys.Links(t.peer.dhPart.H1, commit.H2) {
		t.Fail("the H1 in P's DHPart2 does not hash to the H2 in its Commit")
	}
	if t.suite.HVI(m.raw, t.helloRaw) != commit.HVI {
		t.Fail("P's DHPart2 is not the one that its Commit committed to")
	}
	t.derive()
	return t.peer.dhPart
}

func (t *T) learnDHPart(raw []byte) {
	d, err := wire.ParseDHPart(raw)
	if err != nil {
		t.Fail("P's DHPart: %v", err)
	}
	t.peer.dhPart = d
}

// BecomeInitiator meets P and commits, in a way that P has to give in to; it
// returns P's DHPart1.
func (t *T) BecomeInitiator() wire.DHPart {
	t.SendCommit()
	return t.AwaitDHPart1()
}

// AwaitDHPart1 takes P's answer to T's Commit.
func (t *T) AwaitDHPart1() wire.DHPart {
	m := t.await(patience, wire.TypeDHPart1)
	t.dhPart1 = m.raw
	t.learnDHPart(m.raw)
	h2 := keys.Hash(t.peer.dhPart.H1[:])
	if !keys.Links(h2, t.peer.hello.H3) {
		t.Fail("the H1 in P's DHPart1 does not hash, twice, to the H3 in its Hello")
	}
	return t.peer.dhPart
}

// SendCommit commits, with an hvi above that of P's Commit if there is one, or
// below it where the case wants that.
func (t *T) SendCommit() {
	t.Meet()
	if t.peer.ours == nil {
		t.Idle(commitPause)
	}
	t.role = keys.Initiator
	t.suite = t.choose()
	d := t.dhPart(2)
	c := wire.Commit{
		H2: t.chain.H2, ZID: t.zid,
		Hash: t.suite.Hash, Cipher: t.suite.Cipher, AuthTag: t.suite.AuthTag,
		KeyAgreement: t.suite.KeyAgreement, SAS: t.suite.SAS,
	}
	c.HVI = t.grind(d)
	if t.choice != nil {
		t.choice(&c)
		t.suite = keys.Suite{Hash: c.Hash, Cipher: c.Cipher, AuthTag: c.AuthTag, KeyAgreement: c.KeyAgreement, SAS: c.SAS}
	}
	t.commit = t.seal(c.Append(nil), t.chain.H1)
	t.send(t.commit)
}

// maxGrind is more than luck asks for, and some seconds of work.
const maxGrind = 1 << 20

// grind changes an id that nothing depends on until the hvi stands on the wanted
// side of P's.
func (t *T) grind(d wire.DHPart) [32]byte {
	theirs, err := wire.ParseCommit(t.peer.ours)
	for n := uint32(1); n < maxGrind; n++ {
		t.dhPart2 = t.seal(d.Append(nil), t.chain.H0)
		hvi := t.suite.HVI(t.dhPart2, t.peer.raw)
		if err != nil || (bytes.Compare(hvi[:], theirs.HVI[:]) > 0) != t.lower {
			return hvi
		}
		binary.BigEndian.PutUint32(d.AuxID[:], n)
	}
	t.Fail("T finds no hvi on the right side of P's, %x", theirs.HVI)
	return [32]byte{}
}

// choose picks what P offers and T can do, in T's order.
func (t *T) choose() keys.Suite {
	h := t.peer.hello
	return keys.Suite{
		Hash:         common(t.hello.Hashes, h.Hashes, wire.S256),
		Cipher:       common(t.hello.Ciphers, h.Ciphers, wire.AES1),
		AuthTag:      common(t.hello.AuthTags, h.AuthTags, wire.HS32, wire.HS80),
		KeyAgreement: t.agreement(),
		SAS:          common(t.hello.SASTypes, h.SASTypes, wire.B32),
	}
}

// agreement leaves out EC38 where the hash would not fit it (Section 5.1.5).
func (t *T) agreement() wire.Algorithm {
	return common(t.hello.KeyAgreements, t.peer.hello.KeyAgreements, wire.DH3k)
}

// common is the first of ours that is theirs too; mandatory ones are in both,
// listed or not (RFC 6189, Section 5.2).
func common(ours, theirs []wire.Algorithm, mandatory ...wire.Algorithm) wire.Algorithm {
	theirs = append(slices.Clone(theirs), mandatory...)
	for _, a := range append(slices.Clone(ours), mandatory...) {
		if slices.Contains(theirs, a) {
			return a
		}
	}
	return mandatory[0]
}

// SendDHPart2 sends what T committed to, or, if changed, something else under a
// good MAC.
func (t *T) SendDHPart2(changes ...func(*wire.DHPart)) {
	if len(changes) > 0 {
		d, _ := wire.ParseDHPart(t.dhPart2)
		for _, change := range changes {
			change(&d)
		}
		t.dhPart2 = t.seal(d.Append(nil), t.chain.H0)
	}
	t.send(t.dhPart2)
	t.derive()
}

// derive computes the keys. A half that cannot agree with P's gives none: then
// the case is not about keys.
func (t *T) derive() {
	x := keys.Exchange{
		Suite: t.suite, Commit: t.commit, DHPart1: t.dhPart1, DHPart2: t.dhPart2,
		InitiatorZID: t.zid, ResponderZID: t.peer.hello.ZID, ResponderHello: t.peer.raw,
		S1: t.match(),
	}
	if t.role == keys.Responder {
		x.InitiatorZID, x.ResponderZID, x.ResponderHello = x.ResponderZID, x.InitiatorZID, t.helloRaw
	}
	var err error
	if x.DHResult, err = t.half.Agree(t.peer.dhPart.PublicValue); err != nil {
		t.Fail("P's public value: %v", err)
	}
	t.keys = x.Keys()
	t.media = newMedia(t.keys, t.role)
}

// match finds s1 (RFC 6189, Section 4.3): the initiator's rs1 before its rs2.
func (t *T) match() []byte {
	theirs := [][8]byte{t.peer.dhPart.RS1ID, t.peer.dhPart.RS2ID}
	ours := [][]byte{t.memory.rs1, t.memory.rs2}
	found := func(s []byte, id [8]byte) bool {
		t.matched = s != nil && t.suite.SecretID(s, t.role.Other()) == id
		return t.matched
	}
	for i := range 2 {
		for j := range 2 {
			switch {
			case t.role == keys.Initiator && found(ours[i], theirs[j]):
				return ours[i]
			case t.role == keys.Responder && found(ours[j], theirs[i]):
				return ours[j]
			}
		}
	}
	return nil
}

// sendConfirm sends T's Confirm.
func (t *T) sendConfirm(changes ...func(*wire.Confirm)) {
	t.confirmed.H0 = t.chain.H0
	c := t.keys.Confirm(t.role, t.confirmed)
	for _, change := range changes {
		change(&c)
	}
	t.confirm = c.Append(nil)
	t.send(t.confirm)
}

// awaitConfirm takes P's Confirm and opens it.
func (t *T) awaitConfirm(typ wire.Type) wire.Confirmed {
	m := t.await(patience, typ)
	c, err := wire.ParseConfirm(m.raw)
	if err != nil {
		t.Fail("P's %s: %v", typ, err)
	}
	plain, err := t.keys.Open(t.role.Other(), c)
	if err != nil {
		t.Fail("P's %s: %v", typ, err)
	}
	if !keys.Links(plain.H0, t.peer.dhPart.H1) {
		t.Fail("the H0 in P's %s does not hash to the H1 in its DHPart", typ)
	}
	t.peer.confirmed = plain
	return plain
}

// SendConfirm1 answers P's DHPart2.
func (t *T) SendConfirm1(changes ...func(*wire.Confirm)) { t.sendConfirm(changes...) }

// AwaitConfirm2 takes P's answer to that.
func (t *T) AwaitConfirm2() wire.Confirmed { return t.awaitConfirm(wire.TypeConfirm2) }

// SendConf2ACK ends the exchange as responder.
func (t *T) SendConf2ACK() {
	t.send(wire.Conf2ACK{}.Append(nil))
	t.remember()
}

// AwaitConfirm1 takes P's answer to T's DHPart2.
func (t *T) AwaitConfirm1() wire.Confirmed { return t.awaitConfirm(wire.TypeConfirm1) }

// SendConfirm2 answers that.
func (t *T) SendConfirm2(changes ...func(*wire.Confirm)) { t.sendConfirm(changes...) }

// AwaitConf2ACK ends the exchange as initiator; SRTP would do as well (RFC 6189,
// Section 4.6).
func (t *T) AwaitConf2ACK() {
	until := time.Now().Add(patience)
	for t.media.authentic == 0 {
		m, ok := t.receive(min(helloPause, time.Until(until)))
		if ok && m.typ == wire.TypeConf2ACK {
			break
		}
		if ok && m.typ == wire.TypeError || !time.Now().Before(until) {
			t.Fail("neither Conf2ACK nor SRTP came after Confirm2")
		}
	}
	t.remember()
}

// remember updates what T keeps (RFC 6189, Section 4.6.1).
func (t *T) remember() {
	t.memory = memory{rs1: t.keys.Retained, rs2: t.memory.rs1}
}

// SecureAsResponder runs a whole exchange in which P is initiator.
func (t *T) SecureAsResponder() {
	t.AwaitCommit()
	t.SendDHPart1()
	t.AwaitDHPart2()
	t.SendConfirm1()
	t.AwaitConfirm2()
	t.SendConf2ACK()
	t.Idle(commitPause)
}

// SecureAsInitiator runs a whole exchange in which P is responder.
func (t *T) SecureAsInitiator() {
	t.BecomeInitiator()
	t.SendDHPart2()
	t.AwaitConfirm1()
	t.SendConfirm2()
	t.AwaitConf2ACK()
	t.Idle(commitPause)
}

package spec

import (
	"crypto/rand"

	"karat/contrib/zrtpspec/keys"
	"karat/zrtp/wire"
)

// Permit asks P's user for something; without it the case says nothing.
func (t *T) Permit(p Permission) {
	phone, ok := t.phone.(Permissive)
	if !ok {
		t.NotApplicable("nobody is there to allow P %s", p)
	}
	phone.Permit(p)
}

// further is a Phone that is a further stream of a call.
type further struct{ call Call }

func (f further) Call(announce []string) (Call, error) {
	return f.call.(Streaming).Stream(announce)
}

func (further) Close() {}

// Further is T at another stream of the same call.
func (t *T) Further() *T {
	t.dial()
	if _, ok := t.call.(Streaming); !ok {
		t.NotApplicable("this way of testing has one stream")
	}
	u := newT(further{t.call}, t.options, t.can)
	u.zid, u.hello.ZID = t.zid, t.zid
	u.hello.Hashes, u.hello.Ciphers, u.hello.AuthTags = t.hello.Hashes, t.hello.Ciphers, t.hello.AuthTags
	u.hello.KeyAgreements = append([]wire.Algorithm{wire.Mult}, t.hello.KeyAgreements[:min(6, len(t.hello.KeyAgreements))]...)
	u.suite = t.suite
	t.streams = append(t.streams, u)
	return u
}

// skipping is the exchange without DHParts that T is in.
func (t *T) skipping() keys.Skipping {
	x := keys.Skipping{
		Suite: t.suite, Commit: t.commit,
		InitiatorZID: t.zid, ResponderZID: t.peer.hello.ZID, ResponderHello: t.peer.raw,
	}
	if t.role == keys.Responder {
		x.InitiatorZID, x.ResponderZID, x.ResponderHello = x.ResponderZID, x.InitiatorZID, t.helloRaw
	}
	return x
}

// adopt takes keys for those of this stream.
func (t *T) adopt(k *keys.Keys) {
	t.keys, t.media = k, newMedia(k, t.role)
}

// nonceCommit is a Commit of T's in Multistream or Preshared mode, with a nonce that
// prevails.
func (t *T) nonceCommit(mode wire.Algorithm) wire.Commit {
	c := wire.Commit{
		H2: t.chain.H2, ZID: t.zid,
		Hash: t.suite.Hash, Cipher: t.suite.Cipher, AuthTag: t.suite.AuthTag,
		KeyAgreement: mode, SAS: t.suite.SAS,
	}
	_, _ = rand.Read(c.Nonce[:])
	for i := range 4 {
		c.Nonce[i] = 0xff
	}
	return c
}

// sendNonceCommit sends it.
func (t *T) sendNonceCommit(c wire.Commit) {
	t.role = keys.Initiator
	t.suite.KeyAgreement = c.KeyAgreement
	t.commit = t.seal(c.Append(nil), t.chain.H1)
	t.send(t.commit)
}

// StreamAsInitiator keys a further stream, or one that went clear, from ZRTPSess.
func (t *T) StreamAsInitiator(session []byte) {
	t.sendNonceCommit(t.nonceCommit(wire.Mult))
	t.adopt(t.skipping().Multistream(session))
	t.finishAsInitiator()
}

// finishAsInitiator takes Confirm1, which answers the Commit, and ends the exchange.
func (t *T) finishAsInitiator() {
	t.awaitSkipped(wire.TypeConfirm1)
	t.sendConfirm()
	t.await(patience, wire.TypeConf2ACK)
	t.Idle(commitPause)
}

// finishAsResponder answers P's Commit with Confirm1, and ends the exchange.
func (t *T) finishAsResponder() {
	t.sendConfirm()
	t.awaitSkipped(wire.TypeConfirm2)
	t.send(wire.Conf2ACK{}.Append(nil))
	t.Idle(commitPause)
}

// awaitSkipped is awaitConfirm where no DHPart came before: H0 hashes to H3 in three
// steps.
func (t *T) awaitSkipped(typ wire.Type) {
	c, err := wire.ParseConfirm(t.await(patience, typ).raw)
	if err != nil {
		t.Fail("P's %s: %v", typ, err)
	}
	plain, err := t.keys.Open(t.role.Other(), c)
	if err != nil {
		t.Fail("P's %s: %v", typ, err)
	}
	h1 := keys.Hash(plain.H0[:])
	if !keys.Links(keys.Hash(h1[:]), t.peer.hello.H3) {
		t.Fail("the H0 in P's %s does not hash, three times, to the H3 in its Hello", typ)
	}
	t.peer.confirmed = plain
}

package zrtp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// What Join and GoSecure may return.
var (
	errNotFurther = errors.New("zrtp: this session is not for a further stream, or has its key already")
	// ErrNoSessionKey: there is no key of a first stream, or it was wiped.
	ErrNoSessionKey = errors.New("zrtp: there is no session key, or the call that it belongs to has ended")
	errOtherZID     = errors.New("zrtp: all streams of a call must have one ZID")
)

// SessionKey is what the first stream of a call leaves for further ones:
// ZRTPSess, and what of the first exchange holds for all of them. All Sessions of
// a call share one, and so does the goroutine that owns them. Nothing in it can be
// seen; it is for one call only.
//
// RFC 6189, Section 4.5.2: a ZRTP Session Key MUST NOT be used across the two
// call signaling sessions. ZRTPSess MUST be destroyed no later than the end of the
// call signaling session.
type SessionKey struct {
	value                secret.Bytes
	own, peer            ZID
	initiator, responder ZID // of the exchange that made it
	suite                suite
	verified             bool
	nonces               map[[nonceLen]byte]bool
}

// nonceLen is the length of the nonce in a Commit that has no hvi.
const nonceLen = 16

// Wipe ends the life of the key: for its owner, when the call has ended.
func (k *SessionKey) Wipe() {
	if k == nil {
		return
	}
	k.value.Wipe()
	k.value = secret.Bytes{}
	clear(k.nonces)
}

func (k *SessionKey) present() bool { return k != nil && k.value.Present() }

// spend takes a nonce; false if it was there before.
//
// RFC 6189, Section 4.4.3.1: Its value MUST be unique for all nonce values chosen
// for active ZRTP sessions between a pair of endpoints.
func (k *SessionKey) spend(nonce [nonceLen]byte) bool {
	if k.nonces[nonce] {
		return false
	}
	k.nonces[nonce] = true
	return true
}

// replace turns ZRTPSess into another that does not tell what it was.
//
// RFC 6189, Section 4.7.2.1: ZRTPSess = KDF(ZRTPSess, "New ZRTP Session", (ZIDi ||
// ZIDr), negotiated hash length). The roles are those of the exchange that made
// it, as they are for all of the session.
func (k *SessionKey) replace() {
	if k.present() {
		k.value = k.consume("New ZRTP Session", k.suite.hashLen())
	}
}

// consume derives from ZRTPSess, outside of any stream, and wipes it.
func (k *SessionKey) consume(label string, size int) secret.Bytes {
	defer k.value.Wipe()
	return deriveOnce(k.suite, k.value, kdfContext(k.initiator, k.responder, nil), label, size)
}

// newSessionKey is what the exchange leaves for further streams.
func (s *Session) newSessionKey() *SessionKey {
	initiator, responder := s.zids()
	return &SessionKey{
		value: s.x.keys.session.Clone(),
		own:   s.cfg.ZID, peer: ZID(s.peer.hello.ZID),
		initiator: initiator, responder: responder,
		suite:    s.x.suite,
		verified: s.verified(),
		nonces:   map[[nonceLen]byte]bool{},
	}
}

// zids are those of the initiator and of the responder.
func (s *Session) zids() (initiator, responder ZID) {
	if s.x.role == Initiator {
		return s.cfg.ZID, ZID(s.peer.hello.ZID)
	}
	return ZID(s.peer.hello.ZID), s.cfg.ZID
}

// wantsSession tells whether ZRTPSess may be of use to this call: for further streams,
// or to trust a PBX.
func (s *Session) wantsSession() bool { return s.keepsSession() || s.peer.hello.MiTM }

// keepsSession tells whether ZRTPSess lasts as long as the call.
func (s *Session) keepsSession() bool { return s.cfg.Multistream || s.cfg.AllowClear }

// Join gives a further stream (Config.Further) the key of the call's first one. It
// may come before Start or at any time after; until then the stream exchanges
// Hellos and neither commits nor answers a Commit.
//
// RFC 6189, Section 4.4.3: The DH exchange or Preshared exchange MUST be completed
// for the first media stream before Multistream mode is used.
func (s *Session) Join(now time.Time, key *SessionKey) error {
	switch {
	case !s.cfg.Further || s.key != nil:
		return errNotFurther
	case !key.present():
		return ErrNoSessionKey
	case key.own != s.cfg.ZID:
		return errOtherZID
	}
	s.key = key
	if s.state == stateHelloACK {
		secret.Do(func() { s.handle(now, s.commitFurther(now)) })
	}
	return nil
}

// waitsForKey tells whether a further stream has no key yet.
func (s *Session) waitsForKey() bool { return s.cfg.Further && s.key == nil }

// commitFurther commits to Multistream mode, if the peer can be a further stream of
// the one that we know.
//
// RFC 6189, Section 4.4.3: a ZRTP endpoint MUST use the same ZID for all media
// streams, matching the ZID used in the first media stream.
func (s *Session) commitFurther(now time.Time) error {
	if fault := s.judgeZID(s.peer.hello); fault != nil {
		return fault
	}
	if !slices.Contains(s.peer.hello.KeyAgreements, wire.Mult) {
		return protocolError(wire.CodeKeyAgreement, errors.New("the other end cannot key a further stream"))
	}
	s.x.suite = s.key.suite.multistream()
	return s.commit(now)
}

// judgeZID compares the peer with that of the first stream, if there is one.
func (s *Session) judgeZID(h wire.Hello) *ProtocolError {
	if s.key != nil && s.key.peer != ZID(h.ZID) {
		return protocolError(wire.CodeHelloMismatch, errors.New("this stream's other end is not that of the first stream"))
	}
	return nil
}

// multistream is the suite of a further stream.
//
// RFC 6189, Section 4.4.3.1: The Cipher Type, Auth Tag Length, and Hash in
// Multistream mode SHOULD be set by the initiator to the same as the values as in
// the initial DH Mode Commit.
func (s suite) multistream() suite {
	s.keyAgreement = wire.Mult
	return s
}

// skipsDH tells whether the exchange has no DHParts: Confirm1 answers the Commit.
func (s suite) skipsDH() bool { return s.keyAgreement == wire.Mult || s.keyAgreement == wire.Prsh }

// newNonceCommit makes a Commit that commits to nothing but a nonce, and derives
// the keys that we have if the peer follows.
func (s *Session) newNonceCommit() ([]byte, error) {
	if _, err := io.ReadFull(s.cfg.Rand, s.x.nonce[:]); err != nil {
		return nil, err
	}
	c := wire.Commit{
		H2:           s.chain.h2,
		ZID:          s.cfg.ZID,
		Hash:         s.x.suite.hash,
		Cipher:       s.x.suite.cipher,
		AuthTag:      s.x.suite.authTag,
		KeyAgreement: s.x.suite.keyAgreement,
		SAS:          s.x.suite.sas,
		Nonce:        s.x.nonce,
	}
	s.x.role = Initiator
	if s.x.suite.keyAgreement == wire.Prsh {
		var key secret.Bytes
		key, c.KeyID = s.commitPreshared()
		s.x.commit = seal(c.Append(nil), s.chain.h1)
		s.derivePreshared(key)
		return s.x.commit, nil
	}
	if !s.key.present() || !s.key.spend(s.x.nonce) {
		return nil, ErrNoSessionKey
	}
	s.x.commit = seal(c.Append(nil), s.chain.h1)
	s.deriveStream()
	return s.x.commit, nil
}

// answerMultistream answers the peer's Commit with Confirm1.
func (s *Session) answerMultistream(now time.Time, c wire.Commit, msg []byte) (state, error) {
	if fault := s.judgeMultistream(c); fault != nil {
		return s.state, fault
	}
	s.follow(c, msg, s.key.suite.multistream())
	s.deriveStream()
	return s.answerCommit(now)
}

// judgeMultistream checks a Multistream Commit against the first stream. That of
// another suite is refused: a peer that follows the SHOULD of Section 4.4.3.1 does
// not send it.
func (s *Session) judgeMultistream(c wire.Commit) *ProtocolError {
	for _, choice := range []struct {
		chosen, first wire.Algorithm
		code          wire.ErrorCode
	}{
		{c.Hash, s.key.suite.hash, wire.CodeHash},
		{c.Cipher, s.key.suite.cipher, wire.CodeCipher},
		{c.AuthTag, s.key.suite.authTag, wire.CodeAuthTag},
	} {
		if choice.chosen != choice.first {
			return protocolError(choice.code, fmt.Errorf("the Commit chose %q, the first stream has %q", choice.chosen, choice.first))
		}
	}
	// RFC 6189, Section 4.4.3.1: If a Commit is received with a reused nonce value,
	// the ZRTP exchange MUST be immediately terminated.
	if !s.key.spend(c.Nonce) {
		return protocolError(wire.CodeNonceReuse, nil)
	}
	return nil
}

// follow takes the peer's Commit for the one in force.
func (s *Session) follow(c wire.Commit, msg []byte, chosen suite) {
	s.timer = retransmission{}
	s.x.wipe()
	s.peer.h2 = c.H2
	s.x = exchange{role: Responder, suite: chosen, commit: bytes.Clone(msg), hvi: c.HVI}
}

// answerCommit sends Confirm1 where there are no DHParts.
func (s *Session) answerCommit(now time.Time) (state, error) {
	confirm1, err := s.newConfirm()
	if err != nil {
		return s.state, err
	}
	s.respond(now, s.x.commit, confirm1)
	return stateConfirm1, nil
}

// deriveStream computes the keys of a further stream.
//
// RFC 6189, Section 4.4.3.2: s0 = KDF(ZRTPSess, "ZRTP MSK", KDF_Context,
// negotiated hash length)
func (s *Session) deriveStream() {
	context := s.nonceContext()
	s0 := deriveOnce(s.x.suite, s.key.value, context, "ZRTP MSK", s.x.suite.hashLen())
	s.x.keys.wipe()
	s.x.keys = newKDF(s.x.suite, s0, context).streamSchedule()
}

// nonceContext is the KDF_Context where both ends' nonces are the one in the Commit
// and H3 in the responder's Hello.
//
// RFC 6189, Section 4.4.3.2: total_hash = hash(Hello of responder || Commit)
func (s *Session) nonceContext() []byte {
	responderHello := s.peer.raw
	if s.x.role == Responder {
		responderHello = s.hello
	}
	initiator, responder := s.zids()
	return kdfContext(initiator, responder, s.x.suite.sum(responderHello, s.x.commit))
}

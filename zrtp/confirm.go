package zrtp

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"io"
	"time"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// newConfirm makes our Confirm1 or Confirm2.
func (s *Session) newConfirm() ([]byte, error) {
	own, _ := s.x.keys.of(s.x.role)
	c := wire.Confirm{Part: 1}
	if s.x.role == Initiator {
		c.Part = 2
	}
	if _, err := io.ReadFull(s.cfg.Rand, c.IV[:]); err != nil {
		return nil, err
	}
	inner := wire.Confirmed{
		H0:         s.chain.h0,
		Verified:   s.verified(),
		AllowClear: s.cfg.AllowClear,
		Expiry:     interval(s.cfg.Expiry),
	}
	if s.x.suite.keyAgreement == wire.Mult {
		// RFC 6189, Section 4.9: If the ZRTP exchange is Multistream mode, the field in
		// the Confirm1 and Confirm2 is set to 0xffffffff and is ignored. V is ignored
		// too; it is the first stream's for those who do not.
		inner.Expiry, inner.Verified = wire.ExpiryNever, s.key.verified
	}
	encrypted, err := cfb(own.zrtp, c.IV, inner.Append(nil), true)
	if err != nil {
		return nil, err
	}
	c.Encrypted = encrypted
	c.MAC = s.confirmMAC(own.mac, encrypted)
	return c.Append(nil), nil
}

// verified is our V flag. It speaks of a secret that both ends still share.
//
// RFC 6189, Section 7.1: each party sends the SAS Verified flag from the
// previous session in the Confirm message of the current session.
func (s *Session) verified() bool { return s.memory.verified && s.x.matched.present() }

// confirmMAC is the confirm_mac.
//
// RFC 6189, Section 4.6: confirm_mac = MAC(mackey, encrypted part)
func (s *Session) confirmMAC(key secret.Bytes, encrypted []byte) (sum [macLen]byte) {
	copy(sum[:], macOnce(s.x.suite.newHash, key.Expose(), encrypted))
	return sum
}

// openConfirm checks the peer's Confirm and returns its inner part, which
// nothing else can give.
func (s *Session) openConfirm(msg []byte) (wire.Confirmed, error) {
	c, err := wire.ParseConfirm(msg)
	if err != nil {
		return wire.Confirmed{}, err
	}
	_, peer := s.x.keys.of(s.x.role)
	plain, err := cfb(peer.zrtp, c.IV, c.Encrypted, false)
	if err != nil {
		return wire.Confirmed{}, err
	}
	defer clear(plain)
	h0 := [32]byte(plain[:32])
	mac := s.confirmMAC(peer.mac, c.Encrypted)
	switch genuine := s.linksTo(h0); {
	case !hmac.Equal(mac[:], c.MAC[:]) && genuine:
		return wire.Confirmed{}, protocolError(wire.CodeBadConfirmMAC, ErrMessageMAC)
	case !hmac.Equal(mac[:], c.MAC[:]):
		// A stranger's, or the keys differ: only time can tell.
		return wire.Confirmed{}, doubtful{protocolError(wire.CodeBadConfirmMAC, nil)}
	case !genuine:
		return wire.Confirmed{}, protocolError(wire.CodeBadConfirmMAC, errors.New("wrong hash preimage under a good MAC"))
	}
	if !s.provesEarlier(h0) {
		return wire.Confirmed{}, protocolError(wire.CodeBadConfirmMAC, ErrMessageMAC)
	}
	return wire.ParseConfirmed(plain)
}

// linksTo tells whether an H0 is the beginning of the peer's hash chain.
//
// RFC 6189, Section 9: An analogous interpolation is performed by both parties to
// handle the skipped DHPart1 and DHPart2 messages in Preshared or Multistream
// modes.
func (s *Session) linksTo(h0 [32]byte) bool {
	if s.x.suite.skipsDH() {
		h1 := implicitHash(h0[:])
		return isPreimage(implicitHash(h1[:]), s.peer.hello.H3)
	}
	return isPreimage(h0, s.peer.h1)
}

// provesEarlier checks the MAC of the peer's message before its Confirm, whose key
// the Confirm has brought: that of its DHPart, or, where there is none, that of its
// Commit, or of its Hello.
func (s *Session) provesEarlier(h0 [32]byte) bool {
	h1 := implicitHash(h0[:])
	switch {
	case !s.x.suite.skipsDH() && s.x.role == Initiator:
		return isSealed(s.x.dhPart1, h0)
	case !s.x.suite.skipsDH():
		return isSealed(s.x.dhPart2, h0)
	case s.x.role == Initiator:
		return isSealed(s.peer.raw, implicitHash(h1[:]))
	default:
		return isSealed(s.x.commit, h1)
	}
}

// waitConfirm1: our DHPart2 is out, or our Commit where there are none.
func (s *Session) waitConfirm1(now time.Time, msg []byte) (state, error) {
	if wire.TypeOf(msg) != wire.TypeConfirm1 {
		return s.state, errUnused
	}
	confirmed, err := s.openConfirm(msg)
	if err != nil {
		return s.state, err
	}
	confirm2, err := s.newConfirm()
	if err != nil {
		return s.state, err
	}
	s.acknowledged()
	s.x.confirmed = confirmed
	s.keysAgreed(now)
	s.request(now, confirm2)
	return stateConfirm2, nil
}

// waitConfirm2: our Confirm1 is out.
func (s *Session) waitConfirm2(now time.Time, msg []byte) (state, error) {
	if wire.TypeOf(msg) == wire.TypeCommit {
		return s.state, s.judgeSecondCommit(msg)
	}
	if wire.TypeOf(msg) != wire.TypeConfirm2 {
		return s.state, errUnused
	}
	confirmed, err := s.openConfirm(msg)
	if err != nil {
		return s.state, err
	}
	s.x.confirmed = confirmed
	s.keysAgreed(now)
	s.respond(now, bytes.Clone(msg), wire.Conf2ACK{}.Append(nil))
	s.secure()
	return stateSecure, nil
}

// waitConf2ACK: our Confirm2 is out.
func (s *Session) waitConf2ACK(_ time.Time, msg []byte) (state, error) {
	if wire.TypeOf(msg) != wire.TypeConf2ACK {
		return s.state, errUnused
	}
	if _, err := wire.ParseConf2ACK(msg); err != nil {
		return s.state, err
	}
	s.secure()
	return stateSecure, nil
}

// ReceivedSRTP tells that an SRTP packet of the peer's has authenticated.
//
// RFC 6189, Section 4.6: The initiator MUST treat the first valid SRTP media
// from the responder as equivalent to receiving a Conf2ACK.
func (s *Session) ReceivedSRTP(time.Time) {
	if s.state == stateConfirm2 {
		s.secure()
		s.state = stateSecure
	}
}

// keysAgreed hands out the keys.
//
// The initiator does so on Confirm1: the responder's SRTP may overtake its
// Conf2ACK. The responder on Confirm2, for the initiator sends nothing before it
// knows that Confirm2 arrived, and the responder must not either.
func (s *Session) keysAgreed(now time.Time) {
	// RFC 6189, Section 4.9: The actual cache interval used by both endpoints is
	// the minimum of the values from the Confirm1 and Confirm2 messages. [It] is
	// relative to when the Confirm1 message is sent or received.
	s.x.interval = min(interval(s.cfg.Expiry), s.x.confirmed.Expiry)
	s.x.confirmedAt = now
	if s.x.mismatched {
		s.emit(Mismatch{})
	}
	if s.memory.aux.Present() && !s.x.auxMatched && s.x.suite.keyAgreement != wire.Mult {
		s.emit(AuxMismatch{})
	}
	send, receive := s.x.keys.handOut(s.x.role)
	s.emit(KeysAgreed{Keys{Send: send, Receive: receive, TagBits: s.x.suite.tagBits()}})
	s.agreeOnClear()
	s.keepRelay()
	s.x.keys.wipeConfirm()
}

// secure ends the exchange well.
func (s *Session) secure() {
	if s.x.suite.keyAgreement == wire.Mult {
		s.streamSecure()
	} else {
		s.firstSecure()
	}
	s.quiesce()
	chain := s.chain
	s.wipe()
	if s.clear.allowed {
		// RFC 6189, Section 9: Although the same chain of hash images will be reused
		// [to return to secure mode], no real harm is done.
		s.chain = chain
	}
}

// streamSecure tells of a further stream. What it says about V goes unheard.
func (s *Session) streamSecure() {
	s.emit(StreamSecure{
		Role:      s.x.role,
		Hash:      s.x.suite.hash.Name(),
		Cipher:    s.x.suite.cipher.Name(),
		AuthTag:   s.x.suite.authTag.Name(),
		Disclosed: s.x.confirmed.Disclosure,
	})
}

// firstSecure tells of the first stream, and of all that the call leaves.
func (s *Session) firstSecure() {
	if s.keepsSession() {
		s.key = s.newSessionKey()
	}
	s.emit(Secure{
		Role:         s.x.role,
		SAS:          renderSAS(s.x.suite.sas, s.x.keys.sas),
		KeyAgreement: s.x.suite.keyAgreement.Name(),
		Hash:         s.x.suite.hash.Name(),
		Cipher:       s.x.suite.cipher.Name(),
		AuthTag:      s.x.suite.authTag.Name(),
		SASType:      s.x.suite.sas.Name(),
		Continuity:   s.x.matched.present(),
		Known:        s.memory.known(),
		Verified:     s.verified() && s.x.confirmed.Verified,
		PeerVerified: s.x.confirmed.Verified,
		Disclosed:    s.x.confirmed.Disclosure,
		Peer:         ZID(s.peer.hello.ZID),
		Remember:     s.remember(),
		Mismatched:   s.x.mismatched,
		SessionKey:   s.key,
		AuxMatched:   s.x.auxMatched,
	})
	s.offerEnrolment()
}

// remember is what the call leaves (Section 4.6.1).
func (s *Session) remember() Retained {
	fresh := s.x.keys.retained.Clone()
	if s.x.suite.keyAgreement == wire.Prsh {
		return s.memory.updatePreshared(fresh, s.x.confirmedAt, s.x.interval)
	}
	r := s.memory.update(fresh, s.x.matched, s.x.confirmedAt, s.x.interval)
	if r.RS1.Present() {
		r.RequestKey = s.x.keys.request.Clone()
	}
	return r
}

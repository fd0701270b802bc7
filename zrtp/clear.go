package zrtp

import (
	"crypto/hmac"
	"errors"
	"slices"
	"time"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// What GoClear and GoSecure may return.
var (
	// ErrClearNotAllowed: the call is not secure, or not both ends allow it to go
	// clear.
	ErrClearNotAllowed = errors.New("zrtp: not both ends allow a call without encryption")
	// ErrNotClear: there is no clear call to make secure.
	ErrNotClear = errors.New("zrtp: the call has not gone clear")
)

// clearing is what a secure session keeps to go clear by.
type clearing struct {
	// allowed: both A flags are set.
	allowed bool
	// own and peer are the clear_mac of either end. They differ, so that nobody can
	// reflect one (Section 4.5.3).
	own, peer [macLen]byte
}

// agreeOnClear looks whether both ends allow GoClear, and computes the MACs while
// their keys are there.
//
// RFC 6189, Section 7.3.1: If a received Confirm message has the (E) flag set, the
// (A) flag MUST be disregarded and treated as false.
func (s *Session) agreeOnClear() {
	s.clear = clearing{}
	if !s.cfg.AllowClear || !s.x.confirmed.AllowClear || s.x.confirmed.Enrollment {
		return
	}
	own, peer := s.x.keys.of(s.x.role)
	s.clear = clearing{allowed: true, own: s.clearMAC(own), peer: s.clearMAC(peer)}
}

// clearMAC is the clear_mac.
//
// RFC 6189, Section 4.7.2: clear_mac = MAC(mackey, "GoClear ")
func (s *Session) clearMAC(side sideKeys) [macLen]byte {
	return s.confirmMAC(side.mac, []byte(wire.TypeGoClear))
}

// GoClear asks the other end to go on without encryption. The owner stops sending
// SRTP before it calls it; Cleared says when the other end knows.
func (s *Session) GoClear(now time.Time) error {
	if s.state != stateSecure || !s.clear.allowed {
		return ErrClearNotAllowed
	}
	s.state = stateClearing
	s.request(now, wire.GoClear{MAC: s.clear.own}.Append(nil))
	return nil
}

// receiveGoClear refuses to leave the secure state, unless both ends have said that
// they allow it.
//
// RFC 6189, Section 4.7.2: If a GoClear message is received with a bad MAC,
// ClearACK MUST NOT be sent and the GoClear MUST NOT be acted on by the recipient.
func (s *Session) receiveGoClear(msg []byte) {
	g, err := wire.ParseGoClear(msg)
	if err != nil || !s.state.confirmed() {
		return
	}
	if !s.clear.allowed {
		s.transmit(wire.Error{Code: wire.CodeGoClearRefused}.Append(nil))
		return
	}
	if !hmac.Equal(g.MAC[:], s.clear.peer[:]) {
		return
	}
	s.transmit(wire.ClearACK{}.Append(nil))
	if s.state != stateClear {
		s.becomeClear(true)
	}
}

// receiveClearACK ends the repetition of our GoClear.
func (s *Session) receiveClearACK(msg []byte) {
	if _, err := wire.ParseClearACK(msg); err == nil && s.state == stateClearing {
		s.becomeClear(false)
	}
}

// becomeClear leaves the secure state. The keys of SRTP are their owner's to wipe.
//
// RFC 6189, Section 4.7.2.1: All key material that would have been erased at the
// end of the SIP session MUST be erased, with the single exception of ZRTPSess.
func (s *Session) becomeClear(byPeer bool) {
	s.quiesce()
	s.x.wipe()
	s.relay.wipe()
	s.key.replace()
	s.state = stateClear
	s.emit(Cleared{ByPeer: byPeer})
}

// GoSecure begins to encrypt again, in Multistream mode, for which the Hellos of
// the call's beginning still serve. KeysAgreed and StreamSecure follow, or Failed.
//
// RFC 6189, Section 4.7.2.1: A new key negotiation after a GoClear SHOULD use a
// Multistream Commit message.
func (s *Session) GoSecure(now time.Time) error {
	if s.state != stateClear || !slices.Contains(s.peer.hello.KeyAgreements, wire.Mult) {
		return ErrNotClear
	}
	if !s.key.present() {
		return ErrNoSessionKey
	}
	s.x = exchange{suite: s.key.suite.multistream()}
	secret.Do(func() {
		err := s.commit(now)
		if err != nil {
			s.state = stateCommit // from which it can fail
		}
		s.handle(now, err)
	})
	return nil
}

// waitGoSecure: the call has gone clear. The peer may want to go back.
func (s *Session) waitGoSecure(now time.Time, msg []byte) (state, error) {
	if wire.TypeOf(msg) != wire.TypeCommit || !s.key.present() {
		return s.state, errUnused
	}
	next, err := s.receiveCommit(now, msg)
	if err != nil {
		return s.state, errUnused // there is no exchange that it could end
	}
	s.patience = now.Add(responderPatience)
	return next, nil
}

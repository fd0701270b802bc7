package zrtp

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"slices"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// pbxSecretLen is the length of a pbxsecret in octets.
const pbxSecretLen = 32

// ErrNoEnrolment: the other end is no PBX that offered to enrol.
var ErrNoEnrolment = errors.New("zrtp: there is no enrolment to accept")

// relay is what a secure session keeps for a peer that may relay the SAS of somebody
// else. Where the peer's Hello does not say so (M), it is empty.
type relay struct {
	// trusted: the pbxsecret matched, so the user has enrolled with this PBX.
	trusted bool
	peer    sideKeys // mac and zrtp
	sas     uint32
	// question is the last SASrelay, answer what we answered.
	question, answer []byte
}

func (r *relay) wipe() {
	r.peer.mac.Wipe()
	r.peer.zrtp.Wipe()
	*r = relay{}
}

// keepRelay keeps the peer's keys for a SASrelay.
//
// RFC 6189, Section 5.13: This MAC is keyed the same way as the confirm_mac in the
// Confirm messages.
func (s *Session) keepRelay() {
	if !s.peer.hello.MiTM || s.x.suite.keyAgreement == wire.Mult {
		return
	}
	_, peer := s.x.keys.of(s.x.role)
	s.relay = relay{
		trusted: s.x.pbxMatched,
		peer:    sideKeys{mac: peer.mac.Clone(), zrtp: peer.zrtp.Clone()},
		sas:     s.x.keys.sas,
	}
}

// receiveSASRelay shows a relayed SAS only if a PBX sent it that the user trusts.
//
// RFC 6189, Section 7.3: The receiver absolutely MUST NOT render the relayed SAS if it
// does not come from a specially trusted ZRTP endpoint.
func (s *Session) receiveSASRelay(msg []byte) {
	r, err := wire.ParseSASRelay(msg)
	switch {
	case err != nil || s.state != stateSecure:
		return
	case !s.peer.hello.MiTM:
		// RFC 6189, Section 5.13: If the receiver of the SASrelay message did not
		// previously receive a Hello message with the MiTM (M) flag set, the Relayed SAS
		// SHOULD NOT be rendered. A RelayACK is still sent, but no Error message is sent.
		s.transmit(wire.RelayACK{}.Append(nil))
		return
	case bytes.Equal(msg, s.relay.question):
		s.transmit(s.relay.answer)
		return
	}
	relayed, err := s.openRelay(r)
	if err != nil {
		return
	}
	s.relay.question, s.relay.answer = bytes.Clone(msg), s.judgeRelay(relayed)
	s.transmit(s.relay.answer)
}

// openRelay checks a SASrelay and returns its inner part.
func (s *Session) openRelay(r wire.SASRelay) (wire.Relayed, error) {
	if !s.relay.peer.mac.Present() {
		return wire.Relayed{}, errUnused
	}
	mac := s.confirmMAC(s.relay.peer.mac, r.Encrypted)
	if !hmac.Equal(mac[:], r.MAC[:]) {
		return wire.Relayed{}, errUnused
	}
	plain, err := cfb(s.relay.peer.zrtp, r.IV, r.Encrypted, false)
	if err != nil {
		return wire.Relayed{}, err
	}
	return wire.ParseRelayed(plain)
}

// judgeRelay decides what is shown, and returns the answer.
func (s *Session) judgeRelay(r wire.Relayed) []byte {
	readable := slices.Contains(s.offer.sasTypes, r.SAS)
	switch {
	case r.SASHash == [32]byte{}:
		// RFC 6189, Section 7.3: The unenrolled party will ignore the relayed SAS field,
		// but will use the specified SAS rendering scheme.
		if readable {
			s.emit(RelayedSAS{SAS: renderSAS(r.SAS, s.relay.sas), SASType: r.SAS.Name(), Own: true})
		}
	case !s.relay.trusted:
		return wire.Error{Code: wire.CodeUntrustedRelay}.Append(nil)
	default:
		// RFC 6189, Section 5.13: These flags are updated values to the same flags
		// provided earlier in the Confirm message. They can take a permission away;
		// only our own user gives one.
		s.clear.allowed = s.clear.allowed && r.AllowClear
		if readable {
			s.emit(RelayedSAS{
				SAS: renderSAS(r.SAS, r.SASValue()), SASType: r.SAS.Name(),
				PeerVerified: r.Verified, Disclosed: r.Disclosure,
			})
		}
	}
	return wire.RelayACK{}.Append(nil)
}

// offerEnrolment keeps the pbxsecret of a PBX that wishes to enrol, until the user
// has decided.
//
// RFC 6189, Section 7.3.1: pbxsecret = KDF(ZRTPSess, "Trusted MiTM key", (ZIDi ||
// ZIDr), 256)
func (s *Session) offerEnrolment() {
	if !s.x.confirmed.Enrollment || !s.peer.hello.MiTM {
		return
	}
	s.enrolment = s.newSessionKey().consume("Trusted MiTM key", pbxSecretLen)
	s.emit(Enrolment{PBX: ZID(s.peer.hello.ZID)})
}

// AcceptEnrolment is the user's consent to trust this PBX: it may sit in the middle of
// all later calls through it and say which SAS is shown. It returns the pbxsecret for
// Retained.PBXSecret of the PBX's ZID, from which Retained.RevokeEnrolment takes it
// again. Ask the user in so many words, and only after the SAS of this call has been
// compared.
//
// RFC 6189, Section 7.3.1: An endpoint MUST NOT store the pbxsecret in the cache
// without explicit user authorization.
func (s *Session) AcceptEnrolment() (secret.Bytes, error) {
	if !s.enrolment.Present() || !s.state.confirmed() {
		return secret.Bytes{}, ErrNoEnrolment
	}
	accepted := s.enrolment
	s.enrolment = secret.Bytes{}
	return accepted, nil
}

// RevokeEnrolment takes back the user's trust in a PBX. It holds from the next call
// on, once it is stored.
func (r *Retained) RevokeEnrolment() {
	r.PBXSecret.Wipe()
	r.PBXSecret = secret.Bytes{}
}

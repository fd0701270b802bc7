package zrtp

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// newDHPart makes our DHPart1 or DHPart2.
func (s *Session) newDHPart(role Role) ([]byte, error) {
	part, label := 1, labelResponder
	if role == Initiator {
		part, label = 2, labelInitiator
	}
	ids, err := s.memory.ids(s.idInput(role), label, s.cfg.Rand)
	if err != nil {
		return nil, err
	}
	return seal(wire.DHPart{
		Part:        part,
		H1:          s.chain.h1,
		RS1ID:       ids.rs1,
		RS2ID:       ids.rs2,
		AuxID:       ids.aux,
		PBXID:       ids.pbx,
		PublicValue: s.x.ka.public(),
	}.Append(nil), s.chain.h0), nil
}

// idInput is what the ids of secrets are made of, in our role.
func (s *Session) idInput(own Role) idInput {
	x := idInput{suite: s.x.suite, h3i: s.chain.h3, h3r: s.peer.hello.H3}
	if own == Responder {
		x.h3i, x.h3r = x.h3r, x.h3i
	}
	return x
}

// receiveDHPart1 makes us initiator and answers with DHPart2.
func (s *Session) receiveDHPart1(now time.Time, msg []byte) (state, error) {
	d, err := wire.ParseDHPart(msg)
	if err != nil {
		return s.state, err
	}
	// RFC 6189, Section 9: since H2 is sent in the Commit message, and the
	// initiator does not receive a Commit message, the initiator computes the
	// responder's missing H2 by hashing the responder's H1.
	h2 := implicitHash(d.H1[:])
	if !isPreimage(h2, s.peer.hello.H3) {
		return s.state, errUnused
	}
	if !isSealed(s.peer.raw, h2) {
		return s.state, protocolError(wire.CodeHelloMismatch, ErrMessageMAC)
	}
	result, fault := s.agree(d)
	if fault != nil {
		return s.state, fault
	}
	s.acknowledged()
	s.peer.h2, s.peer.h1 = h2, d.H1
	s.x.role = Initiator
	s.x.dhPart1 = bytes.Clone(msg)
	s.request(now, s.x.dhPart2)
	s.derive(d, result)
	return stateDHPart2, nil
}

// waitDHPart2: our DHPart1 is out.
func (s *Session) waitDHPart2(now time.Time, msg []byte) (state, error) {
	switch wire.TypeOf(msg) {
	case wire.TypeCommit:
		return s.state, s.judgeSecondCommit(msg)
	case wire.TypeDHPart2:
		return s.receiveDHPart2(now, msg)
	default:
		return s.state, errUnused
	}
}

// receiveDHPart2 answers with Confirm1.
func (s *Session) receiveDHPart2(now time.Time, msg []byte) (state, error) {
	d, err := wire.ParseDHPart(msg)
	if err != nil {
		return s.state, err
	}
	if !isPreimage(d.H1, s.peer.h2) {
		return s.state, errUnused
	}
	if fault := s.judgeDHPart2(d, msg); fault != nil {
		return s.state, fault
	}
	result, fault := s.agree(d)
	if fault != nil {
		return s.state, fault
	}
	s.peer.h1 = d.H1
	s.x.dhPart2 = bytes.Clone(msg)
	s.derive(d, result)
	confirm1, err := s.newConfirm()
	if err != nil {
		return s.state, err
	}
	s.respond(now, s.x.dhPart2, confirm1)
	return stateConfirm1, nil
}

// judgeDHPart2 checks that the initiator kept what it committed to. Without this
// an attacker could try public values until both SAS are equal (CVE-2016-6271).
//
// RFC 6189, Section 4.4.1.2: If they are different, a MiTM attack is taking
// place and the user is alerted and the protocol exchange terminated.
func (s *Session) judgeDHPart2(d wire.DHPart, msg []byte) *ProtocolError {
	if !isSealed(s.x.commit, d.H1) {
		return protocolError(wire.CodeBadCommitment, ErrMessageMAC)
	}
	if commitment(s.x.suite, msg, s.hello) != s.x.hvi {
		return protocolError(wire.CodeBadCommitment, errors.New("someone is in the middle of this call"))
	}
	return nil
}

// peerValueLen is the length of what the peer's DHPart carries.
func (x *exchange) peerValueLen() int {
	k, ok := x.suite.kem()
	switch {
	case !ok:
		return x.suite.publicLen()
	case x.role == Responder:
		return wire.NonceLen
	default:
		return k.ciphertextLen()
	}
}

// agree computes the DHResult, or in KEM mode what takes its place. Our half is used up by it, whatever comes of it.
func (s *Session) agree(d wire.DHPart) (secret.Bytes, *ProtocolError) {
	if want := s.x.peerValueLen(); len(d.PublicValue) != want {
		cause := fmt.Errorf("a public value of %d octets instead of %d", len(d.PublicValue), want)
		return secret.Bytes{}, protocolError(s.x.suite.wrongLength(), cause)
	}
	defer s.x.ka.wipe()
	result, err := s.x.ka.agree(d.PublicValue)
	if err != nil {
		// RFC 6189, Section 4.4.1.2: the user SHOULD be alerted of the attack and
		// the protocol exchange MUST be terminated.
		return secret.Bytes{}, protocolError(wire.CodeBadPublicValue, err)
	}
	return result, nil
}

// derive computes all keys from the DHResult and wipes it.
//
// RFC 6189, Section 4.4.1.4: DHResult, s1, s2, and s3 MUST all be erased from
// memory immediately after they are used to calculate s0. The copy of s1 that
// stays here is the one that will be rs2.
func (s *Session) derive(d wire.DHPart, dhResult secret.Bytes) {
	defer dhResult.Wipe()
	s.x.matched = s.memory.match(s.idInput(s.x.role), s.x.role, d)
	// RFC 6189, Section 4.3.2: A shared secret cache mismatch is defined to mean
	// that we expected a cache match [...] but we computed a null value for s1.
	s.x.mismatched = s.memory.known() && !s.x.matched.present()
	s2, s3 := s.matchOthers(d)
	initiator, responder := s.zids()
	initiatorHello, responderHello := s.hello, s.peer.raw
	if s.x.role == Responder {
		initiatorHello, responderHello = responderHello, initiatorHello
	}
	if s.x.suite.bindsInitiator() {
		responderHello = slices.Concat(responderHello, initiatorHello)
	}
	keys := agreement{
		suite:     s.x.suite,
		dhResult:  dhResult,
		initiator: initiator,
		responder: responder,
		totalHash: totalHash(s.x.suite, responderHello, s.x.commit, s.x.dhPart1, s.x.dhPart2),
		s1:        s.x.matched.value,
		s2:        s2,
		s3:        s3,
	}.kdf()
	var request secret.Bytes
	if s.bothKarat() {
		request = keys.request(s.helloHashes())
	}
	s.x.keys = keys.schedule(s.wantsSession())
	s.x.keys.request = request
}

// helloHashes are the hashes of both Hellos, the initiator's first.
func (s *Session) helloHashes() []byte {
	ours, theirs := s.x.suite.sum(s.hello), s.x.suite.sum(s.peer.raw)
	if s.x.role == Initiator {
		return slices.Concat(ours, theirs)
	}
	return slices.Concat(theirs, ours)
}

// matchOthers finds s2 and s3; absent means null.
//
// RFC 6189, Section 4.3: s2 MUST be set to the value of auxsecret if and only if
// both parties have matching values for auxsecret, as determined by comparing
// the hashes of auxsecret sent in the DH messages. [The same for s3 and
// pbxsecret.]
func (s *Session) matchOthers(d wire.DHPart) (s2, s3 secret.Bytes) {
	label := labelInitiator // the peer's
	if s.x.role == Initiator {
		label = labelResponder
	}
	m := s.memory
	s.x.auxMatched = sameSecret(s.x.suite, m.aux, s.peer.hello.H3[:], d.AuxID)
	s.x.pbxMatched = sameSecret(s.x.suite, m.pbx, []byte(label), d.PBXID)
	if s.x.auxMatched {
		s2 = m.aux
	}
	if s.x.pbxMatched {
		s3 = m.pbx
	}
	return s2, s3
}

package zrtp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"karat/zrtp/wire"
)

// exchange is the state of one key agreement.
type exchange struct {
	role   Role
	suite  suite
	ka     keyAgreement
	kaFor  suite  // what ka was made for
	commit []byte // the Commit in force
	hvi    [32]byte
	nonce  [nonceLen]byte // in the place of hvi, in our own Commit
	// dhPart1 and dhPart2 are ours and the peer's, by their names.
	dhPart1, dhPart2 []byte
	keys             *keySchedule
	matched          retainedSecret // s1
	mismatched       bool
	// auxMatched and pbxMatched: s2 is auxsecret, s3 is pbxsecret.
	auxMatched, pbxMatched bool

	// question is the peer's last message, and answer what we answered.
	question, answer []byte

	// confirmed is what the peer's Confirm said, and interval the cache
	// expiration interval, counted from confirmedAt.
	confirmed   wire.Confirmed
	interval    uint32
	confirmedAt time.Time
}

// answers tells whether msg repeats the last question.
func (x *exchange) answers(msg []byte) bool {
	return x.answer != nil && bytes.Equal(msg, x.question)
}

func (x *exchange) wipe() {
	if x.ka != nil {
		x.ka.wipe()
		x.ka = nil
	}
	x.keys.wipe()
	x.keys = nil
	clear(x.confirmed.H0[:])
}

// answerHello sends HelloACK, and a Commit too unless it has to wait: nothing
// else is gained by waiting.
//
// RFC 6189, Section 5.3: A Commit message may be sent in place of a HelloACK by
// an Initiator, if a Commit message is ready to be sent promptly.
func (s *Session) answerHello(now time.Time) error {
	s.transmit(wire.HelloACK{}.Append(nil))
	if s.waitsForKey() {
		s.state = stateHelloACK
		return nil
	}
	if s.cfg.Further {
		return s.commitFurther(now)
	}
	s.x.suite = s.choose()
	if s.x.suite.keyAgreement.KEM() && !s.returnPath() {
		s.state = stateHelloACK
		return nil
	}
	return s.commit(now)
}

// waitReturnPath: we would commit if we knew that the peer hears us, or had the
// first stream's key. Its Commit says so, and leaves nothing to contend for; one
// that comes before the key is left to be repeated.
func (s *Session) waitReturnPath(now time.Time, msg []byte) (state, error) {
	if wire.TypeOf(msg) != wire.TypeCommit || s.waitsForKey() {
		return s.state, errUnused
	}
	next, err := s.receiveCommit(now, msg)
	if errors.Is(err, errUnused) && s.acked.acked { // not one to follow
		return stateCommit, s.commit(now)
	}
	return next, err
}

// commit sends our Commit.
func (s *Session) commit(now time.Time) error {
	commit, err := s.newCommit()
	if err != nil {
		return err
	}
	s.state = stateCommit
	s.request(now, commit)
	return nil
}

// newCommit makes our DHPart2 and commits to it.
func (s *Session) newCommit() ([]byte, error) {
	if s.x.suite.skipsDH() {
		return s.newNonceCommit()
	}
	if err := s.makeKeyAgreement(); err != nil {
		return nil, err
	}
	dhPart2, err := s.newDHPart(Initiator)
	if err != nil {
		return nil, err
	}
	s.x.dhPart2 = dhPart2
	s.x.hvi = commitment(s.x.suite, dhPart2, s.peer.raw)
	s.x.commit = seal(wire.Commit{
		H2:           s.chain.h2,
		ZID:          s.cfg.ZID,
		Hash:         s.x.suite.hash,
		Cipher:       s.x.suite.cipher,
		AuthTag:      s.x.suite.authTag,
		KeyAgreement: s.x.suite.keyAgreement,
		SAS:          s.x.suite.sas,
		HVI:          s.x.hvi,
		PublicKey:    s.x.publicKey(),
	}.Append(nil), s.chain.h1)
	return s.x.commit, nil
}

// publicKey is what a Commit for a KEM carries.
func (x *exchange) publicKey() []byte {
	if k, ok := x.ka.(*kemInitiator); ok {
		return k.key.public()
	}
	return nil
}

// makeKeyAgreement draws our half of the key agreement, unless we have one that
// fits. A key pair of a KEM fits no other Commit than its own.
//
// RFC 6189, Section 4.2: If a commit contention forces a DH Commit message to be
// discarded, the responder's DH public value should only be discarded if it does
// not match the initiator's DH key size.
func (s *Session) makeKeyAgreement() error {
	if s.x.ka != nil {
		if s.x.kaFor.keyAgreement == s.x.suite.keyAgreement && s.x.kaFor.keyLen() >= s.x.suite.keyLen() {
			return nil
		}
		s.x.ka.wipe()
	}
	ka, err := s.x.suite.newHalf(s.cfg.Rand)
	if err != nil {
		return err
	}
	s.x.ka, s.x.kaFor = ka, s.x.suite
	return nil
}

// newHalf draws an initiator's half of the key agreement; for Diffie-Hellman a
// responder's is no different.
func (s suite) newHalf(rand io.Reader) (keyAgreement, error) {
	if k, ok := s.kem(); ok {
		return newKEMInitiator(k, rand)
	}
	return newKeyAgreement(s, rand)
}

// answerKeyAgreement makes the responder's half.
func (s *Session) answerKeyAgreement(c wire.Commit) error {
	k, ok := s.x.suite.kem()
	if !ok {
		return s.makeKeyAgreement()
	}
	if want := k.publicKeyLen(); len(c.PublicKey) != want {
		cause := fmt.Errorf("a public key of %d octets instead of %d", len(c.PublicKey), want)
		return protocolError(wire.CodeMalformed, cause)
	}
	if !s.spendKEM() {
		return protocolError(wire.CodeServiceUnavailable, errors.New("this call has had its key work"))
	}
	if s.x.ka != nil {
		s.x.ka.wipe()
	}
	ka, err := newKEMResponder(k, s.cfg.Rand, c.PublicKey)
	if errors.Is(err, errPublicValue) {
		return protocolError(wire.CodeBadPublicValue, err)
	}
	if err != nil {
		return err
	}
	s.x.ka, s.x.kaFor = ka, s.x.suite
	return nil
}

// commitment is the hvi.
//
// RFC 6189, Section 4.4.1.1: hvi = hash(initiator's DHPart2 message ||
// responder's Hello message) [...] truncated to 256 bits.
func commitment(s suite, dhPart2, responderHello []byte) (hvi [32]byte) {
	copy(hvi[:], s.sum(dhPart2, responderHello))
	return hvi
}

// waitDHPart1: our Commit is out. Its answer makes us initiator; a Commit of the
// peer's that prevails makes us responder.
func (s *Session) waitDHPart1(now time.Time, msg []byte) (state, error) {
	switch typ := wire.TypeOf(msg); {
	case typ == wire.TypeCommit:
		return s.receiveCommit(now, msg)
	case typ == wire.TypeDHPart1 && !s.x.suite.skipsDH():
		return s.receiveDHPart1(now, msg)
	case typ == wire.TypeConfirm1 && s.x.suite.skipsDH():
		return s.waitConfirm1(now, msg)
	default:
		return s.state, errUnused
	}
}

// receiveCommit settles who is responder.
func (s *Session) receiveCommit(now time.Time, msg []byte) (state, error) {
	c, err := wire.ParseCommit(msg)
	if err != nil {
		return s.state, err
	}
	if !isPreimage(c.H2, s.peer.hello.H3) {
		return s.state, errUnused
	}
	s.doubt = doubt{} // only the peer can have sent it
	// RFC 6189, Section 6: Retransmission of a Hello ends upon receipt of a
	// HelloACK or Commit message.
	s.acknowledged()
	if fault := s.judgeCommit(c); fault != nil {
		return s.state, fault
	}
	if !s.prevails(c) {
		return s.state, errUnused
	}
	return s.becomeResponder(now, c, msg)
}

// acknowledged notes that the peer has our Hello.
func (s *Session) acknowledged() {
	s.acked = ackedBy{acked: true, ssrc: s.peer.ssrc}
	s.helloTimer = retransmission{}
}

// judgeCommit looks for faults in a Commit that came from the peer.
func (s *Session) judgeCommit(c wire.Commit) *ProtocolError {
	switch {
	case !isSealed(s.peer.raw, c.H2):
		return protocolError(wire.CodeHelloMismatch, ErrMessageMAC)
	case c.ZID != s.peer.hello.ZID:
		// RFC 6189, Section 5.4: the ZID MUST have the same value as was used in
		// the Hello message.
		return protocolError(wire.CodeHelloMismatch, errors.New("the Commit has another ZID"))
	case c.KeyAgreement == wire.Mult && !s.key.present():
		// RFC 6189, Section 4.4.3.1: if the responder does not have a ZRTP Session
		// Key available, the exchange MUST be terminated.
		return protocolError(wire.CodeNoSharedSecret, nil)
	case c.KeyAgreement != wire.Mult && s.key != nil:
		// RFC 6189, Section 4.2: If one Commit is for Multistream mode while the
		// other is for non-Multistream (DH or Preshared) mode, a software error has
		// occurred and the ZRTP negotiation should be terminated.
		return protocolError(wire.CodeSoftware, errors.New("a stream that is not the call's first began a key agreement of its own"))
	case c.KeyAgreement != wire.Prsh && c.KeyAgreement != wire.Mult && s.offer.weaker(s.peer.offer, c.KeyAgreement):
		return protocolError(wire.CodeKeyAgreement, ErrWeakerCommit)
	}
	return nil
}

// prevails decides contention: whether the peer's Commit goes before ours.
//
// RFC 6189, Section 4.2: if one Commit is for a DH mode while the other is for
// Preshared mode, then the Preshared Commit MUST be discarded; of two for Preshared
// mode that of the party who set the (M) flag MUST be discarded, which we never do;
// of two for DH modes the one with the lowest hvi value MUST be discarded, of two for
// non-DH modes that with the lowest nonce value.
func (s *Session) prevails(c wire.Commit) bool {
	ours, theirs := s.x.suite.keyAgreement == wire.Prsh, c.KeyAgreement == wire.Prsh
	switch {
	case s.state == stateHelloACK || s.state == stateClear:
		return true // none of ours is out
	case ours != theirs:
		return ours
	case theirs && s.peer.hello.MiTM:
		return false
	case theirs || c.KeyAgreement == wire.Mult:
		return bytes.Compare(c.Nonce[:], s.x.nonce[:]) > 0
	default:
		return bytes.Compare(c.HVI[:], s.x.hvi[:]) > 0
	}
}

// becomeResponder drops our Commit and answers the peer's.
func (s *Session) becomeResponder(now time.Time, c wire.Commit, msg []byte) (state, error) {
	switch c.KeyAgreement {
	case wire.Mult:
		return s.answerMultistream(now, c, msg)
	case wire.Prsh:
		return s.answerPreshared(now, c, msg)
	default:
	}
	chosen, fault := s.offer.accept(c)
	if fault != nil {
		return s.state, fault
	}
	s.timer = retransmission{}
	s.peer.h2 = c.H2
	s.x.keys.wipe() // those of a Preshared Commit of ours
	s.x.keys, s.x.auxMatched, s.x.pbxMatched = nil, false, false
	s.x.role, s.x.suite = Responder, chosen
	s.x.commit, s.x.hvi = bytes.Clone(msg), c.HVI
	if err := s.answerKeyAgreement(c); err != nil {
		return s.state, err
	}
	dhPart1, err := s.newDHPart(Responder)
	if err != nil {
		return s.state, err
	}
	s.x.dhPart1 = dhPart1
	s.respond(now, s.x.commit, dhPart1)
	return stateDHPart1, nil
}

// judgeSecondCommit ends the exchange on a Commit of the peer's other than the
// one that we have answered: it would be a second guess at the SAS. Who can make
// one has seen H2 pass by, and could end the call in other ways.
func (s *Session) judgeSecondCommit(msg []byte) error {
	c, err := wire.ParseCommit(msg)
	if err != nil || bytes.Equal(msg, s.x.commit) || !isPreimage(c.H2, s.peer.hello.H3) {
		return errUnused
	}
	return protocolError(wire.CodeBadCommitment, ErrSecondCommit)
}

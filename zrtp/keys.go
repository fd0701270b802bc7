package zrtp

import (
	"encoding/binary"
	"slices"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// agreement is all that goes into the shared secret s0 (Section 4.4.1.4).
type agreement struct {
	suite                suite
	dhResult             secret.Bytes
	initiator, responder ZID
	totalHash            []byte
	s1, s2, s3           secret.Bytes // absent: null
}

// totalHash binds the exchange together.
//
// RFC 6189, Section 4.4.1.4: total_hash = hash(Hello of responder || Commit ||
// DHPart1 || DHPart2).
func totalHash(s suite, responderHello, commit, dhPart1, dhPart2 []byte) []byte {
	return s.sum(responderHello, commit, dhPart1, dhPart2)
}

// bindsInitiator tells whether the initiator's Hello is in total_hash too, after
// the responder's. In version 1.10 it is not: the keys would be the same if it
// had been changed on its way, and with it what the responder believes that the
// initiator can do. X2M2 is spoken by nobody else, so that we may say what it
// means; see the package comment for why that is enough.
func (s suite) bindsInitiator() bool { return s.keyAgreement == wire.X2M2 }

// s0 computes the shared secret.
//
// RFC 6189, Section 4.4.1.4: s0 = hash(counter || DHResult || "ZRTP-HMAC-KDF" ||
// ZIDi || ZIDr || total_hash || len(s1) || s1 || len(s2) || s2 || len(s3) || s3)
func (a agreement) s0() secret.Bytes {
	length := func(s secret.Bytes) []byte { return binary.BigEndian.AppendUint32(nil, uint32(s.Len())) }
	return secret.Own(a.suite.secretSum(
		[]byte{0, 0, 0, 1},
		a.dhResult.Expose(),
		[]byte("ZRTP-HMAC-KDF"),
		a.initiator[:], a.responder[:],
		a.totalHash,
		length(a.s1), a.s1.Expose(),
		length(a.s2), a.s2.Expose(),
		length(a.s3), a.s3.Expose(),
	))
}

// kdf derives keys from s0 (Section 4.5.1).
type kdf struct {
	suite   suite
	s0      secret.Bytes
	mac     keyedMAC // keyed with s0
	context []byte
	input   []byte // room for what is hashed
}

func (a agreement) kdf() kdf {
	return newKDF(a.suite, a.s0(), kdfContext(a.initiator, a.responder, a.totalHash))
}

// newKDF owns the key: s0, or what an s0 is derived from.
func newKDF(s suite, key secret.Bytes, context []byte) kdf {
	return kdf{s, key, newMAC(s.newHash, key.Expose()), context, make([]byte, 0, 256)}
}

// deriveOnce computes one key from another, and leaves that as it is.
func deriveOnce(s suite, key secret.Bytes, context []byte, label string, size int) secret.Bytes {
	k := newKDF(s, key, context)
	defer k.mac.wipe()
	return k.derive(label, size)
}

// wipe ends the life of what keys are derived from.
func (k kdf) wipe() {
	k.s0.Wipe()
	k.mac.wipe()
}

// kdfContext is what every derivation of an exchange is bound to.
//
// RFC 6189, Section 4.4.1.4: KDF_Context = (ZIDi || ZIDr || total_hash)
func kdfContext(initiator, responder ZID, totalHash []byte) []byte {
	return slices.Concat(initiator[:], responder[:], totalHash)
}

// derive computes one key of size octets.
//
// RFC 6189, Section 4.5.1: KDF(KI, Label, Context, L) = HMAC(KI, i || Label ||
// 0x00 || Context || L)
func (k kdf) derive(label string, size int) secret.Bytes { return k.deriveFor(label, nil, size) }

// deriveFor computes one key with more in its context.
func (k kdf) deriveFor(label string, more []byte, size int) secret.Bytes {
	input := append(k.input[:0], 0, 0, 0, 1)
	input = append(input, label...)
	input = append(input, 0)
	input = append(input, k.context...)
	input = append(input, more...)
	out := k.mac.sum(binary.BigEndian.AppendUint32(input, uint32(8*size)))
	clear(out[size:])
	return secret.Own(out[:size:size])
}

// Lengths of derived keys in octets.
const (
	saltLen     = 14 // 112 bits
	retainedLen = 32
	sasHashLen  = 32

	requestKeyLen = 32
)

// keySchedule is what is left of s0: it is erased as soon as all is derived.
// The RFC erases it a little later, in Section 4.6.1.
type keySchedule struct {
	initiator, responder sideKeys
	// retained is the new rs1 (Section 4.6.1).
	retained secret.Bytes
	// sas is the sasvalue: the first 32 bits of the sashash.
	sas uint32
	// session is ZRTPSess; absent in Multistream mode, and where nobody wants it.
	session secret.Bytes
	// request is the key of the next requests; absent unless both are Karats.
	request secret.Bytes
}

// sideKeys are the keys of one role.
type sideKeys struct {
	srtp Direction    // srtpkey, srtpsalt
	mac  secret.Bytes // mackey
	zrtp secret.Bytes // zrtpkey
}

// schedule derives everything and wipes s0. The sashash comes last: of all
// results it is the one that HMAC may leave behind on the stack without harm.
func (k kdf) schedule(wantSession bool) *keySchedule {
	defer k.wipe()
	keys := &keySchedule{
		initiator: k.side("Initiator"),
		responder: k.side("Responder"),
		retained:  k.derive("retained secret", retainedLen),
	}
	if wantSession {
		keys.session = k.derive("ZRTP Session Key", k.suite.hashLen())
	}
	sasHash := k.derive("SAS", sasHashLen)
	defer sasHash.Wipe()
	keys.sas = binary.BigEndian.Uint32(sasHash.Expose())
	return keys
}

// request derives the key by which two Karats recognise each other's next
// request. Both Hellos are in it, so that none of the two can have been changed on
// its way.
func (k kdf) request(helloHashes []byte) secret.Bytes {
	return k.deriveFor("Karat request v1", helloHashes, requestKeyLen)
}

// streamSchedule derives what Multistream mode has: only the keys of a stream.
func (k kdf) streamSchedule() *keySchedule {
	defer k.wipe()
	return &keySchedule{initiator: k.side("Initiator"), responder: k.side("Responder")}
}

// side derives the keys of a role (Section 4.5.3).
func (k kdf) side(role string) sideKeys {
	return sideKeys{
		srtp: Direction{
			Key:  k.derive(role+" SRTP master key", k.suite.keyLen()),
			Salt: k.derive(role+" SRTP master salt", saltLen),
		},
		mac:  k.derive(role+" HMAC key", k.suite.hashLen()),
		zrtp: k.derive(role+" ZRTP key", k.suite.keyLen()),
	}
}

// of returns the keys of a role and those of the other.
func (k *keySchedule) of(r Role) (own, peer sideKeys) {
	if r == Initiator {
		return k.initiator, k.responder
	}
	return k.responder, k.initiator
}

// wipe clears what has not been handed out.
func (k *keySchedule) wipe() {
	if k == nil {
		return
	}
	k.wipeConfirm()
	k.initiator.srtp.wipe()
	k.responder.srtp.wipe()
	k.retained.Wipe()
	k.session.Wipe()
	k.request.Wipe()
}

// wipeConfirm clears what only the Confirm messages need.
func (k *keySchedule) wipeConfirm() {
	for _, side := range []sideKeys{k.initiator, k.responder} {
		side.mac.Wipe()
		side.zrtp.Wipe()
	}
}

func (d Direction) wipe() {
	d.Key.Wipe()
	d.Salt.Wipe()
}

// handOut gives the SRTP keys away: from then on to wipe them is the business of
// who got them.
func (k *keySchedule) handOut(own Role) (send, receive Direction) {
	send, receive = k.initiator.srtp, k.responder.srtp
	if own == Responder {
		send, receive = receive, send
	}
	k.initiator.srtp, k.responder.srtp = Direction{}, Direction{}
	return send, receive
}

// Wipe clears the keys: for their owner, when the stream has ended.
func (k Keys) Wipe() {
	k.Send.wipe()
	k.Receive.wipe()
}

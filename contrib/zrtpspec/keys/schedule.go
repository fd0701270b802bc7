package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"

	"karat/zrtp/wire"
)

// Role is one end of an exchange, by the word that RFC 6189, Section 4.5.3 puts
// into labels.
type Role string

// The two roles.
const (
	Initiator Role = "Initiator"
	Responder Role = "Responder"
)

// Other is the other end.
func (r Role) Other() Role {
	if r == Initiator {
		return Responder
	}
	return Initiator
}

// Suite is what a Commit chose.
type Suite struct{ Hash, Cipher, AuthTag, KeyAgreement, SAS wire.Algorithm }

func (s Suite) newHash() hash.Hash {
	if s.Hash == wire.S384 {
		return sha512.New384()
	}
	return sha256.New()
}

func (s Suite) sum(parts ...[]byte) []byte {
	h := s.newHash()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// mac is the negotiated MAC: HMAC with the negotiated hash (RFC 6189, Section
// 5.1.2.1).
func (s Suite) mac(key []byte, parts ...[]byte) []byte {
	m := hmac.New(s.newHash, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

func (s Suite) keyLen() int {
	if s.Cipher == wire.AES3 {
		return 32
	}
	return 16
}

// HVI is the commitment to a DHPart2.
//
// RFC 6189, Section 4.4.1.1: hvi = hash(initiator's DHPart2 message ||
// responder's Hello message), truncated to 256 bits.
func (s Suite) HVI(dhPart2, responderHello []byte) (hvi [32]byte) {
	copy(hvi[:], s.sum(dhPart2, responderHello))
	return hvi
}

// SecretID is how a retained secret or a pbxsecret is named to the other end.
//
// RFC 6189, Section 4.3.1: rs1IDr = MAC(rs1, "Responder"), the leftmost 64 bits.
func (s Suite) SecretID(value []byte, of Role) (id [8]byte) {
	copy(id[:], s.mac(value, []byte(of)))
	return id
}

// Exchange is all that goes into s0.
type Exchange struct {
	Suite
	InitiatorZID, ResponderZID               [12]byte
	ResponderHello, Commit, DHPart1, DHPart2 []byte
	DHResult                                 []byte
	S1, S2, S3                               []byte // empty: null
}

// Keys are what s0 gives.
type Keys struct {
	Suite
	srtpKey, srtpSalt, macKey, zrtpKey map[Role][]byte
	// Retained is the new rs1.
	Retained []byte
	// SAS is the sasvalue.
	SAS uint32
	// Session is ZRTPSess. It, Retained and SAS are those of a first stream.
	Session []byte
}

// Keys derives everything.
func (x Exchange) Keys() *Keys {
	total := x.sum(x.ResponderHello, x.Commit, x.DHPart1, x.DHPart2)
	// RFC 6189, Section 4.4.1.4: s0 = hash(counter || DHResult ||
	// "ZRTP-HMAC-KDF" || ZIDi || ZIDr || total_hash || len(s1) || s1 ||
	// len(s2) || s2 || len(s3) || s3).
	s0 := x.sum(
		word(1), x.DHResult, []byte("ZRTP-HMAC-KDF"), x.InitiatorZID[:], x.ResponderZID[:], total,
		word(len(x.S1)), x.S1, word(len(x.S2)), x.S2, word(len(x.S3)), x.S3)
	return derivation{x.Suite, s0, append(append(x.InitiatorZID[:], x.ResponderZID[:]...), total...)}.keys()
}

// keys is all that an s0 gives (RFC 6189, Sections 4.5.2 and 4.5.3).
func (d derivation) keys() *Keys {
	x := d.suite
	k := &Keys{
		Suite:   x,
		srtpKey: map[Role][]byte{}, srtpSalt: map[Role][]byte{},
		macKey: map[Role][]byte{}, zrtpKey: map[Role][]byte{},
		Retained: d.key("retained secret", 32),
		SAS:      binary.BigEndian.Uint32(d.key("SAS", 32)),
		Session:  d.key("ZRTP Session Key", x.newHash().Size()),
	}
	for _, r := range []Role{Initiator, Responder} {
		k.srtpKey[r] = d.key(string(r)+" SRTP master key", x.keyLen())
		k.srtpSalt[r] = d.key(string(r)+" SRTP master salt", 14)
		k.macKey[r] = d.key(string(r)+" HMAC key", x.newHash().Size())
		k.zrtpKey[r] = d.key(string(r)+" ZRTP key", x.keyLen())
	}
	return k
}

// derivation is the KDF with its key and context.
type derivation struct {
	suite       Suite
	s0, context []byte
}

// key is one key of n octets.
//
// RFC 6189, Section 4.5.1: KDF(KI, Label, Context, L) = HMAC(KI, i || Label ||
// 0x00 || Context || L)
func (d derivation) key(label string, n int) []byte {
	return d.suite.mac(d.s0, word(1), []byte(label), []byte{0}, d.context, word(8*n))[:n]
}

func word(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// SRTP are the master key and salt with which a role encrypts.
func (k *Keys) SRTP(r Role) (key, salt []byte) { return k.srtpKey[r], k.srtpSalt[r] }

// ClearMAC is the MAC of a GoClear (RFC 6189, Section 4.7.2).
func (k *Keys) ClearMAC(r Role) (m [8]byte) {
	copy(m[:], k.mac(k.macKey[r], []byte("GoClear ")))
	return m
}

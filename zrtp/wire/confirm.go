package wire

import "encoding/binary"

const (
	// maxSignatureWords is what the nine bits of a signature's length can say.
	maxSignatureWords = 511
	// confirmedFixed is the size of the encrypted part without a signature.
	confirmedFixed = 32 + 4 + 4
	confirmFixed   = 8 + 16
)

// ExpiryNever is the cache expiration interval of a secret kept for ever.
const ExpiryNever = 0xffffffff

// Confirm is Confirm1, of the responder, or Confirm2, of the initiator (RFC
// 6189, Section 5.7).
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                         MAC (2 words)                         |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                         IV (4 words)                          |
//	+===============================================================+
//	|                 Encrypted (10 words or more)                  |
//	+===============================================================+
type Confirm struct {
	Part      int // 1 or 2
	MAC       [8]byte
	IV        [16]byte
	Encrypted []byte // a Confirmed in CFB mode
}

// ParseConfirm reads a Confirm1 or Confirm2.
func ParseConfirm(msg []byte) (Confirm, error) {
	c := Confirm{Part: 1}
	if TypeOf(msg) == TypeConfirm2 {
		c.Part = 2
	}
	r, err := body(msg, c.Type(), confirmFixed+confirmedFixed)
	if err != nil {
		return Confirm{}, err
	}
	copy(c.MAC[:], r.next(8))
	copy(c.IV[:], r.next(16))
	c.Encrypted = r.rest()
	return c, nil
}

// Type is the message's type.
func (c Confirm) Type() Type {
	if c.Part == 2 {
		return TypeConfirm2
	}
	return TypeConfirm1
}

// Append appends c.
func (c Confirm) Append(dst []byte) []byte {
	b := append(make([]byte, 0, confirmFixed+len(c.Encrypted)), c.MAC[:]...)
	b = append(b, c.IV[:]...)
	b = append(b, c.Encrypted...)
	return appendMessage(dst, c.Type(), b)
}

// Confirmed is what a Confirm carries encrypted.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                         H0 (8 words)                          |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|      Unused (15 bits)       | sig len (9 bits)|UndefFl|E|V|A|D|
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                       Expiry (seconds)                        |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|     Signature with its type block (0 to 511 words)            |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type Confirmed struct {
	H0     [32]byte
	Unused uint16 // 15 bits

	UndefinedFlags byte // 4 bits
	Enrollment     bool // E: a PBX wishes to enrol (Section 7.3.1)
	Verified       bool // V: the SAS was compared before (Section 7.1)
	AllowClear     bool // A: GoClear is accepted (Section 4.7.2)
	Disclosure     bool // D: keys are disclosed (Section 11)

	Expiry    uint32 // seconds, or ExpiryNever
	Signature []byte // whole words
}

// ParseConfirmed reads the decrypted part of a Confirm.
func ParseConfirmed(plain []byte) (Confirmed, error) {
	if len(plain) < confirmedFixed {
		return Confirmed{}, malformed(TypeConfirm1, "encrypted part too short")
	}
	r := &reader{append([]byte(nil), plain...)}
	var c Confirmed
	copy(c.H0[:], r.next(32))
	word := r.u32()
	c.Unused = uint16(word >> 17)
	words := int(word >> 8 & maxSignatureWords)
	c.UndefinedFlags = byte(word >> 4 & 0xf)
	c.Enrollment = word>>3&1 == 1
	c.Verified = word>>2&1 == 1
	c.AllowClear = word>>1&1 == 1
	c.Disclosure = word&1 == 1
	c.Expiry = r.u32()
	if len(r.b) != 4*words {
		return Confirmed{}, malformed(TypeConfirm1, "length and signature length disagree")
	}
	if words > 0 {
		c.Signature = r.rest()
	}
	return c, nil
}

// Append appends c, not encrypted.
func (c Confirmed) Append(dst []byte) []byte {
	dst = append(dst, c.H0[:]...)
	word := uint32(c.Unused)<<17 | uint32(len(c.Signature)/4&maxSignatureWords)<<8
	word |= uint32(c.UndefinedFlags&0xf)<<4 | uint32(bit(c.Enrollment))<<3 | uint32(bit(c.Verified))<<2
	word |= uint32(bit(c.AllowClear))<<1 | uint32(bit(c.Disclosure))
	dst = binary.BigEndian.AppendUint32(dst, word)
	dst = binary.BigEndian.AppendUint32(dst, c.Expiry)
	return append(dst, c.Signature...)
}

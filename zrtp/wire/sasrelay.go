package wire

import "encoding/binary"

// SASRelay is how a PBX relays the SAS of the other side (RFC 6189, Section
// 5.13). What it carries encrypted is a Relayed.
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
type SASRelay struct {
	MAC       [8]byte
	IV        [16]byte
	Encrypted []byte // a Relayed in CFB mode
}

const (
	// relayedFixed: flags, rendering scheme and sashash are ten words.
	relayedFixed  = 4 + 4 + 32
	sasRelayFixed = 8 + 16 + relayedFixed
)

// ParseSASRelay reads a SASrelay.
func ParseSASRelay(msg []byte) (SASRelay, error) {
	r, err := body(msg, TypeSASRelay, sasRelayFixed)
	if err != nil {
		return SASRelay{}, err
	}
	var s SASRelay
	copy(s.MAC[:], r.next(8))
	copy(s.IV[:], r.next(16))
	s.Encrypted = r.rest()
	return s, nil
}

// Append appends s.
func (s SASRelay) Append(dst []byte) []byte {
	b := append([]byte(nil), s.MAC[:]...)
	b = append(b, s.IV[:]...)
	b = append(b, s.Encrypted...)
	return appendMessage(dst, TypeSASRelay, b)
}

// Relayed is what a SASRelay carries encrypted.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|      Unused (15 bits)       | sig len (9 bits)|UndefFlags |V|A|D|
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                         SAS (1 word)                          |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                       SASHash (8 words)                       |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|     Signature with its type block (0 to 511 words)            |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type Relayed struct {
	Unused uint16 // 15 bits

	UndefinedFlags byte // 5 bits
	Verified       bool // V, A and D as in Confirmed, of the other party
	AllowClear     bool
	Disclosure     bool

	SAS       Algorithm // how to render it
	SASHash   [32]byte  // zeros for who does not trust the PBX
	Signature []byte    // whole words
}

// ParseRelayed reads the decrypted part of a SASrelay.
func ParseRelayed(plain []byte) (Relayed, error) {
	if len(plain) < relayedFixed {
		return Relayed{}, malformed(TypeSASRelay, "encrypted part too short")
	}
	r := &reader{append([]byte(nil), plain...)}
	word := r.u32()
	words := int(word >> 8 & maxSignatureWords)
	m := Relayed{
		Unused:         uint16(word >> 17),
		UndefinedFlags: byte(word >> 3 & 0x1f),
		Verified:       word>>2&1 == 1,
		AllowClear:     word>>1&1 == 1,
		Disclosure:     word&1 == 1,
		SAS:            r.algorithm(),
		SASHash:        [32]byte(r.next(32)),
	}
	if len(r.b) != 4*words {
		return Relayed{}, malformed(TypeSASRelay, "length and signature length disagree")
	}
	if words > 0 {
		m.Signature = r.rest()
	}
	return m, nil
}

// Append appends r, not encrypted.
func (r Relayed) Append(dst []byte) []byte {
	word := uint32(r.Unused)<<17 | uint32(len(r.Signature)/4&maxSignatureWords)<<8
	word |= uint32(r.UndefinedFlags&0x1f)<<3 | uint32(bit(r.Verified))<<2 | uint32(bit(r.AllowClear))<<1 | uint32(bit(r.Disclosure))
	dst = binary.BigEndian.AppendUint32(dst, word)
	dst = appendAlgorithms(dst, r.SAS)
	dst = append(dst, r.SASHash[:]...)
	return append(dst, r.Signature...)
}

// SASValue is the first word of the sashash, which is what is rendered.
func (r Relayed) SASValue() uint32 { return binary.BigEndian.Uint32(r.SASHash[:]) }

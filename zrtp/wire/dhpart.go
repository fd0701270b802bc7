package wire

// dhPartFixed is the size of a DHPart's body without the public value.
const dhPartFixed = 32 + 4*8 + 8

// DHPart is DHPart1, of the responder, or DHPart2, of the initiator (RFC 6189,
// Sections 5.5 and 5.6).
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                         H1 (8 words)                          |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                        RS1ID (2 words)                        |
//	|                        RS2ID (2 words)                        |
//	|                        AuxID (2 words)                        |
//	|                        PBXID (2 words)                        |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|         PublicValue (length depends on key agreement)         |
//	|                             . . .                             |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                         MAC (2 words)                         |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type DHPart struct {
	Part int // 1 or 2
	H1   [32]byte

	RS1ID, RS2ID, AuxID, PBXID [8]byte

	// PublicValue is whole words: Append fills it with zeros. In KEM mode it is
	// the ciphertext in DHPart1 and the nonce in DHPart2.
	PublicValue []byte
	MAC         [8]byte
}

// ParseDHPart reads a DHPart1 or DHPart2. Whether the public value has the
// right length only the key agreement can tell.
func ParseDHPart(msg []byte) (DHPart, error) {
	d := DHPart{Part: 1}
	if TypeOf(msg) == TypeDHPart2 {
		d.Part = 2
	}
	r, err := body(msg, d.Type(), dhPartFixed+4)
	if err != nil {
		return DHPart{}, err
	}
	copy(d.H1[:], r.next(32))
	for _, id := range []*[8]byte{&d.RS1ID, &d.RS2ID, &d.AuxID, &d.PBXID} {
		copy(id[:], r.next(8))
	}
	d.PublicValue = r.next(len(r.b) - 8)
	copy(d.MAC[:], r.next(8))
	return d, nil
}

// Type is the message's type.
func (d DHPart) Type() Type {
	if d.Part == 2 {
		return TypeDHPart2
	}
	return TypeDHPart1
}

// Append appends d.
func (d DHPart) Append(dst []byte) []byte {
	b := append(appendHeader(dst, d.Type(), dhPartFixed+inWords(len(d.PublicValue))), d.H1[:]...)
	for _, id := range [][8]byte{d.RS1ID, d.RS2ID, d.AuxID, d.PBXID} {
		b = append(b, id[:]...)
	}
	b = appendWords(b, d.PublicValue)
	return append(b, d.MAC[:]...)
}

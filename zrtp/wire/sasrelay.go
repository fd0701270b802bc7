package wire

// SASRelay is how a PBX relays the SAS of the other side (RFC 6189, Section
// 5.13). What it carries encrypted is left to those who trust a PBX.
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
	Encrypted []byte
}

// sasRelayFixed: flags, rendering scheme and sashash are ten words.
const sasRelayFixed = 8 + 16 + 40

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

package wire

// GoClear asks to leave the secure state (RFC 6189, Section 5.11).
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                         MAC (2 words)                         |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type GoClear struct{ MAC [8]byte }

// ParseGoClear reads a GoClear.
func ParseGoClear(msg []byte) (GoClear, error) {
	r, err := exactBody(msg, TypeGoClear, 8)
	if err != nil {
		return GoClear{}, err
	}
	return GoClear{MAC: [8]byte(r.next(8))}, nil
}

// Append appends g.
func (g GoClear) Append(dst []byte) []byte { return appendMessage(dst, TypeGoClear, g.MAC[:]) }

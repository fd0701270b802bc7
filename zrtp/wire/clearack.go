package wire

// ClearACK answers a GoClear (RFC 6189, Section 5.12).
//
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|            0x505a             |            3 words            |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                     "ClearACK" (2 words)                      |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type ClearACK struct{}

// ParseClearACK reads a ClearACK.
func ParseClearACK(msg []byte) (ClearACK, error) {
	return ClearACK{}, parseEmpty(msg, TypeClearACK)
}

// Append appends the message.
func (ClearACK) Append(dst []byte) []byte { return appendMessage(dst, TypeClearACK, nil) }

package wire

// ErrorACK answers an Error (RFC 6189, Section 5.10).
//
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|            0x505a             |            3 words            |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                     "ErrorACK" (2 words)                      |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type ErrorACK struct{}

// ParseErrorACK reads a ErrorACK.
func ParseErrorACK(msg []byte) (ErrorACK, error) {
	return ErrorACK{}, parseEmpty(msg, TypeErrorACK)
}

// Append appends the message.
func (ErrorACK) Append(dst []byte) []byte { return appendMessage(dst, TypeErrorACK, nil) }

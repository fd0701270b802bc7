package wire

// HelloACK answers a Hello (RFC 6189, Section 5.3).
//
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|            0x505a             |            3 words            |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                     "HelloACK" (2 words)                      |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type HelloACK struct{}

// ParseHelloACK reads a HelloACK.
func ParseHelloACK(msg []byte) (HelloACK, error) {
	return HelloACK{}, parseEmpty(msg, TypeHelloACK)
}

// Append appends the message.
func (HelloACK) Append(dst []byte) []byte { return appendMessage(dst, TypeHelloACK, nil) }

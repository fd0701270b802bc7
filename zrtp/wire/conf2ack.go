package wire

// Conf2ACK answers a Confirm2 (RFC 6189, Section 5.8).
//
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|            0x505a             |            3 words            |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                     "Conf2ACK" (2 words)                      |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type Conf2ACK struct{}

// ParseConf2ACK reads a Conf2ACK.
func ParseConf2ACK(msg []byte) (Conf2ACK, error) {
	return Conf2ACK{}, parseEmpty(msg, TypeConf2ACK)
}

// Append appends the message.
func (Conf2ACK) Append(dst []byte) []byte { return appendMessage(dst, TypeConf2ACK, nil) }

package wire

// RelayACK answers a SASrelay (RFC 6189, Section 5.14).
//
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|            0x505a             |            3 words            |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                     "RelayACK" (2 words)                      |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type RelayACK struct{}

// ParseRelayACK reads a RelayACK.
func ParseRelayACK(msg []byte) (RelayACK, error) {
	return RelayACK{}, parseEmpty(msg, TypeRelayACK)
}

// Append appends the message.
func (RelayACK) Append(dst []byte) []byte { return appendMessage(dst, TypeRelayACK, nil) }

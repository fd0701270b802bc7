package wire

// Ping asks who is at the other end of a stream (RFC 6189, Section 5.15).
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                       Version (1 word)                        |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                    EndpointHash (2 words)                     |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type Ping struct {
	Version      string // four characters
	EndpointHash [8]byte
}

// ParsePing reads a Ping.
func ParsePing(msg []byte) (Ping, error) {
	r, err := exactBody(msg, TypePing, 12)
	if err != nil {
		return Ping{}, err
	}
	return Ping{Version: string(r.next(4)), EndpointHash: [8]byte(r.next(8))}, nil
}

// Append appends p.
func (p Ping) Append(dst []byte) []byte {
	b := appendPadded(nil, p.Version, 4)
	return appendMessage(dst, TypePing, append(b, p.EndpointHash[:]...))
}

package wire

import "encoding/binary"

// PingACK answers a Ping (RFC 6189, Section 5.16).
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                       Version (1 word)                        |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                    EndpointHash (2 words)                     |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                    ReceivedHash (2 words)                     |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                     ReceivedSSRC (1 word)                     |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type PingACK struct {
	Version      string  // four characters
	EndpointHash [8]byte // of the one who answers
	ReceivedHash [8]byte // of the one who asked
	ReceivedSSRC uint32
}

// ParsePingACK reads a PingACK.
func ParsePingACK(msg []byte) (PingACK, error) {
	r, err := exactBody(msg, TypePingACK, 24)
	if err != nil {
		return PingACK{}, err
	}
	return PingACK{
		Version:      string(r.next(4)),
		EndpointHash: [8]byte(r.next(8)),
		ReceivedHash: [8]byte(r.next(8)),
		ReceivedSSRC: r.u32(),
	}, nil
}

// Append appends p.
func (p PingACK) Append(dst []byte) []byte {
	b := appendPadded(nil, p.Version, 4)
	b = append(b, p.EndpointHash[:]...)
	b = append(b, p.ReceivedHash[:]...)
	return appendMessage(dst, TypePingACK, binary.BigEndian.AppendUint32(b, p.ReceivedSSRC))
}

package offer

// attributes are the names of the directions in SDP.
var attributes = [...]string{SendRecv: "sendrecv", SendOnly: "sendonly", RecvOnly: "recvonly", Inactive: "inactive"}

// String is the direction's attribute.
func (d Direction) String() string {
	if d < 0 || int(d) >= len(attributes) {
		return "inactive"
	}
	return attributes[d]
}

// parseDirection reads an attribute's name.
func parseDirection(s string) (Direction, bool) {
	for d, name := range attributes {
		if s == name {
			return Direction(d), true
		}
	}
	return SendRecv, false
}

func (d Direction) sends() bool    { return d == SendRecv || d == SendOnly }
func (d Direction) receives() bool { return d == SendRecv || d == RecvOnly }

func direction(sends, receives bool) Direction {
	switch {
	case sends && receives:
		return SendRecv
	case sends:
		return SendOnly
	case receives:
		return RecvOnly
	default:
		return Inactive
	}
}

// narrowed is what remains of d against a peer that wants its own direction.
//
// RFC 3264, Section 6.1: "If a stream is offered as sendonly, the corresponding
// stream MUST be marked as recvonly or inactive in the answer."
func (d Direction) narrowed(peer Direction) Direction {
	return direction(d.sends() && peer.receives(), d.receives() && peer.sends())
}

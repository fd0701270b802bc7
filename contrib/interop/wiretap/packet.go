package wiretap

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"time"
)

// Class is what a packet is, by its first octets.
type Class string

// The classes. Anything that is none of them is Other.
const (
	SIP       Class = "SIP"
	TLS       Class = "TLS"
	TCP       Class = "TCP" // no payload: SYN, ACK, FIN, RST
	ZRTP      Class = "ZRTP"
	STUN      Class = "STUN"
	DTLS      Class = "DTLS"
	RTP       Class = "RTP" // SRTP too
	RTCP      Class = "RTCP"
	KeepAlive Class = "keep-alive" // RFC 5626, Section 3.5.1: CRLF
	Other     Class = "other"
)

// Packet is one UDP datagram or TCP segment.
type Packet struct {
	At       time.Time
	From, To netip.AddrPort
	Stream   bool // TCP
	Class    Class
	Payload  []byte
}

const (
	protoTCP = 6
	protoUDP = 17
)

// Parse reads an IP packet; false means it is neither UDP nor TCP. Fragments do not occur on loopback, whose MTU is
// larger than any datagram of a call.
func Parse(at time.Time, b []byte) (Packet, bool) {
	proto, from, to, transport, ok := parseIP(b)
	if !ok {
		return Packet{}, false
	}
	payload, ok := transportPayload(proto, transport)
	if !ok {
		return Packet{}, false
	}
	p := Packet{
		At:      at,
		From:    netip.AddrPortFrom(from, binary.BigEndian.Uint16(transport)),
		To:      netip.AddrPortFrom(to, binary.BigEndian.Uint16(transport[2:])),
		Stream:  proto == protoTCP,
		Payload: bytes.Clone(payload),
	}
	if p.Stream {
		p.Class = classifyStream(p.Payload)
	} else {
		p.Class = Classify(p.Payload)
	}
	return p, true
}

// parseIP takes the header off. Of IPv6 it knows no extension headers: no call
// has them.
func parseIP(b []byte) (proto byte, from, to netip.Addr, transport []byte, ok bool) {
	switch {
	case len(b) >= 40 && b[0]>>4 == 6: // RFC 8200, Section 3: length of what follows at 4, next header at 6
		end := 40 + int(binary.BigEndian.Uint16(b[4:]))
		if end > len(b) {
			return 0, from, to, nil, false
		}
		return b[6], netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40])), b[40:end], true
	case len(b) >= 20 && b[0]>>4 == 4: // RFC 791, Section 3.1
		header, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
		if header < 20 || total < header || total > len(b) {
			return 0, from, to, nil, false
		}
		return b[9], netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20])), b[header:total], true
	}
	return 0, from, to, nil, false
}

func transportPayload(proto byte, b []byte) ([]byte, bool) {
	switch {
	case proto == protoUDP && len(b) >= 8:
		return b[8:], true
	case proto == protoTCP && len(b) >= 20:
		if offset := int(b[12]>>4) * 4; offset >= 20 && offset <= len(b) {
			return b[offset:], true
		}
	}
	return nil, false
}

// Classify tells what a datagram is.
//
//	RFC 7983, Section 7: the first octet
//	     0..3   STUN
//	    16..19  ZRTP
//	    20..63  DTLS
//	    64..79  TURN channel
//	   128..191 RTP/RTCP
//
// ZRTP must carry its cookie too, so that nothing hides behind its first octet.
func Classify(b []byte) Class {
	switch {
	case len(b) == 0:
		return Other
	case looksSIP(b):
		return SIP
	case len(bytes.Trim(b, "\r\n\x00")) == 0 && b[0] != 0:
		return KeepAlive
	case b[0] <= 3:
		return STUN
	case b[0] >= 16 && b[0] <= 19 && len(b) >= 12 && string(b[4:8]) == "ZRTP":
		return ZRTP
	case b[0] >= 20 && b[0] <= 63:
		return DTLS
	case b[0] >= 128 && b[0] <= 191 && len(b) >= 8:
		// RFC 5761, Section 4: the payload types 64 to 95 are RTCP's.
		if t := b[1] & 0x7f; t >= 64 && t <= 95 {
			return RTCP
		}
		return RTP
	}
	return Other
}

// classifyStream tells what a TCP segment is. A segment may begin inside a TLS
// record; callers who care know the ports.
func classifyStream(b []byte) Class {
	switch {
	case len(b) == 0:
		return TCP
	case looksSIP(b):
		return SIP
	case len(bytes.Trim(b, "\r\n")) == 0:
		return KeepAlive
	case len(b) >= 3 && b[0] >= 20 && b[0] <= 24 && b[1] == 3:
		return TLS
	}
	return Other
}

// sipMethods begin a request; every response begins with the version.
const sipMethods = "INVITE ACK BYE CANCEL REGISTER OPTIONS PRACK UPDATE INFO MESSAGE SUBSCRIBE NOTIFY REFER PUBLISH SIP/2.0"

func looksSIP(b []byte) bool {
	word, _, found := bytes.Cut(b[:min(len(b), 16)], []byte(" "))
	return found && len(word) >= 3 && strings.Contains(" "+sipMethods+" ", " "+string(word)+" ")
}

// ZRTPType returns the eight characters of a ZRTP message's type, without its
// blanks (RFC 6189, Section 5: after a packet header of 12 octets and a
// message preamble and length of 4).
func (p Packet) ZRTPType() string {
	if p.Class != ZRTP || len(p.Payload) < 24 {
		return ""
	}
	return strings.TrimRight(string(p.Payload[16:24]), " ")
}

package wiretap

import (
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"
	"time"
)

// SentBy returns the packets that a phone sent which is known only by what it
// is not: they come from none of these ports.
func SentBy(packets []Packet, others []int) []Packet {
	var sent []Packet
	for _, p := range packets {
		if !slices.Contains(others, int(p.From.Port())) {
			sent = append(sent, p)
		}
	}
	return sent
}

// Only returns an error naming the first packets whose class is none of those
// allowed.
func Only(packets []Packet, allowed ...Class) error {
	wrong := map[string]int{}
	for _, p := range packets {
		if !slices.Contains(allowed, p.Class) {
			wrong[fmt.Sprintf("%s %v>%v", p.Class, p.From, p.To)]++
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	var lines []string
	for what, n := range wrong {
		lines = append(lines, fmt.Sprintf("%d x %s", n, what))
	}
	sort.Strings(lines)
	return fmt.Errorf("wiretap: sent what it must not: %s", strings.Join(lines, ", "))
}

// Datagrams leaves out TCP.
func Datagrams(packets []Packet) []Packet {
	return slices.DeleteFunc(slices.Clone(packets), func(p Packet) bool { return p.Stream })
}

// StreamsOnlyWith returns an error when there was a TCP connection with none of
// these ports at either end: signalling has its servers, and nothing else is to
// be connected.
func StreamsOnlyWith(packets []Packet, servers []int) error {
	for _, p := range packets {
		if p.Stream && !slices.Contains(servers, int(p.From.Port())) && !slices.Contains(servers, int(p.To.Port())) {
			return fmt.Errorf("wiretap: a TCP connection %v>%v that is no signalling", p.From, p.To)
		}
	}
	return nil
}

// From returns what these ports sent.
func From(packets []Packet, ports ...int) []Packet {
	return slices.DeleteFunc(slices.Clone(packets), func(p Packet) bool { return !slices.Contains(ports, int(p.From.Port())) })
}

// Of returns the packets of these classes.
func Of(packets []Packet, classes ...Class) []Packet {
	return slices.DeleteFunc(slices.Clone(packets), func(p Packet) bool { return !slices.Contains(classes, p.Class) })
}

// Sockets returns the datagrams by the address that sent them.
func Sockets(packets []Packet) map[netip.AddrPort][]Packet {
	by := map[netip.AddrPort][]Packet{}
	for _, p := range Datagrams(packets) {
		by[p.From] = append(by[p.From], p)
	}
	return by
}

// Tally counts packets by class, for people: "ZRTP 21, SIP 8".
func Tally(packets []Packet) string {
	n := map[Class]int{}
	for _, p := range packets {
		n[p.Class]++
	}
	var parts []string
	for class, count := range n {
		parts = append(parts, fmt.Sprintf("%s %d", class, count))
	}
	sort.Strings(parts)
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// minEncrypted is how many packets LooksEncrypted wants to see: two seconds.
const minEncrypted = 100

// LooksEncrypted judges a stream of RTP by the first octet of its payload. An
// Opus packet begins with its table of contents (RFC 6716, Section 3.1): in
// clear, a call shows a handful of values. Encrypted, that octet is uniform
// over 256 values: n packets show 256(1-(255/256)^n) of them, 83 of 100 and
// 139 of 200. Half of that is never reached in clear, and never missed by
// chance.
func LooksEncrypted(stream []Packet) error {
	rtp := Of(stream, RTP)
	if len(rtp) < minEncrypted {
		return fmt.Errorf("wiretap: %d RTP packets are too few to judge", len(rtp))
	}
	var seen [256]bool
	distinct, expected, missing := 0, 0.0, 1.0
	for _, p := range rtp {
		first, ok := rtpPayloadStart(p.Payload)
		if !ok {
			return fmt.Errorf("wiretap: malformed RTP from %v", p.From)
		}
		if !seen[first] {
			seen[first] = true
			distinct++
		}
		missing *= 255.0 / 256
	}
	if expected = 256 * (1 - missing); float64(distinct) < expected/2 {
		return fmt.Errorf("wiretap: RTP from %v is not encrypted: the first octet takes %d values over %d packets, not about %.0f", rtp[0].From, distinct, len(rtp), expected)
	}
	return nil
}

// rtpPayloadStart returns the first octet after the header
// (RFC 3550, Section 5.1).
func rtpPayloadStart(b []byte) (byte, bool) {
	if len(b) < 12 {
		return 0, false
	}
	at := 12 + 4*int(b[0]&15)
	if b[0]&0x10 != 0 && at+4 <= len(b) {
		at += 4 + 4*(int(b[at+2])<<8|int(b[at+3]))
	}
	if at >= len(b) {
		return 0, false
	}
	return b[at], true
}

// Handshake is the ZRTP exchange of one phone as it was seen on the wire.
type Handshake struct {
	FirstHello time.Time
	// Confirmed is when the phone had reason to know that both ends have the
	// keys: it received Confirm2 as the responder, Conf2ACK as the initiator
	// (RFC 6189, Section 4.6).
	Confirmed time.Time
}

// Elapsed from the first Hello to secure.
func (h Handshake) Elapsed() time.Duration { return h.Confirmed.Sub(h.FirstHello) }

// HandshakeOf finds the exchange of the phone whose media socket is at addr.
func HandshakeOf(packets []Packet, addr netip.AddrPort) (Handshake, error) {
	var h Handshake
	for _, p := range packets {
		kind := p.ZRTPType()
		switch {
		case p.From == addr && kind == "Hello" && h.FirstHello.IsZero():
			h.FirstHello = p.At
		case p.To == addr && (kind == "Confirm2" || kind == "Conf2ACK") && h.Confirmed.IsZero():
			h.Confirmed = p.At
		}
	}
	if h.FirstHello.IsZero() || h.Confirmed.IsZero() {
		return h, fmt.Errorf("wiretap: no finished ZRTP exchange at %v", addr)
	}
	return h, nil
}

// NoEarlyVoice returns an error when a socket among those that sent something
// sent RTP or RTCP before its ZRTP exchange was confirmed, or never had one.
func NoEarlyVoice(packets, sent []Packet) error {
	for addr, own := range Sockets(sent) {
		voice := Of(own, RTP, RTCP)
		if len(voice) == 0 {
			continue
		}
		h, err := HandshakeOf(packets, addr)
		if err != nil {
			return fmt.Errorf("wiretap: %v sent %s without keys", addr, Tally(voice))
		}
		if first := voice[0]; first.At.Before(h.Confirmed) {
			return fmt.Errorf("wiretap: %v sent %s %v before its keys were confirmed", addr, first.Class, h.Confirmed.Sub(first.At))
		}
	}
	return nil
}

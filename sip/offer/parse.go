package offer

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

const (
	// maxBytes of a description. Phones send under 1 KiB, a browser with video
	// and ICE under 10.
	maxBytes = 16 << 10
	// maxMedia lines. Conferences with a screen share have four or five, and an
	// answer repeats each.
	maxMedia = 16
)

// Parse reads an SDP. It fails (ErrSyntax) only where nothing can be made of
// it; whether we can talk to such a peer is for Answer and Accept to say.
func Parse(text []byte) (Description, error) {
	none := Description{VoicePT: -1, EventPT: -1, Audio: -1}
	if len(text) == 0 || len(text) > maxBytes {
		return none, fmt.Errorf("%w: it has %d bytes", ErrSyntax, len(text))
	}
	readable, media, err := tidy(string(text))
	if err != nil {
		return none, err
	}
	// pion's errors quote the text, and a description is nobody's business in a
	// log; the one for an empty text panics when printed.
	var s sdp.SessionDescription
	if readable == "" || s.UnmarshalString(readable) != nil || len(s.MediaDescriptions) != len(media) {
		return none, fmt.Errorf("%w: its lines are not SDP", ErrSyntax)
	}
	return choose(&s, media), nil
}

// choose describes the audio stream that suits us best: RTP with Opus, then with a
// voice that we know, then RTP, then any; among equals the first. Phones that can do both offer an
// encrypted stream and a plain one side by side.
func choose(s *sdp.SessionDescription, media []Media) Description {
	best := Description{VoicePT: -1, EventPT: -1, Audio: -1}
	bestRank := 0
	for i, m := range media {
		// RFC 3264, Section 6: port zero is a stream refused, or not offered.
		if m.Kind != "audio" || m.Port == 0 {
			continue
		}
		d := describe(s, s.MediaDescriptions[i], m)
		if rank := d.rank(); rank > bestRank {
			best, bestRank = d, rank
			best.Audio = i
		}
	}
	best.Media = media
	return best
}

func (d Description) rank() int {
	switch {
	case d.Profile == RTP && d.VoicePT >= 0 && d.Codec == Opus:
		return 4
	case d.Profile == RTP && d.VoicePT >= 0:
		return 3
	case d.Profile == RTP:
		return 2
	default:
		return 1
	}
}

// describe reads one audio stream.
func describe(s *sdp.SessionDescription, m *sdp.MediaDescription, line Media) Description {
	d := Description{
		Address:     address(s, m, line.Port),
		Crypto:      has(s, m, "crypto"),
		Fingerprint: has(s, m, "fingerprint"),
		ZRTPHashes:  hashes(m.Attributes, s.Attributes),
		Direction:   directionOf(s, m),
		PTime:       ptime(m.Attributes),
		Audio:       -1,
	}
	_, d.RTCPMux = m.Attribute("rtcp-mux")
	d.Cryptos = cryptos(m)
	d.Fingerprints, d.Setup = fingerprints(s, m), setup(s, m)
	d.ICE, d.ICEMismatch = iceOf(s, m, d.Address)
	d.Profile = d.profile(line.Protocol)
	d.formats(m.Attributes, line.Formats)
	if d.Address.Addr().IsUnspecified() {
		d.Direction = direction(d.Direction.sends(), false)
	}
	return d
}

// has tells whether the attribute stands in the media or the session.
func has(s *sdp.SessionDescription, m *sdp.MediaDescription, name string) bool {
	_, inMedia := m.Attribute(name)
	_, inSession := s.Attribute(name)
	return inMedia || inSession
}

// profile sorts the transport. Plain RTP with a=crypto or a=fingerprint beside
// (opportunistic, RFC 8643) is RTP: ZRTP can run over it. So is encrypted RTP
// without keys of another kind where ZRTP is announced to bring them (RFC 6189,
// Section 8).
func (d Description) profile(protocol string) Profile {
	switch strings.ToUpper(protocol) {
	case "RTP/AVP", "RTP/AVPF":
		return RTP
	case "RTP/SAVP", "RTP/SAVPF":
		switch {
		case d.Fingerprint && (!d.Crypto || d.leavesRole()):
			return DTLSSRTP
		case len(d.ZRTPHashes) > 0 && !d.Crypto:
			return RTP
		}
		return SRTP
	case "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVP", "TCP/TLS/RTP/SAVPF",
		"TCP/DTLS/RTP/SAVP", "TCP/DTLS/RTP/SAVPF":
		return DTLSSRTP
	default:
		return Other
	}
}

// address is of the media's c= line, else the session's.
func address(s *sdp.SessionDescription, m *sdp.MediaDescription, port int) netip.AddrPort {
	c := m.ConnectionInformation
	if c == nil {
		c = s.ConnectionInformation
	}
	if c == nil || c.Address == nil {
		return netip.AddrPort{}
	}
	// A zone names an interface of the sender's and means nothing here.
	a, err := netip.ParseAddr(c.Address.Address)
	if err != nil || a.IsMulticast() || a.Zone() != "" {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(port))
}

// directionOf is the media's direction, else the session's, else sendrecv
// (RFC 8866, Section 6.7).
func directionOf(s *sdp.SessionDescription, m *sdp.MediaDescription) Direction {
	for _, attributes := range [][]sdp.Attribute{m.Attributes, s.Attributes} {
		for _, a := range attributes {
			if d, ok := parseDirection(a.Key); ok {
				return d
			}
		}
	}
	return SendRecv
}

// hashes collects a=zrtp-hash. RFC 6189, Section 8: it may stand in the media
// or the session, once for each version of ZRTP.
func hashes(levels ...[]sdp.Attribute) (all []string) {
	for _, attributes := range levels {
		for _, a := range attributes {
			if a.Key == "zrtp-hash" {
				all = append(all, strings.TrimSpace(a.Value))
			}
		}
	}
	return all
}

// ptime tolerates fractions and reads what makes no sense as not said.
func ptime(attributes []sdp.Attribute) int {
	for _, a := range attributes {
		if a.Key != "ptime" {
			continue
		}
		ms, err := strconv.ParseFloat(strings.TrimSpace(a.Value), 64)
		if err == nil && ms >= 1 && ms <= 1000 {
			return int(ms)
		}
	}
	return 0
}

// maxVoices of a peer are looked at: more than there are codecs, with room for some
// that stand there twice.
const maxVoices = 16

// formats finds the payload types of voices, the best of them, and telephone-event
// beside it: at its clock, or with Opus at 8000 Hz.
func (d *Description) formats(attributes []sdp.Attribute, offered []string) {
	d.VoicePT, d.EventPT = -1, -1
	events := map[int]int{} // payload types by clock rate
	for _, format := range offered {
		pt, err := strconv.Atoi(format)
		if err != nil || pt < 0 || pt > 127 || strconv.Itoa(pt) != format {
			continue
		}
		name, rate := codec(attributes, format)
		if _, there := events[rate]; name == "telephone-event" && !there {
			events[rate] = pt
		}
		if c, known := codecOf(pt, name, rate); known && len(d.Voices) < maxVoices {
			d.Voices = append(d.Voices, Voice{pt, c})
		}
	}
	if v, ok := best(d.Voices); ok {
		d.VoicePT, d.Codec = v.PT, v.Codec
	}
	for _, rate := range []int{slowRate, d.Codec.clock()} {
		if pt, there := events[rate]; there {
			d.EventPT, d.EventRate = pt, rate
		}
	}
}

// codec reads "a=rtpmap:96 opus/48000/2". Names are case-insensitive
// (RFC 4855, Section 3); the channels are not needed.
func codec(attributes []sdp.Attribute, format string) (name string, rate int) {
	i := slices.IndexFunc(attributes, func(a sdp.Attribute) bool {
		f := strings.Fields(a.Value)
		return a.Key == "rtpmap" && len(f) == 2 && f[0] == format
	})
	if i < 0 {
		return "", 0
	}
	parts := strings.Split(strings.Fields(attributes[i].Value)[1], "/")
	if len(parts) < 2 {
		return "", 0
	}
	rate, err := strconv.Atoi(parts[1])
	if err != nil {
		return "", 0
	}
	return strings.ToLower(parts[0]), rate
}

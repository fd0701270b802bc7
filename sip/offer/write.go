package offer

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

const (
	// opusPT and the eventPTs are the payload types that we offer, of the dynamic
	// range (RFC 3551, Section 6).
	opusPT, eventPT, slowEventPT = 96, 101, 102
	// opusRate is the clock of Opus, slowRate that of the telephone network.
	opusRate, slowRate = 48000, 8000
	// opusFormat is what our decoder would like (RFC 7587, Section 6.1): constant
	// bitrate and no gaps, because both tell a listener on the way what is said;
	// one channel; and no in-band FEC, because we do not read it.
	opusFormat = "cbr=1;useinbandfec=0;usedtx=0;stereo=0"
	eventCodes = "0-15" // the keys of a telephone (RFC 4733, Section 3.2)
	// ourPTime is how long our packets last, in milliseconds.
	ourPTime = 20
)

// stream is what our audio line says.
type stream struct {
	voices   []Voice
	events   []event
	protocol string
	rtcpMux  bool
	crypto   []Crypto
	beside   bool // those are not for use
	// fingerprint and setup are empty where DTLS brings no keys.
	fingerprint, setup string
	ice                *ICE
	mismatch           bool // the peer's candidates were rewritten
	direction          Direction
}

// event is a payload type of telephone-event, at one clock rate.
type event struct{ pt, rate int }

// ourEvents are those that we offer. RFC 4733, Section 2.5.1.1: one at the rate
// of each audio clock; some peers know 8000 Hz only, whatever the voice has.
var ourEvents = []event{{eventPT, opusRate}, {slowEventPT, slowRate}}

// Offer is our offer: one audio stream, in the one shape.
func Offer(l Local) []byte {
	protocol := "RTP/AVP"
	if len(l.Crypto) > 0 {
		protocol = "RTP/SAVP" // RFC 4568, Section 6.1; some refuse a=crypto in RTP/AVP
	}
	if l.Fingerprint != "" {
		protocol = "UDP/TLS/RTP/SAVP" // RFC 5764, Section 8
	}
	s := stream{crypto: l.Crypto, voices: ourVoices, events: ourEvents, protocol: protocol, rtcpMux: true, ice: l.ICE, direction: l.Direction}
	if l.Fingerprint != "" {
		s.crypto, s.fingerprint, s.setup = nil, l.Fingerprint, setupEither
	}
	return write(l, []*sdp.MediaDescription{s.media(l)})
}

// media is our audio line with its attributes, in the one order.
func (s stream) media(l Local) *sdp.MediaDescription {
	m := mediaLine("audio", int(l.Address.Port()), s.protocol)
	for _, v := range s.voices {
		pt := strconv.Itoa(v.PT)
		m.MediaName.Formats = append(m.MediaName.Formats, pt)
		if v.PT >= firstDynamic {
			m.WithValueAttribute("rtpmap", pt+" "+rtpmaps[v.Codec])
		}
		if v.Codec == Opus {
			m.WithValueAttribute("fmtp", pt+" "+opusFormat)
		}
	}
	for _, e := range s.events {
		pt := strconv.Itoa(e.pt)
		m.MediaName.Formats = append(m.MediaName.Formats, pt)
		m.WithValueAttribute("rtpmap", pt+" telephone-event/"+strconv.Itoa(e.rate))
		if e.rate == slowRate {
			// RFC 4733, Section 7.1.1: without it these are meant anyway, which gateways
			// older than Opus do not know.
			m.WithValueAttribute("fmtp", pt+" "+eventCodes)
		}
	}
	m.WithValueAttribute("ptime", strconv.Itoa(ourPTime))
	if s.rtcpMux {
		m.WithPropertyAttribute("rtcp-mux")
	}
	switch {
	case s.ice != nil:
		s.ice.write(m)
	case s.mismatch:
		m.WithPropertyAttribute("ice-mismatch")
	}
	for _, c := range s.crypto {
		m.WithValueAttribute("crypto", c.String())
	}
	if s.fingerprint != "" {
		m.WithValueAttribute("fingerprint", s.fingerprint)
		m.WithValueAttribute("setup", s.setup)
	}
	if l.ZRTPHash != "" && (len(s.crypto) == 0 || s.beside) && s.fingerprint == "" {
		m.WithValueAttribute("zrtp-hash", l.ZRTPHash)
	}
	return m.WithPropertyAttribute(s.direction.String())
}

func mediaLine(kind string, port int, protocol string, formats ...string) *sdp.MediaDescription {
	return &sdp.MediaDescription{MediaName: sdp.MediaName{
		Media:   kind,
		Port:    sdp.RangedPort{Value: port},
		Protos:  strings.Split(protocol, "/"),
		Formats: formats,
	}}
}

// write puts the session around the streams. The origin names neither user nor
// machine (RFC 8866, Section 5.2 allows "-", and any address there).
func write(l Local, streams []*sdp.MediaDescription) []byte {
	a := l.Address.Addr().Unmap().WithZone("")
	family, nowhere := "IP4", netip.IPv4Unspecified()
	if a.Is6() {
		family, nowhere = "IP6", netip.IPv6Unspecified()
	}
	d := sdp.SessionDescription{
		Origin: sdp.Origin{
			Username: "-", SessionVersion: l.Version,
			NetworkType: "IN", AddressType: family, UnicastAddress: nowhere.String(),
		},
		SessionName: "-",
		ConnectionInformation: &sdp.ConnectionInformation{
			NetworkType: "IN", AddressType: family, Address: &sdp.Address{Address: a.String()},
		},
		TimeDescriptions:  []sdp.TimeDescription{{}},
		MediaDescriptions: streams,
	}
	b, err := d.Marshal()
	if err != nil {
		panic("offer: pion/sdp does not write: " + err.Error()) // its Marshal has no error to return
	}
	return b
}

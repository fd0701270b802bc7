package offer

import "net/netip"

// Local is our side of one media stream: what an offer or answer of ours says.
// Everything else in our SDP is the same from every installation.
type Local struct {
	// Address is where we receive; a relay's when relays are configured.
	Address netip.AddrPort
	// ZRTPHash is the value of a=zrtp-hash ("1.10 <64 hex digits>").
	ZRTPHash string
	// Version counts the descriptions of this dialog, from 0; it goes up only
	// when the description changes.
	Version uint64
	// Direction is what we want to do.
	Direction Direction
}

// Direction of a stream, from the point of view of who wrote it.
type Direction int

// RFC 3264, Section 5.1.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

// Profile is the transport of a media line, by what it means for privacy.
type Profile int

// The profiles told apart.
const (
	RTP   Profile = iota // RTP/AVP, RTP/AVPF: carries ZRTP, or nothing private
	SRTP                 // RTP/SAVP, RTP/SAVPF with a=crypto: keys readable by the provider
	DTLS                 // UDP/TLS/RTP/SAVP(F), or a=fingerprint
	Other                // anything else
)

// Description is what the peer's SDP says about the one audio stream we use.
type Description struct {
	// Address to send to: of the media's or the session's c= line.
	Address netip.AddrPort
	Profile Profile
	// Crypto: there are a=crypto lines (SDES). Fingerprint: there is DTLS.
	Crypto, Fingerprint bool
	// ZRTPHashes are the values of all a=zrtp-hash lines, media level before
	// session level.
	ZRTPHashes []string
	// OpusPT and EventPT are payload types; -1: not there.
	OpusPT, EventPT int
	RTCPMux         bool
	Direction       Direction
	// PTime in milliseconds; 0: not said.
	PTime int
	// Media lists the m= lines in order, ours among them, so that an answer can
	// refuse the rest (RFC 3264, Section 6).
	Media []Media
	// Audio is the index in Media of the stream described above; -1: none.
	Audio int
}

// Media is one m= line as offered.
type Media struct {
	Kind, Protocol string
	Port           int
	Formats        []string
}

// Negotiated is what both sides agreed on: all that media needs to know.
type Negotiated struct {
	Remote netip.AddrPort
	// OpusPT is the payload type we send with; ReceivePT the one we listen to.
	OpusPT, ReceivePT int
	EventPT           int // -1: none
	RTCPMux           bool
	Send, Receive     bool // from the direction attributes
	RemoteZRTPHashes  []string
	PTime             int
}

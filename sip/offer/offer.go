// Package offer is SDP offer and answer (RFC 3264, RFC 8866) for a phone that
// speaks Opus over RTP, and G.722 and G.711 with those that do not, and keys it by
// ZRTP (RFC 6189). It is pure: descriptions
// in, descriptions out. Reading and writing the lines is pion/sdp's work.
//
// What it writes has one shape for all installations: beside address, port,
// direction, version and the hash of a ZRTP Hello nothing in an offer differs,
// and in an answer only what the offer dictates (payload types, profile, the
// number of media lines).
//
//	v=0
//	o=- 0 0 IN IP4 0.0.0.0
//	s=-
//	c=IN IP4 192.0.2.1
//	t=0 0
//	m=audio 40000 RTP/AVP 96 9 0 8 101 102
//	a=rtpmap:96 opus/48000/2
//	a=fmtp:96 cbr=1;useinbandfec=0;usedtx=0;stereo=0
//	a=rtpmap:101 telephone-event/48000
//	a=rtpmap:102 telephone-event/8000
//	a=fmtp:102 0-15
//	a=ptime:20
//	a=rtcp-mux
//	(a=ice-ufrag, a=ice-pwd, a=ice-options:ice2, a=candidate, where ICE is on)
//	a=zrtp-hash:1.10 <64 hex digits>
//	a=sendrecv
//
// It refuses streams whose keys travel in the signalling (SDES) or are made with
// whoever relays it (DTLS-SRTP), as ErrNotPrivate, unless Local.Crypto or
// Local.Fingerprint says that this call may; whether ZRTP then
// succeeds over plain RTP/AVP is not known here.
//
// It does NOT do video, trickled candidates, bundling,
// capability negotiation (RFC 5939), host names in c= lines, or the order of
// offers and answers in a dialog: that is sip/dialog's.
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
	// ICE is nil when it is off. In an answer it is written only if the offer
	// has it too.
	ICE *ICE
	// Crypto is not empty in a call whose keys the provider may read, because the
	// user said so: RTP/SAVP with a=crypto in place of RTP/AVP with a=zrtp-hash.
	Crypto []Crypto
	// Beside is for phones that want keys in the signalling beside ZRTP's (see
	// Description.ZRTPBeside). Nothing is ever encrypted with them.
	Beside []Crypto
	// Fingerprint, of a certificate for this call, takes the place of Crypto where
	// DTLS brings the keys (UDP/TLS/RTP/SAVP), in such a call.
	Fingerprint string
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
	RTP      Profile = iota // RTP/AVP, RTP/AVPF: carries ZRTP, or nothing private
	SRTP                    // RTP/SAVP, RTP/SAVPF with a=crypto: keys readable by the provider
	DTLSSRTP                // UDP/TLS/RTP/SAVP(F), or RTP/SAVP(F) with a=fingerprint only
	Other                   // anything else
)

// Description is what the peer's SDP says about the one audio stream we use.
type Description struct {
	// Address to send to: of the media's or the session's c= line. Invalid when
	// that is not a unicast address in numbers.
	Address netip.AddrPort
	Profile Profile
	// Crypto: there are a=crypto lines (SDES). Fingerprint: there is DTLS.
	Crypto, Fingerprint bool
	// Cryptos are those a=crypto lines that can be used.
	Cryptos []Crypto
	// Fingerprints are the values of the a=fingerprint lines, Setup that of a=setup.
	Fingerprints []string
	Setup        string
	// ZRTPHashes are the values of all a=zrtp-hash lines, media level before
	// session level.
	ZRTPHashes []string
	// Voices are the codecs that we know, in the peer's order; VoicePT is that of
	// the best of them and Codec what it is, EventPT that of telephone events beside
	// it. -1: not there.
	Voices           []Voice
	VoicePT, EventPT int
	Codec            Codec
	// EventRate is the clock rate of EventPT: that of the voice, or with Opus 8000
	// where the peer has no other. Timestamps stay on the audio's clock (RFC 4733,
	// Section 2.2).
	EventRate int
	RTCPMux   bool
	// ICE is nil for a peer without. ICEMismatch: it has, but somebody on the way
	// made its c= and m= another address than its candidates.
	ICE         *ICE
	ICEMismatch bool
	// Direction; c=0.0.0.0, the old way to hold (RFC 3264, Section 8.4), is
	// read as a peer that does not receive.
	Direction Direction
	// PTime in milliseconds; 0: not said, or not said sensibly.
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
	// Remote is where to send; invalid while Send is false and the peer named
	// no address.
	Remote netip.AddrPort
	// VoicePT is the payload type we send with; ReceivePT the one we listen to. Both
	// are of Codec. Also may come at any time.
	VoicePT, ReceivePT int
	Codec              Codec
	Also               []Voice
	EventPT            int // -1: none
	EventRate          int // its clock
	RTCPMux            bool
	ICE                *ICE  // the peer's; nil: packets go to Remote without checks
	SDES               *SDES // keys from the signalling; nil: none
	DTLS               *DTLS // fingerprints from the signalling; nil: none
	Send, Receive      bool  // from the direction attributes
	RemoteZRTPHashes   []string
	// PTime is what the peer would like its packets to last, 10 to 60 ms; 20
	// where it does not say. What comes from it may last anything.
	PTime int
}

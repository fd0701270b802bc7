// Package profile fixes what a voice packet carries: how much sound, in how many
// bytes. A profile is chosen before the call and kept; nothing that is said
// changes it. It is pure.
//
// To any phone a payload is one Opus packet of Profile.Bytes. Between two Karats
// the same bytes carry less of the voice and carry it twice, so that a lost
// packet is made good by a later one:
//
//	 0      1                  1+Control              +Frame                 +Frame
//	+------+------------------+----------------------+----------------------+
//	| kind | control          | Opus packet n        | Opus packet n - Back |
//	+------+------------------+----------------------+----------------------+
//
// The copy is the same packet again, not one of lower quality: decoded in its
// place it leaves the decoder in the very state that the lost one would have.
// The control field is free, and zero for now.
package profile

// Profile is the fixed shape of one direction of a call.
type Profile struct {
	Name    string
	Samples int // of sound in a packet, at 48 kHz
	Bytes   int // of every payload
	Frame   int // of Bytes, for an Opus packet between Karats; a copy takes as many
	Back    int // the copy is of the packet so many before
}

// The profiles. Standard takes what Linphone 5.1 takes on the wire with its
// defaults, 53 kbit/s with IPv4, UDP, RTP and a tag of 80 bits.
//
// How standard divides its 76 bytes was measured on testdata/speech with
// libopus 1.3.1, by a wideband score in the manner of PESQ: without loss, at 20%
// random loss, and at 10% in bursts of 4. One frame of 76 bytes with libopus's
// own redundancy (LBRR): 4.06, 3.66, 3.25. Twice 38: 4.07, 3.59, 3.53. 46 bytes
// and a copy of 30 at a lower rate: 4.16, 3.51, 3.50, and a second encoder. Three
// times 40, 20 and 16: 4.05, 3.29, 3.33. Two, three, four and five packets back
// at bursts of 3: 3.80, 3.90, 3.92, 3.91; each packet is 20 ms of delay where
// there is loss.
var (
	Standard = Profile{Name: "standard", Samples: 960, Bytes: 82, Frame: 38, Back: 3}
	// Thin is for a data plan that counts: half the headers.
	Thin = Profile{Name: "thin", Samples: 1920, Bytes: 116, Frame: 50, Back: 2}
	// Onion fills one cell of Tor with 60 ms.
	Onion = Profile{Name: "onion", Samples: 2880, Bytes: 464, Frame: 224, Back: 1}
)

// The largest of any profile.
const (
	MaxBytes   = 464
	MaxFrame   = 224
	MaxSamples = 2880
	MaxBack    = 3
)

// all are the profiles, told apart by their Bytes.
var all = [...]*Profile{&Standard, &Thin, &Onion}

// kind is the first byte between Karats. As the first byte of Opus it would be
// stereo, which Karat never sends.
//
// RFC 6716, Section 3.1: the fourth lowest bits' s is 1 for stereo, c is 3 for
// an arbitrary number of frames.
const kind = 0xFF

// stereo is the s bit of an Opus packet's first byte.
const stereo = 1 << 2

// Control is the size of the control field.
func (p *Profile) Control() int { return p.Bytes - 1 - 2*p.Frame }

// Join writes the payload between Karats: frame n, and the copy of frame n-Back,
// nil when there was none.
func (p *Profile) Join(payload, frame, earlier []byte) {
	payload[0] = kind
	at := 1 + p.Control()
	clear(payload[1:at])
	copy(payload[at:at+p.Frame], frame)
	clear(payload[at+p.Frame : p.Bytes])
	copy(payload[at+p.Frame:p.Bytes], earlier)
}

// Split takes a payload between Karats apart; false for any other. The copy may
// be nothing that decodes: at the beginning there is none.
func Split(payload []byte) (p *Profile, frame, earlier []byte, ok bool) {
	for _, p := range all {
		if len(payload) != p.Bytes || payload[0] != kind {
			continue
		}
		at := 1 + p.Control()
		frame, earlier = payload[at:at+p.Frame], payload[at+p.Frame:p.Bytes]
		if frame[0]&stereo != 0 {
			return nil, nil, nil, false
		}
		return p, frame, earlier, true
	}
	return nil, nil, nil, false
}

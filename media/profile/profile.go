// Package profile fixes what a voice packet carries: how much sound, in how many
// bytes. A profile is chosen before the call and kept; nothing that is said
// changes it. It is pure.
//
// To any phone a payload is one Opus packet of Profile.Bytes. Between two Karats
// the same bytes hold a shorter one, and what repairs lost ones:
//
//	 0      1                  1+Control             +Mix.Frame     +Mix.Repair
//	+------+------------------+---------------------+--------------+---+
//	| type | control          | Opus packet         | repair       | 0 |
//	+------+------------------+---------------------+--------------+---+
//
// How the bytes are divided, the mix, goes by how much care the peer asks for, by
// what it finds lost (Asker). A repair is a sum of parts of earlier Opus packets, in a
// field of 256 elements. What it gives back is the packet itself, so that the decoder is left in
// the very state that the lost one would have left. The control field is free, and
// zero for now.
//
//	 7   6   5   4   3   2   1   0
//	+---+---+---+---+---+---+---+---+
//	| 0 | R |  mix  | asks  | 0   1 |  the type; R: there is a repair
//	+---+---+---+---+---+---+---+---+
//
// All that is inside the encryption: size, pace and payload type stay, and no
// observer sees which mix a packet has.
package profile

import "fmt"

// Profile is the fixed shape of one direction of a call.
type Profile struct {
	Name    string
	Samples int // of sound in a packet, at 48 kHz
	Bytes   int // of every payload
	mixes   [Most + 1]Mix
}

// Mix is how a payload between Karats is divided.
type Mix struct {
	Frame  int   // bytes of the Opus packet
	Repair int   // bytes of the repair
	symbol int   // bytes of those that both are divided into, to be computed with
	backs  []int // how many packets before are those that a repair is of
	// steps are how many packets late repairs are waited for: few values, so that the
	// delay does not follow each of them.
	steps []int
}

// Wait is how many packets later than a lost one may come what gives it back, where
// something so many later did: a playout buffer that waits for this may as well wait for
// that.
func (m *Mix) Wait(back int) int {
	for _, step := range m.steps {
		if step >= back {
			return step
		}
	}
	return back
}

// symbols is how many of a frame are repaired.
func (m *Mix) symbols() int {
	if m.symbol == 0 {
		return 0
	}
	return m.Frame / m.symbol
}

// The profiles. Standard takes what Linphone 5.1 takes on the wire with its
// defaults, 53 kbit/s with IPv4, UDP, RTP and a tag of 80 bits.
//
// Its mixes are the best of those tried at 76 bytes, with libopus 1.3.1 on three
// speakers, by the wideband score of contrib/voicebench ("5 in bursts": 5% lost in
// bursts of 3 on average; LBRR is libopus's own redundancy; what is given back later
// than by the number of packets that the repair is of counts as lost):
//
//	                                 no loss   5%   10%   20%  5 in  10 in bursts
//	76                                  4.59  3.98  3.22  2.58  3.96  3.36
//	76 with LBRR, told of 5%            4.45  4.34  4.26  3.77  3.99  3.44
//	50, and 25 repair of 1 to 5         4.51  4.47  4.26  3.50  4.03  3.60
//	50, and 25 repair of 1 to 8         4.51  4.51  4.38  3.77  4.06  3.70
//	45, and 30 repair of 1 to 8         4.46  4.46  4.39  4.03  4.06  3.73
//	38, and 38 repair of 5              4.35  4.35  4.27  3.87  4.25  4.14
//	38, and 38 repair of 1, 5           4.35  4.34  4.32  4.13  4.19  4.05
//	38, and 38 repair of 1 to 10        4.35  4.35  4.35  4.27  4.14  3.87
//	38, and 38 repair of 1, 3, 8        4.35  4.35  4.35  4.25  4.21  4.13
//	38, and 38 repair of 1, 3, 9        4.35  4.35  4.35  4.30  4.22  4.20
//	38, and 38 repair of 1, 3, 10       4.35  4.35  4.35  4.30  4.24  4.24
//	30, and 45 repair of 1 to 8         4.06  4.06  4.06  4.06  3.91  3.79
//
// A repair that is of a packet long before mends long bursts, and one that is of the
// last ones gives back soon what was lost alone: the playout buffer waits no longer
// than what is lost makes worth it.
//
// Fullband instead of wideband costs 0.05 (above 8 kHz the score hears nothing),
// the encoder meant for music 0.28; complexity 10 instead of 5 gains 0.02.
var (
	Standard = Profile{Name: "standard", Samples: 960, Bytes: 82, mixes: [...]Mix{
		Least: {Frame: 76},
		Some:  {Frame: 50, Repair: 25, symbol: 25, backs: []int{1, 2, 3, 4, 5, 6, 7, 8}, steps: []int{2, 5, 8}},
		Most:  {Frame: 38, Repair: 38, symbol: 38, backs: []int{1, 3, 10}, steps: []int{1, 3, 10}},
	}}
	// Thin is for a data plan that counts: half the headers.
	Thin = Profile{Name: "thin", Samples: 1920, Bytes: 116, mixes: [...]Mix{
		Least: {Frame: 100},
		Some:  {Frame: 66, Repair: 33, symbol: 33, backs: []int{1, 2, 3, 4}, steps: []int{2, 4}},
		Most:  {Frame: 50, Repair: 50, symbol: 50, backs: []int{1, 2, 5}, steps: []int{2, 5}},
	}}
	// Onion fills one cell of Tor with 60 ms.
	Onion = Profile{Name: "onion", Samples: 2880, Bytes: 464, mixes: [...]Mix{
		Least: {Frame: 448},
		Some:  {Frame: 298, Repair: 149, symbol: 149, backs: []int{1, 2, 3}, steps: []int{3}},
		Most:  {Frame: 224, Repair: 224, symbol: 224, backs: []int{1, 3}, steps: []int{1, 3}},
	}}
)

// The largest of any profile.
const (
	MaxBytes   = 464
	MaxFrame   = 448
	MaxRepair  = 224
	MaxSamples = 2880
	MaxBack    = 10
)

// all are the profiles, told apart by their Bytes.
var all = [...]*Profile{&Standard, &Thin, &Onion}

// Named is the profile of a name.
func Named(name string) (*Profile, error) {
	for _, p := range all {
		if p.Name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("profile: %q is none of standard, thin, onion", name)
}

// The bits of the type. No packet of an even number of bytes, as all profiles have,
// begins like this if it is Opus.
//
// RFC 6716, Section 3.2.3: in code 1, two frames of one size, "the number of
// payload bytes N-1 must be even".
const (
	typeMark  = 1
	typeMask  = 0b1000_0011
	careMask  = 0b11
	askShift  = 2
	mixShift  = 4
	repairBit = 1 << 6
)

// Payload is what a payload between Karats holds.
type Payload struct {
	Asks   Care   // the care that its sender asks for
	Mix    Care   // the care that it takes itself
	Frame  []byte // the Opus packet
	Repair []byte // nil if there is none
}

// Mix is how a payload is divided that takes so much care.
func (p *Profile) Mix(c Care) *Mix { return &p.mixes[c] }

// Control is the size of the control field.
func (p *Profile) Control() int { return p.Bytes - 1 - p.mixes[Least].Frame }

// Join writes the payload between Karats. The lengths are those of its mix.
func (p *Profile) Join(dst []byte, v *Payload) {
	dst[0] = typeMark | byte(v.Asks)<<askShift | byte(v.Mix)<<mixShift
	if v.Repair != nil {
		dst[0] |= repairBit
	}
	at := 1 + p.Control()
	clear(dst[1:at])
	at += copy(dst[at:p.Bytes], v.Frame)
	at += copy(dst[at:p.Bytes], v.Repair)
	clear(dst[at:p.Bytes])
}

// Split takes a payload between Karats apart; false for any other.
func Split(payload []byte) (*Profile, Payload, bool) {
	for _, p := range all {
		if len(payload) == p.Bytes {
			v, ok := p.split(payload)
			return p, v, ok
		}
	}
	return nil, Payload{}, false
}

func (p *Profile) split(payload []byte) (Payload, bool) {
	kind := payload[0]
	v := Payload{Asks: Care(kind >> askShift & careMask), Mix: Care(kind >> mixShift & careMask)}
	if kind&typeMask != typeMark || v.Asks > Most || v.Mix > Most {
		return Payload{}, false
	}
	m := p.Mix(v.Mix)
	rest := payload[1+p.Control():]
	v.Frame = rest[:m.Frame]
	if kind&repairBit != 0 {
		if m.Repair == 0 {
			return Payload{}, false
		}
		v.Repair = rest[m.Frame:][:m.Repair]
	}
	return v, true
}

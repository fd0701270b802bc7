package offer

import (
	"slices"
	"strconv"
	"strings"
)

// Codec is what a voice is coded with.
type Codec int

// The codecs, in the order in which we like them; of the two laws of G.711 the peer
// chooses. All are of constant rate, so that no packet tells what is said; those of
// the telephone network sound worse, take more, and are not sent twice.
const (
	Opus Codec = iota
	G722
	PCMU
	PCMA
)

// Voice is a codec under a payload type.
type Voice struct {
	PT    int
	Codec Codec
}

// ourVoices are those that we offer: Opus, and the static types of the telephone
// network (RFC 3551, Section 6). They have no rtpmap: an INVITE with credentials
// would not fit into a datagram any more (RFC 3261, Section 18.1.1).
var ourVoices = []Voice{{opusPT, Opus}, {9, G722}, {0, PCMU}, {8, PCMA}}

// firstDynamic is the first payload type that means nothing without an rtpmap (RFC
// 3551, Section 6).
const firstDynamic = 35

// rtpmaps are what a=rtpmap calls them. RFC 3551, Section 4.5.2: G.722 has 8000
// there, by an old error.
var rtpmaps = map[Codec]string{Opus: "opus/48000/2", G722: "G722/8000", PCMU: "PCMU/8000", PCMA: "PCMA/8000"}

// clock of the codec's RTP timestamps.
func (c Codec) clock() int {
	if c == Opus {
		return opusRate
	}
	return slowRate
}

// better tells whether c is liked better than d.
func (c Codec) better(d Codec) bool {
	if c >= PCMU && d >= PCMU {
		return false
	}
	return c < d
}

// codecOf finds a codec by its payload type and what its rtpmap says, empty where
// there is none: static types need none.
func codecOf(pt int, name string, rate int) (Codec, bool) {
	if name == "" {
		i := slices.IndexFunc(ourVoices, func(v Voice) bool { return v.PT == pt && v.Codec != Opus })
		if i < 0 {
			return 0, false
		}
		return ourVoices[i].Codec, true
	}
	for c, m := range rtpmaps {
		n, r, _ := strings.Cut(m, "/")
		r, _, _ = strings.Cut(r, "/")
		// RFC 4855, Section 3: names are case-insensitive. Some write 16000 for G.722.
		if strings.EqualFold(n, name) && (r == strconv.Itoa(rate) || c == G722 && rate == 16000) {
			return c, true
		}
	}
	return 0, false
}

// best is the voice that we like best; false: none is known.
func best(voices []Voice) (v Voice, ok bool) {
	for _, w := range voices {
		if !ok || w.Codec.better(v.Codec) {
			v, ok = w, true
		}
	}
	return v, ok
}

// receiving are the payload types that we said, for the codecs that the peer took.
func receiving(ours, theirs []Voice) (all []Voice) {
	for _, v := range ours {
		if slices.ContainsFunc(theirs, func(w Voice) bool { return w.Codec == v.Codec }) {
			all = append(all, v)
		}
	}
	return all
}

// without leaves one out; nil if nothing is left.
func without(voices []Voice, i int) (rest []Voice) {
	rest = append(rest, voices[:i]...)
	return append(rest, voices[i+1:]...)
}

// Package jitter is the playout buffer: packets go in as the network delivers
// them, and once a tick it says what to play: this payload, something in place
// of a lost one, or nothing yet.
//
// It is pure: it has no clock, no goroutine and no codec, and it allocates
// nothing after New. It adapts its delay to the jitter seen in the last ten
// seconds or so, by playing or leaving out whole frames; it does not stretch
// speech. RFC 3550 describes the timestamps it goes by.
package jitter

import "time"

const (
	rate  = 48000 // RFC 7587, Section 4.1: the RTP clock of Opus is always 48 kHz
	frame = 960   // 20 ms, the longest that is concealed or waited for at a time

	// maxPackets bounds what is held: 2.5 s of 20-ms packets, more than the
	// largest delay of 400 ms needs even with packets of 5 ms.
	maxPackets = 128
	// MaxPayload is the longest payload taken; none that fits a datagram of a
	// call is longer.
	MaxPayload = 1500

	// concealAtMost is how long lost speech is made up for. Concealment fades
	// out by then; after it the buffer waits for the speaker to come back.
	concealAtMost = 5 * frame
	// slack is how much more than a frame the delay must be above what is aimed
	// at before a frame is left out. It is as wide as a step of the aim, so
	// that no step alone takes a frame out that the next one puts back.
	slack = frame / 4
	// adjustEvery spaces frames left out or put in, so that no word is torn.
	adjustEvery = 10 * frame
	// jumpBeyond is the surplus of delay that is dropped at once.
	jumpBeyond = 10 * frame
	// concealStep is the step that an Opus decoder conceals in, 2.5 ms.
	concealStep = rate / 400
)

// Kind says what to do with the next stretch of time.
type Kind uint8

// The kinds.
const (
	Wait    Kind = iota // nothing to play: silence
	Play                // decode and play the payload
	Conceal             // make something up
)

// String names the kind.
func (k Kind) String() string {
	return [...]string{Wait: "wait", Play: "play", Conceal: "conceal"}[k]
}

// Action is what Next decides.
type Action struct {
	Kind    Kind
	Samples int // how much time it fills
	Size    int // of the payload that was copied out, for Play
}

// Stats are counted since New; Reset keeps them.
type Stats struct {
	Played, Concealed uint64 // packets, and stretches made up in place of lost ones
	Late, Duplicate   uint64 // came after their turn; came twice
	LeftOut, PutIn    uint64 // frames, to follow the delay
	Refused           uint64 // too long, or far out of time
	Delay, Target     time.Duration
}

// Buffer holds the packets of one source. Its zero value is empty and ready.
// It is not for concurrent use.
type Buffer struct {
	slots [maxPackets]slot
	n     int

	arrivals arrivals
	stray    int // packets in a row that were far out of time

	playing   bool
	cursor    int64 // timestamp of the next sample to play
	lastSeq   int64 // of the packet played last
	concealed int64 // samples in a row
	adjusted  int64 // samples since a frame was left out or put in

	stats Stats
}

// slot is one packet waiting for its turn.
type slot struct {
	seq, ts int64
	samples int64
	arrived time.Time
	size    int
	payload [MaxPayload]byte
}

// New returns an empty buffer.
func New() *Buffer { return new(Buffer) }

// Reset forgets all packets and what was learnt of the network, for a source
// that begins anew (another SSRC).
func (b *Buffer) Reset() {
	for i := range b.slots[:b.n] {
		b.slots[i].drop()
	}
	b.n, b.stray = 0, 0
	b.playing, b.cursor, b.lastSeq, b.concealed, b.adjusted = false, 0, 0, 0, 0
	b.arrivals = arrivals{}
}

// Stats are the counts so far, the smoothed delay from arrival to playing, and
// the delay aimed at.
func (b *Buffer) Stats() Stats {
	s := b.stats
	s.Target = b.arrivals.target()
	return s
}

// strayLimit is how many packets in a row must be far out of time before they
// are believed: one alone is a fault, several are a new clock.
const strayLimit = 3

// Put takes one packet that arrived now and lasts so many samples. It keeps a
// copy of the payload.
func (b *Buffer) Put(now time.Time, seq uint16, timestamp uint32, samples int, payload []byte) {
	if len(payload) > MaxPayload || samples <= 0 {
		b.stats.Refused++
		return
	}
	if !b.arrivals.plausible(now, timestamp) {
		b.stray++
		if b.stray < strayLimit {
			b.stats.Refused++
			return
		}
		b.Reset()
	}
	b.stray = 0
	s, ts := b.arrivals.note(now, seq, timestamp)
	if b.playing && ts < b.cursor {
		b.stats.Late++
		return
	}
	b.insert(now, s, ts, int64(samples), payload)
}

// insert puts a packet in order of its timestamp.
func (b *Buffer) insert(now time.Time, seq, ts, samples int64, payload []byte) {
	for i := range b.slots[:b.n] {
		if b.slots[i].ts == ts {
			b.stats.Duplicate++
			return
		}
	}
	if b.n == maxPackets {
		b.remove(b.oldest())
		b.stats.LeftOut++
	}
	s := &b.slots[b.n]
	b.n++
	s.seq, s.ts, s.samples, s.arrived = seq, ts, samples, now
	s.size = copy(s.payload[:], payload)
}

// oldest is the index of the packet whose turn comes first, -1 if there is none.
func (b *Buffer) oldest() int {
	first := -1
	for i := range b.slots[:b.n] {
		if first < 0 || b.slots[i].ts < b.slots[first].ts {
			first = i
		}
	}
	return first
}

func (b *Buffer) remove(i int) {
	b.n--
	if i != b.n {
		b.slots[i] = b.slots[b.n]
	}
	b.slots[b.n].drop()
}

// drop forgets a packet and what was said in it.
func (s *slot) drop() {
	clear(s.payload[:s.size])
	s.size = 0
}

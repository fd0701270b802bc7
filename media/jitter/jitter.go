// Package jitter is the playout buffer: packets go in as the network delivers
// them, and it says what to play next: this payload, something in place of a
// lost one, or nothing yet, and whether to hurry or to linger.
//
// It is pure: it has no clock, no goroutine and no codec, and it allocates
// nothing after New. It works as NetEQ does: a histogram of delays that forgets,
// a target by quantile, and speech made a little shorter or longer (the caller
// does that, package stretch) to come to the target without gaps. Its time is the
// speaker's: it counts the samples that were played. RFC 3550 describes the
// timestamps it goes by.
package jitter

import "time"

const (
	rate  = 48000 // RFC 7587, Section 4.1: the RTP clock of Opus is always 48 kHz
	frame = 960   // 20 ms, the longest that is waited for at a time

	// maxPackets bounds what is held: 2.5 s of 20-ms packets, more than the
	// largest delay of 400 ms needs even with packets of 5 ms.
	maxPackets = 128
	// MaxPayload is the longest payload taken; none that fits a datagram of a
	// call is longer.
	MaxPayload = 1500

	// concealStep is how much is made up at a time while nothing is there: soon
	// after, what was only late may be.
	concealStep = rate / 100
	// concealAtMost is how long lost speech is made up for. Concealment fades
	// out by then; after it the buffer waits for the speaker to come back.
	concealAtMost = 5 * frame
	// fineStep is the step that an Opus decoder conceals in, 2.5 ms.
	fineStep = rate / 400

	// lastMoment before a block is asked for is too late to count on.
	lastMoment = 2 * time.Millisecond
	// slack is how far the delay may be above what is aimed at.
	slack = rate / 400
	// adjustEvery spaces what is left out or put in, so that no word is torn.
	adjustEvery = rate / 10
	// hurryBeyond is the surplus or want of delay that is worth tearing a word.
	hurryBeyond = 3 * frame
	// jumpBeyond is the surplus of delay that is dropped at once.
	jumpBeyond = 15 * frame
)

// Kind says what to do with the next stretch of time.
type Kind uint8

// The kinds.
const (
	Wait    Kind = iota // nothing to play: silence
	Play                // decode and play the payload
	Conceal             // make something up
	// Recover: a packet was lost, and the payload is the one after it, which may
	// hold redundancy. It is played next.
	Recover
)

// String names the kind.
func (k Kind) String() string {
	return [...]string{Wait: "wait", Play: "play", Conceal: "conceal", Recover: "recover"}[k]
}

// Format is what a payload is, for whoever decodes it; the buffer keeps it only.
type Format uint8

// Action is what Next decides.
type Action struct {
	Format  Format // of the payload
	Kind    Kind
	Samples int // how much time it fills
	Size    int // of the payload that was copied out, for Play and Recover
	// Surplus is how many samples of delay there are too many (or, negative, too
	// few): the caller may make what it is about to play shorter by at most so
	// many, or longer by any. 0: all is well.
	Surplus int
	// Hurry says that Surplus is so large that speech may suffer for it.
	Hurry bool
}

// Stats are counted since New; Reset keeps them.
type Stats struct {
	Played          uint64        // packets
	Concealed       time.Duration // made up in place of lost packets
	Restored        uint64        // packets that only a copy or redundancy brought
	Late, Duplicate uint64        // came after their turn; came twice
	LeftOut         uint64        // packets, to catch up at once
	Refused         uint64        // too long, or far out of time
	Missing         float64       // share of the last seconds that was made up
	Delay, Target   time.Duration
}

// Buffer holds the packets of one source. Its zero value is empty and ready.
// It is not for concurrent use.
type Buffer struct {
	slots [maxPackets]slot
	n     int

	pos, next int64     // positions of the block being filled, and of the one after it
	nextAt    time.Time // when the latter should be asked for
	arrivals  arrivals
	stray     int // packets in a row that were far out of time
	seen      history

	playing   bool
	cursor    int64 // timestamp of the next sample to play
	lastSeq   int64 // of the packet played last
	recovered int64 // timestamp of the packet whose redundancy was used
	concealed int64 // samples in a row
	adjusted  int64 // samples since Surplus was told

	stats Stats
}

// slot is one packet waiting for its turn.
type slot struct {
	seq, ts int64
	samples int64
	arrived time.Time
	mends   bool // it holds redundancy for the packet before, which is missing
	format  Format
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
	b.playing, b.cursor, b.lastSeq, b.recovered, b.concealed, b.adjusted = false, 0, 0, 0, 0, 0
	b.arrivals, b.seen = arrivals{}, history{}
}

// Stats are the counts so far, the smoothed delay from arrival to playing, and
// the delay aimed at.
func (b *Buffer) Stats() Stats {
	s := b.stats
	s.Target = duration(b.arrivals.aim)
	return s
}

// strayLimit is how many packets in a row must be far out of time before they
// are believed: one alone is a fault, several are a new clock.
const strayLimit = 3

// Put takes one packet that arrived now and lasts so many samples. It keeps a
// copy of the payload.
func (b *Buffer) Put(now time.Time, seq uint16, timestamp uint32, samples int, payload []byte) {
	b.PutAs(0, now, seq, timestamp, samples, payload)
}

// PutAs is Put for a payload that is not of format 0.
func (b *Buffer) PutAs(f Format, now time.Time, seq uint16, timestamp uint32, samples int, payload []byte) {
	if len(payload) > MaxPayload || samples <= 0 {
		b.stats.Refused++
		return
	}
	if !b.arrivals.plausible(b.next, timestamp) {
		b.stray++
		if b.stray < strayLimit {
			b.stats.Refused++
			return
		}
		b.Reset()
	}
	b.stray = 0
	s, ts := b.arrivals.number(seq, timestamp)
	b.arrivals.note(b.available(now), s, ts, false)
	b.seen.mark(s)
	switch {
	case b.playing && ts < b.cursor:
		b.stats.Late++
	case b.holds(ts):
		b.stats.Duplicate++
	default:
		b.insert(f, now, s, ts, int64(samples), payload)
	}
}

// PutCopy takes the copy of an earlier packet that came with another one. It is
// of use only if that packet is missing and its turn has not come; then it counts
// as that packet, come late; by so many samples more, its wait, it may as well have.
func (b *Buffer) PutCopy(now time.Time, seq uint16, timestamp uint32, samples, wait int, payload []byte) {
	if len(payload) > MaxPayload || samples <= 0 || !b.arrivals.started {
		return
	}
	s, ts := b.arrivals.number(seq, timestamp)
	if ts >= b.arrivals.lastTS || b.seen.has(s) {
		return
	}
	b.seen.mark(s)
	b.arrivals.note(b.available(now)+int64(wait), s, ts, true)
	if b.playing && ts < b.cursor {
		return
	}
	b.stats.Restored++
	b.insert(0, now, s, ts, int64(samples), payload)
}

// Expect says that a packet came now which holds redundancy for the one before it:
// if that is missing it counts as come now too, so that the delay becomes enough
// to use the redundancy.
func (b *Buffer) Expect(now time.Time, seq uint16, timestamp uint32) {
	if !b.arrivals.started {
		return
	}
	s, ts := b.arrivals.number(seq, timestamp)
	if ts >= b.arrivals.lastTS || b.seen.has(s) {
		return
	}
	b.seen.mark(s)
	b.arrivals.note(b.available(now), s, ts, true)
	for i := range b.slots[:b.n] {
		if b.slots[i].seq == s+1 {
			b.slots[i].mends = true
		}
	}
}

// available is the first block that may count on a packet that came now. What
// comes in the last moment counts as if it came after it: with the clocks drifting,
// it soon will.
func (b *Buffer) available(now time.Time) int64 {
	if left := b.nextAt.Sub(now); left < lastMoment && left > -lastMoment {
		return b.next + b.next - b.pos
	}
	return b.next
}

func (b *Buffer) holds(ts int64) bool {
	for i := range b.slots[:b.n] {
		if b.slots[i].ts == ts {
			return true
		}
	}
	return false
}

func (b *Buffer) insert(f Format, now time.Time, seq, ts, samples int64, payload []byte) {
	if b.n == maxPackets {
		b.remove(b.oldest())
		b.stats.LeftOut++
	}
	s := &b.slots[b.n]
	b.n++
	s.format, s.seq, s.ts, s.samples, s.arrived, s.mends = f, seq, ts, samples, now, false
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

// duration is that of so many samples: 1 s is 48000, so 62500 ns are 3.
func duration(samples int64) time.Duration { return time.Duration(samples * 62500 / 3) }

// history is which of the last packets came, by themselves or as a copy.
type history struct {
	newest int64
	bits   uint64 // bit 0 is the newest
}

func (h *history) mark(seq int64) {
	if h.bits == 0 {
		*h = history{newest: seq, bits: ^uint64(0)} // nobody misses what was before
	}
	if ahead := seq - h.newest; ahead > 0 {
		h.bits = h.bits<<min(ahead, 64) | 1
		h.newest = seq
		return
	}
	h.bits |= 1 << min(h.newest-seq, 64)
}

// has tells whether a packet came; true for what is too old to know.
func (h *history) has(seq int64) bool {
	behind := h.newest - seq
	return behind >= 64 || behind >= 0 && h.bits>>behind&1 == 1
}

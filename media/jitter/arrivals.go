package jitter

// The clock of this package is the play position: how many samples the speaker
// was given. A packet is there from the first block on that can use it. So what
// counts as jitter is what the ear would hear of it, the pace of the speaker's
// requests included, and no other clock comes in.
const (
	binWidth = rate / 200 // 5 ms
	bins     = 100        // 0.5 s

	// window is how long the fastest packet is remembered: long enough to see
	// one, short enough that 200 ppm of clock drift are 1 ms. The first window is
	// shorter, and each twice the one before: a call begins with packets that waited
	// for something, and those are not to count for long.
	window      = 5 * rate
	firstWindow = rate / 2
	// memory is the weight of all earlier packets against the present one:
	// about 500 packets, 10 s.
	memory = 0.998
	// mayBeLate is the share of packets that may come too late for their turn.
	mayBeLate = 0.01
	// staysFor is the share of repairs, which come late too, for which the delay that
	// they need is kept. To have them is worth more than a little delay, and most is
	// lost where the delay comes and goes with each of them.
	staysFor = 0.3 * mayBeLate

	maxTarget = 2 * rate / 5 // 400 ms
	// learning is how many packets have the target held at firstTarget at least.
	learning    = 25
	firstTarget = 960
	// settled is how many packets in a row must allow a lower target before it
	// comes down: it would swing otherwise, and speech with it. Where the
	// histogram has fewer, all of them must.
	settled = 100

	// believable is how far out of time a packet may be. More than this is no
	// jitter: the sender's clock jumped.
	believable = 2 * rate
)

// arrivals learns from when packets come how late they tend to be: each against
// the fastest one of the last seconds. All times are in samples.
type arrivals struct {
	started         bool
	lastSeq, lastTS int64 // extended; of the newest packet
	count           int

	slowness          int64 // of the packet noted last: position less timestamp
	fastest, previous int64 // least slowness in this window, and the one before
	windowEnd, window int64

	origin int64    // the slowness that bin 0 of both stands for
	alone  lateness // of packets that came by themselves
	mended lateness // of what came with a later one because it was lost

	weighed int   // packets in both
	aim     int64 // the target
}

// lateness is how late packets come, and the delay aimed at for them.
type lateness struct {
	histogram [bins]float64 // shares, by the delay that is needed
	aim       int64
	lower     int // packets in a row that would allow a lower one
}

// plausible tells whether the timestamp is near what the position says.
func (a *arrivals) plausible(pos int64, timestamp uint32) bool {
	if !a.started {
		return true
	}
	late := pos - extend32(a.lastTS, timestamp) - a.base()
	return late < believable && late > -believable
}

// number returns the numbers of a packet without wrapping.
func (a *arrivals) number(seq uint16, timestamp uint32) (extSeq, extTS int64) {
	if !a.started {
		return int64(seq), int64(timestamp)
	}
	return extend16(a.lastSeq, seq), extend32(a.lastTS, timestamp)
}

// note learns from one packet that can be played from a position on; mended: it was
// lost, and came with a later one.
func (a *arrivals) note(pos, seq, ts int64, mended bool) {
	a.slowness = pos - ts
	if !a.started {
		a.start(pos, seq, ts)
	}
	a.track(pos)
	a.count++
	a.weigh(a.slowness-a.base(), mended)
	a.retarget()
	if ts > a.lastTS {
		a.lastSeq, a.lastTS = seq, ts
	}
}

// start takes the first packet as the measure of all others.
func (a *arrivals) start(pos, seq, ts int64) {
	a.started = true
	a.lastSeq, a.lastTS = seq, ts
	a.fastest, a.previous, a.origin = a.slowness, a.slowness, a.slowness
	a.window = firstWindow
	a.windowEnd = pos + a.window
	a.alone.aim, a.aim = firstTarget, firstTarget
}

// base is the slowness of the fastest packet of the last five to ten seconds.
func (a *arrivals) base() int64 { return min(a.fastest, a.previous) }

// track keeps the fastest packet, and moves the histogram along with it.
func (a *arrivals) track(pos int64) {
	before := a.base()
	if pos > a.windowEnd {
		a.previous, a.fastest = a.fastest, a.slowness
		a.window = min(2*a.window, window)
		a.windowEnd = pos + a.window
	}
	a.fastest = min(a.fastest, a.slowness)
	if shift := (a.base() - a.origin) / binWidth; shift != 0 {
		a.alone.shift(shift)
		a.mended.shift(shift)
		a.origin += shift * binWidth
	}
	// That all packets come later now (the clocks drift) does not make the sound
	// come later as long as the old delay is enough.
	later := max(a.base()-before, 0)
	a.alone.aim, a.mended.aim = max(a.alone.aim-later, 0), max(a.mended.aim-later, 0)
}

// weigh adds one packet to both. They count alike at first, and later earlier ones
// fade; those of the time of learning are forgotten at its end: a call begins with
// packets that waited for something.
func (a *arrivals) weigh(late int64, mended bool) {
	if a.weighed++; a.count == learning {
		a.weighed = 1
	}
	keep := min(memory, 1-1/float64(a.weighed))
	bin := min(max((late+binWidth-1)/binWidth, 0), bins-1)
	if mended {
		a.alone.fade(keep)
		a.mended.add(bin, keep)
	} else {
		a.alone.add(bin, keep)
		a.mended.fade(keep)
	}
}

// retarget follows both: up at once, down when it stays down.
func (a *arrivals) retarget() {
	want := a.alone.quantile(mayBeLate)
	if a.count < learning {
		want = max(want, firstTarget)
	}
	a.alone.follow(want, want, a.count == learning, min(settled, a.weighed))
	a.mended.follow(a.mended.quantile(mayBeLate), a.mended.quantile(staysFor), false, settled)
	a.aim = max(a.alone.aim, a.mended.aim)
}

// follow has the aim be at least want, and come down to stay after so many packets in
// a row that allow it, or now.
func (l *lateness) follow(want, stay int64, now bool, after int) {
	switch {
	case want >= l.aim:
		l.aim, l.lower = want, 0
	case stay >= l.aim:
		l.lower = 0
	default:
		if l.lower++; now || l.lower >= after {
			l.aim, l.lower = stay, 0
		}
	}
}

// add counts a packet, with what all earlier ones keep of their weight.
func (l *lateness) add(bin int64, keep float64) {
	l.fade(keep)
	l.histogram[bin] += 1 - keep
}

func (l *lateness) fade(keep float64) {
	for i := range l.histogram {
		l.histogram[i] *= keep
	}
}

// shift moves the histogram down by so many bins (up if negative). What falls
// off either end stays in the last bin there.
func (l *lateness) shift(by int64) {
	var moved [bins]float64
	for i, w := range l.histogram {
		moved[min(max(int64(i)-by, 0), bins-1)] += w
	}
	l.histogram = moved
}

// quantile is the delay, behind the fastest packet, at which no more than a share of
// the packets come late.
func (l *lateness) quantile(share float64) int64 {
	tail := 0.0
	for i := bins - 1; i > 0; i-- {
		if tail += l.histogram[i]; tail > share {
			return min(int64(i)*binWidth, maxTarget)
		}
	}
	return 0
}

// due is the timestamp whose turn it is at a position.
func (a *arrivals) due(pos int64) int64 { return pos - a.base() - a.aim }

func extend32(near int64, v uint32) int64 { return near + int64(int32(v-uint32(near))) }
func extend16(near int64, v uint16) int64 { return near + int64(int16(v-uint16(near))) }

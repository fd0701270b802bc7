package jitter

import "time"

const (
	binWidth = 5 * time.Millisecond
	bins     = 100 // 0.5 s

	// window is how long the fastest packet is remembered: long enough to see
	// one, short enough that 200 ppm of clock drift are 1 ms.
	window = 5 * time.Second
	// memory is the weight of all earlier packets against the present one:
	// about 500 packets, 10 s.
	memory = 0.998
	// mayBeLate is the share of packets that may come too late for their turn.
	// More delay would disturb a conversation more than two concealed frames
	// in a hundred do.
	mayBeLate = 0.02

	minTarget = 20 * time.Millisecond
	maxTarget = 400 * time.Millisecond
	// learning is how many packets have the target held at firstTarget at least.
	learning    = 50
	firstTarget = 40 * time.Millisecond

	// believable is how far out of time a packet may be. More than this is no
	// jitter: the sender's clock jumped.
	believable = 2 * time.Second
)

// arrivals learns from when packets come how late they tend to be: each against
// the fastest one of the last seconds.
type arrivals struct {
	started         bool
	epoch           time.Time // the first packet's arrival
	lastSeq, lastTS int64     // extended; of the newest packet
	count           int

	slowness          time.Duration // of the packet noted last: arrival less timestamp
	fastest, previous time.Duration // least slowness in this window, and the one before
	windowEnd         time.Time

	origin    time.Duration // the slowness that bin 0 stands for
	histogram [bins]float64
}

// plausible tells whether the timestamp is near what the clock says.
func (a *arrivals) plausible(now time.Time, timestamp uint32) bool {
	if !a.started {
		return true
	}
	late := a.slownessOf(now, extend32(a.lastTS, timestamp)) - a.base()
	return late < believable && late > -believable
}

// note learns from one packet and returns its numbers without wrapping.
func (a *arrivals) note(now time.Time, seq uint16, timestamp uint32) (extSeq, extTS int64) {
	if !a.started {
		a.start(now, seq, timestamp)
	}
	extSeq, extTS = extend16(a.lastSeq, seq), extend32(a.lastTS, timestamp)
	a.slowness = a.slownessOf(now, extTS)
	a.track(now)
	a.count++
	a.weigh(a.slowness - a.base())
	if extTS > a.lastTS {
		a.lastSeq, a.lastTS = extSeq, extTS
	}
	return extSeq, extTS
}

// start takes the first packet as the measure of all others.
func (a *arrivals) start(now time.Time, seq uint16, timestamp uint32) {
	a.started = true
	a.epoch = now
	a.lastSeq, a.lastTS = int64(seq), int64(timestamp)
	a.slowness = a.slownessOf(now, a.lastTS)
	a.fastest, a.previous, a.origin = a.slowness, a.slowness, a.slowness
	a.windowEnd = now.Add(window)
}

func (a *arrivals) slownessOf(now time.Time, ts int64) time.Duration {
	return now.Sub(a.epoch) - duration(ts)
}

// base is the slowness of the fastest packet of the last five to ten seconds.
func (a *arrivals) base() time.Duration { return min(a.fastest, a.previous) }

// track keeps the fastest packet, and moves the histogram along with it.
func (a *arrivals) track(now time.Time) {
	if now.After(a.windowEnd) {
		a.previous, a.fastest = a.fastest, a.slowness
		a.windowEnd = now.Add(window)
	}
	a.fastest = min(a.fastest, a.slowness)
	if shift := int((a.base() - a.origin) / binWidth); shift != 0 {
		a.shift(shift)
		a.origin += time.Duration(shift) * binWidth
	}
}

// shift moves the histogram down by so many bins (up if negative). What falls
// off either end stays in the last bin there.
func (a *arrivals) shift(by int) {
	var moved [bins]float64
	for i, w := range a.histogram {
		moved[min(max(i-by, 0), bins-1)] += w
	}
	a.histogram = moved
}

// weigh adds one packet to the histogram. The first packets count alike, later
// ones fade.
func (a *arrivals) weigh(late time.Duration) {
	keep := min(memory, 1-1/float64(a.count))
	for i := range a.histogram {
		a.histogram[i] *= keep
	}
	a.histogram[min(max(int(late/binWidth), 0), bins-1)] += 1 - keep
}

// target is the delay, behind the fastest packet, at which few come late.
func (a *arrivals) target() time.Duration {
	least := minTarget
	if a.count < learning {
		least = firstTarget
	}
	tail := 0.0
	for i := bins - 1; i >= 0; i-- {
		if tail += a.histogram[i]; tail > mayBeLate {
			return min(max(time.Duration(i+1)*binWidth, least), maxTarget)
		}
	}
	return least
}

// due is the timestamp whose turn it is now.
func (a *arrivals) due(now time.Time) int64 {
	return samples(now.Sub(a.epoch) - a.base() - a.target())
}

// 1 s is 48000 samples: 62500 ns are 3.
func duration(ts int64) time.Duration     { return time.Duration(ts * 62500 / 3) }
func samples(d time.Duration) int64       { return (int64(d)*3 + 31250) / 62500 }
func extend32(near int64, v uint32) int64 { return near + int64(int32(v-uint32(near))) }
func extend16(near int64, v uint16) int64 { return near + int64(int16(v-uint16(near))) }

package media

import (
	"sync"
	"time"

	"karat/media/device"
	"karat/media/resample"
)

const (
	// captured bounds what waits to be encoded. Sound servers deliver several
	// blocks at a time; a packet may last 60 ms.
	captured = device.SampleRate * 200 / 1000
	// margin is how much sooner than needed a block should be there: sound cards
	// do not deliver on the microsecond.
	margin = device.SampleRate * 2 / 1000
	// surplus is how much may wait beyond what is needed before it is dropped at
	// once instead of played a little faster.
	surplus = device.SampleRate * 60 / 1000
	// In the first reviews of a call less is too much: nobody says much yet, and it
	// would take long to play it faster.
	settling     = 3
	firstSurplus = device.SampleRate * 5 / 1000
	// review is how often the speed is set anew, in samples of the call.
	review = device.SampleRate
	// steer is how fast the level is brought to where it should be, and maxSteer
	// what the ear does not notice: 2 in a thousand, a thirtieth of a semitone.
	steer    = 1.0 / (4 * device.SampleRate)
	maxSteer = 2e-3
)

// capture takes sound at the sound card's pace and gives it at the call's: the two
// clocks differ, so it is played a little faster or slower. It keeps no more
// waiting than the sound card's way of delivering needs.
type capture struct {
	mu     sync.Mutex // guards what follows
	ring   [captured]int16
	first  int
	n      int
	pushed time.Time // when the last block came
	enough chan struct{}
	want   int // samples that make enough

	// The sender's goroutine alone uses these.
	rate       *resample.Resampler
	skew       float64 // how much faster than the call's clock sound is taken
	need, seen float64 // the most that had to wait since the last review; the sum of what did
	pulls      int
	since      int // samples
	reviews    int
	chunk      [device.FrameSamples]int16
}

func (c *capture) init(want int, slow float64) {
	c.rate = resample.New(1, 1, resample.Quick)
	c.want, c.skew = want+c.rate.Delay(), slow
	c.rate.Stretch(1+slow, 1)
	c.enough = make(chan struct{})
	// What always has to wait waits from the beginning, as silence: one packet of
	// sound makes enough then, and the delay is what it will be.
	c.n = c.rate.Delay() + margin
}

// push adds a block; the oldest sound gives way when there is no room.
func (c *capture) push(now time.Time, block []int16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(c.n + len(block) - len(c.ring))
	for i, at := 0, (c.first+c.n)%len(c.ring); i < len(block); at = 0 {
		i += copy(c.ring[at:], block[i:])
	}
	before := c.n
	c.n += len(block)
	c.pushed = now
	if before < c.want && c.n >= c.want {
		select {
		case <-c.enough:
		default:
			close(c.enough)
		}
	}
}

// drop forgets the oldest samples and what was said in them. The caller holds mu.
func (c *capture) drop(n int) {
	for n = min(n, c.n); n > 0; {
		m := min(n, len(c.ring)-c.first)
		clear(c.ring[c.first : c.first+m])
		c.first = (c.first + m) % len(c.ring)
		c.n -= m
		n -= m
	}
}

// take moves sound out of the ring and wipes it there.
func (c *capture) take(dst []int16) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(dst), c.n, len(c.ring)-c.first)
	copy(dst, c.ring[c.first:c.first+n])
	c.drop(n)
	return n
}

// pull fills dst, and tells how much of it is sound; the rest is silence, because
// the microphone does not keep up.
func (c *capture) pull(now time.Time, dst []int16) int {
	got := 0
	for got < len(dst) {
		// What the filter still holds comes first.
		n, _ := c.rate.Process(dst[got:], nil)
		if got += n; got == len(dst) {
			break
		}
		m := c.take(c.chunk[:min(len(c.chunk), len(dst)-got+1)])
		if m == 0 {
			break
		}
		n, _ = c.rate.Process(dst[got:], c.chunk[:m])
		got += n
	}
	clear(dst[got:])
	clear(c.chunk[:])
	c.watch(now, len(dst))
	return got
}

// watch looks at how much waits, counting what the sound card has captured and
// not delivered yet, against what must because it delivers in blocks.
func (c *capture) watch(now time.Time, samples int) {
	c.mu.Lock()
	undelivered := float64(now.Sub(c.pushed)) * device.SampleRate / float64(time.Second)
	waiting := c.n
	c.mu.Unlock()
	undelivered = min(undelivered, 2*device.FrameSamples)
	c.seen += float64(waiting) + undelivered
	c.pulls++
	if undelivered < margin*3/4 {
		// The next block may come just after the moment instead of just before.
		undelivered += device.FrameSamples
	}
	c.need = max(c.need, undelivered+margin)
	if c.since += samples; c.since < review {
		return
	}
	c.reviews++
	c.adjust(c.seen/float64(c.pulls) - c.need)
	c.need, c.seen, c.pulls, c.since = 0, 0, 0, 0
}

// adjust sets the speed by how much too much waits.
func (c *capture) adjust(over float64) {
	if over > surplus || c.reviews <= settling && over > firstSurplus {
		c.mu.Lock()
		c.drop(int(over))
		c.mu.Unlock()
		over = 0
	}
	faster := min(max(over*steer, -maxSteer), maxSteer)
	c.rate.Stretch(1+c.skew+faster, 1)
}

// wipe forgets all sound.
func (c *capture) wipe() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.ring[:])
	c.n = 0
	c.rate.Reset()
}

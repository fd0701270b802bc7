package media

import (
	"math"
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
	// The first reviews of a call come sooner, and less is too much: nobody says much
	// yet, and it would take long to play it faster. In them alone packets are moved to
	// where the card's blocks are.
	settling     = 8
	firstReview  = device.SampleRate / 4
	firstSurplus = device.SampleRate * 5 / 1000
	// review is how often the speed is set anew, in samples of the call.
	review = device.SampleRate
	// steer is how fast the level is brought to where it should be, and maxSteer
	// what the ear does not notice: 5 in a thousand, a twelfth of a semitone.
	steer    = 1.0 / (2 * device.SampleRate)
	maxSteer = 5e-3
	// ambiguous is how soon after a block a packet may as well have come before it.
	ambiguous = 750 * time.Microsecond
	// even is how far from its time a block may come and still be one of a row: a card
	// that begins delivers what it had, and then nothing for a while.
	even = time.Millisecond
	// apart is how much later after a block than settle a packet may be encoded.
	apart = 3 * time.Millisecond
	// until is the last review after which packets are moved, where blocks came so late
	// that a whole one more would have to wait: later than that the pace stays. Packets
	// that always followed the card would tell how its clock runs, and a phone by that.
	until = settling + 15
	// moreSettled is how much more than settle they are moved away from the blocks then:
	// the machine is busier than it was.
	moreSettled = 2 * time.Millisecond
)

// capture takes sound at the sound card's pace and gives it at the call's: the two
// clocks differ, so it is played a little faster or slower. It keeps no more
// waiting than the sound card's way of delivering needs.
type capture struct {
	mu     sync.Mutex // guards what follows
	ring   [captured]int16
	first  int
	n      int
	pushed time.Time     // when the last block came
	begun  chan struct{} // closed when there is enough, and the card is in its pace
	want   int           // samples that make enough

	// The sender's goroutine alone uses these.
	rate       *resample.Resampler
	skew       float64       // how much faster than the call's clock sound is taken
	need, seen float64       // the most that had to wait since the last review; the sum of what did
	least      time.Duration // the least from a block to a pull since then
	early      time.Duration // by how much the next packet is to come sooner
	pulls      int
	since      int // samples
	reviews    int
	chunk      [device.FrameSamples]int16
}

func (c *capture) init(packet int, slow float64) {
	c.rate = resample.New(1, 1, resample.Quick)
	c.want, c.skew = packet+c.rest(), slow
	c.rate.Stretch(1+slow, 1)
	c.begun = make(chan struct{})
	c.least = never
}

// never is longer than anything that is measured.
const never = time.Duration(math.MaxInt64)

// rest is what always waits after a packet was taken.
func (c *capture) rest() int { return c.rate.Delay() + margin }

// begin forgets what was captured before the first packet: it is nobody's business.
func (c *capture) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(c.n - c.want)
	if missing := c.rest() - c.n; missing > 0 { // no card yet: silence waits
		c.first = (c.first - missing + len(c.ring)) % len(c.ring)
		c.n += missing
	}
}

// push adds a block; the oldest sound gives way when there is no room.
func (c *capture) push(now time.Time, block []int16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(c.n + len(block) - len(c.ring))
	for i, at := 0, (c.first+c.n)%len(c.ring); i < len(block); at = 0 {
		i += copy(c.ring[at:], block[i:])
	}
	c.n += len(block)
	came := now.Sub(c.pushed) - time.Duration(len(block))*time.Second/device.SampleRate
	c.pushed = now
	if c.n >= c.want && came.Abs() <= even {
		select {
		case <-c.begun:
		default:
			close(c.begun)
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
	late, waiting := now.Sub(c.pushed), c.n
	c.mu.Unlock()
	c.least = min(c.least, late)
	undelivered := min(float64(late)*device.SampleRate/float64(time.Second), 2*device.FrameSamples)
	c.seen += float64(waiting) + undelivered
	c.pulls++
	if late < ambiguous {
		// The next block may come just after the moment instead of just before.
		undelivered += device.FrameSamples
	}
	c.need = max(c.need, undelivered+margin)
	if c.since += samples; c.since < c.untilReview() {
		return
	}
	switch {
	case c.reviews < settling:
		c.early = misplaced(c.least)
	case c.reviews < until && c.least < ambiguous:
		c.early = c.least - settle - moreSettled
	}
	c.reviews++
	c.adjust(c.seen/float64(c.pulls) - c.need)
	c.need, c.seen, c.pulls, c.since, c.least = 0, 0, 0, 0, never
}

func (c *capture) untilReview() int {
	if c.reviews < settling {
		return firstReview
	}
	return review
}

// misplaced is by how much sooner packets should be encoded so that it is settle after
// a block has come; 0: they are near enough, or there is no microphone to go by.
func misplaced(least time.Duration) time.Duration {
	const block = device.FrameSamples * time.Second / device.SampleRate
	if least >= block || least >= settle/2 && least <= settle+apart {
		return 0
	}
	return least - settle
}

// move is by how much the next packet is to come sooner, told once.
func (c *capture) move() time.Duration {
	d := c.early
	c.early = 0
	return d
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

package media

import (
	"math"
	"math/rand/v2"
)

const (
	// toneSmoothing is how much of a new value shows at once: a room hums low
	// rather than hisses.
	toneSmoothing = 1.0 / 4
	// toneAmplitude makes the tone about 20 of 32768 (-64 dBFS) in the mean:
	// below the noise of a quiet room, and never digital zero, which takes a
	// codec measurably less time than any sound.
	toneAmplitude = 92.0
)

// roomTone makes low noise that sounds like a quiet room: any room, until it has
// learnt what this one sounds like.
type roomTone struct {
	random *rand.ChaCha8
	last   float64
	room   background
	past   [order]float64 // of the room's noise
}

// addTo mixes the tone of any room into a frame: under a voice, so that no
// microphone gives digital zero.
func (r *roomTone) addTo(frame []int16) {
	for i := 0; i < len(frame); i += 4 {
		v := r.random.Uint64()
		for j := range min(4, len(frame)-i) {
			r.last += (white(v, j)*toneAmplitude - r.last) * toneSmoothing
			frame[i+j] = saturate(int32(frame[i+j]) + int32(r.last))
		}
	}
}

// white is the j-th of four random numbers, -1 to 1.
func white(v uint64, j int) float64 { return float64(uint16(v>>(16*j)))/32768 - 1 }

// fill makes a frame of nothing but the tone of this room: what is sent while the
// microphone is closed.
func (r *roomTone) fill(frame []int16) {
	clear(frame)
	if r.room.known {
		r.hum(frame)
	}
	r.addTo(frame)
}

// hum adds noise of the room's own spectrum and level.
func (r *roomTone) hum(frame []int16) {
	amplitude := r.room.level * math.Sqrt(3) // of even noise with that mean square
	for i := 0; i < len(frame); i += 4 {
		v := r.random.Uint64()
		for j := range min(4, len(frame)-i) {
			x := white(v, j) * amplitude
			for k, a := range r.room.filter {
				x += a * r.past[k]
			}
			copy(r.past[1:], r.past[:])
			r.past[0] = x
			frame[i+j] = saturate(int32(frame[i+j]) + int32(x))
		}
	}
}

func saturate(v int32) int16 { return int16(min(max(v, -32768), 32767)) }

const (
	// order of the filter that stands for the room's spectrum: enough for a hum
	// or a hiss, too little for anything that was said.
	order = 8
	// learning is how many samples are listened to before the room is known, 3 s,
	// and kept for the call: what is sent while muted must not go on telling what
	// is heard.
	learning = 3 * 48000
	// as quiet as this, in the mean, a block is background: within 3 dB of the
	// quietest.
	asQuiet = 2.0
	// loudest is the mean square of the loudest background there may be, -50
	// dBFS: beyond it the quietest moment was no background.
	loudest = 104 * 104
)

// background learns the spectrum and the level of a room from its quietest moments.
type background struct {
	heard    int // samples
	quietest float64
	correl   [order + 1]float64

	known  bool
	filter [order]float64
	level  float64 // root mean square of the noise that excites the filter
}

// listen takes a frame from the microphone, during the first seconds.
func (b *background) listen(frame []int16) {
	if b.known {
		return
	}
	b.heard += len(frame)
	b.compare(frame)
	if b.heard >= learning {
		b.conclude()
	}
}

// compare keeps the frame's spectrum if it is among the quietest.
func (b *background) compare(frame []int16) {
	var c [order + 1]float64
	for lag := range c {
		for i := lag; i < len(frame); i++ {
			c[lag] += float64(frame[i]) * float64(frame[i-lag])
		}
		c[lag] /= float64(len(frame))
	}
	switch {
	case c[0] < 1: // digital silence is no room
	case b.quietest == 0 || c[0] < b.quietest/asQuiet:
		b.quietest, b.correl = c[0], c
	case c[0] < b.quietest*asQuiet:
		b.quietest = min(b.quietest, c[0])
		for lag := range c {
			b.correl[lag] += (c[lag] - b.correl[lag]) / 8
		}
	}
}

// conclude computes the filter (Levinson and Durbin).
func (b *background) conclude() {
	b.known = true
	c := b.correl
	if c[0] == 0 {
		return // nothing was heard: the tone of any room has to do
	}
	if c[0] > loudest {
		for lag := range c {
			c[lag] *= loudest / b.correl[0]
		}
	}
	// A little white noise and a window on the lags: no line of the spectrum
	// stands out, so that no tone rings.
	for lag := range c {
		c[lag] *= math.Exp(-0.02 * float64(lag*lag))
	}
	c[0] *= 1.01
	left := c[0]
	var a [order]float64
	for m := range order {
		k := c[m+1]
		for i := range m {
			k -= a[i] * c[m-i]
		}
		k /= left
		old := a
		for i := range m {
			a[i] = old[i] - k*old[m-1-i]
		}
		a[m] = k
		left *= 1 - k*k
	}
	b.filter, b.level = a, math.Sqrt(max(left, 0))
}

// forget wipes what was learnt.
func (b *background) forget() { *b = background{} }

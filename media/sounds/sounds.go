// Package sounds makes the sounds of a phone: those that tell what a call is
// doing, and the tones of keys. It is pure: samples come out, and whoever has a
// speaker plays them.
package sounds

import (
	"math"
	"time"

	"karat/media/device"
)

// Sound is one of them.
type Sound struct {
	steps []step
	loop  bool
}

// step is a chord, or silence, for a while.
type step struct {
	hertz [2]float64 // 0: none
	loud  float64    // of full scale
	lasts time.Duration
}

const ms = time.Millisecond

// The sounds. Those that wait for somebody go on until they are stopped.
var (
	// Ring: somebody calls.
	Ring = Sound{loop: true, steps: []step{
		{[2]float64{880, 1108.73}, 0.25, 350 * ms},
		{[2]float64{}, 0, 100 * ms},
		{[2]float64{880, 1108.73}, 0.25, 350 * ms},
		{[2]float64{}, 0, 2200 * ms},
	}}
	// Ringback: it rings at the other end. It is made here, as telephones in most of
	// Europe sound: the other end sends none.
	Ringback = Sound{loop: true, steps: []step{
		{[2]float64{425}, 0.1, 1000 * ms},
		{[2]float64{}, 0, 4000 * ms},
	}}
	// Waiting: somebody calls while there is a call.
	Waiting = Sound{steps: []step{
		{[2]float64{425}, 0.1, 200 * ms},
		{[2]float64{}, 0, 200 * ms},
		{[2]float64{425}, 0.1, 200 * ms},
	}}
	// End: a call is over.
	End = Sound{steps: []step{
		{[2]float64{587.33}, 0.15, 120 * ms},
		{[2]float64{440}, 0.15, 180 * ms},
	}}
	// Compare: a code waits to be compared.
	Compare = Sound{steps: []step{
		{[2]float64{659.26}, 0.15, 90 * ms},
		{[2]float64{}, 0, 60 * ms},
		{[2]float64{659.26}, 0.15, 90 * ms},
		{[2]float64{}, 0, 60 * ms},
		{[2]float64{987.77}, 0.15, 140 * ms},
	}}
	// Alarm: somebody may be in the middle, or a call is less than it was.
	Alarm = Sound{steps: []step{
		{[2]float64{950, 1400}, 0.35, 200 * ms},
		{[2]float64{600, 900}, 0.35, 200 * ms},
		{[2]float64{950, 1400}, 0.35, 200 * ms},
		{[2]float64{600, 900}, 0.35, 200 * ms},
		{[2]float64{950, 1400}, 0.35, 200 * ms},
		{[2]float64{600, 900}, 0.35, 200 * ms},
	}}
)

// keys are the rows and columns of a telephone's keys (ITU-T Q.23).
const keys = "123A456B789C*0#D"

var (
	rows    = [4]float64{697, 770, 852, 941}
	columns = [4]float64{1209, 1336, 1477, 1633}
)

// keyLasts is how long a key is heard (ITU-T Q.24 asks for 40 ms at least).
const keyLasts = 100 * ms

// Key is the tone of a key (ITU-T Q.23); false if there is no such key.
func Key(key byte) (Sound, bool) {
	for i := range len(keys) {
		if keys[i] == key {
			return Sound{steps: []step{{[2]float64{rows[i/4], columns[i%4]}, 0.2, keyLasts}}}, true
		}
	}
	return Sound{}, false
}

// fade is how long a step takes to begin and to end: without it they click.
const fade = 5 * ms

const perMillisecond = device.SampleRate / 1000

// Player is a sound that is being played.
type Player struct {
	sound Sound
	step  int
	at    int // samples into the step
}

// Play begins a sound.
func Play(s Sound) *Player { return &Player{sound: s} }

// Next fills the next samples; false when the sound is over, and then they are
// silent. It allocates nothing.
func (p *Player) Next(samples []int16) bool {
	clear(samples)
	for i := range samples {
		if p.step == len(p.sound.steps) {
			if !p.sound.loop || len(p.sound.steps) == 0 {
				return i > 0
			}
			p.step = 0
		}
		s := &p.sound.steps[p.step]
		samples[i] = s.sample(p.at)
		if p.at++; p.at >= s.samples() {
			p.step, p.at = p.step+1, 0
		}
	}
	return true
}

func (s *step) samples() int { return int(s.lasts/ms) * perMillisecond }

// sample is the step's value at a place in it.
func (s *step) sample(at int) int16 {
	v, voices := 0.0, 0.0
	for _, hz := range s.hertz {
		if hz > 0 {
			v += math.Sin(2 * math.Pi * hz * float64(at) / device.SampleRate)
			voices++
		}
	}
	if voices == 0 {
		return 0
	}
	edge := float64(min(at, s.samples()-1-at)) / float64(fade/ms*perMillisecond)
	return int16(math.MaxInt16 * s.loud * min(edge, 1) * v / voices)
}

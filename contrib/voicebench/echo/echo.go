// Package echo judges echo cancellers: how much of the far end's voice they
// take out of what the microphone hears, and what that costs the voice of who
// sits there.
//
// The rooms are made by the image method (Allen and Berkley, 1979). They have
// no furniture, no noise but a faint hiss, and loudspeakers without distortion:
// real ones are harder. Everything is computed, at no particular time.
package echo

import (
	"fmt"
	"math"
	"math/rand/v2"

	"karat/contrib/voicebench/quality"
)

const (
	// Rate is the sample rate, in hertz.
	Rate = quality.Rate
	// Frame is 20 ms.
	Frame = Rate / 50

	// deviceDelay lies between what is played and the room: the buffers of
	// speaker and microphone.
	deviceDelay = 45 * Rate / 1000
	// echoLevel and nearLevel are root mean squares at the microphone: who sits
	// before it is 6 dB louder than its loudspeaker.
	echoLevel = 1000.0
	nearLevel = 2000.0
	hissLevel = 4.0

	// settled is when the canceller must have converged, 2 s.
	settled = 2 * Rate
)

// A Canceller is given every 20 ms what is being played and what was captured,
// and cleans the latter.
type Canceller interface {
	Cancel(far, captured *[Frame]int16) error
}

// Result is how a canceller did in one room.
type Result struct {
	Room string
	// Single is the echo return loss enhancement in decibels while only the far
	// end talks, from 2 s on.
	Single float64
	// Moved is the same from 2 s after the path of the echo changed.
	Moved float64
	// Hurt is by how much the near end's ESTOI is lower than without any echo,
	// in double talk.
	Hurt float64
	// Uncancelled is by how much it would be lower without a canceller.
	Uncancelled float64
}

func (r Result) String() string {
	return fmt.Sprintf("%s: %.1f dB, %.1f dB after a move, near speech hurt by %.3f (%.3f uncancelled)", r.Room, r.Single, r.Moved, r.Hurt, r.Uncancelled)
}

// Judge runs new cancellers through one room. far and near are speech of at
// least 8 s at 48 kHz.
func Judge(room Room, far, near []int16, newCanceller func() (Canceller, error)) (Result, error) {
	n := min(len(far), len(near)) / Frame * Frame
	if n < 8*Rate {
		return Result{}, fmt.Errorf("echo: %d samples of speech are too few", n)
	}
	far, near = far[:n], near[:n]
	// Who answers waits until the canceller could have converged.
	late := make([]int16, n)
	copy(late[settled:], near)
	s := scene{far: far, canceller: newCanceller}
	r := Result{Room: room.Name}

	echo := room.echo(far, false)
	out, err := s.play(echo, nil)
	if err != nil {
		return r, err
	}
	r.Single = lossEnhancement(echo[settled:], out[settled:])

	moving := room.moving(far)
	if out, err = s.play(moving, nil); err != nil {
		return r, err
	}
	after := n/2 + settled
	r.Moved = lossEnhancement(moving[after:], out[after:])

	voice := atLevel(late, nearLevel)
	if out, err = s.play(echo, voice); err != nil {
		return r, err
	}
	clean := quality.Measure(late, mixed(nil, voice)).ESTOI
	r.Hurt = clean - quality.Measure(late, out).ESTOI
	r.Uncancelled = clean - quality.Measure(late, mixed(echo, voice)).ESTOI
	return r, nil
}

// scene is one far end's speech and a canceller.
type scene struct {
	far       []int16
	canceller func() (Canceller, error)
}

// play lets a new canceller hear it all.
func (s scene) play(echo, voice []float64) ([]int16, error) {
	c, err := s.canceller()
	if err != nil {
		return nil, err
	}
	if closer, ok := c.(interface{ Close() error }); ok {
		defer closer.Close()
	}
	out := mixed(echo, voice)
	for at := 0; at+Frame <= len(out); at += Frame {
		if err := c.Cancel((*[Frame]int16)(s.far[at:]), (*[Frame]int16)(out[at:])); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// mixed is what the microphone hears.
func mixed(echo, voice []float64) []int16 {
	r := rand.New(rand.NewPCG(7, 8))
	out := make([]int16, max(len(echo), len(voice)))
	for i := range out {
		v := hissLevel * r.NormFloat64()
		if echo != nil {
			v += echo[i]
		}
		if voice != nil {
			v += voice[i]
		}
		out[i] = int16(max(min(math.Round(v), math.MaxInt16), math.MinInt16))
	}
	return out
}

// lossEnhancement is the energy of the echo over that of what is left, in
// decibels. The hiss counts as left.
func lossEnhancement(echo []float64, left []int16) float64 {
	var before, after float64
	for i, v := range echo {
		before += v * v
		after += float64(left[i]) * float64(left[i])
	}
	return 10 * math.Log10((before+1)/(after+1))
}

// atLevel brings the speech, without its silences, to a level.
func atLevel(pcm []int16, level float64) []float64 {
	sum, n := 0.0, 0
	for at := 0; at+Frame <= len(pcm); at += Frame {
		e := 0.0
		for _, v := range pcm[at : at+Frame] {
			e += float64(v) * float64(v)
		}
		if e > 100*Frame { // louder than rounding
			sum += e
			n += Frame
		}
	}
	out := make([]float64, len(pcm))
	if n == 0 {
		return out
	}
	gain := level / math.Sqrt(sum/float64(n))
	for i, v := range pcm {
		out[i] = gain * float64(v)
	}
	return out
}

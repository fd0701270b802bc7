package sounds_test

import (
	"fmt"
	"math"
	"testing"

	"karat/media/device"
	"karat/media/sounds"
)

func play(s sounds.Sound, frames int) (samples []int16, ended bool) {
	p := sounds.Play(s)
	var f device.Frame
	for range frames {
		if !p.Next(f[:]) {
			return samples, true
		}
		samples = append(samples, f[:]...)
	}
	return samples, false
}

// TestEnds: those that wait for somebody go on, the others end within 2 s.
func TestEnds(t *testing.T) {
	for _, c := range []struct {
		name  string
		sound sounds.Sound
		ends  bool
	}{
		{"ring", sounds.Ring, false},
		{"ringback", sounds.Ringback, false},
		{"end", sounds.End, true},
		{"compare", sounds.Compare, true},
		{"alarm", sounds.Alarm, true},
	} {
		samples, ended := play(c.sound, 3000)
		if ended != c.ends || c.ends && len(samples) > 2*device.SampleRate {
			t.Errorf("%s: ended %v after %d samples", c.name, ended, len(samples))
		}
	}
	if _, ended := play(sounds.Sound{}, 1); !ended {
		t.Error("no sound went on")
	}
}

// TestNoClicks: no step of a sound is steeper than its highest tone.
func TestNoClicks(t *testing.T) {
	for _, s := range []sounds.Sound{sounds.Ring, sounds.Ringback, sounds.End, sounds.Compare, sounds.Alarm} {
		samples, _ := play(s, 400)
		steepest := 0.0
		for i := 1; i < len(samples); i++ {
			steepest = max(steepest, math.Abs(float64(samples[i])-float64(samples[i-1])))
		}
		if limit := 0.35 * math.MaxInt16 * 2 * math.Pi * 1400 / device.SampleRate; steepest > limit {
			t.Errorf("a step of %.0f, want %.0f at most", steepest, limit)
		}
	}
}

// goertzel is the energy at a frequency.
func goertzel(samples []int16, hz float64) float64 {
	k := 2 * math.Cos(2*math.Pi*hz/device.SampleRate)
	var a, b float64
	for _, v := range samples {
		a, b = float64(v)+k*a-b, a
	}
	return a*a + b*b - k*a*b
}

// TestKeys: each key has its two tones and no other (ITU-T Q.23).
func TestKeys(t *testing.T) {
	tones := []float64{697, 770, 852, 941, 1209, 1336, 1477, 1633}
	const keys = "123A456B789C*0#D"
	for i := range len(keys) {
		s, ok := sounds.Key(keys[i])
		samples, _ := play(s, 10)
		if !ok {
			t.Fatalf("no key %c", keys[i])
		}
		loudest := 0.0
		for _, hz := range tones {
			loudest = max(loudest, goertzel(samples, hz))
		}
		for j, hz := range tones {
			if want := j == i/4 || j == 4+i%4; (goertzel(samples, hz) > loudest/10) != want {
				t.Errorf("key %c has the tone of %v Hz: %v, want %v", keys[i], hz, !want, want)
			}
		}
	}
	if _, ok := sounds.Key('x'); ok {
		t.Error("x is no key")
	}
}

func TestAllocates(t *testing.T) {
	p := sounds.Play(sounds.Ring)
	var f device.Frame
	if n := testing.AllocsPerRun(100, func() { p.Next(f[:]) }); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
}

func Example() {
	key, _ := sounds.Key('5')
	p := sounds.Play(key)
	var f device.Frame
	frames := 0
	for p.Next(f[:]) {
		frames++
	}
	fmt.Println(frames, "frames of 20 ms")
	// Output: 5 frames of 20 ms
}

package apm

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestFilter: each band passes as loud as it should, hardly later, and where all pass
// whole nothing changes.
func TestFilter(t *testing.T) {
	edge := newSuppressor().edge
	whole := flat(1)
	half := flat(0.5)
	low := flat(0.01)
	for b := range bands / 2 {
		low[b] = 1
	}
	for _, c := range []struct {
		name  string
		gain  energies
		hertz float64
		want  float64
	}{
		{"whole", whole, 1000, 1},
		{"half", half, 1000, 0.5},
		{"low, below", low, 300, 1},
		{"low, above", low, 5000, 0.01},
	} {
		f := newFilter()
		var in, out float64
		for n := range 20 {
			var sound frame
			for i := range sound {
				sound[i] = rounded(8000 * math.Sin(2*math.Pi*c.hertz/rate*float64(n*frameSamples+i)))
			}
			before := sound
			f.shape(&c.gain, &edge)
			f.pass(&sound)
			for i := range sound {
				if n > 2 {
					in, out = in+sq(before[i]), out+sq(sound[i])
				}
			}
			if c.name == "whole" && sound != before {
				t.Fatal("what passes whole is changed")
			}
		}
		if got := math.Sqrt(out / in); got < c.want*0.7 || got > c.want*1.4 {
			t.Errorf("%s: %.3f passes, want %.3f", c.name, got, c.want)
		}
	}
}

func flat(gain float64) (e energies) {
	for b := range e {
		e[b] = gain
	}
	return e
}

func sq(v int16) float64 { return float64(v) * float64(v) }

// TestLeak: the share of an echo that is left is found, and who talks over it changes
// little.
func TestLeak(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, leak := range []float64{0.01, 0.1} {
		for _, voice := range []float64{0, 0.2} {
			var c course
			got, n := 0.0, 0
			for i := range 1000 {
				taken := 1e6 * math.Exp(r.NormFloat64())
				spoken := 1e6 * voice * math.Exp(r.NormFloat64())
				l := c.leak(leak*taken+spoken, taken, 1)
				if i > 200 {
					got, n = got+l, n+1
				}
			}
			if got /= float64(n); got < leak/2 || got > leak*2 {
				t.Errorf("%.3f found for %.3f, with a voice of %.1f", got, leak, voice)
			}
		}
	}
}

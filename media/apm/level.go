package apm

import "math"

// mostPeak is what no sample is beyond for long: a quarter below what there is.
const mostPeak = 25000

// level brings a voice to one level.
type level struct {
	factor float64 // of the last sample
}

// apply raises a frame by so many decibels, or less where it is loud. It comes to that
// slowly, but is lowered at once.
func (l *level) apply(f *frame, decibels float64) {
	peak := 1.0
	for _, v := range f {
		peak = max(peak, math.Abs(float64(v)))
	}
	to := min(math.Pow(10, decibels/20), mostPeak/peak)
	steps := len(f)
	if to < l.factor {
		steps = fade
	}
	for i, v := range f {
		if i < steps {
			l.factor += (to - l.factor) / float64(steps-i)
		}
		f[i] = rounded(float64(v) * l.factor)
	}
}

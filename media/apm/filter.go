package apm

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

const (
	// long is the length of the transforms in which sound is filtered, a frame and
	// taps at least, and short of those that make a filter.
	long  = 512
	short = 256
	// taps of a filter: 7 ms. The second half of them fades out.
	taps = 112
	// fade is how long one filter gives way to the next, 5 ms.
	fade = rate / 200
)

// filter lets so much of each band through. Of all filters that let so much through it
// is the one of the least delay: hardly any where bands differ, none where they do not.
type filter struct {
	long, short *fourier.FFT
	curve       [short/2 + 1]complex128
	cepstrum    [short]float64

	heard    [long]float64 // the last of it
	spectrum [long/2 + 1]complex128
	product  [long/2 + 1]complex128
	impulse  [long]float64
	shapes   [2][long/2 + 1]complex128 // of the frame before, and of this one
	out      [2][long]float64
}

func newFilter() *filter {
	f := &filter{long: fourier.NewFFT(long), short: fourier.NewFFT(short)}
	for i := range f.shapes[1] {
		f.shapes[1][i] = 1
	}
	return f
}

// shape makes the filter for the next frame.
//
// A. V. Oppenheim and R. W. Schafer, Discrete-Time Signal Processing: the minimum phase
// goes with the causal part of the cepstrum.
func (f *filter) shape(gain *energies, edge *[bands + 1]int) {
	f.draw(gain, edge)
	f.short.Sequence(f.cepstrum[:], f.curve[:])
	for i := range f.cepstrum {
		switch {
		case i == 0 || i == short/2:
			f.cepstrum[i] /= short
		case i < short/2:
			f.cepstrum[i] *= 2.0 / short
		default:
			f.cepstrum[i] = 0
		}
	}
	f.short.Coefficients(f.curve[:], f.cepstrum[:])
	for i, c := range f.curve {
		sin, cos := math.Sincos(imag(c))
		m := math.Exp(real(c)) / short
		f.curve[i] = complex(m*cos, m*sin)
	}
	f.short.Sequence(f.cepstrum[:], f.curve[:])
	for i, v := range f.cepstrum[:taps] {
		if end := taps - i; end < taps/2 {
			v *= 0.5 - 0.5*math.Cos(math.Pi*float64(end)/(taps/2))
		}
		f.impulse[i] = v
	}
	f.shapes[0] = f.shapes[1]
	f.long.Coefficients(f.shapes[1][:], f.impulse[:])
}

// draw draws a line through the middles of the bands: the logarithm of the gain, over
// frequency.
func (f *filter) draw(gain *energies, edge *[bands + 1]int) {
	middle := func(b int) float64 { return float64(edge[b]+edge[b+1]) / 2 * short / span }
	b := 0
	for i := range f.curve {
		for b < bands-2 && float64(i) > middle(b+1) {
			b++
		}
		share := min(max((float64(i)-middle(b))/(middle(b+1)-middle(b)), 0), 1)
		f.curve[i] = complex((1-share)*math.Log(gain[b])+share*math.Log(gain[b+1]), 0)
	}
}

// pass filters a frame, in place.
func (f *filter) pass(sound *frame) {
	copy(f.heard[:], f.heard[len(sound):])
	recent := f.heard[long-len(sound):]
	for i, v := range sound {
		recent[i] = float64(v)
	}
	f.long.Coefficients(f.spectrum[:], f.heard[:])
	for k := range f.shapes {
		for i, c := range f.spectrum {
			f.product[i] = c * f.shapes[k][i]
		}
		f.long.Sequence(f.out[k][:], f.product[:])
	}
	// What comes before has wrapped around, as far as the filter is long.
	old, now := f.out[0][long-len(sound):], f.out[1][long-len(sound):]
	for i := range sound {
		v := now[i]
		if i < fade {
			share := (float64(i) + 0.5) / fade
			v = share*v + (1-share)*old[i]
		}
		sound[i] = rounded(v / long)
	}
}

// rounded is a sample.
func rounded(v float64) int16 {
	return int16(min(max(math.Floor(v+0.5), math.MinInt16), math.MaxInt16))
}

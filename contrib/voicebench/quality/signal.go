package quality

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

const (
	// wideband is the rate at which Listening and NSIM compare: telephones that
	// call themselves wideband carry up to 8 kHz.
	wideband = 16000

	window = 512 // 32 ms
	// step between the moments that are compared, 16 ms.
	step = window / 2
	// active is how far below the mean level of speech a moment may be and still
	// be speech, in decibels.
	active = 25.0
	// speechLevel is the mean square to which speech is brought, of samples of
	// 16 bits: 26 dB below full scale, the level at which speech is commonly
	// judged.
	speechLevel = 32768 * 32768 / 2 / 200.0
)

// signal is one of the two sounds at the wideband rate, at a fixed level.
type signal struct {
	pcm []float64
	// level is the mean square of each window.
	level []float64
	// speech tells which windows are not pauses.
	speech []bool
}

func newSignal(pcm []int16) *signal {
	s := &signal{pcm: highPass(resample(pcm, wideband))}
	for at := 0; at+window <= len(s.pcm); at += step {
		s.level = append(s.level, meanSquare(s.pcm[at:at+window]))
	}
	s.normalise()
	return s
}

// normalise brings the speech to one level and marks where it is.
func (s *signal) normalise() {
	gain := 0.0
	if mean := activeLevel(s.level); mean > 0 {
		gain = speechLevel / mean
	}
	for i := range s.pcm {
		s.pcm[i] *= math.Sqrt(gain)
	}
	s.speech = make([]bool, len(s.level))
	for i := range s.level {
		s.level[i] *= gain
		s.speech[i] = s.level[i] > speechLevel*decibels(-active)
	}
}

// activeLevel is the mean level without the pauses.
func activeLevel(level []float64) float64 {
	mean := 0.0
	for range 4 { // enough to settle
		sum, n := 0.0, 0
		for _, v := range level {
			if v > mean*decibels(-active) {
				sum += v
				n++
			}
		}
		if n == 0 {
			return 0
		}
		mean = sum / float64(n)
	}
	return mean
}

func decibels(db float64) float64 { return math.Pow(10, db/10) }

func meanSquare(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return sum / float64(len(x))
}

// at returns the window that begins at a sample, which may lie outside the
// signal: there is silence.
func (s *signal) at(dst []float64, first int) {
	clear(dst)
	switch {
	case first >= len(s.pcm) || first+len(dst) <= 0:
	case first < 0:
		copy(dst[-first:], s.pcm)
	default:
		copy(dst, s.pcm[first:])
	}
}

// highPass takes away what no telephone carries: below about 50 Hz.
func highPass(x []float64) []float64 {
	const pole = 1 - 2*math.Pi*50/wideband
	in, out := 0.0, 0.0
	for i, v := range x {
		out = pole*out + v - in
		in, x[i] = v, out
	}
	return x
}

// spectrum is the power of a window per bin, under a Hann window.
type spectrum struct {
	fft    *fourier.FFT
	hann   []float64
	buf    []float64
	coeffs []complex128
}

// fftLength holds the longest window.
const fftLength = 512

func newSpectrum(length int) *spectrum {
	sp := &spectrum{
		fft: fourier.NewFFT(fftLength), hann: make([]float64, length),
		buf: make([]float64, fftLength), coeffs: make([]complex128, fftLength/2+1),
	}
	for i := range sp.hann {
		sp.hann[i] = 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(length))
	}
	return sp
}

// of adds the power of each band, whose edges are given in bins, to dst.
func (sp *spectrum) of(dst, x []float64, edges []int) {
	clear(sp.buf)
	for i, v := range x {
		sp.buf[i] = v * sp.hann[i]
	}
	c := sp.fft.Coefficients(sp.coeffs, sp.buf)
	for b := range dst {
		dst[b] = 0
		for _, v := range c[edges[b]:edges[b+1]] {
			dst[b] += real(v)*real(v) + imag(v)*imag(v)
		}
	}
}

// resample brings sound from 48 kHz to a lower rate, by a sinc under a Hann
// window of so many zero crossings each side.
func resample(pcm []int16, rate int) []float64 {
	const crossings = 32
	ratio := float64(Rate) / float64(rate)
	cut := 0.95 / ratio // of the band, per sample at 48 kHz
	reach := int(math.Ceil(crossings / cut))
	out := make([]float64, len(pcm)*rate/Rate)
	filters := map[int][]float64{} // by the place between two samples, in 1/rate
	for i := range out {
		whole, part := i*Rate/rate, i*Rate%rate
		f := filters[part]
		if f == nil {
			f = make([]float64, 2*reach+1)
			for k := range f {
				x := float64(k-reach) - float64(part)/float64(rate)
				if math.Abs(x) < float64(reach) {
					f[k] = cut * sinc(x*cut) * (0.5 + 0.5*math.Cos(math.Pi*x/float64(reach)))
				}
			}
			filters[part] = f
		}
		for k := max(0, reach-whole); k < len(f) && whole+k-reach < len(pcm); k++ {
			out[i] += f[k] * float64(pcm[whole+k-reach])
		}
	}
	return out
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

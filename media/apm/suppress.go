package apm

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

const (
	// span of sound is looked at: this frame and the one before it.
	span = 2 * frameSamples
	// fall is how long the window takes to close, 2.5 ms. It opens over the whole frame
	// before.
	fall = rate / 400
	// bands in which sound is judged, each as wide as the ear's.
	bands = 20
)

// How sound is judged. All were tried with contrib/voicebench's rooms: less is let
// through of an echo, or more of who speaks at the same time, and these do for both.
const (
	// memory is the weight of a frame in what is learnt of the canceller, and surge of
	// one in the mean from which a frame stands out.
	memory = 0.02
	surge  = 0.5
	// mostLeak bounds what one frame can say of the canceller: much more is somebody's
	// voice.
	mostLeak = 0.3
	// over is how much more of an echo is expected to be left than was learnt, and
	// dying what is left of that after a frame: rooms ring on.
	over  = 2.2
	dying = 0.8
	// before is the weight of the frame before in what is let through.
	before = 0.75
	// Of noise, and of an echo while somebody speaks, so much is let through at
	// least, as an energy.
	noiseFloor = 0.1  // -12 dB
	echoFloor  = 0.16 // -8 dB
	// Where of all energy a share of less than nobody is neither echo nor noise, the
	// other end talks alone; with more than somebody, not at all. While it does, what
	// is left of the echo is lowered further, to aloneGain.
	nobody    = 0.3
	somebody  = 0.7
	aloneGain = 0.25 // -12 dB
	// quiet is how many frames a minimum stands for noise: longer than a word.
	quiet = 150
	// noiseOver is the mean of noise over its minimum.
	noiseOver = 1.3
)

// energies of the bands.
type energies [bands]float64

// suppressor lowers what the canceller left of an echo, and noise.
//
// What is left of an echo is told from a voice by its course: where it grows and falls
// with what the canceller took away it is echo.
type suppressor struct {
	fft      *fourier.FFT
	window   [span]float64
	edge     [bands + 1]int // of the bands, in bins
	work     [span]float64
	spectrum [span/2 + 1]complex128

	notch       notch
	left, taken [span]float64 // what the canceller left, and what it took away

	noise  noise
	echo   [bands]course
	ring   energies // of the echo that is left, as it dies away
	passed energies // of the frame before
	gain   energies // what is let through, as a factor of the amplitude

	filter *filter
}

// course is how the energies of what is left and of what was taken away go together.
type course struct {
	left, taken float64 // means
	both, alone float64 // of the product of what stands out of these, and of the square of the latter's
}

// noise is the least that was heard lately in each band.
type noise struct {
	frames                     int
	smooth, least, former, now energies
}

func newSuppressor() *suppressor {
	s := &suppressor{fft: fourier.NewFFT(span), filter: newFilter()}
	for i := range s.window {
		s.window[i] = 1
		if i < span/2 {
			s.window[i] = math.Sin(math.Pi / 2 * (float64(i) + 0.5) / (span / 2))
		} else if end := span - i; end <= fall {
			s.window[i] = math.Sin(math.Pi / 2 * (float64(end) - 0.5) / fall)
		}
	}
	// Traunmüller's Bark, nearly.
	top := math.Asinh(rate / 2 / 600.0)
	for b := 1; b < bands; b++ {
		hertz := 600 * math.Sinh(top*float64(b)/bands)
		s.edge[b] = max(int(math.Round(hertz*span/rate)), s.edge[b-1]+2)
	}
	s.edge[bands] = span/2 + 1
	for b := range bands {
		s.noise.least[b], s.noise.former[b] = math.Inf(1), math.Inf(1)
	}
	return s
}

// clean takes out of a frame, in place, what the canceller left of an echo of what was
// captured. It delays nothing.
func (s *suppressor) clean(captured, left *frame) {
	copy(s.left[:], s.left[len(left):])
	copy(s.taken[:], s.taken[len(left):])
	for i, v := range left {
		s.left[len(left)+i] = float64(v)
		s.taken[len(left)+i] = s.notch.pass(float64(captured[i])) - float64(v)
	}
	var heard, echo energies
	s.look(&s.left, &heard)
	s.look(&s.taken, &echo)
	s.noise.follow(&heard)
	s.judge(&heard, &echo, &s.noise.now)
	s.filter.shape(&s.gain, &s.edge)
	s.filter.pass(left)
}

// wipe forgets all sound, for good.
func (s *suppressor) wipe() {
	*s.filter = filter{}
	*s = suppressor{}
}

// look measures the energies.
func (s *suppressor) look(sound *[span]float64, e *energies) {
	for i, v := range sound {
		s.work[i] = v * s.window[i]
	}
	s.fft.Coefficients(s.spectrum[:], s.work[:])
	for b := range e {
		e[b] = 0
		for _, c := range s.spectrum[s.edge[b]:s.edge[b+1]] {
			e[b] += real(c)*real(c) + imag(c)*imag(c)
		}
	}
}

// follow updates now, the energies of the noise.
//
// After R. Martin, Noise Power Spectral Density Estimation Based on Optimal Smoothing
// and Minimum Statistics, without its finer points.
func (o *noise) follow(heard *energies) {
	o.frames++
	for b, e := range heard {
		o.smooth[b] = 0.7*o.smooth[b] + 0.3*e
		o.least[b] = min(o.least[b], o.smooth[b])
		if o.frames == quiet {
			o.former[b], o.least[b] = o.least[b], o.smooth[b]
		}
		o.now[b] = noiseOver*min(o.least[b], o.former[b]) + 1
	}
	if o.frames == quiet {
		o.frames = 0
	}
}

// leak tells which share of an echo the canceller leaves, after one more frame.
func (c *course) leak(left, taken, noise float64) float64 {
	c.left += surge * (left - c.left)
	c.taken += surge * (taken - c.taken)
	scale := 1 / (taken + c.taken + 4*noise)
	l := min(max((left-c.left)*scale, -mostLeak), mostLeak)
	t := (taken - c.taken) * scale
	c.both += memory * (l*t - c.both)
	c.alone += memory * (t*t - c.alone)
	const least, nothing = 0.001, 1e-9
	return min(max(c.both/(c.alone+nothing), least), 1)
}

// judge decides how much of each band is let through.
func (s *suppressor) judge(heard, taken, noise *energies) {
	var left energies // of the echo
	voice, all := 0.0, 1.0
	for b, e := range heard {
		s.ring[b] = max(dying*s.ring[b], taken[b])
		left[b] = over * s.echo[b].leak(e, taken[b], noise[b]) * s.ring[b]
		voice += max(e-left[b]-2*noise[b], 0)
		all += e
	}
	alone := min(max((somebody-voice/all)/(somebody-nobody), 0), 1)
	lower := math.Pow(aloneGain, alone)
	for b, e := range heard {
		unwanted := noise[b] + left[b]
		// After Y. Ephraim and D. Malah, Speech Enhancement Using a Minimum Mean-Square
		// Error Short-Time Spectral Amplitude Estimator, equation 51.
		wanted := before*s.passed[b]/unwanted + (1-before)*max(e/unwanted-1, 0)
		g := wanted / (1 + wanted)
		s.passed[b] = g * g * e
		s.gain[b] = max(g, math.Sqrt((noise[b]*noiseFloor+left[b]*echoFloor)/unwanted))
		if left[b] > noise[b] {
			s.gain[b] *= lower
		}
	}
}

// notch is what speexdsp's canceller has before it: nothing passes at 0 Hz. Without it
// what it took away could not be told.
type notch struct{ a, b float64 }

func (f *notch) pass(v float64) float64 {
	const radius = 0.982 // of the poles, at 16 kHz
	const square = radius*radius + 0.7*(1-radius)*(1-radius)
	out := f.a + v
	f.a = f.b + 2*(radius*out-v)
	f.b = v - square*out
	return radius * out
}

package correlate

import (
	"math"
	"math/bits"
	"math/cmplx"
)

// analyser measures the energy in each band of a window of sound.
type analyser struct {
	hann    [window]float64
	twiddle [fftLen / 2]complex128
	edge    [bands + 1]int // in bins
	buf     [fftLen]complex128
}

func newAnalyser() *analyser {
	a := new(analyser)
	for i := range a.hann {
		a.hann[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/window)
	}
	for i := range a.twiddle {
		a.twiddle[i] = cmplx.Rect(1, -2*math.Pi*float64(i)/fftLen)
	}
	for b := range a.edge {
		hertz := lowest * math.Pow(highest/lowest, float64(b)/bands)
		a.edge[b] = int(math.Round(hertz * fftLen / Rate))
	}
	return a
}

// analyse returns the energy per band.
func (a *analyser) analyse(pcm []int16) (f frame) {
	clear(a.buf[:])
	for i, v := range pcm {
		a.buf[i] = complex(float64(v)*a.hann[i], 0)
	}
	a.transform()
	for b := range f {
		for i := a.edge[b]; i < max(a.edge[b+1], a.edge[b]+1); i++ {
			x := a.buf[i]
			f[b] += real(x)*real(x) + imag(x)*imag(x)
		}
	}
	return f
}

// transform is the radix-2 fast Fourier transform of buf, in place.
func (a *analyser) transform() {
	shift := 64 - bits.TrailingZeros(fftLen)
	for i := range a.buf {
		if j := int(bits.Reverse64(uint64(i)) >> shift); j > i {
			a.buf[i], a.buf[j] = a.buf[j], a.buf[i]
		}
	}
	for half := 1; half < fftLen; half *= 2 {
		step := fftLen / 2 / half
		for start := 0; start < fftLen; start += 2 * half {
			for k := range half {
				u := a.buf[start+k]
				v := a.buf[start+k+half] * a.twiddle[k*step]
				a.buf[start+k], a.buf[start+k+half] = u+v, u-v
			}
		}
	}
}

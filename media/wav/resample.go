package wav

import "math"

const (
	// Rate is the rate of the phone.
	Rate = 48000

	// The interpolation filter: a sinc of so many zero crossings each side
	// under a Kaiser window, tabulated at so many points between crossings and
	// read with linear interpolation. Images and aliases stay 70 dB down.
	crossings  = 24
	resolution = 512
	kaiserBeta = 8.0
	// passband is the share of the lower rate's band that passes whole.
	passband = 0.92
)

// At48k returns the sound at 48 kHz.
func (a Audio) At48k() []int16 {
	if a.Rate == Rate || len(a.Samples) == 0 || a.Rate <= 0 {
		return a.Samples
	}
	k := newKernel(a.Rate)
	n := int(int64(len(a.Samples)) * Rate / int64(a.Rate))
	out := make([]int16, n)
	for i := range out {
		// The place of sample i in the source, exactly: at = whole + rest/Rate.
		at := int64(i) * int64(a.Rate)
		out[i] = clip(k.at(a.Samples, int(at/Rate), float64(at%Rate)/Rate))
	}
	return out
}

// kernel is one side of the low-pass filter between two rates.
type kernel struct {
	table []float64
	scale float64 // crossings per source sample: below 1 when the rate falls
	reach int     // source samples each side
}

func newKernel(from int) *kernel {
	k := &kernel{scale: passband * min(1, Rate/float64(from))}
	k.reach = int(math.Ceil(crossings / k.scale))
	k.table = make([]float64, crossings*resolution+2)
	for i := range k.table {
		x := float64(i) / resolution
		if x >= crossings {
			break
		}
		k.table[i] = k.scale * sinc(x) * kaiser(x/crossings)
	}
	return k
}

// at is the value of the source at whole+part, 0 <= part < 1.
func (k *kernel) at(source []int16, whole int, part float64) float64 {
	sum := 0.0
	first := max(whole-k.reach+1, 0)
	last := min(whole+k.reach, len(source)-1)
	for j := first; j <= last; j++ {
		x := math.Abs(float64(j-whole)-part) * k.scale * resolution
		i := int(x)
		if i >= crossings*resolution {
			continue
		}
		r := x - float64(i)
		sum += float64(source[j]) * (k.table[i]*(1-r) + k.table[i+1]*r)
	}
	return sum
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the window at x in 0..1.
func kaiser(x float64) float64 {
	return bessel0(kaiserBeta*math.Sqrt(max(0, 1-x*x))) / bessel0(kaiserBeta)
}

// bessel0 is the modified Bessel function of the first kind, by its series.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= (x / 2 / k) * (x / 2 / k)
		sum += term
	}
	return sum
}

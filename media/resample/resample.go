// Package resample changes the rate of sound, by any ratio, a block at a time:
// between a sound card's rate and the phone's, and by some millionths between two
// clocks that disagree.
//
// It is a windowed sinc (J. O. Smith, Digital Audio Resampling), tabulated at
// many phases and read with linear interpolation. It is pure, and after New it
// allocates nothing.
package resample

import (
	"math"
	"sync"
)

// Quality is how long the filter is: what it costs, and how much it leaves over
// of what the lower rate cannot carry.
type Quality struct {
	// crossings of zero on each side of the filter's middle.
	crossings int
	// beta of the Kaiser window.
	beta float64
	// passband is the share of the lower rate's band that passes whole.
	passband float64
}

// The two qualities.
var (
	// Quick is for the audio path: images and aliases stay 60 dB down, speech
	// passes whole, and a sample costs some tens of nanoseconds.
	Quick = Quality{crossings: 10, beta: 6, passband: 0.88}
	// Fine is for recordings: 70 dB.
	Fine = Quality{crossings: 24, beta: 8, passband: 0.92}
)

const (
	// phases is how many places between two samples the filter is tabulated at;
	// linear interpolation between them errs 90 dB down.
	phases = 512
	// slack is how much input is kept beside the filter's length, so that samples
	// are moved up rarely.
	slack = 2048
	// maxStep bounds the ratio of the rates, and so the memory: 384 kHz to 8 kHz.
	maxStep = 48
)

// Resampler is one stream of sound. It is not for concurrent use.
type Resampler struct {
	step  float64   // input samples per output sample
	half  int       // taps on each side
	table []float32 // read only: others may have the same
	input []float32 // what the filter still needs, and what it has not reached
	n     int       // filled of input
	// The place in input of the next output sample is at+part, part in 0..1: so the
	// sound does not depend on when samples were moved up.
	at   int
	part float64
}

// New makes a resampler from one rate to another, both above 0 and in the same
// unit. A ratio beyond the limits of sound cards is brought to the limit.
func New(from, to float64, q Quality) *Resampler {
	r := &Resampler{step: min(from/to, maxStep)}
	scale := q.passband * min(1, 1/r.step) // crossings per input sample
	r.half = int(math.Ceil(float64(q.crossings) / scale))
	if r.step == 1 && q == Quick {
		r.table = even()
	} else {
		r.table = tabulate(q, scale, r.half)
	}
	r.input = make([]float32, 2*r.half+slack)
	r.Reset()
	return r
}

// even is the table between two clocks of one rate: each call has two, and they only
// read it.
var even = sync.OnceValue(func() []float32 {
	return tabulate(Quick, Quick.passband, int(math.Ceil(float64(Quick.crossings)/Quick.passband)))
})

// tabulate returns phases+1 rows of 2*half taps. Each row adds up to 1, so that a
// level does not depend on where between two samples one reads.
func tabulate(q Quality, scale float64, half int) []float32 {
	table := make([]float32, 0, (phases+1)*2*half)
	row := make([]float64, 2*half)
	for p := range phases + 1 {
		sum := 0.0
		for i := range row {
			x := (float64(i-half+1) - float64(p)/phases) * scale
			row[i] = 0
			if math.Abs(x) < float64(q.crossings) {
				row[i] = sinc(x) * kaiser(x/float64(q.crossings), q.beta)
			}
			sum += row[i]
		}
		for _, v := range row {
			table = append(table, float32(v/sum))
		}
	}
	return table
}

// Reset forgets the sound.
func (r *Resampler) Reset() {
	clear(r.input)
	r.n = r.half - 1 // silence before the first sample
	r.at, r.part = r.half-1, 0
}

// Stretch changes the ratio a little, between calls of Process: above 1 the output
// has fewer samples. It is meant for clocks that drift; the filter stays as it is.
func (r *Resampler) Stretch(from, to float64) { r.step = min(from/to, maxStep) }

// Delay is how many input samples must follow one before it can be given out.
func (r *Resampler) Delay() int { return r.half }

// Process takes what it can of src and fills what it can of dst, and returns how
// much of each. It stops when dst is full or src is used up.
func (r *Resampler) Process(dst, src []int16) (written, read int) {
	for {
		for written < len(dst) && r.at+r.half < r.n {
			dst[written] = r.sample()
			written++
			r.advance()
		}
		if written == len(dst) || read == len(src) {
			return written, read
		}
		read += r.take(src[read:])
	}
}

// advance goes on to the place of the next output sample.
func (r *Resampler) advance() {
	next := r.part + r.step
	whole := int(next)
	r.at, r.part = r.at+whole, next-float64(whole)
}

// take moves up what is still needed and adds to it.
func (r *Resampler) take(src []int16) int {
	if gone := min(r.at-r.half+1, r.n); gone > 0 {
		copy(r.input, r.input[gone:r.n])
		r.n -= gone
		r.at -= gone
	}
	n := min(len(src), len(r.input)-r.n)
	for i, v := range src[:n] {
		r.input[r.n+i] = float32(v)
	}
	r.n += n
	return n
}

// sample is the value of the input at at+part.
func (r *Resampler) sample() int16 {
	part := r.part * phases
	phase := int(part)
	taps := 2 * r.half
	low := r.table[phase*taps:][:taps]
	high := r.table[(phase+1)*taps:][:taps]
	input := r.input[r.at-r.half+1:][:taps]
	var a, b float32
	for i, v := range input {
		a += v * low[i]
		b += v * high[i]
	}
	return clip(a + (b-a)*float32(part-float64(phase)))
}

// clip rounds, half away from zero. math.Round takes several times as long.
func clip(v float32) int16 {
	if v < 0 {
		return int16(max(v-0.5, math.MinInt16))
	}
	return int16(min(v+0.5, math.MaxInt16))
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the window at x in -1..1.
func kaiser(x, beta float64) float64 {
	return bessel0(beta*math.Sqrt(max(0, 1-x*x))) / bessel0(beta)
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

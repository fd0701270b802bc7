package echo

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

// speedOfSound in metres a second.
const speedOfSound = 343.0

// point in metres.
type point [3]float64

// Room is a box with a loudspeaker and a microphone in it.
type Room struct {
	Name string
	size point
	// decay is the reverberation time, until 60 dB are gone, in seconds.
	decay               float64
	speaker, microphone point
	// moved is where the microphone is after it was moved.
	moved point
}

// Rooms are an office, a living room and a hall.
func Rooms() []Room {
	return []Room{
		{"office", point{3, 4, 2.5}, 0.2, point{1.4, 1.0, 0.8}, point{1.6, 1.15, 0.9}, point{1.3, 1.4, 1.0}},
		{"living room", point{5, 4, 2.7}, 0.35, point{1.5, 2.0, 1.0}, point{2.1, 2.2, 0.8}, point{1.8, 1.5, 1.1}},
		{"hall", point{8, 6, 3}, 0.5, point{3.0, 3.0, 1.0}, point{3.9, 3.3, 0.8}, point{3.4, 2.4, 1.2}},
	}
}

// response is the impulse response from the loudspeaker to a microphone: each
// wall mirrors the loudspeaker, and mirrors its images again.
func (r Room) response(microphone point) []float64 {
	// Eyring's formula for the share of pressure that a wall reflects.
	volume := r.size[0] * r.size[1] * r.size[2]
	surface := 2 * (r.size[0]*r.size[1] + r.size[1]*r.size[2] + r.size[2]*r.size[0])
	reflected := math.Exp(-12 * math.Ln10 * volume / (speedOfSound * surface * r.decay))

	h := make([]float64, int(r.decay*0.8*Rate))
	farthest := float64(len(h)) / Rate * speedOfSound
	images := r.images(microphone, farthest)
	for _, x := range images[0] {
		for _, y := range images[1] {
			for _, z := range images[2] {
				d := math.Sqrt(x.offset*x.offset + y.offset*y.offset + z.offset*z.offset)
				if at := int(math.Round(d / speedOfSound * Rate)); at < len(h) {
					h[at] += math.Pow(reflected, float64(x.walls+y.walls+z.walls)) / max(d, 0.05)
				}
			}
		}
	}
	return h
}

// Energies are those of the response within 50 ms of the direct sound, and
// of all of it: their ratio is the definition of speech in a room (D50).
func (r Room) Energies() (early, all float64) {
	first := -1
	for i, v := range r.response(r.microphone) {
		if first < 0 && v != 0 {
			first = i
		}
		all += v * v
		if i < first+Rate/20 {
			early += v * v
		}
	}
	return early, all
}

// image of the loudspeaker along one axis: how far from the microphone, and
// seen through how many walls.
type image struct {
	offset float64
	walls  int
}

func (r Room) images(microphone point, farthest float64) (axes [3][]image) {
	for axis := range axes {
		most := int(farthest/(2*r.size[axis])) + 1
		for n := -most; n <= most; n++ {
			shift := 2 * float64(n) * r.size[axis]
			axes[axis] = append(axes[axis],
				image{shift + r.speaker[axis] - microphone[axis], 2 * max(n, -n)},
				image{shift - r.speaker[axis] - microphone[axis], max(2*n-1, 1-2*n)})
		}
	}
	return axes
}

// echo is what the microphone hears of the speech, at its level.
func (r Room) echo(far []int16, moved bool) []float64 {
	at := r.microphone
	if moved {
		at = r.moved
	}
	heard := convolve(far, r.response(at), deviceDelay)
	sum := 0.0
	for _, v := range heard {
		sum += v * v
	}
	gain := echoLevel / math.Sqrt(sum/float64(len(heard))+1e-9)
	for i := range heard {
		heard[i] *= gain
	}
	return heard
}

// moving is the same while the microphone is moved in the middle, within 50 ms.
func (r Room) moving(far []int16) []float64 {
	before, after := r.echo(far, false), r.echo(far, true)
	const takes = Rate / 20
	for i := range before {
		share := max(0, min(1, float64(i-len(before)/2)/takes))
		before[i] = (1-share)*before[i] + share*after[i]
	}
	return before
}

// convolve filters and delays; what comes behind the end is cut.
func convolve(x []int16, h []float64, delay int) []float64 {
	n := 1
	for n < len(x)+len(h) {
		n *= 2
	}
	fft := fourier.NewFFT(n)
	a, b := make([]float64, n), make([]float64, n)
	for i, v := range x {
		a[i] = float64(v)
	}
	copy(b, h)
	fa, fb := fft.Coefficients(nil, a), fft.Coefficients(nil, b)
	for i := range fa {
		fa[i] *= fb[i]
	}
	y := fft.Sequence(nil, fa)
	out := make([]float64, len(x))
	for i := delay; i < len(out); i++ {
		out[i] = y[i-delay] / float64(n)
	}
	return out
}

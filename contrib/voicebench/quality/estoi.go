package quality

import "math"

// ESTOI after J. Jensen and C. H. Taal, "An Algorithm for Predicting the
// Intelligibility of Speech Masked by Modulated Noise Maskers", IEEE/ACM
// Transactions on Audio, Speech and Language Processing 24 (2016): its rate,
// window, bands and segments.
const (
	estoiRate     = 10000
	estoiWindow   = 256
	estoiBands    = 15
	estoiLowest   = 150.0
	estoiSegment  = 30   // windows, 384 ms
	estoiSilences = 40.0 // decibels below the loudest window
)

// estoi is the mean, over all segments, of the correlation between the two
// spectrograms, normalised in each band and then in each window. Windows of
// silence are left out of both.
func estoi(said, heard []int16, a Alignment) float64 {
	s := &signal{pcm: resample(said, estoiRate)}
	h := &signal{pcm: resample(heard, estoiRate)}
	edges := octaveThirds(estoiBands, estoiLowest, estoiRate)
	sp := newSpectrum(estoiWindow)
	x := make([]float64, estoiWindow)
	var ours, theirs [][]float64
	for _, first := range loudWindows(s, sp.hann) {
		s.at(x, first)
		ours = append(ours, amplitudes(sp, x, edges))
		h.at(x, first+a.at(first, estoiRate))
		theirs = append(theirs, amplitudes(sp, x, edges))
	}
	sum, n := 0.0, 0
	for end := estoiSegment; end <= len(ours); end++ {
		sum += agreement(ours[end-estoiSegment:end], theirs[end-estoiSegment:end])
		n++
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// at is the lag of the moment that begins at a sample of a signal of that rate,
// in samples of that rate.
func (a Alignment) at(first, rate int) int {
	if len(a.lags) == 0 {
		return 0
	}
	i := (first*wideband/rate + step/2) / step
	return int(math.Round(float64(a.lags[min(i, len(a.lags)-1)]) * float64(rate) / wideband))
}

// loudWindows are where the windows begin that are not silent.
func loudWindows(s *signal, hann []float64) []int {
	var level []float64
	loudest := 0.0
	for at := 0; at+estoiWindow <= len(s.pcm); at += estoiWindow / 2 {
		e := 0.0
		for i, w := range hann {
			e += w * w * s.pcm[at+i] * s.pcm[at+i]
		}
		level = append(level, e)
		loudest = max(loudest, e)
	}
	var loud []int
	for i, e := range level {
		if e > 0 && e > loudest*decibels(-estoiSilences) {
			loud = append(loud, i*estoiWindow/2)
		}
	}
	return loud
}

func amplitudes(sp *spectrum, x []float64, edges []int) []float64 {
	out := make([]float64, estoiBands)
	sp.of(out, x, edges)
	for b := range out {
		out[b] = math.Sqrt(out[b])
	}
	return out
}

// agreement is the mean correlation of the windows of one segment.
func agreement(x, y [][]float64) float64 {
	x, y = normalised(x), normalised(y)
	sum := 0.0
	for i := range x {
		for b := range x[i] {
			sum += x[i][b] * y[i][b]
		}
	}
	return sum / float64(len(x))
}

// normalised frees each band of its mean over the segment and gives it unit
// length, then does the same with each window.
func normalised(x [][]float64) [][]float64 {
	out := make([][]float64, len(x))
	for i := range out {
		out[i] = make([]float64, estoiBands)
	}
	band := make([]float64, len(x))
	for b := range estoiBands {
		for i := range x {
			band[i] = x[i][b]
		}
		unit(band)
		for i := range x {
			out[i][b] = band[i]
		}
	}
	for i := range out {
		unit(out[i])
	}
	return out
}

// unit takes the mean out and makes the length 1; what does not vary becomes 0.
func unit(x []float64) {
	mean, square := 0.0, 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for i := range x {
		x[i] -= mean
		square += x[i] * x[i]
	}
	if square < 1e-12 {
		clear(x)
		return
	}
	for i := range x {
		x[i] /= math.Sqrt(square)
	}
}

package quality

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/dsp/fourier"
)

// Alignment tells where each moment of the reference is heard.
type Alignment struct {
	// lags are in samples at the wideband rate, one for each window: positive
	// means later.
	lags []int
}

func (a Alignment) String() string {
	return fmt.Sprintf("%v (%d jumps, within %v)", a.Median(), a.Jumps(), a.Spread())
}

// Median is the median delay between said and heard.
func (a Alignment) Median() time.Duration {
	if len(a.lags) == 0 {
		return 0
	}
	return duration(slices.Sorted(slices.Values(a.lags))[len(a.lags)/2])
}

// Jumps is how often the delay changes by more than 10 ms.
func (a Alignment) Jumps() int {
	n := 0
	for i := 1; i < len(a.lags); i++ {
		if d := a.lags[i] - a.lags[i-1]; d > wideband/100 || d < -wideband/100 {
			n++
		}
	}
	return n
}

// Spread is the difference between the shortest and the longest delay.
func (a Alignment) Spread() time.Duration {
	if len(a.lags) == 0 {
		return 0
	}
	return duration(slices.Max(a.lags) - slices.Min(a.lags))
}

// At is the delay of what was said at a moment.
func (a Alignment) At(moment time.Duration) time.Duration {
	if len(a.lags) == 0 {
		return 0
	}
	i := int(moment.Seconds() * wideband / step)
	return duration(a.lags[max(0, min(i, len(a.lags)-1))])
}

func duration(samples int) time.Duration {
	return time.Duration(samples) * time.Second / wideband
}

const (
	// grid is how finely delays are told apart, 2 ms.
	grid = wideband / 500
	// reach is how far the delay may change from its mean, each way: 400 ms, as
	// a buffer that starts long may.
	reach = 200
	// alignBands of a third of an octave are compared, from lowestBand up.
	alignBands = 16
	lowestBand = 200.0

	// A change of delay costs as much as so many decibels of difference in one
	// window of loud speech, and for each further grid step a bit more.
	jumpCost = 15.0
	gridCost = 0.05
	// worst difference per band, in decibels: a lost packet is lost at any delay.
	worstDifference = 25.0
	quietest        = 35.0 // decibels below the mean of speech: what is less is silence
)

// align finds the delay between two signals: first the one that fits best over
// all, by how the levels rise and fall, then the path of delays around it whose
// spectra differ least and which changes seldom.
func align(said, heard *signal) Alignment {
	if len(said.level) == 0 {
		return Alignment{}
	}
	middle := offset(said, heard)
	cost := differences(said, heard, middle)
	lags := cheapestPath(cost)
	for i := range lags {
		lags[i] = middle + (lags[i]-reach)*grid
	}
	return Alignment{lags}
}

// offset is the delay over all, in samples.
func offset(said, heard *signal) int {
	a, b := envelope(said.pcm), envelope(heard.pcm)
	n := 1
	for n < len(a)+len(b) {
		n *= 2
	}
	fft := fourier.NewFFT(n)
	x := fft.Coefficients(nil, append(a, make([]float64, n-len(a))...))
	y := fft.Coefficients(nil, append(b, make([]float64, n-len(b))...))
	for i := range x {
		y[i] *= complex(real(x[i]), -imag(x[i]))
	}
	c := fft.Sequence(nil, y)
	best := 0
	for i := range c {
		if c[i] > c[best] {
			best = i
		}
	}
	if best > n/2 {
		best -= n
	}
	return best * grid
}

// envelope is the level in decibels over time, in steps of the grid, without
// its mean.
func envelope(pcm []float64) []float64 {
	var e []float64
	mean := 0.0
	for ; len(pcm) >= grid; pcm = pcm[grid:] {
		level := 10 * math.Log10(meanSquare(pcm[:grid])/(speechLevel*decibels(-quietest))+1)
		e = append(e, level)
		mean += level
	}
	for i := range e {
		e[i] -= mean / float64(len(e))
	}
	return e
}

// differences says for each window of the reference and each delay how much the
// spectra differ, weighted by how loud the reference is.
func differences(said, heard *signal, middle int) [][]float64 {
	edges := octaveThirds(alignBands, lowestBand, wideband)
	s := bandLevels(said, edges, 0, step, len(said.level))
	// All windows of the other signal on the grid that may be needed.
	first := middle - reach*grid
	h := bandLevels(heard, edges, first, grid, (len(said.level)-1)*step/grid+2*reach+1)
	cost := make([][]float64, len(s))
	for i := range s {
		row := make([]float64, 2*reach+1)
		weight := 0.0
		for _, v := range s[i] {
			weight += v / (alignBands * quietest)
		}
		for l := range row {
			other := h[i*step/grid+l]
			for b, v := range s[i] {
				row[l] += min(math.Abs(v-other[b]), worstDifference)
			}
			row[l] *= weight / alignBands
		}
		cost[i] = row
	}
	return cost
}

// bandLevels are decibels above silence in each band, of n windows.
func bandLevels(s *signal, edges []int, first, every, n int) [][]float64 {
	sp := newSpectrum(window)
	x := make([]float64, window)
	silence := speechLevel * decibels(-quietest) * window * window / 8 / alignBands
	levels := make([][]float64, n)
	for i := range levels {
		levels[i] = make([]float64, alignBands)
		s.at(x, first+i*every)
		sp.of(levels[i], x, edges)
		for b, v := range levels[i] {
			levels[i][b] = 10 * math.Log10(v/silence+1)
		}
	}
	return levels
}

// cheapestPath is the row of indices, one for each row of cost, whose sum of
// costs and changes is least (Viterbi).
func cheapestPath(cost [][]float64) []int {
	width := len(cost[0])
	total := slices.Clone(cost[0])
	from := make([][]int, len(cost))
	for i := 1; i < len(cost); i++ {
		total, from[i] = advance(total)
		for l := range total {
			total[l] += cost[i][l]
		}
	}
	path := make([]int, len(cost))
	best := 0
	for l := range width {
		if total[l] < total[best] {
			best = l
		}
	}
	for i := len(cost) - 1; i >= 0; i-- {
		path[i] = best
		if i > 0 {
			best = from[i][best]
		}
	}
	return path
}

// advance is the cheapest way to each place from any: staying, or a jump whose
// cost grows with its length, which two sweeps find.
func advance(total []float64) (next []float64, from []int) {
	n := len(total)
	next, from = slices.Clone(total), make([]int, n)
	for l := range from {
		from[l] = l
	}
	sweep := func(l int, best *float64, at *int) {
		*best += gridCost
		if total[l] < *best {
			*best, *at = total[l], l
		}
		if c := *best + jumpCost; c < next[l] {
			next[l], from[l] = c, *at
		}
	}
	best, at := math.Inf(1), 0
	for l := range n {
		sweep(l, &best, &at)
	}
	best, at = math.Inf(1), 0
	for l := n - 1; l >= 0; l-- {
		sweep(l, &best, &at)
	}
	return next, from
}

// octaveThirds are the edges of bands of a third of an octave, in bins.
func octaveThirds(bands int, lowest float64, rate int) []int {
	edges := make([]int, bands+1)
	for b := range edges {
		hertz := lowest * math.Pow(2, (float64(b)-0.5)/3)
		edges[b] = min(int(math.Round(hertz*fftLength/float64(rate))), fftLength/2+1)
	}
	return edges
}

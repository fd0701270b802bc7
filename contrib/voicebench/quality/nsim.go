package quality

import "math"

// NSIM after A. Hines and N. Harte, "Speech intelligibility prediction using a
// Neurogram Similarity Index Measure", Speech Communication 54 (2012), over
// spectrograms as in ViSQOL: 21 bands of equal distance on the ERB scale from
// 50 Hz to 8 kHz, windows of 32 ms, decibels above a floor.
const (
	nsimBands  = 21
	nsimLowest = 50.0
	nsimFloor  = 45.0 // decibels below the loudest band of the reference
)

// nsimKernel weighs a neighbourhood of 3 by 3, a Gaussian of deviation 0.5.
var nsimKernel = [3][3]float64{
	{0.0113, 0.0838, 0.0113},
	{0.0838, 0.6193, 0.0838},
	{0.0113, 0.0838, 0.0113},
}

// nsim is the mean similarity over all moments of speech and all bands.
func nsim(said, heard *signal, a Alignment) float64 {
	s, h := spectrograms(said, heard, a)
	top := 0.0
	for i := range s {
		for _, v := range s[i] {
			top = max(top, v)
		}
	}
	if top == 0 {
		return 0
	}
	floor(s, top)
	floor(h, top)
	sum, n := 0.0, 0
	for i := 1; i+1 < len(s); i++ {
		if !said.speech[i] {
			continue
		}
		for b := 1; b+1 < nsimBands; b++ {
			sum += similarity(s, h, i, b)
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

func spectrograms(said, heard *signal, a Alignment) (s, h [][]float64) {
	edges := erbBands()
	sp := newSpectrum(window)
	x := make([]float64, window)
	for i := range said.level {
		ours, theirs := make([]float64, nsimBands), make([]float64, nsimBands)
		said.at(x, i*step)
		sp.of(ours, x, edges)
		heard.at(x, i*step+a.lags[i])
		sp.of(theirs, x, edges)
		s, h = append(s, ours), append(h, theirs)
	}
	return s, h
}

// floor turns powers into decibels above the floor.
func floor(x [][]float64, top float64) {
	for i := range x {
		for b, v := range x[i] {
			x[i][b] = max(10*math.Log10(v/top+1e-12)+nsimFloor, 0)
		}
	}
}

// similarity compares the intensity and the structure of one neighbourhood.
func similarity(s, h [][]float64, i, b int) float64 {
	const (
		intensity = (0.01 * nsimFloor) * (0.01 * nsimFloor)
		structure = (0.03 * nsimFloor) * (0.03 * nsimFloor)
	)
	var ms, mh, ss, hh, sh float64
	for u, row := range nsimKernel {
		for v, w := range row {
			x, y := s[i+u-1][b+v-1], h[i+u-1][b+v-1]
			ms += w * x
			mh += w * y
			ss += w * x * x
			hh += w * y * y
			sh += w * x * y
		}
	}
	ss, hh, sh = max(ss-ms*ms, 0), max(hh-mh*mh, 0), sh-ms*mh
	return (2*ms*mh + intensity) / (ms*ms + mh*mh + intensity) *
		(sh + structure) / (math.Sqrt(ss*hh) + structure)
}

// erbBands are the edges in bins (Glasberg and Moore, 1990).
func erbBands() []int {
	number := func(hertz float64) float64 { return 21.4 * math.Log10(1+0.00437*hertz) }
	low, high := number(nsimLowest), number(wideband/2)
	edges := make([]int, nsimBands+1)
	for b := range edges {
		n := low + (high-low)*float64(b)/nsimBands
		hertz := (math.Pow(10, n/21.4) - 1) / 0.00437
		edges[b] = max(int(math.Round(hertz*window/wideband)), 1)
		if b > 0 {
			edges[b] = max(edges[b], edges[b-1]+1)
		}
	}
	return edges
}

// lost is the share of the moments of speech at whose place the level is more
// than 30 dB below what was said.
func lost(said, heard *signal, a Alignment) float64 {
	x := make([]float64, window)
	n, gone := 0, 0
	for i, active := range said.speech {
		if !active {
			continue
		}
		n++
		heard.at(x, i*step+a.lags[i])
		if meanSquare(x) < said.level[i]*decibels(-30) {
			gone++
		}
	}
	if n == 0 {
		return 0
	}
	return float64(gone) / float64(n)
}

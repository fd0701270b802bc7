// Package stretch makes speech a little shorter or longer without changing its
// pitch: it leaves out or repeats one period of the voice, with a soft seam
// (waveform similarity overlap and add, W. Verhelst and M. Roelands, 1993). It is
// pure and allocates nothing.
package stretch

import "math"

const (
	rate = 48000

	shortest = rate / 400 // 2.5 ms: a voice of 400 Hz
	longest  = rate / 80  // 12.5 ms: one of 80 Hz
	// coarse is the step of the first search for the period, and of the samples
	// looked at.
	coarse = 8

	// alike is how much a period must resemble the next one.
	alike = 0.85
	// quiet is a mean square below which nobody hears a seam: -54 dBFS.
	quiet = 65 * 65
)

// Shorten leaves one period of at most so many samples out of x, in place, and
// returns the new length. It is len(x) if no two periods are alike enough to be
// joined, unless force says that any will do.
func Shorten(x []int16, most int, force bool) int {
	p, ok := period(x, most, force)
	if !ok {
		return len(x)
	}
	for i := range p {
		x[i] = fade(x[i], x[p+i], i, p)
	}
	return p + copy(x[p:], x[2*p:])
}

// Lengthen repeats one period of x[:n] and returns the new length; n if there is no room in x, or no two periods are alike.
func Lengthen(x []int16, n int, force bool) int {
	p, ok := period(x[:n], longest, force)
	if !ok || n+p > len(x) {
		return n
	}
	// a b rest becomes a (b fading into a) b rest.
	copy(x[2*p:], x[p:n])
	for i := range p {
		x[p+i] = fade(x[2*p+i], x[i], i, p)
	}
	return n + p
}

// fade goes from a to b, at place i of n.
func fade(a, b int16, i, n int) int16 {
	return int16(int(a) + (int(b)-int(a))*i/n)
}

// period finds the length of time after which the beginning of x repeats itself.
func period(x []int16, most int, force bool) (int, bool) {
	most = min(most, longest, len(x)/2)
	if most < shortest {
		return 0, false
	}
	if meanSquare(x) < quiet {
		return most, true
	}
	near, _ := search(x, shortest, most, coarse, coarse)
	best, likeness := search(x, max(shortest, near-coarse), min(most, near+coarse), 1, 2)
	return best, force || likeness >= alike
}

// search returns the lag from..to at which x resembles itself most, and how much
// it does: 1 for the same.
func search(x []int16, from, to, step, every int) (best int, likeness float64) {
	best, likeness = from, math.Inf(-1)
	for lag := from; lag <= to; lag += step {
		if l := resemblance(x, lag, every); l > likeness {
			best, likeness = lag, l
		}
	}
	return best, likeness
}

// resemblance is the normalised correlation of x[:lag] with the lag samples after
// it, at every so many of them.
func resemblance(x []int16, lag, every int) float64 {
	var ab, aa, bb float64
	for i := 0; i < lag; i += every {
		a, b := float64(x[i]), float64(x[i+lag])
		ab += a * b
		aa += a * a
		bb += b * b
	}
	return ab / math.Sqrt(aa*bb+1)
}

func meanSquare(x []int16) float64 {
	sum := 0.0
	for i := 0; i < len(x); i += coarse {
		sum += float64(x[i]) * float64(x[i])
	}
	return sum * coarse / float64(len(x))
}

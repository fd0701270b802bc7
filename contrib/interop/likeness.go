package main

import (
	"math"

	"karat/contrib/interop/lab"
)

const contained = 0.5

// likeness is how well the best second of the speech is found in a recording.
func likeness(r lab.Recording, speech string) (float64, error) {
	const rate = 4000
	s, err := lab.ReadWAV(speech)
	if err != nil {
		return 0, err
	}
	if s, err = s.At(rate); err != nil {
		return 0, err
	}
	if r, err = r.At(rate); err != nil {
		return 0, err
	}
	best := 0.0
	for at := 0; at+rate <= len(s.Samples); at += rate / 2 {
		best = max(best, correlate(r.Samples, s.Samples[at:at+rate]))
	}
	return best, nil
}

func correlate(in, find []int16) float64 {
	var ff float64
	for _, v := range find {
		ff += float64(v) * float64(v)
	}
	best := 0.0
	for at := 0; at+len(find) <= len(in); at++ {
		var xy, xx float64
		for i, v := range find {
			x := float64(in[at+i])
			xy += x * float64(v)
			xx += x * x
		}
		if xx > 0 && ff > 0 {
			best = max(best, math.Abs(xy)/math.Sqrt(xx*ff))
		}
	}
	return best
}

// Package leak tells whether the packets of a voice show what is said: it
// trains a classifier to tell two kinds of sound apart by nothing but when
// packets were sent and how large they are.
//
// A result near chance is worth no more than the test is sharp. It is judged
// beside what the same test makes of one class split in two (A/A), of labels
// that were shuffled, and of senders that are known to tell.
package leak

import (
	"math"
	"slices"
)

// Packet is what an observer of the line sees of one packet.
type Packet struct {
	At   float64 // seconds
	Size int     // octets
	// Late is how late it is against the even pace of its stream, in seconds:
	// see Pace.
	Late float64
}

// paceOver is how much of a stream, each way, gives the pace of its middle.
const paceOver = 5.0

// usual is the quantile of what is around a packet that counts as on time. What
// disturbs a machine makes packets late, some of them very, and never early: the
// mean would follow that, and hide what the sender itself does.
const usual = 0.25

// Pace sets Late in a whole stream: against what is usual in the stream around each
// packet, once the steady drift of a wrong clock is taken out. number is each
// packet's place in the stream, from its sequence number.
func Pace(stream []Packet, number []int) {
	offset := make([]float64, len(stream))
	for i, p := range stream {
		offset[i] = p.At - float64(number[i])*nominal
	}
	straighten(offset)
	reach := int(paceOver / nominal)
	var around []float64
	for i := range stream {
		first, last := max(i-reach, 0), min(i+reach+1, len(stream))
		around = append(around[:0], offset[first:last]...)
		slices.Sort(around)
		stream[i].Late = offset[i] - around[int(usual*float64(len(around)-1))]
	}
}

// straighten takes out the drift between the first and the last tenth.
func straighten(offset []float64) {
	tenth := len(offset) / 10
	if tenth == 0 {
		return
	}
	median := func(part []float64) float64 { return quantiles(part, 0.5)[0] }
	slope := (median(offset[len(offset)-tenth:]) - median(offset[:tenth])) / float64(len(offset)-tenth)
	for i := range offset {
		offset[i] -= slope * float64(i)
	}
}

// features is how many numbers a window becomes.
const features = 33

// nominal is the time between two packets.
const nominal = 0.020

// Features are what is known of one window, all zero if it has next to no
// packets: of the gaps between packets and of their sizes the middle, the spread, the
// tails and how each depends on the one before.
func Features(window []Packet) []float64 {
	if len(window) < 4 {
		return make([]float64, features)
	}
	var late []float64
	gaps, off, sizes := make([]float64, 0, len(window)), make([]float64, 0, len(window)), make([]float64, 0, len(window))
	for i, p := range window {
		sizes = append(sizes, float64(p.Size))
		late = append(late, p.Late*1000)
		if i > 0 {
			g := (p.At - window[i-1].At - nominal) * 1000
			gaps = append(gaps, g)
			off = append(off, math.Abs(g))
		}
	}
	f := make([]float64, 0, features)
	f = append(f, float64(len(window)))
	f = append(f, moments(gaps)...)
	f = append(f, quantiles(off, 0.1, 0.25, 0.5, 0.75, 0.9, 1)...)
	f = append(f, correlation(gaps, 1), correlation(gaps, 2), drift(window))
	f = append(f, moments(late)...)
	f = append(f, quantiles(late, 0, 0.05, 0.1, 0.25, 0.5, 0.9, 1)...)
	f = append(f, moments(sizes)...)
	f = append(f, quantiles(sizes, 0, 0.1, 0.5, 0.9, 1)...)
	f = append(f, correlation(sizes, 1), distinct(sizes))
	return f
}

// moments are mean, deviation and skewness.
func moments(x []float64) []float64 {
	mean, m2, m3 := 0.0, 0.0, 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		d := v - mean
		m2 += d * d / float64(len(x))
		m3 += d * d * d / float64(len(x))
	}
	if m2 < 1e-12 {
		return []float64{mean, 0, 0}
	}
	return []float64{mean, math.Sqrt(m2), m3 / math.Pow(m2, 1.5)}
}

func quantiles(x []float64, at ...float64) []float64 {
	sorted := slices.Sorted(slices.Values(x))
	out := make([]float64, len(at))
	for i, q := range at {
		out[i] = sorted[int(q*float64(len(sorted)-1))]
	}
	return out
}

// correlation of each value with the one lag before.
func correlation(x []float64, lag int) float64 {
	m := moments(x)
	if m[1] == 0 || len(x) <= lag {
		return 0
	}
	sum := 0.0
	for i := lag; i < len(x); i++ {
		sum += (x[i] - m[0]) * (x[i-lag] - m[0])
	}
	return sum / float64(len(x)-lag) / (m[1] * m[1])
}

// drift is how the packets of the second half lie to the tick of the first.
func drift(window []Packet) float64 {
	half := len(window) / 2
	phase := func(part []Packet, first int) float64 {
		sum := 0.0
		for i, p := range part {
			sum += p.At - float64(first+i)*nominal
		}
		return sum / float64(len(part))
	}
	return (phase(window[half:], half) - phase(window[:half], 0)) * 1000
}

func distinct(x []float64) float64 {
	seen := map[float64]bool{}
	for _, v := range x {
		seen[v] = true
	}
	return float64(len(seen))
}

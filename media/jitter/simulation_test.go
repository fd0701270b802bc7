package jitter

import (
	"math/rand/v2"
	"sort"
	"testing"
	"time"
)

// outcome is what a simulated call was like.
type outcome struct {
	late, concealed float64 // share of packets
	delay           time.Duration
	moved           uint64
}

// simulate runs a minute of 20-ms packets through a network of even jitter and
// random loss.
func simulate(spread time.Duration, loss float64) outcome {
	const packets = 3000
	r := rand.New(rand.NewPCG(uint64(spread), uint64(loss*100)))
	var arrivals []arrival
	for n := range packets {
		if r.Float64() >= loss {
			late := time.Duration(r.Int64N(int64(spread) + 1))
			arrivals = append(arrivals, arrival{time.Duration(n)*20*ms + late, n})
		}
	}
	sort.SliceStable(arrivals, func(i, j int) bool { return arrivals[i].at < arrivals[j].at })

	b, start, dst := New(), time.Unix(1e9, 0), make([]byte, MaxPayload)
	phase := 7 * ms // of the sound card against the network
	for tick := range packets {
		at := time.Duration(tick)*20*ms + phase
		for len(arrivals) > 0 && arrivals[0].at <= at {
			a := arrivals[0]
			b.Put(start.Add(a.at), uint16(a.n), uint32(a.n*frame), frame, []byte{1})
			arrivals = arrivals[1:]
		}
		b.Next(start.Add(at), dst)
	}
	s := b.Stats()
	return outcome{
		late:      float64(s.Late) / packets,
		concealed: float64(s.Concealed) / packets,
		delay:     s.Delay,
		moved:     s.LeftOut + s.PutIn,
	}
}

// TestSimulation: few packets come too late, at a delay not far above what the
// jitter asks for. Run with -v for the figures.
func TestSimulation(t *testing.T) {
	for _, c := range []struct {
		spread time.Duration
		loss   float64
		delay  time.Duration // at most, in the mean
	}{
		{0, 0, 40 * ms},
		{5 * ms, 0, 40 * ms},
		{20 * ms, 0, 45 * ms},
		{50 * ms, 0, 60 * ms},
		{100 * ms, 0, 90 * ms},
		{0, 0.1, 40 * ms},
		{50 * ms, 0.1, 60 * ms},
		{100 * ms, 0.1, 90 * ms},
	} {
		o := simulate(c.spread, c.loss)
		t.Logf("jitter 0..%-5v loss %2.0f%%: late %.2f%%, concealed %.1f%%, mean delay %v, %d frames moved",
			c.spread, c.loss*100, o.late*100, o.concealed*100, o.delay.Round(ms), o.moved)
		if o.late > 0.03 || o.concealed > c.loss+0.04 || o.delay > c.delay || o.moved > 60 {
			t.Errorf("jitter 0..%v, loss %.0f%%: %+v", c.spread, c.loss*100, o)
		}
	}
}

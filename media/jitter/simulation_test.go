package jitter

import (
	"bufio"
	"math/rand/v2"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"
)

// outcome is what a simulated call was like.
type outcome struct {
	late, concealed float64 // share of the time
	delay           time.Duration
	stats           Stats
}

// simulate runs a call through a network that delays each packet by so much, lost
// ones by a negative time. It counts from the second second on.
func simulate(t *testing.T, delays []time.Duration, back int) outcome {
	t.Helper()
	b := newBench(t)
	b.block = 480
	for n, d := range delays {
		if d >= 0 {
			b.pending = append(b.pending, arrival{time.Duration(n)*20*ms + d + before, n, back})
		}
	}
	sort.SliceStable(b.pending, func(i, j int) bool { return b.pending[i].at < b.pending[j].at })

	const phase = 7 * ms // of the sound card against the network
	var sum time.Duration
	var played int
	var first Stats
	for at := phase + before; at < time.Duration(len(delays))*20*ms; at += 10 * ms {
		b.deliver(at)
		if at < time.Second {
			first = b.b.Stats()
		}
		b.b.Tick(b.start.Add(at), b.block)
		for b.ahead < b.block {
			a := b.b.Next(b.start.Add(at), b.ahead, b.dst[:])
			if n, ok := strings.CutPrefix(string(b.dst[:a.Size]), "packet "); ok && a.Kind == Play && at >= time.Second {
				i, err := strconv.Atoi(n)
				if err != nil {
					t.Fatal(err)
				}
				sum += at - before + duration(int64(b.ahead)) - time.Duration(i)*20*ms
				played++
			}
			b.ahead += a.Samples
			if a.Surplus >= period {
				b.ahead -= period
			} else if a.Surplus < 0 {
				b.ahead += period
			}
		}
		b.ahead -= b.block
	}
	s := b.b.Stats()
	whole := time.Duration(len(delays)-50) * 20 * ms
	return outcome{
		late:      float64(s.Late-first.Late) / float64(len(delays)-50),
		concealed: float64(s.Concealed-first.Concealed) / float64(whole),
		delay:     sum / time.Duration(played),
		stats:     s,
	}
}

// spread draws even jitter and random loss.
func spread(jitter time.Duration, loss float64) []time.Duration {
	r := rand.New(rand.NewPCG(uint64(jitter), uint64(loss*100)))
	delays := make([]time.Duration, 3000)
	for n := range delays {
		delays[n] = time.Duration(r.Int64N(int64(jitter) + 1))
		if r.Float64() < loss {
			delays[n] = -1
		}
	}
	return delays
}

// TestSimulation: few packets come too late, at a delay not far above what the
// jitter asks for. Run with -v for the figures.
func TestSimulation(t *testing.T) {
	for _, c := range []struct {
		jitter time.Duration
		loss   float64
		back   int
		delay  time.Duration // at most, in the mean, over the fastest packet
		made   float64       // made up, at most
	}{
		{0, 0, 3, 10 * ms, 0},
		{5 * ms, 0, 3, 20 * ms, 0.02},
		{20 * ms, 0, 3, 30 * ms, 0.02},
		{30 * ms, 0, 3, 42 * ms, 0.02},
		{50 * ms, 0, 3, 65 * ms, 0.02},
		{100 * ms, 0, 3, 115 * ms, 0.03},
		{0, 0.05, 0, 10 * ms, 0.07},
		{0, 0.05, 3, 75 * ms, 0.02},
		{0, 0.2, 3, 75 * ms, 0.07},
		{50 * ms, 0.1, 3, 125 * ms, 0.04},
	} {
		o := simulate(t, spread(c.jitter, c.loss), c.back)
		t.Logf("jitter 0..%-5v loss %2.0f%% copies %d: late %.2f%%, made up %.1f%%, mean delay %v, aim %v",
			c.jitter, c.loss*100, c.back, o.late*100, o.concealed*100, o.delay.Round(ms), o.stats.Target)
		if o.late > 0.02 || o.concealed > c.made || o.delay > c.delay {
			t.Errorf("jitter 0..%v, loss %.0f%%: %+v", c.jitter, c.loss*100, o)
		}
	}
}

// TestTraces replays networks. Under 30 ms of jitter the delay is at most 1.5
// times its 95th percentile.
func TestTraces(t *testing.T) {
	for _, c := range []struct {
		name  string
		share float64 // of the 95th percentile, at most, in the mean
		made  float64
	}{
		{"uniform30", 1.5, 0.02},
		{"wifi", 8, 0.03}, // each hundredth packet is 60 ms late, most are not late at all,
		{"mobile", 1.6, 0.05},
		{"route", 1.6, 0.02},
	} {
		delays := trace(t, "testdata/"+c.name+".txt")
		var sorted []time.Duration
		for _, d := range delays {
			if d >= 0 {
				sorted = append(sorted, d)
			}
		}
		slices.Sort(sorted)
		p95 := sorted[len(sorted)*95/100]
		o := simulate(t, delays, 3)
		t.Logf("%-10s: 95%% within %v; late %.2f%%, made up %.1f%%, mean delay %v, %+v", c.name, p95, o.late*100, o.concealed*100, o.delay.Round(ms), o.stats)
		if float64(o.delay) > c.share*float64(p95) || o.concealed > c.made {
			t.Errorf("%s: delay %v against %v, made up %.1f%%", c.name, o.delay, p95, o.concealed*100)
		}
	}
}

// trace reads the delay of each packet, negative for a lost one.
func trace(t *testing.T, path string) (delays []time.Duration) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		line := s.Text()
		switch {
		case strings.HasPrefix(line, "#"):
		case line == "-":
			delays = append(delays, -1)
		default:
			v, err := strconv.ParseFloat(line, 64)
			if err != nil {
				t.Fatal(err)
			}
			delays = append(delays, time.Duration(v*float64(ms)))
		}
	}
	return delays
}

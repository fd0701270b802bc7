package link

import (
	"math"
	"slices"
	"testing"
	"time"
)

// voice is an IPv4 packet with UDP and an RTP header.
func voice() []byte {
	b := make([]byte, 28+12)
	b[0], b[9], b[28], b[29] = 0x45, 17, 0x80, 96
	return b
}

func TestLosses(t *testing.T) {
	for _, c := range []struct{ loss, burst float64 }{{0.05, 0}, {0.2, 1}, {0.1, 3}} {
		f := Line{Loss: c.loss, Burst: c.burst, Seed: 1}.fate(1)
		lost, runs, before := 0, 0, true
		const n = 200_000
		for range n {
			_, arrives := f.of(time.Time{}, voice())
			if !arrives {
				lost++
				if before {
					runs++
				}
			}
			before = arrives
		}
		if got := float64(lost) / n; math.Abs(got-c.loss) > 0.005 {
			t.Errorf("%v: %.4f are lost", c, got)
		}
		want := max(c.burst, 1/(1-c.loss))
		if got := float64(lost) / float64(runs); math.Abs(got-want) > 0.1 {
			t.Errorf("%v: %.2f are lost in a row, not %.2f", c, got, want)
		}
	}
}

func TestJitterKeepsOrderAndSpares(t *testing.T) {
	f := Line{Delay: 10 * time.Millisecond, Jitter: 30 * time.Millisecond, Loss: 0.1, Seed: 1}.fate(1)
	now := time.Unix(0, 0)
	var late []time.Duration
	last := now
	for range 20_000 {
		now = now.Add(20 * time.Millisecond)
		due, arrives := f.of(now, voice())
		if !arrives {
			continue
		}
		if due.Before(last) {
			t.Fatal("one overtook another")
		}
		last = due
		late = append(late, due.Sub(now)-f.Delay)
	}
	slices.Sort(late)
	if slices.Max(late) > 2*f.Jitter || late[len(late)/2] < f.Jitter/4 {
		t.Errorf("added %v in the middle, %v at most", late[len(late)/2], slices.Max(late))
	}
	signalling := voice()
	signalling[28] = 'I'
	for range 1000 {
		now = now.Add(time.Second)
		if due, arrives := f.of(now, signalling); !arrives || due.Sub(now) != f.Delay {
			t.Fatal("signalling suffers too")
		}
	}
}

package main

import (
	"math/rand/v2"
	"testing"
	"time"
)

// made is a stream of a minute whose clock runs fast or slow by so many millionths.
// held says how long after its tick a packet leaves, beside what every packet takes;
// negative: it never does, as media's sender gives up what it missed: the RTP
// timestamp moves on and the sequence number does not.
func made(ppm float64, held func(tick int64) time.Duration) (packets []arrival) {
	random := rand.New(rand.NewPCG(1, uint64(ppm)))
	seq := uint16(65000) // it wraps
	for tick := range int64(3000) {
		d := held(tick)
		if d < 0 {
			continue
		}
		takes := 50*time.Microsecond + time.Duration(random.ExpFloat64()*float64(200*time.Microsecond))
		due := time.Duration(float64(period) * (1 + ppm/1e6) * float64(tick))
		packets = append(packets, arrival{tick: tick, seq: seq, at: int64(1e18) + int64(due+min(takes, time.Millisecond)+d)})
		seq++
	}
	return packets
}

const wholeMinute = int64(1e18) + int64(time.Minute)

// What was put in is found, whatever the clock of the call.
func TestLateness(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	for _, c := range []struct {
		name        string
		held        func(tick int64) time.Duration
		late, never int
	}{
		{"in time", func(int64) time.Duration { return 0 }, 0, 0},
		{"4 ms", func(tick int64) time.Duration { return time.Duration(tick%2) * 3900 * time.Microsecond }, 0, 0},
		{"one in a hundred", func(tick int64) time.Duration {
			if tick%100 == 7 {
				return 6 * time.Millisecond
			}
			return 0
		}, 30, 0},
		{"all of the first ten seconds", func(tick int64) time.Duration {
			if tick < 500 {
				return 9 * time.Millisecond
			}
			return 0
		}, 500, 0},
		{"all but a few", func(tick int64) time.Duration {
			if tick%50 == 0 {
				return 0
			}
			return 6*time.Millisecond + time.Duration(random.IntN(int(80*time.Millisecond)))
		}, 2940, 0},
		{"given up", func(tick int64) time.Duration {
			if tick >= 1000 && tick < 1010 {
				return -1
			}
			return 0
		}, 10, 10},
		{"silent from the middle on", func(tick int64) time.Duration {
			if tick >= 1500 {
				return -1
			}
			return 0
		}, 1500, 1500},
	} {
		for _, ppm := range []float64{-50, 0, 13, 50} {
			packets := made(ppm, c.held)
			l, err := judge(packets, int64(1e18), wholeMinute, &stalls{})
			if err != nil {
				t.Fatal(err)
			}
			if d := l.due - 3000; d < -2 || d > 2 {
				t.Errorf("%s, %v ppm: %d ticks, want about 3000", c.name, ppm, l.due)
			}
			// The ends of the time fall on a tick, or just beside it.
			if d := l.late - c.late; d < -1 || d > 1 || l.never-c.never > 1 || l.never < c.never-1 || l.lost != 0 {
				t.Errorf("%s, %v ppm: %v, %d not seen; want %d late, %d of them never", c.name, ppm, &l, l.lost, c.late, c.never)
			}
		}
	}
}

// What left and was not seen is the measurement's fault, not Karat's alone.
func TestLostByUs(t *testing.T) {
	packets := made(20, func(int64) time.Duration { return 0 })
	packets = append(packets[:100:100], packets[103:]...)
	if l, err := judge(packets, int64(1e18), wholeMinute, &stalls{}); err != nil || l.lost != 3 {
		t.Errorf("%d packets were not seen, want 3 (%v)", l.lost, err)
	}
}

func TestTooFewPackets(t *testing.T) {
	if _, err := judge(made(0, func(int64) time.Duration { return 0 })[:5], int64(1e18), wholeMinute, &stalls{}); err == nil {
		t.Error("the clock of five packets was told")
	}
}

// A packet that is late because the machine stood still counts, and is told apart from
// one that is late while it did not.
func TestMachineStoodStill(t *testing.T) {
	packets := made(0, func(tick int64) time.Duration {
		switch tick {
		case 1000, 2000:
			return 12 * time.Millisecond
		}
		return 0
	})
	due := int64(1e18) + int64(1000*period)
	still := stalls{All: []stall{
		{due + int64(4*time.Millisecond), due + int64(9*time.Millisecond)},
		{due + int64(time.Millisecond), due + int64(6*time.Millisecond)}, // another processor
		{due + int64(time.Second), due + int64(time.Second+10*time.Millisecond)},
	}}
	still.merge()
	l, err := judge(packets, int64(1e18), wholeMinute, &still)
	if err != nil || l.late != 2 || l.but != 1 {
		t.Errorf("%v (%v): %d for another reason than the machine, want 2 late and 1 of them so", &l, err, l.but)
	}
}

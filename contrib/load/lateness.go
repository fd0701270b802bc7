package main

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// period of packets, by the clock of a call.
	period = 20 * time.Millisecond
	// perTick is how far RTP timestamps move on in a period, at 48 kHz.
	perTick = 960
	// maxSkew is how far from the machine's the clock of a call may run, in millionths:
	// Karat makes it up to 50, the rest is for what a short measurement errs by.
	maxSkew = 60
	// lateAfter is the aim's limit.
	lateAfter = 5 * time.Millisecond
)

// arrival is one voice packet.
type arrival struct {
	tick int64  // by its RTP timestamp, from 0 with the first one
	seq  uint16 // its RTP sequence number
	at   int64  // when the kernel had it, in nanoseconds
}

// pace is the row of ticks that a stream was meant to leave at: tick n at
// start + n*step nanoseconds.
type pace struct{ start, step float64 }

func (p pace) due(tick int64) float64 { return p.start + float64(tick)*p.step }

// errTooShort: of few packets no clock can be told.
var errTooShort = errors.New("too few packets came to tell their clock")

// fit finds the clock of a stream. Nothing leaves before its tick, so all packets lie
// on or above a line; of all such lines it is the one that lies closest to them. It
// goes through two packets that were not held up, however many others were.
func fit(packets []arrival) (pace, error) {
	if len(packets) < 10 {
		return pace{}, errTooShort
	}
	hull := lowerHull(packets)
	var mean float64
	for _, p := range packets {
		mean += float64(p.tick) / float64(len(packets))
	}
	// The sum of all distances is least for the edge below the packets' mean.
	right := slices.IndexFunc(hull, func(p arrival) bool { return float64(p.tick) > mean })
	a, b := hull[max(right-1, 0)], hull[max(right, 1)]
	step := float64(b.at-a.at) / float64(b.tick-a.tick)
	most := float64(period) * maxSkew / 1e6
	step = min(max(step, float64(period)-most), float64(period)+most)
	line := pace{start: float64(a.at) - step*float64(a.tick), step: step}
	for _, p := range packets {
		line.start = min(line.start, float64(p.at)-step*float64(p.tick))
	}
	return line, nil
}

// lowerHull is the lower half of the convex hull, from left to right.
func lowerHull(packets []arrival) (hull []arrival) {
	sorted := slices.SortedFunc(slices.Values(packets), func(a, b arrival) int { return int(a.tick - b.tick) })
	for _, p := range sorted {
		if n := len(hull); n > 0 && hull[n-1].tick == p.tick {
			continue
		}
		for len(hull) >= 2 && !below(hull[len(hull)-2], hull[len(hull)-1], p) {
			hull = hull[:len(hull)-1]
		}
		hull = append(hull, p)
	}
	return hull
}

// below tells whether b lies under the line from a to c.
func below(a, b, c arrival) bool {
	return float64(b.at-a.at)*float64(c.tick-a.tick) < float64(c.at-a.at)*float64(b.tick-a.tick)
}

// lateness is what a measurement found of one stream, or of several.
type lateness struct {
	due   int // ticks in the time of the measurement
	late  int // of them: packets that left too late, and those that never left
	never int // of the late: those that never left
	but   int // late, had the machine not held up who waited for the processor
	lost  int // packets that left, by their numbers, and were not seen: the measurement's fault
	by    []time.Duration
	worst time.Duration
}

// judge compares the packets of a stream with its ticks in [from, to), on a machine
// that stood still at times.
func judge(packets []arrival, from, to int64, still *stalls) (lateness, error) {
	line, err := fit(packets)
	if err != nil {
		return lateness{}, err
	}
	came := make(map[int64]int64, len(packets))
	for _, p := range packets {
		if at, twice := came[p.tick]; !twice || p.at < at {
			came[p.tick] = p.at
		}
	}
	l := lateness{lost: lost(packets)}
	first := int64((float64(from) - line.start) / line.step)
	for tick := first; line.due(tick) < float64(to); tick++ {
		due := line.due(tick)
		if due < float64(from) {
			continue
		}
		l.due++
		at, left := came[tick]
		if !left {
			l.never++
			l.late++
			l.but++
			continue
		}
		by := time.Duration(float64(at) - due)
		l.by = append(l.by, by)
		l.worst = max(l.worst, by)
		if by > lateAfter {
			l.late++
			if by-time.Duration(still.within(int64(due), at)) > lateAfter {
				l.but++
			}
		}
	}
	return l, nil
}

// lost counts numbers that are missing: they are given to packets that leave.
func lost(packets []arrival) (n int) {
	for i := 1; i < len(packets); i++ {
		if gap := int(int16(packets[i].seq - packets[i-1].seq)); gap > 1 {
			n += gap - 1
		}
	}
	return n
}

// add joins what was found of two streams.
func (l *lateness) add(o lateness) {
	l.due, l.late, l.but, l.never, l.lost = l.due+o.due, l.late+o.late, l.but+o.but, l.never+o.never, l.lost+o.lost
	l.by = append(l.by, o.by...)
	l.worst = max(l.worst, o.worst)
}

// share of ticks that were late.
func (l *lateness) share() float64 {
	if l.due == 0 {
		return 1
	}
	return float64(l.late) / float64(l.due)
}

// shareBut is the share that would have been late on a machine that never stood still.
func (l *lateness) shareBut() float64 { return float64(l.but) / float64(max(l.due, 1)) }

// quantile of how late the packets were that left.
func (l *lateness) quantile(q float64) time.Duration {
	if len(l.by) == 0 {
		return 0
	}
	slices.Sort(l.by)
	return l.by[min(int(q*float64(len(l.by))), len(l.by)-1)]
}

func (l *lateness) String() string {
	return fmt.Sprintf("%d ticks due, %d late (%.3f%%), of which %d never left; half left within %v, 99%% within %v, 99.9%% within %v, the last after %v",
		l.due, l.late, 100*l.share(), l.never, round(l.quantile(0.5)), round(l.quantile(0.99)), round(l.quantile(0.999)), round(l.worst))
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

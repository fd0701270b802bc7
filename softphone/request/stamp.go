package request

import "time"

const (
	// StepTime is how long a step lasts.
	StepTime = 30 * time.Second
	// Counters is how many requests a sender makes in one step.
	Counters = 4
	// behind and ahead say which steps are accepted around the receiver's own: a
	// request travels for a while, and clocks differ.
	behind, ahead = 2, 1
)

// Stamp is the number of a request: step and counter. Later requests have higher
// ones. Zero is before all.
type Stamp uint64

func newStamp(step uint64, counter uint8) Stamp {
	return Stamp(step*Counters + uint64(counter))
}

func stepOf(now time.Time) uint64 { return uint64(since(now) / StepTime) }

func (s Stamp) step() uint64   { return uint64(s) / Counters }
func (s Stamp) counter() uint8 { return uint8(uint64(s) % Counters) }

// Hour is the hour of the stamp's step.
func (s Stamp) Hour() Hour { return Hour(s.step() / uint64(time.Hour/StepTime)) }

// Next is the stamp of the next request of a sender whose last one is given. Write
// it durably before the request leaves; it is never used again, whatever comes of
// the request. False when there is none that a receiver would take: too many
// requests, or a clock that was set back.
func Next(now time.Time, last Stamp) (Stamp, bool) {
	next := max(newStamp(stepOf(now), 0), last+1)
	return next, next.step() <= stepOf(now)+ahead && next != 0
}

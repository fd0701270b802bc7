package link

import (
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"
)

// Line is what lies between two hosts. What happens to voice happens to RTP and
// SRTP only: signalling and keys pass unharmed, so that calls come about. All
// chance comes from Seed: the n-th packet of a direction has the same fate in
// every line with the same numbers.
type Line struct {
	// Name tells lines apart that exist at once in one process.
	Name string
	// Delay is how long each packet takes.
	Delay time.Duration
	// Loss is the share of the voice's packets that is lost, 0 to 1.
	Loss float64
	// Burst is how many are lost in a row, on average (Gilbert's model with
	// nothing lost in between). Up to 1: each on its own.
	Burst float64
	// Jitter is added delay: exponential, with half of it as its mean and twice
	// of it as its end. No packet overtakes another.
	Jitter time.Duration
	Seed   uint64
}

// fate decides about the packets of one direction.
type fate struct {
	Line
	random *rand.Rand
	bad    bool      // in a burst of losses
	last   time.Time // when the one before arrives
}

func (line Line) fate(direction uint64) *fate {
	return &fate{Line: line, random: rand.New(rand.NewPCG(line.Seed, direction))}
}

// of returns when a packet arrives, if it does.
func (f *fate) of(now time.Time, b []byte) (due time.Time, arrives bool) {
	due = now.Add(f.Delay)
	if isVoice(b) {
		// Always both, so that loss and jitter do not depend on each other.
		lost, late := f.loses(), f.late()
		if lost {
			return due, false
		}
		due = due.Add(late)
	}
	if due.Before(f.last) {
		due = f.last
	}
	f.last = due
	return due, true
}

// loses moves the two states of Gilbert's model: from good to bad so that the
// mean is Loss, from bad to good after Burst packets on average.
func (f *fate) loses() bool {
	chance := f.random.Float64()
	switch {
	case f.Burst <= 1:
		return chance < f.Loss
	case f.bad:
		f.bad = chance >= 1/f.Burst
	default:
		f.bad = chance < f.Loss/(1-f.Loss)/f.Burst
	}
	return f.bad
}

func (f *fate) late() time.Duration {
	return min(time.Duration(f.random.ExpFloat64()*float64(f.Jitter)/2), 2*f.Jitter)
}

// isVoice recognises RTP in UDP (RFC 7983, Section 7), but not RTCP (RFC 5761,
// Section 4).
func isVoice(b []byte) bool {
	if len(b) < 20 || b[0]>>4 != 4 || b[9] != unix.IPPROTO_UDP {
		return false
	}
	at := int(b[0]&15)*4 + 8
	if len(b) < at+12 || b[at]>>6 != 2 {
		return false
	}
	kind := b[at+1] & 0x7f
	return kind < 64 || kind > 95
}

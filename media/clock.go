package media

import "time"

// maxSkew is how much faster or slower than the machine's a call's clock may run,
// in parts of a billion: 50 millionths, as much as crystals differ by.
const maxSkew = 50_000

// clock is the time of one call, as peers see it in the pace of packets and in
// reports. It runs a little fast or slow, by a random amount that is another in
// each call, so that the pace does not tell one machine by its crystal.
type clock struct{ skew int64 } // parts of a billion that it is slow

func newClock() clock { return clock{skew: int64(random32()%(2*maxSkew+1)) - maxSkew} }

// lasts is how long a time of the call is by the machine's clock.
func (c clock) lasts(d time.Duration) time.Duration {
	return d + time.Duration(int64(d)/1e6*c.skew/1000)
}

// reads is what the call's clock shows after a time of the machine's.
func (c clock) reads(d time.Duration) time.Duration {
	return d - time.Duration(int64(d)/1e6*c.skew/1000)
}

package zrtp

import "time"

// schedule is how often, and how many times, a message is repeated.
type schedule struct {
	first, longest time.Duration
	repeats        int
}

var (
	// helloSchedule is timer T1.
	//
	// RFC 6189, Section 6: an interval that starts at T1 seconds and doubles
	// after every retransmission, capping at 200 ms. T1 has a recommended initial
	// value of 50 ms. A Hello message is retransmitted 20 times.
	helloSchedule = schedule{50 * time.Millisecond, 200 * time.Millisecond, 20}
	// requestSchedule is timer T2.
	//
	// RFC 6189, Section 6: an interval that starts at T2 seconds and doubles
	// after every retransmission, capping at 1200 ms. T2 has a recommended
	// initial value of 150 ms. Each non-Hello message is retransmitted 10 times.
	requestSchedule = schedule{150 * time.Millisecond, 1200 * time.Millisecond, 10}
	// flatSchedule is for both timers where both ends are Karats. The RFC's
	// schedules spare networks of another time: once two packets are lost a call
	// stands still for a second, in which nobody hears anything. It lasts for as
	// long as the RFC waits at most (12 s). A Commit with its 1.4 kB takes 112 kbit/s
	// while it is unanswered, everything else a tenth of that: no more than the
	// offer allows for the voice, which is silent meanwhile (Section 6: ZRTP
	// endpoints MUST NOT exceed the bandwidth of the resulting media session).
	flatSchedule = schedule{100 * time.Millisecond, 100 * time.Millisecond, 120}
)

const (
	// extendedHellos makes the Hello schedule last 12.15 s.
	//
	// RFC 6189, Section 6: If a ZRTP endpoint has evidence that the other party
	// is a ZRTP endpoint [...] it SHOULD extend its own Hello retry schedule to
	// span at least 12 seconds of retries.
	extendedHellos = 62

	// responderPatience: RFC 6189, Section 6: if a ZRTP responder receives no
	// ZRTP messages for more than 10 seconds, the responder MAY send a protocol
	// timeout Error message.
	responderPatience = 10 * time.Second

	// doubtTime is how long a fault that anyone could have made waits for a good
	// message to refute it: longer than the longest retransmission interval.
	doubtTime = 1500 * time.Millisecond
)

// span is how long a schedule lasts, up to the moment when the last repetition
// has had time to be answered.
func (s schedule) span() time.Duration {
	var total time.Duration
	interval := s.first
	for range s.repeats {
		total += interval
		interval = min(2*interval, s.longest)
	}
	return total + interval
}

// retransmission repeats one message. The zero value repeats nothing.
type retransmission struct {
	message  []byte
	due      time.Time
	interval time.Duration
	left     int
	longest  time.Duration
}

// newRetransmission is for a message that was sent now.
func newRetransmission(now time.Time, msg []byte, s schedule) retransmission {
	return retransmission{msg, now.Add(s.first), s.first, s.repeats, s.longest}
}

// outcome says what a timer asks for.
type outcome int

const (
	wait outcome = iota
	repeat
	giveUp
)

// advance takes the timer past now. One that was woken late repeats once, not
// once for every interval that it missed.
func (r *retransmission) advance(now time.Time) outcome {
	if r.due.IsZero() || now.Before(r.due) {
		return wait
	}
	if r.left == 0 {
		*r = retransmission{}
		return giveUp
	}
	r.left--
	r.interval = min(2*r.interval, r.longest)
	r.due = now.Add(r.interval)
	return repeat
}

// earliest is the first of several deadlines, zero meaning none.
func earliest(deadlines ...time.Time) time.Time {
	var first time.Time
	for _, d := range deadlines {
		if !d.IsZero() && (first.IsZero() || d.Before(first)) {
			first = d
		}
	}
	return first
}

// reached tells whether a deadline has passed.
func reached(now, deadline time.Time) bool { return !deadline.IsZero() && !now.Before(deadline) }

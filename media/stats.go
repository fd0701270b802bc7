package media

import (
	"math"
	"time"
)

// Stats tells the figures so far. It may be called at any time.
func (s *Stream) Stats() Stats {
	c := &s.counters
	st := Stats{
		Sent:            c.sent.Load(),
		Unauthenticated: c.unauthenticated.Load(),
		Replayed:        c.replayed.Load(),
		Early:           c.early.Load(),
		Ignored:         c.ignored.Load(),
		SendFailed:      c.sendFailed.Load(),
		RTT:             time.Duration(c.rtt.Load()),
		ReceivedLevel:   math.Float64frombits(c.level.Load()),
		MicrophoneLevel: math.Float64frombits(s.out.level.Load()),
	}
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	b := s.in.buffer.Stats()
	st.Concealed, st.LossHeard = uint64(b.Concealed/(20*time.Millisecond)), b.Missing
	st.Late, st.Restored, st.Delay = b.Late, b.Restored, b.Delay
	st.Received = s.in.total.received + uint64(s.in.source.received)
	st.Lost = s.in.total.lost + uint64(s.in.source.lost())
	st.Jitter = s.in.source.jitterTime()
	return st
}

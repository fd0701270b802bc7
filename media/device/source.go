package device

import "sync"

// source is where a speaker gets its samples from.
type source struct {
	mu   sync.Mutex // held while samples are made, so that set returns after the last of them
	make func(samples []int16)
}

// set changes it; nil: there is silence.
func (s *source) set(fill func(samples []int16)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.make = fill
}

// fill makes samples; false: nobody does, and they are silence.
func (s *source) fill(samples []int16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.make == nil {
		clear(samples)
		return false
	}
	s.make(samples)
	return true
}

// Then is a fill after which see is shown what it made; nil if fill is.
func Then(fill, see func(samples []int16)) func(samples []int16) {
	if fill == nil {
		return nil
	}
	return func(samples []int16) {
		fill(samples)
		see(samples)
	}
}

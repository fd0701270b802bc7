package device

import (
	"sync"
	"time"
)

const (
	frameTime = FrameSamples * time.Second / SampleRate
	// oversleep is how far behind its ticks a pacer may fall (a machine that
	// slept) before it begins a new row of ticks instead of catching up.
	oversleep = 10 * frameTime
)

// pacer gives the ticks of a device that has no clock of its own. Ticks are
// absolute: the n-th is n frames after the first, whenever it was waited for.
type pacer struct {
	next  time.Time
	timer *time.Timer
}

// wait blocks until the next tick; false when done was closed. The first tick
// comes after delay.
func (p *pacer) wait(delay time.Duration, done <-chan struct{}) bool {
	now := time.Now()
	if p.timer == nil {
		p.next = now.Add(delay)
		p.timer = time.NewTimer(p.next.Sub(now))
	} else {
		p.next = p.next.Add(frameTime)
		if now.Sub(p.next) > oversleep {
			p.next = now
		}
		p.timer.Reset(p.next.Sub(now))
	}
	select {
	case <-done:
		return false
	default:
	}
	select {
	case <-done:
		return false
	case <-p.timer.C:
		return true
	}
}

// latch closes a channel once.
type latch struct {
	once sync.Once
	done chan struct{}
}

func newLatch() *latch  { return &latch{done: make(chan struct{})} }
func (l *latch) close() { l.once.Do(func() { close(l.done) }) }

// pacedMicrophone is a microphone of made-up sound, captured at an even pace.
type pacedMicrophone struct {
	*latch
	pace pacer
	fill func(f *Frame)
}

func newPacedMicrophone(fill func(f *Frame)) *pacedMicrophone {
	return &pacedMicrophone{latch: newLatch(), fill: fill}
}

// Read returns 20 ms after the one before; the first 20 ms after the call.
func (m *pacedMicrophone) Read(f *Frame) error {
	if !m.pace.wait(frameTime, m.done) {
		return ErrClosed
	}
	m.fill(f)
	return nil
}

func (m *pacedMicrophone) Close() error {
	m.close()
	return nil
}

// pacedSpeaker takes one frame every 20 ms; the first at once.
type pacedSpeaker struct {
	*latch
	pace pacer
	take func(f *Frame)
	end  func() error

	mu    sync.Mutex // guards: take and end against each other, ended
	ended bool
}

func newPacedSpeaker(take func(f *Frame), end func() error) *pacedSpeaker {
	return &pacedSpeaker{latch: newLatch(), take: take, end: end}
}

// Write plays a frame, and waits until the next one is due.
func (s *pacedSpeaker) Write(f *Frame) error {
	if err := s.play(f); err != nil {
		return err
	}
	if !s.pace.wait(frameTime, s.done) {
		return ErrClosed
	}
	return nil
}

func (s *pacedSpeaker) play(f *Frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return ErrClosed
	}
	s.take(f)
	return nil
}

// Close ends the speaker; the first call tells how that went.
func (s *pacedSpeaker) Close() error {
	s.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil
	}
	s.ended = true
	return s.end()
}

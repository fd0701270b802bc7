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

// pacedSpeaker asks for one frame every 20 ms, from the first Play on.
type pacedSpeaker struct {
	*latch
	source
	pace  pacer
	take  func(f *Frame)
	end   func() error
	frame Frame

	begin  sync.Once
	asking sync.WaitGroup
	ending sync.Once
}

func newPacedSpeaker(take func(f *Frame), end func() error) *pacedSpeaker {
	return &pacedSpeaker{latch: newLatch(), take: take, end: end}
}

// Play asks fill from the next tick on; the first is at once.
func (s *pacedSpeaker) Play(fill func(samples []int16)) {
	s.set(fill)
	s.begin.Do(func() { s.asking.Go(s.ask) })
}

// ask is the speaker's thread. What nobody plays is not taken.
func (s *pacedSpeaker) ask() {
	for s.pace.wait(0, s.done) {
		if s.fill(s.frame[:]) {
			s.take(&s.frame)
		}
	}
}

// Close ends the speaker; the first call tells how that went.
func (s *pacedSpeaker) Close() (err error) {
	s.close()
	s.begin.Do(func() {}) // it does not begin any more
	s.set(nil)
	s.asking.Wait()
	s.ending.Do(func() {
		clear(s.frame[:])
		err = s.end()
	})
	return err
}

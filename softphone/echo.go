package softphone

import (
	"io"
	"sync"
	"time"

	"karat/media/device"
)

// echoDelay is how much later one hears oneself: long enough to be told from
// one's own voice.
const echoDelay = 25 // frames, 500 ms

// echo is a device whose microphone hears its speaker: the party that everyone
// can test with. The microphone's pace is the speaker's, too.
type echo struct {
	mu     sync.Mutex // guards: frames, at, fill
	frames [echoDelay]device.Frame
	at     int
	fill   func(samples []int16)
	reads  pacer
	closed chan struct{}
	once   sync.Once
}

var _ device.Device = (*echo)(nil)

func newEcho() *echo { return &echo{closed: make(chan struct{})} }

// Read returns what was played echoDelay ago, and plays the next frame.
func (e *echo) Read(f *device.Frame) error {
	if !e.reads.wait(e.closed) {
		return io.EOF
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	slot := &e.frames[e.at]
	e.at = (e.at + 1) % len(e.frames)
	*f = *slot
	if e.fill != nil {
		e.fill(slot[:])
	} else {
		clear(slot[:])
	}
	return nil
}

// Play keeps who is asked.
func (e *echo) Play(fill func(samples []int16)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fill = fill
}

// Close ends Read, and forgets what was heard.
func (e *echo) Close() error {
	e.once.Do(func() { close(e.closed) })
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fill = nil
	clear(e.frames[:])
	return nil
}

// frameTime is how long a frame lasts.
const frameTime = device.FrameSamples * time.Second / device.SampleRate

// pacer lets one goroutine pass once per frame, on absolute ticks.
type pacer struct {
	next  time.Time
	timer *time.Timer
}

// wait returns at the next tick, or false when closed.
func (p *pacer) wait(closed <-chan struct{}) bool {
	if p.timer == nil {
		p.next = time.Now()
		p.timer = time.NewTimer(0)
	} else {
		p.next = p.next.Add(frameTime)
		p.timer.Reset(time.Until(p.next))
	}
	select {
	case <-p.timer.C:
		return true
	case <-closed:
		return false
	}
}

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
// can test with.
type echo struct {
	mu      sync.Mutex // guards: frames, in, out
	frames  [2 * echoDelay]device.Frame
	in, out int
	reads   pacer
	writes  pacer
	closed  chan struct{}
	once    sync.Once
}

var _ device.Device = (*echo)(nil)

func newEcho() *echo { return &echo{closed: make(chan struct{}), in: echoDelay} }

// Read returns the frame that was written echoDelay ago.
func (e *echo) Read(f *device.Frame) error {
	if !e.reads.wait(e.closed) {
		return io.EOF
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	*f = e.frames[e.out%len(e.frames)]
	clear(e.frames[e.out%len(e.frames)][:])
	e.out++
	return nil
}

// Write keeps f for Read. When one of the two has fallen behind the other, it
// starts anew at the right distance.
func (e *echo) Write(f *device.Frame) error {
	if !e.writes.wait(e.closed) {
		return io.EOF
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if ahead := e.in - e.out; ahead < 1 || ahead >= len(e.frames) {
		e.in = e.out + echoDelay
	}
	e.frames[e.in%len(e.frames)] = *f
	e.in++
	return nil
}

// Close ends Read and Write.
func (e *echo) Close() error {
	e.once.Do(func() { close(e.closed) })
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

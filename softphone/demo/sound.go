package demo

import (
	"sync"

	"karat/media/device"
)

// sound opens an actor's devices: its speech as a microphone, a recording as a
// speaker, and for the callee the sound device beside it, where there is one.
func (s *stage) sound(a *actor) func() (device.Device, error) {
	return func() (device.Device, error) {
		files, err := device.Open("file:"+a.mic, "file:"+a.heard, device.Options{})
		if err != nil || a != s.bob || s.Silent {
			return files, err
		}
		loud, err := device.Open("null", "default", device.Options{})
		if err != nil {
			return files, nil // no sound device: the recording is enough
		}
		return newTee(files, loud), nil
	}
}

// teeQueue is how many frames the sound device may fall behind before frames
// for it are dropped: it must not hold up the recording.
const teeQueue = 10

// tee is a device whose voice is also heard on another.
type tee struct {
	device.Device
	loud   device.Device
	frames chan device.Frame
	quit   chan struct{}
	once   sync.Once
	pumped sync.WaitGroup
}

func newTee(d, loud device.Device) *tee {
	t := &tee{Device: d, loud: loud, frames: make(chan device.Frame, teeQueue), quit: make(chan struct{})}
	t.pumped.Go(t.pump)
	return t
}

func (t *tee) pump() {
	for {
		select {
		case f := <-t.frames:
			if t.loud.Write(&f) != nil {
				return
			}
		case <-t.quit:
			return
		}
	}
}

// Write records f and plays it.
func (t *tee) Write(f *device.Frame) error {
	select {
	case t.frames <- *f:
	default:
	}
	return t.Device.Write(f)
}

// Close closes both.
func (t *tee) Close() error {
	err := t.Device.Close()
	t.once.Do(func() {
		close(t.quit)
		t.loud.Close()
	})
	t.pumped.Wait()
	return err
}

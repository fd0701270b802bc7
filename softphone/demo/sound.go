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

// teeQueue is how much the sound device may fall behind before something is dropped:
// it must not hold up the recording.
const teeQueue = 10 * device.FrameSamples

// tee is a device whose voice is also heard on another.
type tee struct {
	device.Device
	loud device.Device

	mu      sync.Mutex // guards: waiting
	waiting []int16    // for the loud device; its room is made once
}

func newTee(d, loud device.Device) *tee {
	t := &tee{Device: d, loud: loud, waiting: make([]int16, 0, teeQueue)}
	loud.Play(t.sound)
	return t
}

// Play records and plays.
func (t *tee) Play(fill func(samples []int16)) { t.Device.Play(device.Then(fill, t.also)) }

func (t *tee) also(samples []int16) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting)+len(samples) <= teeQueue {
		t.waiting = append(t.waiting, samples...)
	}
}

// sound is what the loud device plays.
func (t *tee) sound(samples []int16) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := copy(samples, t.waiting)
	clear(samples[n:])
	t.waiting = t.waiting[:copy(t.waiting, t.waiting[n:])]
}

// Close closes both.
func (t *tee) Close() error {
	err := t.Device.Close()
	t.loud.Close()
	return err
}

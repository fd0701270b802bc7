// Package device is the sound card behind a small interface, with devices of
// silence, tone and files beside it, so that a call needs no sound card.
//
// A device is a pair of names, one for the microphone and one for the speaker:
//
//	default        what the system calls its default
//	NAME           a sound device by its name, as List tells it
//	null           a microphone of silence, a speaker that is not heard
//	tone:440       a microphone of a sine tone, so many hertz
//	file:x.wav     a microphone that plays a file once and is silent after it;
//	               a speaker that records into the file
//
// Sound cards are driven through PortAudio (github.com/gordonklaus/portaudio),
// which is not initialised until one is asked for. Echo cancellation and gain
// control are package apm's.
package device

import "errors"

// The one format of all devices: mono, 48 kHz, 20 ms frames of int16.
const (
	SampleRate   = 48000
	FrameSamples = 960 // 20 ms
)

// Frame is 20 ms of one channel.
type Frame [FrameSamples]int16

// Device is a microphone and a speaker.
type Device interface {
	// Read blocks until 20 ms were captured; it returns an error after Close.
	Read(f *Frame) error
	// Play lets the speaker ask for what it plays: fill is called on a thread of the
	// device's own when samples are due, for 20 ms at most, and as late as can be. It
	// must not wait, allocate, or call Play or Close. When Play returns the fill before
	// is not called any more; nil: there is silence.
	Play(fill func(samples []int16))
	// Close stops both and flushes what is recorded; Read returns, and no fill is
	// called any more.
	Close() error
}

// ErrClosed is returned by Read after Close.
var ErrClosed = errors.New("device: closed")

// microphone and speaker are the two halves of a Device.
type microphone interface {
	Read(f *Frame) error
	Close() error
}

type speaker interface {
	Play(fill func(samples []int16))
	Close() error
}

// pair is a Device of two halves that have nothing to do with each other.
type pair struct {
	microphone
	speaker
}

// Close closes both halves.
func (p pair) Close() error {
	return errors.Join(p.microphone.Close(), p.speaker.Close())
}

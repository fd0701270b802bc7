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

// Device is a microphone and a speaker. Read and Write pace the voice: Read blocks
// until 20 ms were captured; Write plays its frame next and blocks until another
// is due, so that who then makes it makes it as late as can be. Both return an
// error after Close. One goroutine may read while another writes.
type Device interface {
	Read(f *Frame) error
	Write(f *Frame) error
	// Close stops both and flushes what is recorded; Read and Write return.
	Close() error
}

// ErrClosed is returned by Read and Write after Close.
var ErrClosed = errors.New("device: closed")

// microphone and speaker are the two halves of a Device.
type microphone interface {
	Read(f *Frame) error
	Close() error
}

type speaker interface {
	Write(f *Frame) error
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

// Package apm is the audio processing between a sound card and the voice: it
// takes out of what the microphone heard what the speaker just played (echo
// cancellation), and noise; it keeps the level of speech even (gain control), and
// takes away rumble (a high-pass).
//
// The work is done by webrtc-audio-processing 0.3, through a small layer of C. It
// was chosen over speexdsp by measurement (contrib/voicebench).
//
// It is for sound cards. What a file or a tone gives is sent as it is.
package apm

import (
	"sync"

	"karat/media/device"
)

// nominalDelay is roughly how long it takes from Write to the speaker, through
// the air, and from the microphone to Read. The library finds the true delay by
// itself and needs a first guess, in milliseconds.
const nominalDelay = 80

// Processed is a Device whose microphone has been cleaned. A frame that the
// library refuses passes as it is: an echo is better than silence.
type Processed struct {
	inner device.Device

	mu      sync.RWMutex // guards library against Close; read-locked for a frame
	library *library
}

var _ device.Device = (*Processed)(nil)

// Process cleans what d's microphone hears. It takes d over: Close closes it.
func Process(d device.Device) (*Processed, error) {
	l, err := newLibrary()
	if err != nil {
		return nil, err
	}
	return &Processed{inner: d, library: l}, nil
}

// Read returns 20 ms that were captured and cleaned.
func (p *Processed) Read(f *device.Frame) error {
	if err := p.inner.Read(f); err != nil {
		return err
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.library == nil {
		return device.ErrClosed
	}
	raw := *f
	if p.library.near(f, nominalDelay) != nil {
		*f = raw
	}
	return nil
}

// Write plays 20 ms, and remembers them as what may come back as echo.
func (p *Processed) Write(f *device.Frame) error {
	if err := p.hear(f); err != nil {
		return err
	}
	return p.inner.Write(f)
}

func (p *Processed) hear(f *device.Frame) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.library == nil {
		return device.ErrClosed
	}
	_ = p.library.far(f) // then the echo of this frame stays in
	return nil
}

// Close closes the device and forgets what was heard.
func (p *Processed) Close() error {
	err := p.inner.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.library != nil {
		p.library.free()
		p.library = nil
	}
	return err
}

// Package apm is the audio processing between a sound card and the voice: it
// takes out of what the microphone heard what the speaker just played (echo
// cancellation), and noise; and it brings who speaks quietly or loudly to one level.
//
// The echo is modelled by speexdsp, which also tells how loud who speaks is. Measured
// by contrib/voicebench in its three rooms, beside webrtc-audio-processing 0.3: that
// takes away 50 dB and more of an echo, but hurts who speaks at the same time by 0.33
// to 0.50 of ESTOI whatever it is set to, more than the echo would (0.28). People
// interrupt each other.
//
// What speexdsp leaves of an echo, and noise, is lowered here. Its own suppressor delays
// the voice by 20 ms, and takes as much away of an echo (30 to 33 dB, after the path
// changed 20 to 22; hurt 0.09); this one delays nothing (30 to 32 dB, 28 to 32; 0.08 to
// 0.09).
//
// It is for sound cards. What a file or a tone gives is sent as it is.
package apm

import (
	"sync"

	"karat/media/device"
)

// mostPlayed is how much waits at most until the microphone's next frame: sound
// cards deliver in bursts. It is part of the tail.
const mostPlayed = 5 * device.FrameSamples

// Processed is a Device whose microphone has been cleaned.
type Processed struct {
	inner device.Device

	mu     sync.Mutex // guards what follows
	played [mostPlayed]int16
	first  int
	n      int

	cleaning       sync.Mutex // guards what follows
	speex          *speex     // nil when closed
	rates          *rates
	playing        device.Frame
	far, near, out frame
}

var _ device.Device = (*Processed)(nil)

// Process cleans what d's microphone hears. It takes d over: Close closes it.
func Process(d device.Device) (*Processed, error) {
	s, err := newSpeex()
	if err != nil {
		return nil, err
	}
	return &Processed{inner: d, speex: s, rates: newRates()}, nil
}

// Read returns 20 ms that were captured and cleaned.
func (p *Processed) Read(f *device.Frame) error {
	if err := p.inner.Read(f); err != nil {
		return err
	}
	p.cleaning.Lock()
	defer p.cleaning.Unlock()
	if p.speex == nil {
		return device.ErrClosed
	}
	p.oldest(&p.playing)
	down(p.rates.far, &p.far, &p.playing)
	down(p.rates.near, &p.near, f)
	p.speex.cancel(&p.far, &p.near, &p.out)
	p.rates.up(f, &p.out)
	return nil
}

// Play plays, and remembers it as what may come back as echo.
func (p *Processed) Play(fill func(samples []int16)) { p.inner.Play(device.Then(fill, p.remember)) }

// remember keeps what is played; when the microphone has fallen behind the oldest
// gives way.
func (p *Processed) remember(samples []int16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if over := p.n + len(samples) - mostPlayed; over > 0 {
		p.first, p.n = (p.first+over)%mostPlayed, p.n-over
	}
	at := (p.first + p.n) % mostPlayed
	n := copy(p.played[at:], samples)
	copy(p.played[:], samples[n:])
	p.n += len(samples)
}

// oldest takes what belongs to the next captured frame; silence where too little is
// played.
func (p *Processed) oldest(f *device.Frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(f), p.n)
	first := copy(f[:n], p.played[p.first:])
	copy(f[first:n], p.played[:])
	clear(f[n:])
	p.first, p.n = (p.first+n)%mostPlayed, p.n-n
}

// Close closes the device and forgets what was heard.
func (p *Processed) Close() error {
	err := p.inner.Close()
	p.cleaning.Lock()
	defer p.cleaning.Unlock()
	if p.speex != nil {
		p.speex.free()
		p.speex = nil
	}
	clear(p.playing[:])
	p.far, p.near, p.out = frame{}, frame{}, frame{}
	p.rates.wipe()
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.played[:])
	p.n = 0
	return err
}

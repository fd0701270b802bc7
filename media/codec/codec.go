// Package codec is Opus as Karat speaks it: 48 kHz, mono, wideband, constant
// bitrate, and every packet exactly as long as asked for whatever is said.
//
// libopus is bound by github.com/hraban/opus. Discontinuous transmission and
// variable bitrate are never on.
//
// The decoder takes what other phones send: any bytes, any frame size, stereo.
//
// For the telephone network there are G.711 and G.722, of constant rate by
// nature. The library of G.722 that exists was not to be had, so it is written
// here, from the recommendation.
package codec

import (
	"errors"
	"fmt"

	"github.com/hraban/opus"
)

// SampleRate is that of all sound here.
const SampleRate = 48000

const (
	// complexity of the encoder, 0..10. Measured with libopus 1.3.1 on
	// testdata/speech at 38 bytes for 20 ms, by a wideband score in the manner of
	// PESQ: 3.55 at 0, 3.70 at 2 and 3, 4.07 at 5, 4.06 at 8.
	complexity = 5
	// hurried takes half the time. At 76 bytes, the two speakers of testdata/speech
	// score 4.42 and 3.96 at 5, 4.04 and 3.64 at 3 in hardly less time, 3.90 and 3.59
	// at 1.
	hurried = 1
	// lossToExpect, in percent, decides how much libopus spends on its own
	// redundancy (LBRR) where that is on. 1 is the least, and the best: see
	// RESULTS.md of contrib/voicebench.
	lossToExpect = 1
)

// ErrSize is wrapped by what Encode returns when libopus made a packet of another
// size than it was told to.
var ErrSize = errors.New("codec: a packet of another size")

// Encoder makes packets of one size. It is not for concurrent use.
type Encoder struct {
	opus    *opus.Encoder
	samples int
	bytes   int
}

// NewEncoder returns an encoder that has heard nothing. A packet lasts so many
// samples, 20, 40 or 60 ms, and takes so many bytes.
//
// Constant bitrate is libopus's own: at 38 and at 82 bytes it scored 0.02 to 0.04
// higher than a cap filled up by padding (RFC 6716, Section 3.2.5). Wideband,
// because at 15 kb/s more would cost clearness, and a voice that changed its
// width between the two sizes of a call would be heard to.
func NewEncoder(samples, bytes int, redundant bool) (*Encoder, error) {
	e, err := opus.NewEncoder(SampleRate, 1, opus.AppVoIP)
	if err != nil {
		return nil, fmt.Errorf("codec: create the Opus encoder: %w", err)
	}
	if err := errors.Join(
		e.SetVBR(false),
		e.SetMaxBandwidth(opus.Wideband),
		e.SetComplexity(complexity),
		e.SetDTX(false),
		e.SetPacketLossPerc(lossToExpect),
	); err != nil {
		return nil, fmt.Errorf("codec: set up the Opus encoder: %w", err)
	}
	enc := &Encoder{opus: e, samples: samples}
	return enc, enc.SetSize(bytes, redundant)
}

// SetSize says how many bytes a packet takes from now on, and whether some of
// them repeat the sound of the packet before (LBRR).
func (e *Encoder) SetSize(bytes int, redundant bool) error {
	e.bytes = bytes
	if err := errors.Join(
		e.opus.SetBitrate(bytes*8*SampleRate/e.samples),
		e.opus.SetInBandFEC(redundant),
	); err != nil {
		return fmt.Errorf("codec: set the size of packets: %w", err)
	}
	return nil
}

// Hurry has the encoder take half the time from now on, or its time again. Sizes stay.
func (e *Encoder) Hurry(on bool) error {
	c := complexity
	if on {
		c = hurried
	}
	if err := e.opus.SetComplexity(c); err != nil {
		return fmt.Errorf("codec: set the encoder's effort: %w", err)
	}
	return nil
}

// Reset makes the encoder forget all it heard: no sample from before is in any
// packet from after. The settings stay.
func (e *Encoder) Reset() error {
	if err := e.opus.Reset(); err != nil {
		return fmt.Errorf("codec: reset the Opus encoder: %w", err)
	}
	return nil
}

// Encode encodes one packet of sound into dst, whose length is that of SetSize.
// It allocates nothing unless it fails.
func (e *Encoder) Encode(dst []byte, sound []int16) error {
	if len(dst) != e.bytes || len(sound) != e.samples {
		return fmt.Errorf("codec: encode %d samples in %d bytes, set up for %d in %d", len(sound), len(dst), e.samples, e.bytes)
	}
	n, err := e.opus.Encode(sound, dst)
	if err != nil {
		return fmt.Errorf("codec: encode: %w", err)
	}
	if n != len(dst) {
		return fmt.Errorf("%w: %d bytes instead of %d", ErrSize, n, len(dst))
	}
	return nil
}

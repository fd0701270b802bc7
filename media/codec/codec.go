// Package codec is Opus as Karat speaks it: 48 kHz, mono, 20 ms, 24 kb/s, and
// every packet exactly PacketBytes long whatever is said.
//
// libopus is bound by gopkg.in/hraban/opus.v2, which cannot set constant
// bitrate. So the size is capped when encoding, and filled up with the padding
// of RFC 6716, Section 3.2.5. Discontinuous transmission is never on.
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

	"gopkg.in/hraban/opus.v2"
)

// The one shape of what is sent.
const (
	SampleRate   = 48000
	FrameSamples = 960 // 20 ms
	Bitrate      = 24000
	// PacketBytes is the size of every packet: 24 kb/s for 20 ms.
	PacketBytes = Bitrate / 8 * FrameSamples / SampleRate
)

// complexity of the encoder, 0..10. Measured once with libopus 1.3.1 on the
// two recordings in testdata/speech, alice and bob: mean difference of the
// level in telephone bands 1.2 and 1.4 dB at 3, 1.0 and 1.6 dB at 5, 0.5 and
// 2.8 dB at 10, 1.6 and 3.9 at 1, so there is nothing to gain above 3; CPU
// seconds per second 0.009 at 3, 0.013 at 5, 0.028 at 10 (BenchmarkComplexity).
const complexity = 3

// Encoder makes packets of one size. It is not for concurrent use.
type Encoder struct{ opus *opus.Encoder }

// NewEncoder returns an encoder that has heard nothing.
func NewEncoder() (*Encoder, error) {
	e, err := opus.NewEncoder(SampleRate, 1, opus.AppVoIP)
	if err != nil {
		return nil, fmt.Errorf("codec: create the Opus encoder: %w", err)
	}
	if err := errors.Join(
		e.SetBitrate(Bitrate),
		e.SetComplexity(complexity),
		e.SetDTX(false),
		e.SetInBandFEC(false),
	); err != nil {
		return nil, fmt.Errorf("codec: set up the Opus encoder: %w", err)
	}
	return &Encoder{opus: e}, nil
}

// Reset makes the encoder forget all it heard: no sample from before is in any
// packet from after. The settings stay.
func (e *Encoder) Reset() error {
	if err := e.opus.Reset(); err != nil {
		return fmt.Errorf("codec: reset the Opus encoder: %w", err)
	}
	return nil
}

// Encode encodes one frame into dst. It allocates nothing.
func (e *Encoder) Encode(dst *[PacketBytes]byte, frame *[FrameSamples]int16) error {
	n, err := e.opus.Encode(frame[:], dst[:])
	if err != nil {
		return fmt.Errorf("codec: encode: %w", err)
	}
	return Pad(dst[:], n)
}

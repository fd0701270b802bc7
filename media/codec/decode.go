package codec

import (
	"errors"
	"fmt"

	"github.com/hraban/opus"
)

const (
	// MaxSamples is the longest packet there is.
	//
	// RFC 6716, Section 3.2.5: "the audio duration contained within a packet
	// MUST NOT exceed 120 ms".
	MaxSamples = SampleRate * 120 / 1000
	// MaxPacketBytes bounds what is given to libopus: what fits a datagram.
	MaxPacketBytes = 1500
)

// ErrBadPacket is wrapped by what Decode returns for bytes that are not Opus.
var ErrBadPacket = errors.New("codec: not an Opus packet")

// Decoder turns packets into sound. Bytes that are no Opus packet leave it as
// it was. It is not for concurrent use.
type Decoder struct{ opus *opus.Decoder }

// NewDecoder returns a decoder that has heard nothing.
func NewDecoder() (*Decoder, error) {
	d, err := opus.NewDecoder(SampleRate, 1)
	if err != nil {
		return nil, fmt.Errorf("codec: create the Opus decoder: %w", err)
	}
	return &Decoder{opus: d}, nil
}

// Decode decodes one packet of 2.5 to 120 ms, mono or stereo (mixed down), and
// returns how many samples it made. It allocates nothing unless it fails.
func (d *Decoder) Decode(pcm *[MaxSamples]int16, packet []byte) (int, error) {
	want, err := Samples(packet)
	if err != nil {
		return 0, err
	}
	n, err := d.opus.Decode(packet, pcm[:])
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrBadPacket, err)
	}
	if n != want {
		return 0, fmt.Errorf("%w: %d samples where the header says %d", ErrBadPacket, n, want)
	}
	return n, nil
}

// Conceal makes something up in place of lost sound, fading out over several
// frames. len(pcm) is a multiple of 2.5 ms, at most 20 ms.
func (d *Decoder) Conceal(pcm []int16) error {
	// The binding goes by the capacity, hence the full slice expression.
	if err := d.opus.DecodePLC(pcm[:len(pcm):len(pcm)]); err != nil {
		return fmt.Errorf("codec: conceal: %w", err)
	}
	return nil
}

// Recover makes the sound of the packet before this one, from the redundancy in
// this one, or makes something up if there is none. len(pcm) is the duration of
// the lost packet; the packet itself is to be decoded afterwards.
func (d *Decoder) Recover(pcm []int16, packet []byte) error {
	if err := d.opus.DecodeFEC(packet, pcm[:len(pcm):len(pcm)]); err != nil {
		return fmt.Errorf("codec: recover: %w", err)
	}
	return nil
}

// Redundant tells whether a packet of one frame holds what Recover uses.
//
// RFC 6716, Section 4.2.3: the SILK layer begins with a bit for each 20 ms that
// tells activity, and then one that tells whether there are LBRR frames.
func Redundant(packet []byte) bool {
	const (
		firstCELT = 16 // configurations from here on have no SILK layer
		stereo    = 1 << 2
		frames    = 3
	)
	if len(packet) < 2 || packet[0]>>3 >= firstCELT || packet[0]&(stereo|frames) != 0 {
		return false
	}
	activity := max(frameSamples(packet[0])/(SampleRate/50), 1)
	return packet[1]>>(7-activity)&1 == 1
}

// Samples tells from its first bytes how long a packet lasts, at 48 kHz.
func Samples(packet []byte) (int, error) {
	if len(packet) == 0 || len(packet) > MaxPacketBytes {
		return 0, ErrBadPacket
	}
	n := frameSamples(packet[0])
	switch packet[0] & 3 {
	case 0:
	case 1, 2:
		n *= 2
	case 3:
		if len(packet) < 2 {
			return 0, ErrBadPacket
		}
		n *= int(packet[1] & 0x3f)
	}
	if n == 0 || n > MaxSamples {
		return 0, ErrBadPacket
	}
	return n, nil
}

// frameSamples reads the frame size from the configuration number.
//
// RFC 6716, Section 3.1, Table 2: 0..11 SILK of 10, 20, 40, 60 ms; 12..15
// hybrid of 10, 20 ms; 16..31 CELT of 2.5, 5, 10, 20 ms.
func frameSamples(toc byte) int {
	const ms = SampleRate / 1000
	switch config := toc >> 3; {
	case config < 12:
		return [4]int{10 * ms, 20 * ms, 40 * ms, 60 * ms}[config&3]
	case config < 16:
		return [2]int{10 * ms, 20 * ms}[config&1]
	default:
		return 120 << (config & 3) // 2.5 ms doubled
	}
}

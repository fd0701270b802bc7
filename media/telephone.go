package media

import (
	"fmt"

	"karat/media/codec"
	"karat/media/jitter"
	"karat/media/profile"
	"karat/media/resample"
)

// The codecs of the telephone network beside Opus: G.722 and G.711. Their rate is
// constant by nature, one byte for each tick of a clock of 8000 Hz; they are not
// sent twice, and a loss is made up for by repeating what was heard.

// Codec is how a payload codes the voice.
type Codec uint8

// The codecs.
const (
	Opus Codec = iota
	G722       // 16 kHz, 64 kbit/s
	PCMU       // G.711 µ-law, 8 kHz
	PCMA       // G.711 A-law
	codecs
)

// Payload is a payload type of RTP, and what is in it.
type Payload struct {
	PT    uint8
	Codec Codec
}

const (
	// telephoneClock of RTP. G.722 has it too (RFC 3551, Section 4.5.2).
	telephoneClock = 8000
	// perTick is how many samples of ours a tick of that clock, and a byte, lasts.
	perTick = codec.SampleRate / telephoneClock
	// maxTelephone bounds the bytes of a payload: 120 ms, as of Opus.
	maxTelephone = codec.MaxSamples / perTick
	// maxPayload of what is sent, in bytes.
	maxPayload = max(profile.MaxBytes, profile.MaxSamples/perTick)
)

// perTick is how many samples of ours a tick of the codec's RTP clock lasts.
func (c Codec) perTick() uint32 {
	if c == Opus {
		return 1
	}
	return perTick
}

// perByte is how many samples of the codec's own rate a byte holds.
func (c Codec) perByte() int {
	if c == G722 {
		return 2
	}
	return 1
}

// telephoneEncoder encodes for one codec of the telephone network. It allocates
// nothing after it was made.
type telephoneEncoder struct {
	codec Codec
	down  *resample.Resampler
	g722  *codec.G722Encoder
	low   [2 * maxPayload]int16
}

func newTelephoneEncoder(c Codec) *telephoneEncoder {
	e := &telephoneEncoder{codec: c, down: resample.New(perTick, float64(c.perByte()), resample.Quick)}
	e.reset()
	return e
}

// reset forgets what was said.
func (e *telephoneEncoder) reset() {
	clear(e.low[:])
	e.down.Reset()
	// Silence in advance, so that each packet finds all the sound it needs.
	_, _ = e.down.Process(e.low[len(e.low)-1:], e.low[:e.down.Delay()])
	e.g722 = codec.NewG722Encoder()
}

// encode fills dst, one byte for each perTick samples of sound.
func (e *telephoneEncoder) encode(dst []byte, sound []int16) error {
	low := e.low[:len(dst)*e.codec.perByte()]
	if n, _ := e.down.Process(low, sound); n != len(low) {
		return fmt.Errorf("media: %d samples for the telephone instead of %d", n, len(low))
	}
	switch e.codec {
	case G722:
		e.g722.Encode(dst, low)
	case PCMA:
		for i, v := range low {
			dst[i] = codec.ALaw(v)
		}
	default:
		for i, v := range low {
			dst[i] = codec.MuLaw(v)
		}
	}
	clear(low)
	return nil
}

const (
	// remembered is how much sound of the past there is to repeat from: two of the
	// longest periods of a voice.
	remembered = 2 * longestPeriod
	// The period of a voice: 80 to 400 Hz.
	shortestPeriod, longestPeriod = codec.SampleRate / 400, codec.SampleRate / 80
	// fadesIn is how long what is repeated takes to fade away, 60 ms.
	fadesIn = codec.SampleRate * 60 / 1000
)

// telephoneDecoder decodes one codec of the telephone network.
type telephoneDecoder struct {
	codec Codec
	up    *resample.Resampler
	g722  *codec.G722Decoder
	low   [2 * maxTelephone]int16

	past   [remembered]int16
	period int // of what is repeated; 0: nothing was yet
	made   int // samples made up in a row
}

func newTelephoneDecoder(c Codec) *telephoneDecoder {
	d := &telephoneDecoder{codec: c, up: resample.New(float64(c.perByte()), perTick, resample.Quick), g722: codec.NewG722Decoder()}
	_, _ = d.up.Process(d.low[len(d.low)-1:], d.low[:d.up.Delay()])
	return d
}

// decode fills out with the sound of a payload, perTick samples a byte.
func (d *telephoneDecoder) decode(out []int16, payload []byte) int {
	payload = payload[:min(len(payload), maxTelephone)]
	low := d.low[:len(payload)*d.codec.perByte()]
	switch d.codec {
	case G722:
		d.g722.Decode(low, payload)
	case PCMA:
		for i, b := range payload {
			low[i] = codec.FromALaw(b)
		}
	default:
		for i, b := range payload {
			low[i] = codec.FromMuLaw(b)
		}
	}
	n, _ := d.up.Process(out[:len(payload)*perTick], low)
	d.period, d.made = 0, 0
	d.remember(out[:n])
	return n
}

func (d *telephoneDecoder) remember(sound []int16) {
	sound = sound[max(0, len(sound)-len(d.past)):]
	copy(d.past[:], d.past[len(sound):])
	copy(d.past[len(d.past)-len(sound):], sound)
}

// conceal makes up sound in place of what was lost: the last period of the voice
// again and again, fading out (in the manner of ITU-T G.711, Appendix I).
func (d *telephoneDecoder) conceal(out []int16) {
	if d.period == 0 {
		d.period = lastPeriod(d.past[:])
	}
	from := len(d.past) - d.period
	for i := range out {
		left := max(0, fadesIn-d.made)
		out[i] = int16(int(d.past[from+d.made%d.period]) * left / fadesIn)
		d.made++
	}
}

// lastPeriod is the lag at which the end of x resembles what was before it most.
func lastPeriod(x []int16) int {
	best, likeness := shortestPeriod, -1.0
	end := x[len(x)-longestPeriod:]
	for lag := shortestPeriod; lag <= longestPeriod; lag += 4 {
		var ab, bb float64
		before := x[len(x)-longestPeriod-lag:]
		for i := 0; i < len(end); i += 4 {
			ab += float64(end[i]) * float64(before[i])
			bb += float64(before[i]) * float64(before[i])
		}
		if l := ab * max(ab, 0) / (bb + 1); l > likeness {
			best, likeness = lag, l
		}
	}
	return best
}

func (d *telephoneDecoder) wipe() {
	clear(d.low[:])
	clear(d.past[:])
	d.up.Reset()
}

// format of the playout buffer is the codec of a payload.
func (c Codec) format() jitter.Format { return jitter.Format(c) }

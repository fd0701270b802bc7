// Package wav reads and writes RIFF WAVE files, and brings any rate to 48 kHz.
//
// It reads PCM of 8, 16, 24 and 32 bits and floating point of 32 and 64, mono
// or more channels (mixed down), also from files that were cut off or whose
// header was never finished. It reads no compressed formats and no files of
// more than MaxSeconds. It writes 16-bit mono only.
package wav

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// The limits of what is read. They bound memory: ten minutes at 48 kHz are 58 MB.
const (
	MaxSeconds  = 600
	MinRate     = 4000   // below it there is no speech
	MaxRate     = 384000 // the fastest converters sold
	maxChannels = 32
	maxFormat   = 1 << 10 // bytes of a fmt chunk; known ones have 16, 18 or 40
)

// FormatError says, as a sentence, why a file is not read.
type FormatError struct{ Why string }

func (e *FormatError) Error() string { return "wav: " + e.Why }

func refuse(format string, args ...any) error {
	return &FormatError{Why: fmt.Sprintf(format, args...)}
}

// Audio is one channel of sound.
type Audio struct {
	Rate    int
	Samples []int16
}

// ReadFile reads a file.
func ReadFile(path string) (Audio, error) {
	f, err := os.Open(path)
	if err != nil {
		return Audio{}, fmt.Errorf("wav: %w", err)
	}
	defer f.Close() // read only: nothing is lost
	a, err := Read(f)
	if err != nil {
		return Audio{}, fmt.Errorf("%w (%s)", err, path)
	}
	return a, nil
}

// Read reads a file from its first byte.
//
//	"RIFF" size "WAVE" { id[4] size[4] data pad-to-even }
//
// A data chunk that is shorter than it says was cut off: what is there counts.
func Read(r io.Reader) (Audio, error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return Audio{}, cutOff(err, "the file is shorter than a WAV header")
	}
	switch {
	case string(head[:4]) == "RF64":
		return Audio{}, refuse("this is RF64, for files over 4 GB, which is not read")
	case string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE":
		return Audio{}, refuse("this is not a WAV file")
	}
	var f *format
	for {
		id, size, err := readChunkHeader(r)
		if err != nil {
			return Audio{}, err
		}
		switch id {
		case "fmt ":
			if f, err = readFormat(r, size); err != nil {
				return Audio{}, err
			}
		case "data":
			if f == nil {
				return Audio{}, refuse("the samples come before the format")
			}
			return f.readSamples(r, size)
		default:
			if err := skip(r, size); err != nil {
				return Audio{}, err
			}
		}
	}
}

func readChunkHeader(r io.Reader) (id string, size uint32, err error) {
	var h [8]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return "", 0, cutOff(err, "the file ends before its samples")
	}
	return string(h[:4]), binary.LittleEndian.Uint32(h[4:]), nil
}

// skip passes over a chunk, and the byte that pads an odd one.
func skip(r io.Reader, size uint32) error {
	n := int64(size) + int64(size&1)
	if _, err := io.CopyN(io.Discard, r, n); err != nil {
		return cutOff(err, "the file ends before its samples")
	}
	return nil
}

// cutOff turns an early end into a sentence, and keeps other errors.
func cutOff(err error, why string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse("%s", why)
	}
	return fmt.Errorf("wav: read: %w", err)
}

// Format tags.
const (
	tagPCM        = 0x0001
	tagFloat      = 0x0003
	tagALaw       = 0x0006
	tagMuLaw      = 0x0007
	tagExtensible = 0xFFFE
)

// format is what a fmt chunk says.
//
//	tag[2] channels[2] rate[4] bytes per second[4] block[2] bits[2]
//	extensible: more[2] valid bits[2] channel mask[4] tag[2] GUID tail[14]
type format struct {
	rate, channels, bytes int
	float                 bool
}

func readFormat(r io.Reader, size uint32) (*format, error) {
	if size < 16 || size > maxFormat {
		return nil, refuse("the format chunk has %d bytes, which no format has", size)
	}
	b := make([]byte, size+size&1)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, cutOff(err, "the file ends in its format chunk")
	}
	tag := binary.LittleEndian.Uint16(b)
	if tag == tagExtensible {
		if size < 26 {
			return nil, refuse("the extensible format chunk is too short")
		}
		tag = binary.LittleEndian.Uint16(b[24:])
	}
	f := &format{
		channels: int(binary.LittleEndian.Uint16(b[2:])),
		rate:     int(binary.LittleEndian.Uint32(b[4:])),
		float:    tag == tagFloat,
	}
	bits := int(binary.LittleEndian.Uint16(b[14:]))
	f.bytes = bits / 8
	return f, f.check(tag, bits, int(binary.LittleEndian.Uint16(b[12:])))
}

func (f *format) check(tag uint16, bits, block int) error {
	switch {
	case tag == tagALaw || tag == tagMuLaw:
		return refuse("the samples are A-law or mu-law; convert the file to PCM")
	case tag != tagPCM && tag != tagFloat:
		return refuse("the samples are compressed (format 0x%04x); convert the file to PCM", tag)
	case f.float && bits != 32 && bits != 64, !f.float && bits != 8 && bits != 16 && bits != 24 && bits != 32:
		return refuse("the samples have %d bits, which is not read", bits)
	case f.rate < MinRate || f.rate > MaxRate:
		return refuse("the rate of %d Hz is not between %d and %d", f.rate, MinRate, MaxRate)
	case f.channels < 1 || f.channels > maxChannels:
		return refuse("%d channels are not read; one to %d are", f.channels, maxChannels)
	case block != f.channels*f.bytes:
		return refuse("a block of %d bytes does not hold %d channels of %d bits", block, f.channels, bits)
	}
	return nil
}

// toEnd marks a data chunk whose writer did not know, or never came to write,
// its size.
const toEnd = math.MaxUint32

// readSamples reads and mixes down the data chunk.
func (f *format) readSamples(r io.Reader, size uint32) (Audio, error) {
	if size != 0 && size != toEnd {
		r = io.LimitReader(r, int64(size))
	}
	a := Audio{Rate: f.rate}
	block := f.channels * f.bytes
	buf := make([]byte, block*4096)
	for {
		n, err := io.ReadFull(r, buf)
		for b := buf[:n]; len(b) >= block; b = b[block:] { // half a block at the end is dropped
			a.Samples = append(a.Samples, f.mix(b[:block]))
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return a, nil
		}
		if err != nil {
			return Audio{}, fmt.Errorf("wav: read: %w", err)
		}
		if len(a.Samples) > MaxSeconds*f.rate {
			return Audio{}, refuse("the file is longer than %d minutes", MaxSeconds/60)
		}
	}
}

// mix averages the channels of one moment.
func (f *format) mix(block []byte) int16 {
	sum := 0.0
	for b := block; len(b) > 0; b = b[f.bytes:] {
		sum += f.sample(b[:f.bytes])
	}
	return clip(sum / float64(f.channels) * 32768)
}

// sample reads one sample as -1..1.
func (f *format) sample(b []byte) float64 {
	le := binary.LittleEndian
	switch {
	case f.float && len(b) == 4:
		return finite(float64(math.Float32frombits(le.Uint32(b))))
	case f.float:
		return finite(math.Float64frombits(le.Uint64(b)))
	case len(b) == 1:
		return (float64(b[0]) - 128) / 128 // the only unsigned one
	case len(b) == 2:
		return float64(int16(le.Uint16(b))) / (1 << 15)
	case len(b) == 3:
		return float64(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)) / (1 << 31)
	default:
		return float64(int32(le.Uint32(b))) / (1 << 31)
	}
}

// finite silences what is no number, and bounds what is.
func finite(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return min(max(v, -1), 1)
}

func clip(v float64) int16 {
	return int16(min(max(math.RoundToEven(v), math.MinInt16), math.MaxInt16))
}

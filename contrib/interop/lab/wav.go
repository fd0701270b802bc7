package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Recording is one channel of sound.
type Recording struct {
	Rate    int
	Samples []int16
}

var errWAV = errors.New("not a 16-bit PCM WAV file")

// ReadWAV reads 16-bit PCM; of several channels it keeps the first. Recordings
// of a phone that was ended early have sizes of 0 in their headers: the file's
// own size counts.
func ReadWAV(path string) (Recording, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Recording{}, fmt.Errorf("lab: %w", err)
	}
	r, err := parseWAV(b)
	if err != nil {
		return Recording{}, fmt.Errorf("lab: %s: %w", filepath.Base(path), err)
	}
	return r, nil
}

func parseWAV(b []byte) (Recording, error) {
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return Recording{}, errWAV
	}
	var rate, channels int
	for b = b[12:]; len(b) >= 8; {
		id, size := string(b[:4]), int64(binary.LittleEndian.Uint32(b[4:8]))
		b = b[8:]
		if size > int64(len(b)) || id == "data" && size == 0 {
			size = int64(len(b))
		}
		chunk := b[:size]
		switch {
		case id == "fmt " && size >= 16:
			channels, rate = int(binary.LittleEndian.Uint16(chunk[2:])), int(binary.LittleEndian.Uint32(chunk[4:]))
			if binary.LittleEndian.Uint16(chunk[14:]) != 16 || channels == 0 {
				return Recording{}, errWAV
			}
		case id == "data" && rate > 0:
			return Recording{rate, firstChannel(chunk, channels)}, nil
		}
		b = b[min(size+size%2, int64(len(b))):]
	}
	return Recording{}, errWAV
}

func firstChannel(data []byte, channels int) []int16 {
	samples := make([]int16, 0, len(data)/(2*channels))
	for i := 0; i+2*channels <= len(data); i += 2 * channels {
		samples = append(samples, int16(binary.LittleEndian.Uint16(data[i:])))
	}
	return samples
}

// WriteWAV writes one recording on each of the given number of channels.
func WriteWAV(path string, r Recording, channels int) error {
	n := len(r.Samples) * 2 * channels
	b := make([]byte, 0, 44+n)
	le := binary.LittleEndian
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, uint32(36+n))
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, 1) // PCM
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(r.Rate))
	b = le.AppendUint32(b, uint32(r.Rate*2*channels))
	b = le.AppendUint16(b, uint16(2*channels))
	b = le.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = le.AppendUint32(b, uint32(n))
	for _, s := range r.Samples {
		for range channels {
			b = le.AppendUint16(b, uint16(s))
		}
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	return nil
}

// Seconds is how long it is.
func (r Recording) Seconds() float64 { return float64(len(r.Samples)) / float64(r.Rate) }

// Part is what lies between two places, or what of that is there.
func (r Recording) Part(from, to int) Recording {
	from, to = min(from, len(r.Samples)), min(to, len(r.Samples))
	return Recording{r.Rate, r.Samples[from:max(from, to)]}
}

// Times is the recording so many times in a row.
func (r Recording) Times(n int) Recording {
	return Recording{r.Rate, slices.Repeat(r.Samples, n)}
}

// At returns the recording at another rate, by averaging over or repeating
// whole steps: good enough to be recognised, not to be listened to.
func (r Recording) At(rate int) (Recording, error) {
	switch {
	case rate == r.Rate:
		return r, nil
	case r.Rate%rate == 0:
		return Recording{rate, averaged(r.Samples, r.Rate/rate)}, nil
	case rate%r.Rate == 0:
		return Recording{rate, interpolated(r.Samples, rate/r.Rate)}, nil
	}
	return Recording{}, fmt.Errorf("lab: no whole step from %d to %d Hz", r.Rate, rate)
}

func averaged(in []int16, step int) []int16 {
	out := make([]int16, 0, len(in)/step)
	for ; len(in) >= step; in = in[step:] {
		sum := 0
		for _, s := range in[:step] {
			sum += int(s)
		}
		out = append(out, int16(sum/step))
	}
	return out
}

func interpolated(in []int16, step int) []int16 {
	out := make([]int16, 0, len(in)*step)
	for i, s := range in {
		next := s
		if i+1 < len(in) {
			next = in[i+1]
		}
		for k := range step {
			out = append(out, int16(int(s)+(int(next)-int(s))*k/step))
		}
	}
	return out
}

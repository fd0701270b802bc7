package wav

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

const (
	headerBytes = 44
	// patchEvery is how much sound at most is missing from the header of a
	// recording whose writer was killed.
	patchEvery = Rate // 1 s
	// maxData is what the 32-bit sizes of RIFF can say: 12 hours.
	maxData = math.MaxUint32 - headerBytes
)

// ErrFull is returned when a recording reaches the 4 GB of its format.
var ErrFull = errors.New("wav: the recording has reached the 4 GB that a WAV file can hold")

// Writer writes 16-bit mono at 48 kHz. The header is valid from the beginning
// and brought up to date every second, so that a process that is killed leaves
// a file that plays.
type Writer struct {
	f       io.WriterAt
	data    int64 // bytes written
	patched int64 // bytes that the header tells of
	buf     []byte
}

// NewWriter writes an empty recording to f. The caller closes f, after Close.
func NewWriter(f io.WriterAt) (*Writer, error) {
	w := &Writer{f: f}
	return w, w.patch()
}

// Write appends samples.
func (w *Writer) Write(samples []int16) error {
	if w.data+int64(len(samples))*2 > maxData {
		return ErrFull
	}
	w.buf = w.buf[:0]
	for _, s := range samples {
		w.buf = binary.LittleEndian.AppendUint16(w.buf, uint16(s))
	}
	if _, err := w.f.WriteAt(w.buf, headerBytes+w.data); err != nil {
		return fmt.Errorf("wav: write: %w", err)
	}
	w.data += int64(len(w.buf))
	if w.data-w.patched >= patchEvery*2 {
		return w.patch()
	}
	return nil
}

// Close brings the header up to date.
func (w *Writer) Close() error {
	if w.patched == w.data {
		return nil
	}
	return w.patch()
}

// patch writes the header for what is there.
func (w *Writer) patch() error {
	h := make([]byte, 0, headerBytes)
	le := binary.LittleEndian
	h = append(h, "RIFF"...)
	h = le.AppendUint32(h, uint32(headerBytes-8+w.data))
	h = append(h, "WAVEfmt "...)
	h = le.AppendUint32(h, 16)
	h = le.AppendUint16(h, tagPCM)
	h = le.AppendUint16(h, 1)
	h = le.AppendUint32(h, Rate)
	h = le.AppendUint32(h, Rate*2)
	h = le.AppendUint16(h, 2)
	h = le.AppendUint16(h, 16)
	h = append(h, "data"...)
	h = le.AppendUint32(h, uint32(w.data))
	if _, err := w.f.WriteAt(h, 0); err != nil {
		return fmt.Errorf("wav: write the header: %w", err)
	}
	w.patched = w.data
	return nil
}

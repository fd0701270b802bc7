package wav

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// file builds a WAV file from chunks.
type file struct{ b []byte }

func newFile() *file { return &file{[]byte("RIFF\xff\xff\xff\xffWAVE")} }

func (f *file) chunk(id string, data []byte) *file {
	f.b = append(f.b, id...)
	f.b = binary.LittleEndian.AppendUint32(f.b, uint32(len(data)))
	f.b = append(f.b, data...)
	if len(data)%2 == 1 {
		f.b = append(f.b, 0)
	}
	return f
}

func format16(tag, channels uint16, rate uint32, bits uint16) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16(nil, tag)
	b = le.AppendUint16(b, channels)
	b = le.AppendUint32(b, rate)
	b = le.AppendUint32(b, rate*uint32(channels*bits/8))
	b = le.AppendUint16(b, channels*bits/8)
	return le.AppendUint16(b, bits)
}

func extensible(tag, channels uint16, rate uint32, bits uint16) []byte {
	b := format16(tagExtensible, channels, rate, bits)
	b = append(b, 22, 0, byte(bits), 0, 0, 0, 0, 0, byte(tag), byte(tag>>8))
	return append(b, "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"...)
}

func TestFormats(t *testing.T) {
	// The same three samples, 0, half and minus half, in each format.
	want := []int16{0, 16384, -16384}
	le := binary.LittleEndian
	f32 := func(v ...float32) (b []byte) {
		for _, x := range v {
			b = le.AppendUint32(b, math.Float32bits(x))
		}
		return b
	}
	f64 := func(v ...float64) (b []byte) {
		for _, x := range v {
			b = le.AppendUint64(b, math.Float64bits(x))
		}
		return b
	}
	for name, c := range map[string]struct {
		format, data []byte
		want         []int16
	}{
		"8 bits":       {format16(1, 1, 8000, 8), []byte{128, 192, 64}, want},
		"16 bits":      {format16(1, 1, 16000, 16), []byte{0, 0, 0, 64, 0, 192}, want},
		"24 bits":      {format16(1, 1, 44100, 24), []byte{0, 0, 0, 0, 0, 64, 0, 0, 192}, want},
		"32 bits":      {format16(1, 1, 48000, 32), []byte{0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 192}, want},
		"float":        {format16(3, 1, 48000, 32), f32(0, .5, -.5), want},
		"double":       {format16(3, 1, 48000, 64), f64(0, .5, -.5), want},
		"loud float":   {format16(3, 1, 48000, 32), f32(9, -9, float32(math.Inf(1)), float32(math.NaN())), []int16{32767, -32768, 32767, 0}},
		"extensible":   {extensible(1, 1, 48000, 24), []byte{0, 0, 0, 0, 0, 64, 0, 0, 192}, want},
		"stereo":       {format16(1, 2, 48000, 16), []byte{0, 0, 0, 0, 0, 127, 0, 1, 0, 192, 0, 192}, want},
		"half a block": {format16(1, 2, 48000, 16), []byte{0, 0, 0, 0, 0, 127}, []int16{0}},
		"no samples":   {format16(1, 1, 48000, 16), nil, nil},
	} {
		a, err := Read(bytes.NewReader(newFile().chunk("fmt ", c.format).chunk("data", c.data).b))
		if err != nil || !slices.Equal(a.Samples, c.want) {
			t.Errorf("%s: %v, %v; want %v", name, a.Samples, err, c.want)
		}
	}
}

// TestChunks: lists, odd sizes and unknown chunks are passed over.
func TestChunks(t *testing.T) {
	b := newFile().
		chunk("JUNK", make([]byte, 27)).
		chunk("fmt ", append(format16(1, 1, 8000, 16), 0, 0)).
		chunk("LIST", []byte("INFOISFT\x05\x00\x00\x00sox!!")).
		chunk("fact", []byte{1, 0, 0, 0}).
		chunk("data", []byte{1, 0, 2, 0}).
		chunk("LIST", []byte("after")).b
	a, err := Read(bytes.NewReader(b))
	if err != nil || !slices.Equal(a.Samples, []int16{1, 2}) || a.Rate != 8000 {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestCutOff: what is there of a file counts, from its first sample on.
func TestCutOff(t *testing.T) {
	whole := newFile().chunk("fmt ", format16(1, 1, 8000, 16)).chunk("data", make([]byte, 100)).b
	samples := len(whole) - 100
	for n := range whole {
		a, err := Read(bytes.NewReader(whole[:n]))
		var refused *FormatError
		switch {
		case n < samples && !errors.As(err, &refused):
			t.Errorf("%d bytes: %+v, %v; want a FormatError", n, a, err)
		case n >= samples && (err != nil || len(a.Samples) != (n-samples)/2):
			t.Errorf("%d bytes: %d samples, %v", n, len(a.Samples), err)
		}
	}
	for _, size := range []uint32{0, math.MaxUint32} { // a header never finished
		b := slices.Clone(whole)
		binary.LittleEndian.PutUint32(b[samples-4:], size)
		if a, err := Read(bytes.NewReader(b)); err != nil || len(a.Samples) != 50 {
			t.Errorf("a size of %d: %d samples, %v; want 50", size, len(a.Samples), err)
		}
	}
}

func TestRefused(t *testing.T) {
	data := func(format []byte) []byte { return newFile().chunk("fmt ", format).chunk("data", make([]byte, 8)).b }
	block := format16(1, 1, 8000, 16)
	block[12] = 3
	for want, b := range map[string][]byte{
		"not a WAV file":              []byte("ID3\x04 this is an MP3 file, renamed"),
		"shorter than a WAV header":   []byte("RIFF"),
		"RF64":                        []byte("RF64\xff\xff\xff\xffWAVE"),
		"ends before its samples":     newFile().b,
		"before the format":           newFile().chunk("data", []byte{1, 2}).b,
		"A-law or mu-law":             data(format16(7, 1, 8000, 8)),
		"compressed (format 0x0011)":  data(format16(0x11, 1, 8000, 4)),
		"12 bits":                     data(format16(1, 1, 8000, 12)),
		"rate of 1 Hz":                data(format16(1, 1, 1, 16)),
		"rate of 4294967295 Hz":       data(format16(1, 1, math.MaxUint32, 16)),
		"0 channels":                  data(format16(1, 0, 8000, 16)),
		"1000 channels":               data(format16(1, 1000, 8000, 8)),
		"block of 3 bytes":            data(block),
		"has 4 bytes, which no":       data([]byte{1, 0, 1, 0}),
		"extensible format chunk is":  data(append(format16(tagExtensible, 1, 8000, 16), 0, 0)),
		"has 4294967295 bytes, which": append(newFile().b, "fmt \xff\xff\xff\xff"...),
	} {
		a, err := Read(bytes.NewReader(b))
		var refused *FormatError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v, %v; want a sentence with %q", a, err, want)
		}
	}
	long := io.MultiReader(bytes.NewReader(newFile().chunk("fmt ", format16(1, 1, 4000, 8)).b),
		strings.NewReader("data\xff\xff\xff\xff"), zeros{})
	if _, err := Read(long); err == nil || !strings.Contains(err.Error(), "longer than 10 minutes") {
		t.Errorf("a file without end: %v", err)
	}
	if _, err := ReadFile(filepath.Join(t.TempDir(), "none.wav")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// TestResample: a tone keeps its pitch and level from any rate, and what is
// too high for the lower rate is gone.
func TestResample(t *testing.T) {
	for _, rate := range []int{4000, 8000, 11025, 16000, 22050, 32000, 44100, 47999, 48000, 96000, 192000, 384000} {
		hertz := min(1000, float64(rate)/8)
		in := Audio{Rate: rate, Samples: sine(hertz, rate, rate)}
		out := in.At48k()
		if len(out) < Rate-1 || len(out) > Rate {
			t.Errorf("%d Hz: a second became %d samples", rate, len(out))
		}
		// Against the ideal, away from the ends.
		ideal := sine(hertz, Rate, Rate)
		var noise, signal float64
		for i := Rate / 10; i < Rate*9/10; i++ {
			d := float64(out[i]) - float64(ideal[i])
			noise += d * d
			signal += float64(ideal[i]) * float64(ideal[i])
		}
		if snr := 10 * math.Log10(signal/(noise+1e-9)); snr < 65 {
			t.Errorf("%d Hz: %.0f dB from the ideal, want 65 at least", rate, snr)
		}
	}
	above := Audio{Rate: 192000, Samples: sine(30000, 192000, 192000)}.At48k()
	if p := slices.Max(above[1000 : len(above)-1000]); p > 10 {
		t.Errorf("30 kHz, which 48 kHz cannot carry, is left at %d", p)
	}
	if got := (Audio{Rate: 8000}).At48k(); len(got) != 0 {
		t.Errorf("nothing became %d samples", len(got))
	}
}

func sine(hertz float64, rate, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(math.Round(20000 * math.Sin(2*math.Pi*hertz*float64(i)/float64(rate))))
	}
	return out
}

// memory is a file that can be full.
type memory struct {
	b    []byte
	room int
}

var errNoSpace = errors.New("no space left on device")

func (m *memory) WriteAt(b []byte, at int64) (int, error) {
	if int(at)+len(b) > m.room {
		return 0, errNoSpace
	}
	if need := int(at) + len(b); need > len(m.b) {
		m.b = append(m.b, make([]byte, need-len(m.b))...)
	}
	return copy(m.b[at:], b), nil
}

// TestWriter: what is written is read again, and a recording that was never
// closed lacks less than a second.
func TestWriter(t *testing.T) {
	m := &memory{room: 1 << 20}
	w, err := NewWriter(m)
	if err != nil {
		t.Fatal(err)
	}
	sound := sine(440, Rate, 3*Rate/2)
	for s := sound; len(s) > 0; s = s[960:] {
		if err := w.Write(s[:960]); err != nil {
			t.Fatal(err)
		}
		// Whenever the process is killed, the file is sound. The strict reader
		// of the header sees all but the last second.
		told := binary.LittleEndian.Uint32(m.b[40:])
		if have := len(m.b) - headerBytes; int(told) > have || have-int(told) >= 2*Rate {
			t.Fatalf("the header tells of %d bytes, %d are there", told, have)
		}
		if binary.LittleEndian.Uint32(m.b[4:]) != told+headerBytes-8 {
			t.Fatal("the sizes in the header contradict each other")
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	a, err := Read(bytes.NewReader(m.b))
	if err != nil || a.Rate != Rate || !slices.Equal(a.Samples, sound) {
		t.Errorf("read %d samples at %d Hz, %v", len(a.Samples), a.Rate, err)
	}
}

func TestFullDisk(t *testing.T) {
	m := &memory{room: 10_000}
	w, err := NewWriter(m)
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	for range 20 {
		if err := w.Write(make([]int16, 960)); err != nil {
			failed = err
		}
	}
	if !errors.Is(failed, errNoSpace) {
		t.Errorf("writing to a full disk: %v", failed)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if a, err := Read(bytes.NewReader(m.b)); err != nil || len(a.Samples) != 5*960 {
		t.Errorf("kept %d samples, %v; want the 5 frames that there was room for", len(a.Samples), err)
	}
	if _, err := NewWriter(&memory{room: 3}); !errors.Is(err, errNoSpace) {
		t.Errorf("beginning on a full disk: %v", err)
	}
	w.data = maxData - 100
	if err := w.Write(make([]int16, 960)); !errors.Is(err, ErrFull) {
		t.Errorf("beyond 4 GB: %v, want ErrFull", err)
	}
}

// FuzzRead reads any bytes: no panic, bounded memory; and what was read
// survives being written and read again.
func FuzzRead(f *testing.F) {
	f.Add(newFile().chunk("fmt ", format16(1, 1, 8000, 16)).chunk("data", []byte{1, 0, 2, 0}).b)
	f.Add(newFile().chunk("fmt ", format16(3, 2, 44100, 32)).chunk("data", make([]byte, 64)).b)
	f.Add(newFile().chunk("fmt ", extensible(1, 6, 96000, 24)).chunk("LIST", []byte("odd")).chunk("data", make([]byte, 64)).b)
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEdata"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		if len(a.Samples) > len(b) || a.Rate < MinRate || a.Rate > MaxRate {
			t.Fatalf("%d samples at %d Hz from %d bytes", len(a.Samples), a.Rate, len(b))
		}
		sound := a.At48k()
		m := &memory{room: 1 << 24}
		w, err := NewWriter(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Write(sound), w.Close()); err != nil {
			t.Fatal(err)
		}
		again, err := Read(bytes.NewReader(m.b))
		if err != nil || !slices.Equal(again.Samples, sound) {
			t.Errorf("%d samples became %d, %v", len(sound), len(again.Samples), err)
		}
	})
}

func BenchmarkResample(b *testing.B) {
	a := Audio{Rate: 16000, Samples: sine(440, 16000, 16000)}
	for b.Loop() {
		a.At48k()
	}
}

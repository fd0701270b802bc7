package profile

import (
	"bytes"
	"testing"
)

// TestBounds holds the profiles to the sizes that are promised, and the largest
// to what buffers are made for.
func TestBounds(t *testing.T) {
	for _, p := range all {
		perSecond := 48000 / p.Samples
		for name, bits := range map[string]int{"to others": p.Bytes * 8 * perSecond, "between Karats": p.Frame * 8 * perSecond} {
			if bits < 6000 || bits > 64000 {
				t.Errorf("%s, %s: %d bit/s of Opus, want 6000 to 64000", p.Name, name, bits)
			}
		}
		if p.Bytes > MaxBytes || p.Frame > MaxFrame || p.Samples > MaxSamples || p.Back > MaxBack {
			t.Errorf("%s is beyond the largest: %+v", p.Name, *p)
		}
	}
	// IPv4, UDP, RTP and a tag of 80 bits.
	if got := (20 + 8 + 12 + Standard.Bytes + 10) * 8 * 50; got > 53000 {
		t.Errorf("standard takes %d bit/s with IP, more than 53000", got)
	}
	if Standard.Control() != 5 || Thin.Control() != 15 || Onion.Control() != 15 {
		t.Errorf("control fields of %d, %d, %d bytes", Standard.Control(), Thin.Control(), Onion.Control())
	}
}

func TestJoinSplit(t *testing.T) {
	for _, p := range all {
		frame, earlier := bytes.Repeat([]byte{0x48}, p.Frame), bytes.Repeat([]byte{0x4B}, p.Frame)
		payload := bytes.Repeat([]byte{0xAA}, p.Bytes)
		for _, e := range [][]byte{earlier, nil} {
			p.Join(payload, frame, e)
			got, f, c, ok := Split(payload)
			want := make([]byte, p.Frame)
			copy(want, e)
			if !ok || got.Name != p.Name || !bytes.Equal(f, frame) || !bytes.Equal(c, want) {
				t.Errorf("%s: split into % x and % x, %v", p.Name, f, c, ok)
			}
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	opus := bytes.Repeat([]byte{0x48}, Standard.Bytes)
	stereoFrame := bytes.Repeat([]byte{0xFF}, Standard.Bytes)
	for name, b := range map[string][]byte{"nothing": nil, "Opus": opus, "short": stereoFrame[:81], "stereo Opus": stereoFrame} {
		if _, _, _, ok := Split(b); ok {
			t.Errorf("%s was taken for a payload between Karats", name)
		}
	}
}

func FuzzSplit(f *testing.F) {
	b := make([]byte, Standard.Bytes)
	Standard.Join(b, []byte{0x48, 1}, []byte{0x48, 2})
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, frame, earlier, ok := Split(b)
		if !ok {
			return
		}
		again := make([]byte, p.Bytes)
		p.Join(again, frame, earlier)
		_, f2, e2, ok := Split(again)
		if !ok || !bytes.Equal(f2, frame) || !bytes.Equal(e2, earlier) {
			t.Errorf("% x changed", b)
		}
	})
}

package stretch

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func voice(hertz float64, n int) []int16 {
	x := make([]int16, n)
	for i := range x {
		t := float64(i) / rate
		x[i] = int16(6000*math.Sin(2*math.Pi*hertz*t) + 3000*math.Sin(2*math.Pi*2*hertz*t+1))
	}
	return x
}

// roughness is the largest step between samples.
func roughness(x []int16) (most int) {
	for i := 1; i < len(x); i++ {
		most = max(most, int(math.Abs(float64(x[i])-float64(x[i-1]))))
	}
	return most
}

// TestVoice: a voice of any pitch loses or gains whole periods, and no seam is
// rougher than the voice itself.
func TestVoice(t *testing.T) {
	for _, hertz := range []float64{105, 150, 220, 390} {
		x := voice(hertz, 960)
		smooth := roughness(x)

		short := slices.Clone(x)
		n := Shorten(short, longest, false)
		periods := float64(960-n) * hertz / rate
		if n == 960 || math.Abs(periods-math.Round(periods)) > 0.05 || roughness(short[:n]) > smooth+smooth/10 {
			t.Errorf("%v Hz: %d samples left out, %.2f periods, roughness %d of %d", hertz, 960-n, periods, roughness(short[:n]), smooth)
		}

		long := append(slices.Clone(x), make([]int16, longest)...)
		n = Lengthen(long, 960, false)
		periods = float64(n-960) * hertz / rate
		if n == 960 || math.Abs(periods-math.Round(periods)) > 0.05 || roughness(long[:n]) > smooth+smooth/10 {
			t.Errorf("%v Hz: %d samples put in, %.2f periods, roughness %d of %d", hertz, n-960, periods, roughness(long[:n]), smooth)
		}
	}
}

// TestNothingAlike leaves noise alone unless it is forced.
func TestNothingAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]int16, 960+longest)
	for i := range x {
		x[i] = int16(r.NormFloat64() * 5000)
	}
	if n := Shorten(slices.Clone(x[:960]), longest, false); n != 960 {
		t.Errorf("%d samples of noise were left out", 960-n)
	}
	if n := Lengthen(slices.Clone(x), 960, false); n != 960 {
		t.Errorf("%d samples of noise were put in", n-960)
	}
	if n := Shorten(slices.Clone(x[:960]), longest, true); n >= 960 {
		t.Error("forced, nothing was left out")
	}
}

func TestSilence(t *testing.T) {
	if n := Shorten(make([]int16, 960), longest, false); n != 480 {
		t.Errorf("silence of 960 samples became %d, want 480", n)
	}
	if n := Lengthen(make([]int16, 2000), 960, false); n != 1440 {
		t.Errorf("silence of 960 samples became %d, want 1440", n)
	}
}

// TestTooLittle: blocks too short to hold two periods, and no room.
func TestTooLittle(t *testing.T) {
	for n := range 2 * shortest {
		x := voice(400, n)
		if Shorten(x, longest, true) != n || Lengthen(x, n, true) != n {
			t.Fatalf("%d samples were stretched", n)
		}
	}
	x := voice(200, 960)
	if n := Lengthen(x, 960, true); n != 960 {
		t.Errorf("%d samples in no more room", n)
	}
}

func FuzzStretch(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4}, true)
	f.Fuzz(func(t *testing.T, b []byte, force bool) {
		x := make([]int16, len(b)*8+longest)
		n := len(b) * 8
		for i := range n {
			x[i] = int16(b[i%len(b)])<<8 | int16(i&255)
		}
		if got := Shorten(slices.Clone(x[:n]), longest, force); got > n || got < n/2 {
			t.Errorf("%d became %d", n, got)
		}
		if got := Lengthen(x, n, force); got < n || got > len(x) {
			t.Errorf("%d became %d", n, got)
		}
	})
}

func BenchmarkShorten(b *testing.B) {
	x, y := voice(150, 960), make([]int16, 960)
	b.ReportAllocs()
	for b.Loop() {
		copy(y, x)
		Shorten(y, longest, false)
	}
}

package resample_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"karat/media/resample"
)

func sine(hertz, rate float64, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(math.Round(16000 * math.Sin(2*math.Pi*hertz*float64(i)/rate)))
	}
	return out
}

// all resamples src in blocks of uneven sizes.
func all(r *resample.Resampler, src []int16) []int16 {
	random := rand.New(rand.NewPCG(1, 2))
	var out []int16
	block := make([]int16, 1000)
	for len(src) > 0 {
		n, m := r.Process(block[:1+random.IntN(len(block))], src[:1+random.IntN(len(src))])
		out, src = append(out, block[:n]...), src[m:]
	}
	return out
}

// ratio is the distance in dB between a sine and what it should be.
func ratio(got, want []int16) float64 {
	var noise, signal float64
	for i := range got {
		d := float64(got[i]) - float64(want[i])
		noise += d * d
		signal += float64(want[i]) * float64(want[i])
	}
	return 10 * math.Log10(signal/(noise+1e-9))
}

func TestSines(t *testing.T) {
	for _, c := range []struct {
		from, to, hertz float64
		quality         resample.Quality
		want            float64 // dB
	}{
		{44100, 48000, 1000, resample.Quick, 60},
		{44100, 48000, 12000, resample.Quick, 60},
		{48000, 44100, 3000, resample.Quick, 60},
		{96000, 48000, 7000, resample.Quick, 60},
		{48000, 48000 * (1 + 50e-6), 8000, resample.Quick, 60},
		{48000, 48000 * (1 - 50e-6), 8000, resample.Quick, 60},
		{16000, 48000, 5000, resample.Fine, 70},
		{8000, 48000, 440, resample.Fine, 70},
	} {
		out := all(resample.New(c.from, c.to, c.quality), sine(c.hertz, c.from, int(c.from)))
		if missing := c.to - float64(len(out)); missing < -1 || missing > 100*c.to/c.from {
			t.Errorf("%v to %v: a second became %d samples", c.from, c.to, len(out))
		}
		edge := len(out) / 10
		got := ratio(out[edge:len(out)-edge], sine(c.hertz, c.to, len(out))[edge:])
		if got < c.want {
			t.Errorf("%v to %v at %v Hz: %.0f dB from the ideal, want %v", c.from, c.to, c.hertz, got, c.want)
		}
	}
}

// TestAliases: what the lower rate cannot carry is taken out.
func TestAliases(t *testing.T) {
	out := all(resample.New(96000, 48000, resample.Quick), sine(28000, 96000, 96000))
	if p := slices.Max(out[1000 : len(out)-1000]); p > 16 {
		t.Errorf("28 kHz is left at %d of 16000", p)
	}
}

// TestStretch: a clock that drifts is followed without a click.
func TestStretch(t *testing.T) {
	r := resample.New(48000, 48000, resample.Quick)
	src := sine(440, 48000, 96000)
	var out []int16
	block := make([]int16, 960)
	for i := 0; len(src) >= 960; i++ {
		ppm := 200 * math.Sin(float64(i)/10)
		r.Stretch(48000, 48000*(1+ppm*1e-6))
		for m := 0; m < 960; {
			n, read := r.Process(block, src[m:960])
			out, m = append(out, block[:n]...), m+read
		}
		src = src[960:]
	}
	// A sine's second difference is small everywhere: a click stands out.
	highest := 0.0
	for i := 1000; i < len(out)-1; i++ {
		highest = max(highest, math.Abs(float64(out[i-1])-2*float64(out[i])+float64(out[i+1])))
	}
	if want := 16000 * math.Pow(2*math.Pi*440/48000, 2) * 1.05; highest > want+2 {
		t.Errorf("a second difference of %.1f, a pure sine has %.1f at most", highest, want)
	}
}

func TestNothingIsKept(t *testing.T) {
	r := resample.New(44100, 48000, resample.Quick)
	first := all(r, sine(500, 44100, 10000))
	r.Reset()
	if again := all(r, sine(500, 44100, 10000)); !slices.Equal(first, again) {
		t.Error("after Reset the same sound gives another")
	}
}

func TestAllocates(t *testing.T) {
	r := resample.New(48000, 48000*(1+30e-6), resample.Quick)
	src, dst := sine(500, 48000, 960), make([]int16, 1000)
	if n := testing.AllocsPerRun(100, func() { r.Process(dst, src) }); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
}

// FuzzProcess: any blocks give the same sound as one block, and none is lost.
func FuzzProcess(f *testing.F) {
	f.Add(uint16(441), uint16(480), []byte{1, 200, 30, 4})
	f.Add(uint16(480), uint16(8), []byte{255})
	f.Fuzz(func(t *testing.T, from, to uint16, sizes []byte) {
		if from == 0 || to == 0 || len(sizes) == 0 {
			return
		}
		src := sine(440, 48000, 3000)
		whole := make([]int16, 1<<16)
		n, m := resample.New(float64(from), float64(to), resample.Quick).Process(whole, src)
		if n < len(whole) && m != len(src) {
			t.Fatalf("%d of %d samples taken", m, len(src))
		}
		r := resample.New(float64(from), float64(to), resample.Quick)
		var parts []int16
		block := make([]int16, 256)
		for i := 0; len(parts) < n; i++ {
			size := int(sizes[i%len(sizes)])
			w, read := r.Process(block[:min(max(size, 1), n-len(parts))], src[:min(size, len(src))])
			parts, src = append(parts, block[:w]...), src[read:]
			if w == 0 && read == 0 && size > 0 {
				t.Fatalf("stuck with %d of %d samples", len(parts), n)
			}
			if i > 1<<16 {
				return // blocks of nothing
			}
		}
		if !slices.Equal(parts, whole[:n]) {
			t.Error("blocks and a whole differ")
		}
	})
}

func BenchmarkQuick(b *testing.B) {
	r := resample.New(48000, 48000*(1+30e-6), resample.Quick)
	src, dst := sine(500, 48000, 960), make([]int16, 1000)
	for b.Loop() {
		r.Process(dst, src)
	}
}

func Example() {
	r := resample.New(44100, 48000, resample.Quick)
	played := make([]int16, 480)
	n, read := r.Process(played, make([]int16, 441))
	fmt.Println(read, "samples in,", n, "out")
	// Output: 441 samples in, 467 out
}

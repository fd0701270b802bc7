package quality_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hraban/opus"

	"karat/contrib/voicebench/quality"
	"karat/media/wav"
)

func speech(t testing.TB) []int16 {
	t.Helper()
	var all []int16
	for _, name := range []string{"alice", "bob"} {
		a, err := wav.ReadFile("../../../testdata/speech/" + name + ".wav")
		if err != nil {
			t.Fatal(err)
		}
		all = append(append(all, make([]int16, quality.Rate/2)...), a.At48k()[:5*quality.Rate]...)
	}
	return all
}

// noisy adds white noise at a ratio to the signal, in decibels.
func noisy(pcm []int16, snr float64) []int16 {
	sum := 0.0
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	amplitude := math.Sqrt(sum / float64(len(pcm)) / math.Pow(10, snr/10))
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]int16, len(pcm))
	for i, v := range pcm {
		out[i] = int16(max(min(float64(v)+amplitude*r.NormFloat64(), 32767), -32768))
	}
	return out
}

// throughOpus encodes at a bitrate and loses a share of the packets. The
// encoder's delay is taken out.
func throughOpus(t testing.TB, pcm []int16, bitrate int, loss float64) []int16 {
	t.Helper()
	enc, err := opus.NewEncoder(48000, 1, opus.AppVoIP)
	if err != nil {
		t.Fatal(err)
	}
	dec, err := opus.NewDecoder(48000, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := enc.SetBitrate(bitrate); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	var out []int16
	packet, decoded := make([]byte, 1500), make([]int16, 960)
	for ; len(pcm) >= 960; pcm = pcm[960:] {
		n, err := enc.Encode(pcm[:960], packet)
		if err != nil {
			t.Fatal(err)
		}
		if r.Float64() < loss {
			err = dec.DecodePLC(decoded)
		} else {
			_, err = dec.Decode(packet[:n], decoded)
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, decoded...)
	}
	return out
}

func delayed(pcm []int16, d time.Duration) []int16 {
	return append(make([]int16, int(d.Seconds()*quality.Rate)), pcm...)
}

// gaps puts silence of 60 ms in place of a share of the sound.
func gaps(pcm []int16, share float64) []int16 {
	r := rand.New(rand.NewPCG(1, 2))
	out := append([]int16(nil), pcm...)
	for i := 0; i+2880 <= len(out); i += 2880 {
		if r.Float64() < share {
			clear(out[i : i+2880])
		}
	}
	return out
}

// lowPass is a telephone's upper limit, roughly.
func lowPass(pcm []int16, hertz float64) []int16 {
	const reach = 200
	cut := 2 * hertz / quality.Rate
	kernel := make([]float64, 2*reach+1)
	for k := range kernel {
		x := float64(k - reach)
		kernel[k] = cut * (0.5 + 0.5*math.Cos(math.Pi*x/reach))
		if x != 0 {
			kernel[k] *= math.Sin(math.Pi*x*cut) / (math.Pi * x * cut)
		}
	}
	out := make([]int16, len(pcm))
	for i := reach; i+reach < len(pcm); i++ {
		sum := 0.0
		for k, w := range kernel {
			sum += w * float64(pcm[i+k-reach])
		}
		out[i] = int16(sum)
	}
	return out
}

func show(t *testing.T, name string, r quality.Report) {
	t.Helper()
	t.Logf("%-28s listening %.2f  NSIM %.3f  ESTOI %.3f  lost %.3f  delay %v", name, r.Listening, r.NSIM, r.ESTOI, r.Lost, r.Alignment)
}

// TestTheSameIsPerfect: at any delay and any level.
func TestTheSameIsPerfect(t *testing.T) {
	said := speech(t)
	quiet := make([]int16, len(said))
	for i, v := range said {
		quiet[i] = v / 4
	}
	for _, c := range []struct {
		name  string
		heard []int16
		delay time.Duration
	}{
		{"a copy", said, 0},
		{"1.234 s late", delayed(said, 1234*time.Millisecond), 1234 * time.Millisecond},
		{"0.3 s early", said[int(0.3*quality.Rate):], -300 * time.Millisecond},
		{"12 dB softer", quiet, 0},
	} {
		r := quality.Measure(said, c.heard)
		show(t, c.name, r)
		if r.Listening < 4.55 || r.NSIM < 0.97 || r.ESTOI < 0.98 {
			t.Errorf("%s: not the same: %+v", c.name, r)
		}
		if off := r.Alignment.Median() - c.delay; off.Abs() > 2*time.Millisecond {
			t.Errorf("%s: found at %v, not %v", c.name, r.Alignment.Median(), c.delay)
		}
	}
	if r := quality.Aligned(said, said); r.Listening < 4.64 || r.NSIM < 0.9999 || r.ESTOI < 0.9999 {
		t.Errorf("a copy is not perfect: %+v", r)
	}
}

// falls checks that each metric gets worse from one to the next.
func falls(t *testing.T, names []string, reports []quality.Report) {
	t.Helper()
	for i, r := range reports {
		show(t, names[i], r)
		if i == 0 {
			continue
		}
		last := reports[i-1]
		if !(r.Listening < last.Listening) {
			t.Errorf("listening of %s (%.3f) is not below %s (%.3f)", names[i], r.Listening, names[i-1], last.Listening)
		}
		if !(r.NSIM < last.NSIM) {
			t.Errorf("NSIM of %s (%.3f) is not below %s (%.3f)", names[i], r.NSIM, names[i-1], last.NSIM)
		}
		if !(r.ESTOI < last.ESTOI+0.002) { // it saturates
			t.Errorf("ESTOI of %s (%.3f) is not below %s (%.3f)", names[i], r.ESTOI, names[i-1], last.ESTOI)
		}
	}
}

func TestNoiseIsHeard(t *testing.T) {
	said := speech(t)
	names := []string{"SNR 40 dB", "SNR 30 dB", "SNR 20 dB", "SNR 10 dB", "SNR 0 dB"}
	var reports []quality.Report
	for _, snr := range []float64{40, 30, 20, 10, 0} {
		reports = append(reports, quality.Measure(said, delayed(noisy(said, snr), 500*time.Millisecond)))
	}
	falls(t, names, reports)
	// Jensen and Taal, 2016, Figure 1: speech in noise goes from near 1 to near 0
	// over some 30 dB; 0 dB of stationary noise lies between.
	if first, last := reports[1].ESTOI, reports[4].ESTOI; first < 0.95 || last < 0.4 || last > 0.85 {
		t.Errorf("ESTOI %.2f at 30 dB, %.2f at 0 dB is not as published", first, last)
	}
}

func TestBitrateIsHeard(t *testing.T) {
	said := speech(t)
	names := []string{"Opus 48 kb/s", "Opus 24 kb/s", "Opus 16 kb/s", "Opus 8 kb/s", "Opus 6 kb/s"}
	var reports []quality.Report
	for _, rate := range []int{48000, 24000, 16000, 8000, 6000} {
		reports = append(reports, quality.Measure(said, throughOpus(t, said, rate, 0)))
	}
	falls(t, names, reports)
}

func TestLossIsHeard(t *testing.T) {
	said := speech(t)
	var names []string
	var reports []quality.Report
	for i, loss := range []float64{0, 0.03, 0.10, 0.20, 0.40} {
		names = append(names, []string{"no loss", "3% lost", "10% lost", "20% lost", "40% lost"}[i])
		reports = append(reports, quality.Measure(said, delayed(throughOpus(t, said, 32000, loss), 300*time.Millisecond)))
	}
	falls(t, names, reports)
}

func TestGapsAreHeard(t *testing.T) {
	said := speech(t)
	var names []string
	var reports []quality.Report
	for i, share := range []float64{0, 0.01, 0.05, 0.15} {
		names = append(names, []string{"no gaps", "1% gaps", "5% gaps", "15% gaps"}[i])
		reports = append(reports, quality.Measure(said, gaps(said, share)))
	}
	falls(t, names, reports)
	if last := reports[3]; math.Abs(last.Lost-0.12) > 0.08 {
		t.Errorf("15%% in gaps of 60 ms, and %.2f of the windows of 32 ms are lost", last.Lost)
	}
}

func TestBandIsHeard(t *testing.T) {
	said := speech(t)
	wide, narrow := quality.Measure(said, said), quality.Measure(said, lowPass(said, 3400))
	show(t, "narrowband", narrow)
	if narrow.Listening > wide.Listening-0.3 || narrow.NSIM > wide.NSIM-0.1 || narrow.ESTOI < 0.85 {
		t.Errorf("a telephone's band costs too little, or the words: %+v", narrow)
	}
}

// TestJumpsOfDelayAreFollowed: a jitter buffer that grows by 60 ms in a pause,
// and leaves 40 ms out in the middle of speech.
func TestJumpsOfDelayAreFollowed(t *testing.T) {
	said := speech(t)
	const s = quality.Rate
	var heard []int16
	heard = append(heard, said[:3*s]...)
	heard = append(heard, make([]int16, 6*s/100)...)
	heard = append(heard, said[3*s:6*s]...)
	heard = append(heard, said[6*s+4*s/100:]...)
	r := quality.Measure(said, heard)
	show(t, "jumps", r)
	for at, want := range map[time.Duration]time.Duration{
		2 * time.Second: 0, 5 * time.Second: 60 * time.Millisecond, 8 * time.Second: 20 * time.Millisecond,
	} {
		if got := r.Alignment.At(at); (got - want).Abs() > 4*time.Millisecond {
			t.Errorf("after %v the delay is %v, not %v", at, got, want)
		}
	}
	if r.Listening < 3.8 || r.ESTOI < 0.95 {
		t.Errorf("two jumps cost more than they are heard: %+v", r)
	}
	if blind := quality.Aligned(said, heard); blind.Listening > r.Listening-1 {
		t.Errorf("without alignment it should be far worse: %.2f", blind.Listening)
	}
}

func TestNothingInCommon(t *testing.T) {
	said := speech(t)
	half := len(said) / 2
	other := quality.Measure(said[:half], said[half:])
	silent := quality.Measure(said, make([]int16, len(said)))
	show(t, "another text", other)
	show(t, "silence", silent)
	if other.Listening > 2 || other.ESTOI > 0.4 {
		t.Errorf("another text is no copy: %+v", other)
	}
	if silent.Listening > 1.5 || silent.ESTOI > 0.1 || silent.Lost < 0.99 {
		t.Errorf("silence is no copy: %+v", silent)
	}
	for _, r := range []quality.Report{quality.Measure(nil, nil), quality.Measure(said, nil), quality.Measure(nil, said)} {
		if math.IsNaN(r.Listening+r.NSIM+r.ESTOI) || r.ESTOI > 0.1 {
			t.Errorf("of nothing: %+v", r)
		}
	}
}

func BenchmarkMeasure(b *testing.B) {
	said := speech(b)
	heard := delayed(noisy(said, 20), time.Second)
	for b.Loop() {
		quality.Measure(said, heard)
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/(float64(len(said))/quality.Rate), "s/s")
}

package apm_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"karat/media/apm"
	"karat/media/device"
	"karat/media/wav"
	"karat/testdata/speech"
)

// room is a Device in which what is played comes back to the microphone: late,
// more than once, and over noise.
type room struct {
	played []int16 // all of it
	near   []int16 // who sits in the room
	at     int
	taps   map[int]float64 // samples late: how loud
	random *rand.Rand
	closed bool
	fill   func(samples []int16)
}

func (r *room) Play(fill func(samples []int16)) { r.fill = fill }

// block is how much the speaker asks for at a time.
const block = device.SampleRate / 100

// speak plays 20 ms.
func (r *room) speak() {
	for range device.FrameSamples / block {
		samples := make([]int16, block)
		r.fill(samples)
		r.played = append(r.played, samples...)
	}
}

// saying is a fill that says something, and then nothing.
func saying(far []int16) func(samples []int16) {
	return func(samples []int16) {
		n := copy(samples, far)
		clear(samples[n:])
		far = far[n:]
	}
}

func (r *room) Read(f *device.Frame) error {
	if r.closed {
		return device.ErrClosed
	}
	for i := range f {
		v := r.random.NormFloat64() * hiss
		for late, loud := range r.taps {
			if at := r.at + i - late; at >= 0 && at < len(r.played) {
				v += loud * float64(r.played[at])
			}
		}
		if r.at+i < len(r.near) {
			v += float64(r.near[r.at+i])
		}
		f[i] = int16(max(math.MinInt16, min(math.MaxInt16, v)))
	}
	r.at += len(f)
	return nil
}

func (r *room) Close() error {
	r.closed = true
	return nil
}

// hiss is how loud the room is by itself.
const hiss = 4.0

func newRoom() *room {
	random := rand.New(rand.NewPCG(1, 2))
	taps := map[int]float64{2400: 0.4} // 50 ms
	for i := range 40 {
		taps[2400+60*(i+1)+random.IntN(50)] = 0.2 * random.NormFloat64() * math.Exp(-float64(i)/8)
	}
	return &room{taps: taps, random: random}
}

func say(t *testing.T, b []byte, seconds int) []int16 {
	t.Helper()
	a, err := wav.Read(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var out []int16
	for len(out) < seconds*device.SampleRate {
		out = append(out, a.At48k()...)
	}
	return out[:seconds*device.SampleRate]
}

func process(t *testing.T, r *room) *apm.Processed {
	t.Helper()
	p, err := apm.Process(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// talk plays far into the room and returns what the microphone gave.
func talk(t *testing.T, r *room, far []int16) []int16 {
	t.Helper()
	p := process(t, r)
	p.Play(saying(far))
	var out []int16
	for range len(far) / device.FrameSamples {
		r.speak()
		var f device.Frame
		if err := p.Read(&f); err != nil {
			t.Fatal(err)
		}
		out = append(out, f[:]...)
	}
	return out
}

func energy(samples []int16) float64 {
	sum := 1.0
	for _, v := range samples {
		sum += float64(v) * float64(v)
	}
	return sum
}

func decibels(a, b []int16) float64 { return 10 * math.Log10(energy(a)/energy(b)) }

// TestEcho: after two seconds 30 dB of the echo are gone.
func TestEcho(t *testing.T) {
	far := say(t, speech.Alice, 6)
	with := talk(t, newRoom(), far)
	heard := newRoom()
	without := make([]int16, 0, len(far))
	heard.Play(saying(far))
	for range len(far) / device.FrameSamples {
		heard.speak()
		var f device.Frame
		_ = heard.Read(&f)
		without = append(without, f[:]...)
	}
	const settled = 2 * device.SampleRate
	if got := decibels(without[settled:], with[settled:]); got < 30 {
		t.Errorf("the echo is %.1f dB lower, want 30", got)
	}
}

// TestNearSpeech: who sits in the room is still heard while the other talks.
func TestNearSpeech(t *testing.T) {
	r := newRoom()
	r.near = say(t, speech.Bob, 8)
	out := talk(t, r, say(t, speech.Alice, 8))
	const settled = 3 * device.SampleRate
	if got := decibels(out[settled:], r.near[settled:len(out)]); got < -6 || got > 12 {
		t.Errorf("the near voice came out %.1f dB louder", got)
	}
}

// TestDelay: cleaning makes the voice later by the filters of the rates alone, 1.5 ms.
func TestDelay(t *testing.T) {
	for name, far := range map[string][]int16{"nobody else talks": make([]int16, 4*device.SampleRate), "both talk": say(t, speech.Alice, 4)} {
		r := newRoom()
		r.near = say(t, speech.Bob, 4)
		out := talk(t, r, far)
		best, at := 0.0, 0
		for late := range 2 * device.FrameSamples {
			sum := 0.0
			for i := 2 * device.SampleRate; i < len(out); i++ {
				sum += float64(out[i]) * float64(r.near[i-late])
			}
			if sum > best {
				best, at = sum, late
			}
		}
		if at > device.SampleRate*2/1000 {
			t.Errorf("%s: the voice is %d samples late", name, at)
		}
	}
}

// dBFS is the mean level of samples.
func dBFS(samples []int16) float64 {
	return 10 * math.Log10(energy(samples)/float64(len(samples))/(1<<30))
}

// louder is the voice, so many times as loud.
func louder(voice []int16, gain float64) []int16 {
	out := make([]int16, len(voice))
	for i, v := range voice {
		out[i] = int16(max(min(gain*float64(v), math.MaxInt16), math.MinInt16))
	}
	return out
}

// TestLevel: who speaks quietly is raised and who speaks loudly is lowered, after
// four seconds all to the same level, and nobody is clipped.
func TestLevel(t *testing.T) {
	voice := say(t, speech.Bob, 12)
	for _, gain := range []float64{0.1, 0.3, 1, 2} {
		r := newRoom()
		r.near = louder(voice, gain)
		out := talk(t, r, make([]int16, len(voice)))
		const settled = 4 * device.SampleRate
		before, after := dBFS(r.near[settled:]), dBFS(out[settled:])
		t.Logf("%5.1f dBFS became %5.1f", before, after)
		if after < -27 || after > -21 {
			t.Errorf("%.1f dBFS became %.1f, want -24", before, after)
		}
		if most := max(slices.Max(out[settled:]), -slices.Min(out[settled:])); most > 25000 {
			t.Errorf("%.1f dBFS: a peak of %d", before, most)
		}
	}
}

// TestNoVoice: what is not speech is not raised.
func TestNoVoice(t *testing.T) {
	r := newRoom() // which hisses
	out := talk(t, r, make([]int16, 12*device.SampleRate))
	if got := dBFS(out[6*device.SampleRate:]); got > 20*math.Log10(hiss/(1<<15)) {
		t.Errorf("a hiss came out at %.1f dBFS", got)
	}
}

// TestEchoIsNotRaised: what is left of an echo is no quiet voice that wants raising.
func TestEchoIsNotRaised(t *testing.T) {
	r := newRoom()
	r.taps[device.SampleRate*2/5] = 0.03 // later than what can be taken away
	out := talk(t, r, say(t, speech.Alice, 16))
	early, late := dBFS(out[2*device.SampleRate:5*device.SampleRate]), dBFS(out[13*device.SampleRate:])
	t.Logf("what is left of an echo went from %.1f to %.1f dBFS", early, late)
	if late > early+3 {
		t.Errorf("what is left of an echo rose from %.1f to %.1f dBFS", early, late)
	}
}

func TestAfterClose(t *testing.T) {
	r := newRoom()
	p := process(t, r)
	var f device.Frame
	if err := errors.Join(p.Read(&f), p.Close(), p.Close()); err != nil {
		t.Fatal(err)
	}
	if !r.closed {
		t.Error("the device is open")
	}
	if err := p.Read(&f); !errors.Is(err, device.ErrClosed) {
		t.Errorf("Read: %v", err)
	}
}

func TestAllocates(t *testing.T) {
	s := &still{}
	p, err := apm.Process(s)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var f, far device.Frame
	p.Play(func([]int16) {})
	if n := testing.AllocsPerRun(200, func() { s.fill(far[:block]); s.fill(far[block:]); _ = p.Read(&f) }); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
}

// still is a device without sound.
type still struct{ fill func(samples []int16) }

func (*still) Read(*device.Frame) error          { return nil }
func (s *still) Play(fill func(samples []int16)) { s.fill = fill }
func (*still) Close() error                      { return nil }

// BenchmarkFrame cleans 20 ms: while both talk, while the other end is silent, and
// while nothing is heard at all. Silence must not take longer.
func BenchmarkFrame(b *testing.B) {
	for _, c := range []struct {
		name      string
		near, far int
	}{{"both", 2000, 2000}, {"near", 2000, 0}, {"hiss", 2000, 3}, {"silence", 0, 0}} {
		b.Run(c.name, func(b *testing.B) {
			s := &still{}
			p, err := apm.Process(s)
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close()
			random := rand.New(rand.NewPCG(1, 2))
			var f, far device.Frame
			p.Play(func([]int16) {})
			for n := 0; b.Loop(); n++ {
				for i := range f {
					f[i] = int16(random.IntN(c.near + 1))
					far[i] = int16(random.IntN(c.far + 1))
					if n < 100 { // all talked before
						far[i] = int16(random.IntN(2000))
					}
				}
				s.fill(far[:])
				_ = p.Read(&f)
			}
		})
	}
}

package codec

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hraban/opus"

	"karat/media/wav"
)

// What the tests encode, if nothing else is said.
const (
	FrameSamples = 960
	PacketBytes  = 38
)

// sounds are what the size of a packet must not depend on.
func sounds(t testing.TB) map[string][]int16 {
	t.Helper()
	a, err := wav.ReadFile("../../testdata/speech/alice.wav")
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	const n = 2 * SampleRate
	noise, tone, clicks, loud := make([]int16, n), make([]int16, n), make([]int16, n), make([]int16, n)
	for i := range n {
		noise[i] = int16(r.NormFloat64() * 5000)
		tone[i] = int16(10000 * math.Sin(2*math.Pi*440*float64(i)/SampleRate))
		loud[i] = int16(r.Uint32())
		if i%7001 == 0 {
			clicks[i] = math.MaxInt16
		}
	}
	return map[string][]int16{
		"speech": a.At48k(), "silence": make([]int16, n), "noise": noise,
		"tone": tone, "clicks": clicks, "full scale": loud,
		"speech, then silence": append(slices.Clone(a.At48k()), make([]int16, n)...),
	}
}

func frames(pcm []int16) (all []*[FrameSamples]int16) {
	for ; len(pcm) >= FrameSamples; pcm = pcm[FrameSamples:] {
		all = append(all, (*[FrameSamples]int16)(pcm))
	}
	return all
}

func newEncoder(t testing.TB) *Encoder {
	t.Helper()
	e, err := NewEncoder(FrameSamples, PacketBytes, false)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func newDecoder(t testing.TB) *Decoder {
	t.Helper()
	d, err := NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestEncode is what callers see: one size, no error, for any sound.
func TestEncode(t *testing.T) {
	for name, pcm := range sounds(t) {
		e, d := newEncoder(t), newDecoder(t)
		var out [MaxSamples]int16
		for i, f := range frames(pcm) {
			var packet [PacketBytes]byte
			if err := e.Encode(packet[:], f[:]); err != nil {
				t.Fatalf("%s, frame %d: %v", name, i, err)
			}
			if n, err := Samples(packet[:]); n != FrameSamples || err != nil {
				t.Fatalf("%s, frame %d: header says %d samples, %v", name, i, n, err)
			}
			if n, err := d.Decode(&out, packet[:]); n != FrameSamples || err != nil {
				t.Fatalf("%s, frame %d: decoded %d samples, %v", name, i, n, err)
			}
		}
	}
}

// TestSizes: every size that a profile asks for is met to the byte, whatever is
// heard, and so after a change of it.
func TestSizes(t *testing.T) {
	var packet [500]byte
	for _, c := range []struct{ samples, bytes int }{{960, 38}, {960, 82}, {1920, 50}, {1920, 116}, {2880, 224}, {2880, 464}, {960, 15}, {960, 160}} {
		for _, redundant := range []bool{false, true} {
			e, err := NewEncoder(c.samples, 60, !redundant)
			if err != nil {
				t.Fatal(err)
			}
			if err := e.SetSize(c.bytes, redundant); err != nil {
				t.Fatal(err)
			}
			for name, pcm := range sounds(t) {
				for pcm := pcm[:SampleRate/2]; len(pcm) >= c.samples; pcm = pcm[c.samples:] {
					if err := e.Encode(packet[:c.bytes], pcm[:c.samples]); err != nil {
						t.Fatalf("%s, %+v: %v", name, c, err)
					}
					if n, err := Samples(packet[:c.bytes]); n != c.samples || err != nil || packet[0]&4 != 0 {
						t.Fatalf("%s, %+v: a packet of %d samples, %v, beginning with %#x", name, c, n, err, packet[0])
					}
				}
			}
		}
	}
}

// TestRecover: what was lost is heard from the redundancy in the next packet, more
// like it was than what is made up without.
func TestRecover(t *testing.T) {
	e, err := NewEncoder(FrameSamples, 82, true)
	if err != nil {
		t.Fatal(err)
	}
	whole, lossy, guess := newDecoder(t), newDecoder(t), newDecoder(t)
	var want, got, made [MaxSamples]int16
	var before [82]byte
	var off, offMade float64
	for i, f := range frames(sounds(t)["speech"]) {
		var packet [82]byte
		if err := e.Encode(packet[:], f[:]); err != nil {
			t.Fatal(err)
		}
		if i%4 == 3 { // the one before this was lost
			_, errA := whole.Decode(&want, before[:])
			if err := errors.Join(errA, lossy.Recover(got[:FrameSamples], packet[:]), guess.Conceal(made[:FrameSamples])); err != nil {
				t.Fatal(err)
			}
			off += distance(want[:FrameSamples], got[:FrameSamples])
			offMade += distance(want[:FrameSamples], made[:FrameSamples])
		}
		if i%4 != 2 {
			_, errA := whole.Decode(&want, packet[:])
			_, errB := lossy.Decode(&got, packet[:])
			_, errC := guess.Decode(&made, packet[:])
			if err := errors.Join(errA, errB, errC); err != nil {
				t.Fatal(err)
			}
		}
		before = packet
	}
	if off > offMade*0.7 {
		t.Errorf("recovered, the sound is off by %.0f, made up by %.0f", off, offMade)
	}
}

// distance is the energy of the difference.
func distance(a, b []int16) (sum float64) {
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		sum += d * d
	}
	return sum
}

// TestResetForgets: after Reset, packets are those of a new encoder.
func TestResetForgets(t *testing.T) {
	used, fresh := newEncoder(t), newEncoder(t)
	var a, b [PacketBytes]byte
	for _, f := range frames(sounds(t)["speech"])[:100] {
		if err := used.Encode(a[:], f[:]); err != nil {
			t.Fatal(err)
		}
	}
	if err := used.Reset(); err != nil {
		t.Fatal(err)
	}
	for i, f := range frames(sounds(t)["noise"])[:20] {
		if err := errors.Join(used.Encode(a[:], f[:]), fresh.Encode(b[:], f[:])); err != nil {
			t.Fatal(err)
		}
		if a != b {
			t.Fatalf("packet %d after Reset still depends on what was said before", i)
		}
	}
}

// TestOtherPhones decodes frames of all durations, mono and stereo.
func TestOtherPhones(t *testing.T) {
	tone := sounds(t)["tone"]
	for _, channels := range []int{1, 2} {
		for _, samples := range []int{120, 240, 480, 960, 1920, 2880} {
			e, err := opus.NewEncoder(SampleRate, channels, opus.AppVoIP)
			if err != nil {
				t.Fatal(err)
			}
			d := newDecoder(t)
			packet, out := make([]byte, 1275), [MaxSamples]int16{}
			loudest := int16(0)
			for at := 0; at+samples*channels <= SampleRate; at += samples * channels {
				n, err := e.Encode(tone[at:at+samples*channels], packet)
				if err != nil {
					t.Fatal(err)
				}
				if want, err := Samples(packet[:n]); want != samples || err != nil {
					t.Fatalf("%d channels, %d samples: Samples says %d, %v", channels, samples, want, err)
				}
				n, err = d.Decode(&out, packet[:n])
				if n != samples || err != nil {
					t.Fatalf("%d channels, %d samples: decoded %d, %v", channels, samples, n, err)
				}
				loudest = max(loudest, slices.Max(out[:n]))
			}
			if loudest < 5000 {
				t.Errorf("%d channels, %d samples: a tone of 10000 came out at %d", channels, samples, loudest)
			}
		}
	}
}

func TestSamples(t *testing.T) {
	for _, c := range []struct {
		packet []byte
		want   int // 0: refused
	}{
		{nil, 0},
		{[]byte{0x08}, 960},        // SILK 20 ms, code 0
		{[]byte{0x18}, 2880},       // SILK 60 ms
		{[]byte{0x19}, 5760},       // twice
		{[]byte{0x0A}, 1920},       // two of different size
		{[]byte{0x0B}, 0},          // code 3 without its count
		{[]byte{0x0B, 0x00}, 0},    // RFC 6716, Section 3.2.5: "M MUST NOT be zero"
		{[]byte{0x0B, 0x06}, 5760}, // 6 of 20 ms: 120 ms
		{[]byte{0x0B, 0x07}, 0},    // 140 ms
		{[]byte{0x83, 0x30}, 5760}, // 48 of 2.5 ms
		{[]byte{0x83, 0x31}, 0},    // 49
		{[]byte{0x60}, 480},        // hybrid 10 ms
		{[]byte{0x68}, 960},        // hybrid 20 ms
		{[]byte{0x98}, 960},        // CELT 20 ms
		{make([]byte, MaxPacketBytes+1), 0},
	} {
		n, err := Samples(c.packet)
		if n != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("Samples(% x...) = %d, %v; want %d", c.packet[:min(len(c.packet), 4)], n, err, c.want)
		}
	}
}

// TestConcealFades: what is made up in place of lost packets is heard at first
// and nearly gone within 200 ms.
func TestConcealFades(t *testing.T) {
	e, d := newEncoder(t), newDecoder(t)
	var packet [PacketBytes]byte
	var out [MaxSamples]int16
	for _, f := range frames(sounds(t)["tone"]) {
		if err := e.Encode(packet[:], f[:]); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Decode(&out, packet[:]); err != nil {
			t.Fatal(err)
		}
	}
	peak := func() int16 {
		if err := d.Conceal(out[:FrameSamples]); err != nil {
			t.Fatal(err)
		}
		return slices.Max(out[:FrameSamples])
	}
	if first := peak(); first < 5000 {
		t.Errorf("the first concealed frame peaks at %d, want near 10000", first)
	}
	for range 8 {
		peak()
	}
	if last := peak(); last > 1500 {
		t.Errorf("the tenth concealed frame still peaks at %d", last)
	}
	for _, n := range []int{120, 240, 480, 840} {
		if err := d.Conceal(out[:n]); err != nil {
			t.Errorf("conceal %d samples: %v", n, err)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	e, d := newEncoder(t), newDecoder(t)
	f := frames(sounds(t)["speech"])[40]
	var packet [PacketBytes]byte
	out := new([MaxSamples]int16)
	got := testing.AllocsPerRun(100, func() {
		if e.Encode(packet[:], f[:]) != nil {
			t.Fail()
		}
		if _, err := d.Decode(out, packet[:]); err != nil {
			t.Fail()
		}
		if d.Conceal(out[:FrameSamples]) != nil {
			t.Fail()
		}
	})
	if got != 0 {
		t.Errorf("%v allocations a frame, want none", got)
	}
}

// FuzzDecode gives the decoder any bytes, and then a good packet: it must not
// crash, must not make more than 120 ms, and must still work.
func FuzzDecode(f *testing.F) {
	e := newEncoder(f)
	for _, pcm := range sounds(f) {
		var packet [PacketBytes]byte
		if err := e.Encode(packet[:], frames(pcm)[30][:]); err != nil {
			f.Fatal(err)
		}
		f.Add(packet[:])
	}
	f.Add([]byte{})
	f.Add([]byte{0xFF})
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
	f.Add([]byte{0x83, 0x30, 1, 2, 3})
	good := new([PacketBytes]byte)
	if err := e.Encode(good[:], frames(sounds(f)["tone"])[30][:]); err != nil {
		f.Fatal(err)
	}
	d := newDecoder(f)
	out := new([MaxSamples]int16)
	f.Fuzz(func(t *testing.T, packet []byte) {
		if n, err := d.Decode(out, packet); err == nil && (n < 120 || n > MaxSamples) {
			t.Errorf("decoded %d samples", n)
		}
		if n, err := d.Decode(out, good[:]); n != FrameSamples || err != nil {
			t.Errorf("a good packet after it: %d samples, %v", n, err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	benchmarkEncode(b, newEncoder(b))
}

// BenchmarkComplexity prints what complexity costs and how much of the cap it
// uses.
func BenchmarkComplexity(b *testing.B) {
	for _, c := range []int{0, 3, 5, 7, 9, 10} {
		b.Run(string(rune('0'+c/10))+string(rune('0'+c%10)), func(b *testing.B) {
			e := newEncoder(b)
			if err := e.opus.SetComplexity(c); err != nil {
				b.Fatal(err)
			}
			benchmarkEncode(b, e)
		})
	}
}

func benchmarkEncode(b *testing.B, e *Encoder) {
	all := frames(sounds(b)["speech"])
	var packet [PacketBytes]byte
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := e.Encode(packet[:], all[i%len(all)][:]); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(i)*50/1e9, "cpu-s/s")
}

func BenchmarkDecode(b *testing.B) {
	e, d := newEncoder(b), newDecoder(b)
	var packets [][PacketBytes]byte
	for _, f := range frames(sounds(b)["speech"]) {
		var p [PacketBytes]byte
		if err := e.Encode(p[:], f[:]); err != nil {
			b.Fatal(err)
		}
		packets = append(packets, p)
	}
	out := new([MaxSamples]int16)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := d.Decode(out, packets[i%len(packets)][:]); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(i)*50/1e9, "cpu-s/s")
}

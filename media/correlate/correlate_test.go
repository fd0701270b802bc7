package correlate_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"karat/media/codec"
	"karat/media/correlate"
	"karat/media/wav"
)

func speech(t testing.TB, name string) []int16 {
	t.Helper()
	a, err := wav.ReadFile("../../testdata/speech/" + name + ".wav")
	if err != nil {
		t.Fatal(err)
	}
	return a.At48k()
}

// throughOpus encodes at 24 kb/s as the phone does, and loses some packets.
func throughOpus(t testing.TB, pcm []int16, loss float64) []int16 {
	t.Helper()
	const frame = 960
	enc, err := codec.NewEncoder(frame, 60, false)
	if err != nil {
		t.Fatal(err)
	}
	dec, err := codec.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	var out []int16
	var packet [60]byte
	var decoded [codec.MaxSamples]int16
	for ; len(pcm) >= frame; pcm = pcm[frame:] {
		if err := enc.Encode(packet[:], pcm[:frame]); err != nil {
			t.Fatal(err)
		}
		if r.Float64() < loss {
			err = dec.Conceal(decoded[:frame])
		} else {
			_, err = dec.Decode(&decoded, packet[:])
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, decoded[:frame]...)
	}
	return out
}

// throughTelephone limits the band to 8 kHz sampling and companding, as G.711
// does, and comes back to 48 kHz.
func throughTelephone(pcm []int16) []int16 {
	narrow := make([]int16, 0, len(pcm)/6)
	for i := 0; i+6 <= len(pcm); i += 6 { // a poor filter, as in cheap telephones
		sum := 0
		for _, v := range pcm[i : i+6] {
			sum += int(v)
		}
		narrow = append(narrow, compand(float64(sum)/6))
	}
	return wav.Audio{Rate: 8000, Samples: narrow}.At48k()
}

func compand(v float64) int16 {
	const mu = 255
	c := math.Copysign(math.Log1p(mu*math.Abs(v)/32768)/math.Log1p(mu), v)
	c = math.Round(c*127) / 127
	return int16(math.Copysign((math.Pow(1+mu, math.Abs(c))-1)/mu, c) * 32767)
}

func delayed(pcm []int16, seconds float64) []int16 {
	return append(make([]int16, int(seconds*correlate.Rate)), pcm...)
}

func mixed(a, b []int16, gain float64) []int16 {
	out := append([]int16(nil), a...)
	for i := range min(len(a), len(b)) {
		out[i] = int16(max(min(float64(a[i])+gain*float64(b[i]), 32767), -32768))
	}
	return out
}

func tone(hertz float64, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(8000 * math.Sin(2*math.Pi*hertz*float64(i)/correlate.Rate))
	}
	return out
}

func noise(n int, amplitude float64) []int16 {
	r := rand.New(rand.NewPCG(3, 4))
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(r.NormFloat64() * amplitude)
	}
	return out
}

// gappy is what a bad playout leaves: a frame missing here, one too many there.
func gappy(pcm []int16) []int16 {
	var out []int16
	for i := 0; len(pcm) >= 960; i++ {
		switch i % 50 {
		case 10:
			out = append(out, pcm[:960]...)
			out = append(out, make([]int16, 960)...)
		case 35:
		default:
			out = append(out, pcm[:960]...)
		}
		pcm = pcm[960:]
	}
	return out
}

// margin is what every case here must keep from the threshold.
const margin = 0.2

// TestSeparation is what Threshold was chosen from: run with -v for the scores.
func TestSeparation(t *testing.T) {
	alice, bob := speech(t, "alice"), speech(t, "bob")
	n := len(alice)
	first, second := alice[:n/2], alice[n/2:]
	for _, c := range []struct {
		name              string
		recording, speech []int16
		want              bool
	}{
		{"a copy", alice, alice, true},
		{"alice through Opus", throughOpus(t, alice, 0), alice, true},
		{"bob through Opus", throughOpus(t, bob, 0), bob, true},
		{"through Opus, 10% loss", throughOpus(t, alice, 0.1), alice, true},
		{"through Opus, 2.345 s late", delayed(throughOpus(t, alice, 0), 2.345), alice, true},
		{"through Opus, 7.011 s late", delayed(throughOpus(t, bob, 0), 7.011), bob, true},
		{"through Opus, only the first 3 s", throughOpus(t, alice, 0)[:3*48000], alice, true},
		{"through Opus, only the last 3 s", throughOpus(t, bob, 0)[len(bob)-3*48000-960:], bob, true},
		{"telephone band", throughTelephone(alice), alice, true},
		{"telephone band, bob, Opus", throughOpus(t, throughTelephone(bob), 0), bob, true},
		{"frames missing and doubled", gappy(throughOpus(t, alice, 0)), alice, true},
		{"the other speaker in the background", mixed(throughOpus(t, alice, 0), bob, 0.1), alice, true},
		{"over noise, 20 dB", mixed(alice, noise(n, 1), 300), alice, true},

		{"the other speaker, alice", throughOpus(t, bob, 0), alice, false},
		{"the other speaker, bob", throughOpus(t, alice, 0), bob, false},
		{"the other speaker, late", delayed(throughOpus(t, bob, 0), 1.234), alice, false},
		{"the other speaker, telephone band", throughTelephone(bob), alice, false},
		{"the other speaker, 3 s", throughOpus(t, bob, 0)[:3*48000], alice, false},
		{"the same speaker's other sentence", second, first, false},
		{"the same speaker's first sentence", first, second, false},
		{"a tone", tone(440, n), alice, false},
		{"noise", noise(n, 3000), alice, false},
		{"room tone", noise(n, 20), bob, false},
		{"silence", make([]int16, n), alice, false},
		{"nothing", nil, alice, false},
		{"no speech", alice, nil, false},
	} {
		score := correlate.Contains(c.recording, c.speech)
		t.Logf("%5.2f  %s", score, c.name)
		if c.want && !(score > correlate.Threshold+margin) || !c.want && !(score < correlate.Threshold-margin) {
			t.Errorf("%s: %.2f is on the wrong side of %v, or too near", c.name, score, correlate.Threshold)
		}
	}
}

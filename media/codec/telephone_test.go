package codec_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"karat/media/codec"
)

// digest of 16-bit samples or bytes, as the tools of others write them.
func digest(v any) string {
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
		panic(err)
	}
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:])
}

// telephoneSignal is two seconds at 16 kHz: a tone that rises and folds back,
// noise, full scale, digital silence.
func telephoneSignal() []int16 {
	pcm := make([]int16, 32000)
	noise, phase := uint32(1), uint32(0)
	for i := range pcm {
		noise = noise*1664525 + 1013904223
		phase += uint32(i) << 14 // a tone that rises and folds back
		v := int32(phase>>16) - 1<<15
		if v < 0 {
			v = -v
		}
		v = (v - 1<<14) * int32(i%4000) / 4000
		pcm[i] = int16(v) + int16(noise>>21) - 1024
	}
	copy(pcm[20000:], []int16{32767, -32768, 32767, -32768, 32767, -32768})
	clear(pcm[24000:26000])
	return pcm
}

// G.722 is bit for bit what ffmpeg 5.1 makes of the same samples, in both
// directions.
func TestItem64_G722(t *testing.T) {
	pcm := telephoneSignal()
	coded := make([]byte, len(pcm)/2)
	codec.NewG722Encoder().Encode(coded, pcm)
	if d := digest(coded); d != "b1b9482090a9bf41b2c7cb821f6bebbb706109add7be8931a7075a2728bebc6e" {
		t.Errorf("encoded otherwise than by ffmpeg: %s", d)
	}
	codec.NewG722Decoder().Decode(pcm, coded)
	if d := digest(pcm); d != "9fd65804a770ca85f74bc6f4ee9969223b004204fc93f05296f7e2c58e391fbe" {
		t.Errorf("decoded otherwise than by ffmpeg: %s", d)
	}
}

// G.711 decodes as SoX 14.4 does, and encodes each sample to a code next to it.
func TestItem64_G711(t *testing.T) {
	for _, law := range []struct {
		name   string
		encode func(int16) byte
		decode func(byte) int16
		digest string
	}{
		{"mu-law", codec.MuLaw, codec.FromMuLaw, "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827"},
		{"A-law", codec.ALaw, codec.FromALaw, "e04788d110e58ff8c70c93b8480190d973e3b67876b6119abbaec766cc75c174"},
	} {
		var all [256]int16
		for i := range all {
			all[i] = law.decode(byte(i))
			if again := law.decode(law.encode(all[i])); again != all[i] {
				t.Errorf("%s: %d becomes %d", law.name, all[i], again)
			}
		}
		if d := digest(all); d != law.digest {
			t.Errorf("%s decodes otherwise than SoX: %s", law.name, d)
		}
		for s := -32768; s <= 32767; s++ {
			best, got := 1<<16, int(law.decode(law.encode(int16(s))))
			for _, v := range all {
				best = min(best, max(int(v)-s, s-int(v)))
			}
			// A boundary may go either way.
			if off := max(got-s, s-got); off > 2*best+16 {
				t.Fatalf("%s: %d becomes %d, off by %d where %d is possible", law.name, s, got, off, best)
			}
		}
	}
}

// Any bytes are sound: nothing that arrives can make the decoder fail, or
// leave it in a state that a while of silence does not end.
func FuzzG722(f *testing.F) {
	f.Add([]byte{0, 0xff, 0x80, 0x7f})
	f.Fuzz(func(t *testing.T, packet []byte) {
		d := codec.NewG722Decoder()
		d.Decode(make([]int16, 2*len(packet)), packet)
		silence := make([]byte, 8000)
		for i := range silence {
			silence[i] = 0xfa
		}
		pcm := make([]int16, 16000)
		d.Decode(pcm, silence)
		for _, v := range pcm[15000:] {
			if v > 1000 || v < -1000 {
				t.Fatalf("after a second of silence it still says %d", v)
			}
		}
	})
}

func TestG722AllocatesNothing(t *testing.T) {
	e, d := codec.NewG722Encoder(), codec.NewG722Decoder()
	pcm, packet := make([]int16, 320), make([]byte, 160)
	if n := testing.AllocsPerRun(10, func() { e.Encode(packet, pcm); d.Decode(pcm, packet) }); n > 0 {
		t.Errorf("a frame allocates %v times", n)
	}
}

func BenchmarkG722(b *testing.B) {
	e, d := codec.NewG722Encoder(), codec.NewG722Decoder()
	pcm, packet := telephoneSignal()[:320], make([]byte, 160)
	b.ReportAllocs()
	for b.Loop() {
		e.Encode(packet, pcm)
		d.Decode(pcm, packet)
	}
}

package media

import (
	"math/rand/v2"

	"karat/media/device"
)

const (
	// toneSmoothing is how much of a new value shows at once: a room hums low
	// rather than hisses.
	toneSmoothing = 1.0 / 4
	// toneAmplitude makes the tone about 20 of 32768 (-64 dBFS) in the mean:
	// below the noise of a quiet room, and never digital zero, which takes a
	// codec measurably less time than any sound.
	toneAmplitude = 92.0
)

// roomTone makes low noise that sounds like a quiet room.
type roomTone struct {
	random *rand.ChaCha8
	last   float64
}

// addTo mixes 20 ms of tone into a frame.
func (r *roomTone) addTo(f *device.Frame) {
	for i := 0; i < len(f); i += 4 {
		v := r.random.Uint64()
		for j := range 4 {
			white := (float64(uint16(v>>(16*j)))/32768 - 1) * toneAmplitude
			r.last += (white - r.last) * toneSmoothing
			f[i+j] = saturate(int32(f[i+j]) + int32(r.last))
		}
	}
}

func saturate(v int32) int16 { return int16(min(max(v, -32768), 32767)) }

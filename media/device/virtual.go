package device

import "math"

func newNullMicrophone() microphone {
	return newPacedMicrophone(func(f *Frame) { clear(f[:]) })
}

func newNullSpeaker() speaker {
	return newPacedSpeaker(func(*Frame) {}, func() error { return nil })
}

// toneLevel is the peak of a tone, -12 dBFS: clear, and not painful.
const toneLevel = math.MaxInt16 / 4

func newToneMicrophone(hertz float64) microphone {
	phase, step := 0.0, 2*math.Pi*hertz/SampleRate
	return newPacedMicrophone(func(f *Frame) {
		for i := range f {
			f[i] = int16(toneLevel * math.Sin(phase))
			phase = math.Mod(phase+step, 2*math.Pi)
		}
	})
}

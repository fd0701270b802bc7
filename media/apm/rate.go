package apm

import (
	"karat/media/device"
	"karat/media/resample"
)

// rate is what sound is worked on at, a third of the device's: no codec that Karat
// sends has more than 8 kHz of it, and the canceller learns faster.
const rate = 16000

// frameSamples are 20 ms at rate.
const frameSamples = device.FrameSamples * rate / device.SampleRate

type frame [frameSamples]int16

// rates brings sound down to rate and up again.
type rates struct{ near, far, out *resample.Resampler }

func newRates() *rates {
	r := &rates{
		near: resample.New(device.SampleRate, rate, resample.Quick),
		far:  resample.New(device.SampleRate, rate, resample.Quick),
		out:  resample.New(rate, device.SampleRate, resample.Quick),
	}
	for _, one := range []*resample.Resampler{r.near, r.far, r.out} {
		// From then on each frame gives a frame.
		one.Process(nil, make([]int16, one.Delay()+1))
	}
	return r
}

func (r *rates) wipe() {
	r.near.Reset()
	r.far.Reset()
	r.out.Reset()
}

func down(r *resample.Resampler, to *frame, from *device.Frame) {
	n, _ := r.Process(to[:], from[:])
	clear(to[n:])
}

func (r *rates) up(to *device.Frame, from *frame) {
	n, _ := r.out.Process(to[:], from[:])
	clear(to[n:])
}

package wav

import "karat/media/resample"

// Rate is the rate of the phone.
const Rate = 48000

// At48k returns the sound at 48 kHz.
func (a Audio) At48k() []int16 {
	if a.Rate == Rate || len(a.Samples) == 0 || a.Rate <= 0 {
		return a.Samples
	}
	r := resample.New(float64(a.Rate), Rate, resample.Fine)
	out := make([]int16, int64(len(a.Samples))*Rate/int64(a.Rate))
	n, _ := r.Process(out, a.Samples)
	for n < len(out) { // the last samples wait for what follows: silence
		more, _ := r.Process(out[n:], make([]int16, r.Delay()))
		n += more
	}
	return out
}

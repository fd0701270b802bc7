// Package quality tells how much of a voice is left at the other end of a
// call: full-reference metrics that compare what was heard with what was said.
//
//	Listening  wideband listening quality, 1 to 4.64, by the difference in
//	           loudness per critical band, in the manner of PESQ
//	NSIM       similarity of the spectrograms, 0 to 1, in the manner of ViSQOL
//	ESTOI      intelligibility, up to 1 (Jensen and Taal, 2016)
//
// The two signals need not begin together, and the delay between them may
// change: Align finds where each moment of the reference is heard. A delay is
// no fault here, nor is a change of it, but for what it does to the sound in
// between.
//
// Listening and NSIM follow the published descriptions, with bands and
// thresholds of our own: they order conditions as PESQ and ViSQOL do, but their
// values are NOT to be compared with figures from those programs. None of the
// three judges delay, echo, or sound above 8 kHz.
package quality

// Rate is the sample rate of what is compared, in hertz.
const Rate = 48000

// Report is how one recording compares with what was said.
type Report struct {
	Listening float64 // 1 bad to 4.64 the same
	NSIM      float64 // 0 to 1 the same
	ESTOI     float64 // 0 unintelligible to 1 the same; noise may be below 0
	// Lost is the share of the active speech at whose place next to nothing is
	// heard, 0 to 1.
	Lost float64
	// Alignment is what was compared with what.
	Alignment Alignment
}

// Measure compares what was heard with what was said, both at 48 kHz. Of the
// reference only what holds speech counts.
func Measure(said, heard []int16) Report {
	s, h := newSignal(said), newSignal(heard)
	return compare(said, heard, s, h, align(s, h))
}

// Aligned compares two signals that lie on each other sample by sample.
func Aligned(said, heard []int16) Report {
	s, h := newSignal(said), newSignal(heard)
	return compare(said, heard, s, h, Alignment{lags: make([]int, len(s.level))})
}

func compare(said, heard []int16, s, h *signal, a Alignment) Report {
	return Report{
		Listening: listening(s, h, a),
		NSIM:      nsim(s, h, a),
		ESTOI:     estoi(said, heard, a),
		Lost:      lost(s, h, a),
		Alignment: a,
	}
}

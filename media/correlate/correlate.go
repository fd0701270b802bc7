// Package correlate judges recordings of calls: does this one contain that
// speech? It compares how the energy in the bands of telephone speech rises
// and falls, so it sees through codecs, band limits, level, delay and short
// gaps, and tells one text and speaker from another.
//
// It does NOT judge quality: muffled speech scores about as well as clear
// speech.
package correlate

import "math"

const (
	// Rate is the sample rate of both signals.
	Rate = 48000

	hop    = Rate / 50 // 20 ms
	window = 2 * hop
	fftLen = 2048 // the power of two that holds a window

	// The bands cover what every telephone carries.
	bands    = 14
	lowest   = 300.0
	highest  = 3400.0
	floorDB  = -45.0 // below the loudest band: noise, room tone and codec residue
	overlapS = 2     // seconds of speech that must lie inside the recording
)

// Threshold parts recordings that contain the speech from those that do not.
// TestSeparation prints what it was chosen from: through Opus, through a
// telephone band, with delay, gaps and a second speaker in the background the
// right speech scores 0.88 and more; another speaker's, other parts of the same
// speaker's, noise, tones and silence score 0.25 and less.
const Threshold = 0.6

// Contains tells how well the recording contains the speech, as a correlation:
// 1 for a perfect copy at any delay, about 0 for what has nothing to do with
// it. At least two seconds of the speech must be there (all of it if it is
// shorter). Signals without any variation score 0.
func Contains(recording, speech []int16) (score float64) {
	r, s := spectrogram(recording), spectrogram(speech)
	need := min(len(s), overlapS*Rate/hop)
	if need == 0 {
		return 0
	}
	for lag := need - len(s); lag+need <= len(r); lag++ {
		score = max(score, similarity(r, s, lag, need))
	}
	return score
}

// frame is the level of each band in 20 ms, in dB above the floor.
type frame [bands]float64

// similarity is the correlation of s with r from lag on, where they overlap,
// each band freed of its mean: steady sounds count for nothing.
func similarity(r, s []frame, lag, need int) float64 {
	first, last := max(0, -lag), min(len(s), len(r)-lag)
	if last-first < need {
		return 0
	}
	n := float64(last - first)
	var rs, rr, ss float64
	for b := range bands {
		var sumR, sumS, sumRS, sumRR, sumSS float64
		for i := first; i < last; i++ {
			x, y := r[i+lag][b], s[i][b]
			sumR += x
			sumS += y
			sumRS += x * y
			sumRR += x * x
			sumSS += y * y
		}
		rs += sumRS - sumR*sumS/n
		rr += sumRR - sumR*sumR/n
		ss += sumSS - sumS*sumS/n
	}
	if rr < 1 || ss < 1 {
		return 0
	}
	return rs / math.Sqrt(rr*ss)
}

// spectrogram is the sound as frames.
func spectrogram(pcm []int16) []frame {
	if len(pcm) < window {
		return nil
	}
	a := newAnalyser()
	frames := make([]frame, (len(pcm)-window)/hop+1)
	loudest := 1.0
	for i := range frames {
		frames[i] = a.analyse(pcm[i*hop : i*hop+window])
		for _, e := range frames[i] {
			loudest = max(loudest, e)
		}
	}
	for i := range frames {
		for b, e := range frames[i] {
			frames[i][b] = max(10*math.Log10((e+1e-9)/loudest), floorDB) - floorDB
		}
		frames[i].lean()
	}
	return frames
}

// loudness is the share of a frame's mean level that is left in it. All speech
// pauses and swells alike; which bands are strong when tells texts apart.
const loudness = 0.2

// lean takes most of the mean level out of a frame.
func (f *frame) lean() {
	mean := 0.0
	for _, v := range f {
		mean += v / bands
	}
	for b := range f {
		f[b] -= mean * (1 - loudness)
	}
}

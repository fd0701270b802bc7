package quality

import "math"

// Listening is modelled on A. W. Rix and others, "Perceptual Evaluation of
// Speech Quality", ICASSP 2001, and its wideband mapping: the loudness of both
// signals in critical bands, of their difference what is not masked, and of
// that what was added (which is heard as a noise, and worse than what is
// missing) once more. The bands are Traunmüller's, the threshold in quiet
// Terhardt's, the constants of pooling and mapping those that were published.
const (
	barkBands   = 48
	zwickerLaw  = 0.23
	maskedShare = 0.25 // of the softer loudness: a difference below it is not heard
	// tone is the amplitude of a tone of 1 kHz at 40 dB SPL, which has one sone,
	// when speech at the level used here has 79.
	tone     = 29.54
	tonePart = 1e4 // the power per band that it has, by definition

	loudestDisturbance = 45.0 // per window
	split              = 20   // windows in which the worst counts most
	splitPower         = 6.0
)

// bark is the critical-band analysis.
type bark struct {
	sp        *spectrum
	edges     []int
	width     []float64 // in Bark
	threshold []float64 // power in quiet
	power     float64   // scale from the transform to the power of the model
	sone      float64   // scale of loudness
}

func newBark() *bark {
	b := &bark{sp: newSpectrum(window), edges: make([]int, barkBands+1)}
	low, high := traunmueller(80), traunmueller(wideband/2)
	hertz := func(z float64) float64 { return 1960 * (z + 0.53) / (26.28 - z) }
	for i := range b.edges {
		f := hertz(low + (high-low)*float64(i)/barkBands)
		b.edges[i] = min(int(math.Round(f*window/wideband)), window/2+1)
		if i > 0 {
			b.edges[i] = max(b.edges[i], b.edges[i-1]+1)
		}
	}
	for i := range barkBands {
		f0 := float64(b.edges[i]) * wideband / window
		f1 := float64(b.edges[i+1]) * wideband / window
		b.width = append(b.width, traunmueller(f1)-traunmueller(f0))
		b.threshold = append(b.threshold, decibels(inQuiet((f0+f1)/2)))
	}
	b.calibrate()
	return b
}

// traunmueller is the critical-band rate of a frequency.
func traunmueller(hertz float64) float64 { return 26.81*hertz/(1960+hertz) - 0.53 }

// inQuiet is the level that is just heard, in dB SPL (Terhardt, 1979).
func inQuiet(hertz float64) float64 {
	k := hertz / 1000
	return 3.64*math.Pow(k, -0.8) - 6.5*math.Exp(-0.6*(k-3.3)*(k-3.3)) + 1e-3*k*k*k*k
}

// calibrate sets both scales by a tone of 1 kHz at 40 dB SPL.
func (b *bark) calibrate() {
	x := make([]float64, window)
	for i := range x {
		x[i] = tone * math.Sin(2*math.Pi*1000*float64(i)/wideband)
	}
	b.power, b.sone = 1, 1
	peak := 0.0
	for _, v := range b.powers(x) {
		peak = max(peak, v)
	}
	b.power = tonePart / peak
	sum := 0.0
	for i, v := range b.loudness(b.powers(x)) {
		sum += v * b.width[i]
	}
	b.sone = 1 / sum
}

// powers are the power in each band.
func (b *bark) powers(x []float64) []float64 {
	p := make([]float64, barkBands)
	b.sp.of(p, x, b.edges)
	for i := range p {
		p[i] *= b.power
	}
	return p
}

// loudness is Zwicker's law: what is above the threshold in quiet.
func (b *bark) loudness(p []float64) []float64 {
	out := make([]float64, len(p))
	for i, v := range p {
		quiet := b.threshold[i]
		if v > quiet {
			out[i] = b.sone * math.Pow(quiet/0.5, zwickerLaw) * (math.Pow(0.5+0.5*v/quiet, zwickerLaw) - 1)
		}
	}
	return out
}

// audible is the power above the threshold times a factor.
func (b *bark) audible(p []float64, factor float64) float64 {
	sum := 0.0
	for i, v := range p {
		if v > b.threshold[i]*factor {
			sum += v
		}
	}
	return sum
}

// listening is the quality on the scale of the mean opinion, 1 to 4.64.
func listening(said, heard *signal, a Alignment) float64 {
	b := newBark()
	s, h := make([][]float64, len(said.level)), make([][]float64, len(said.level))
	x := make([]float64, window)
	for i := range s {
		said.at(x, i*step)
		s[i] = b.powers(x)
		heard.at(x, i*step+a.lags[i])
		h[i] = b.powers(x)
	}
	equalise(s, h, said.speech)
	b.followGain(s, h)
	var missing, added []float64
	for i := range s {
		m, d := b.disturbance(s[i], h[i])
		w := math.Pow((b.audible(s[i], 1)+1e5)/1e7, 0.04)
		missing = append(missing, min(m/w, loudestDisturbance))
		added = append(added, min(d/w, loudestDisturbance))
	}
	first, last := extent(said.speech)
	if first >= last {
		return 1
	}
	raw := 4.5 - 0.1*pooled(missing[first:last]) - 0.0309*pooled(added[first:last])
	return 0.999 + 4/(1+math.Exp(-1.3669*raw+3.8224))
}

// extent is from the first moment of speech to behind the last.
func extent(speech []bool) (first, last int) {
	first = len(speech)
	for i, active := range speech {
		if active {
			first = min(first, i)
			last = i + 1
		}
	}
	return first, last
}

// equalise brings the mean spectrum of the reference to that of what was heard,
// within 6 dB: a telephone's tone is soon got used to, a missing band is not.
func equalise(s, h [][]float64, speech []bool) {
	for band := range barkBands {
		ours, theirs := 1000.0, 1000.0
		for i := range s {
			if speech[i] {
				ours += s[i][band]
				theirs += h[i][band]
			}
		}
		gain := min(max(theirs/ours, decibels(-6)), decibels(6))
		for i := range s {
			s[i][band] *= gain
		}
	}
}

// followGain takes slow changes of level out of what was heard.
func (b *bark) followGain(s, h [][]float64) {
	gain := 1.0
	for i := range s {
		now := (b.audible(s[i], 1) + 5e3) / (b.audible(h[i], 1) + 5e3)
		gain = 0.2*gain + 0.8*now
		gain = min(max(gain, 3e-4), 5)
		for band := range h[i] {
			h[i][band] *= gain
		}
	}
}

// disturbance is how loud the difference in one window is, and how loud what
// was added.
func (b *bark) disturbance(s, h []float64) (all, added float64) {
	ls, lh := b.loudness(s), b.loudness(h)
	sum, width := 0.0, 0.0
	for i := range ls {
		d := lh[i] - ls[i]
		masked := maskedShare * min(ls[i], lh[i])
		switch {
		case d > masked:
			d -= masked
		case d < -masked:
			d += masked
		default:
			d = 0
		}
		sum += d * d * b.width[i] * b.width[i]
		width += b.width[i]
		asymmetry := math.Pow((h[i]+50)/(s[i]+50), 1.2)
		if asymmetry >= 3 {
			added += math.Abs(d) * b.width[i] * min(asymmetry, 12)
		}
	}
	return math.Sqrt(sum/width) * width, added
}

// pooled is the square mean over splits of 20 windows, half overlapping, in
// each of which the worst counts most.
func pooled(d []float64) float64 {
	sum, n := 0.0, 0.0
	for first := 0; first < len(d); first += split / 2 {
		part := d[first:min(first+split, len(d))]
		p := 0.0
		for _, v := range part {
			p += math.Pow(v, splitPower)
		}
		p = math.Pow(p/float64(len(part)), 1/splitPower)
		sum += p * p
		n++
	}
	return math.Sqrt(sum / n)
}

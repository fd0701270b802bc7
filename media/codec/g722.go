package codec

import "math"

// G.722 at 64 kb/s (ITU-T G.722): wideband voice at 16 kHz, two samples a byte.
// A filter splits the band in two; each half is coded as the difference to what
// was predicted, 6 bits for the lower and 2 for the upper one. Any byte decodes.
//
// RFC 3551, Section 4.5.2: its RTP clock is 8000 Hz, although it samples 16000
// times a second: an error that became the rule.

// G722Encoder encodes one stream. Its zero value is not ready; see
// NewG722Encoder. It is not for concurrent use.
type G722Encoder struct {
	split [24]int
	bands [2]subband
}

// G722Decoder decodes one stream; see NewG722Decoder. It is not for concurrent
// use.
type G722Decoder struct {
	join  [24]int
	bands [2]subband
}

// The quantizer's step at the beginning (ITU-T G.722, Section 3.6: reset).
const (
	lowStep, highStep = 32, 8
)

// NewG722Encoder returns an encoder that has heard nothing.
func NewG722Encoder() *G722Encoder {
	return &G722Encoder{bands: [2]subband{{step: lowStep}, {step: highStep}}}
}

// NewG722Decoder returns a decoder that has heard nothing.
func NewG722Decoder() *G722Decoder {
	return &G722Decoder{bands: [2]subband{{step: lowStep}, {step: highStep}}}
}

// Encode encodes pairs of samples, one byte each; dst has half the length of
// pcm. It allocates nothing.
func (e *G722Encoder) Encode(dst []byte, pcm []int16) {
	for i := range dst {
		low, high := e.analyse(int(pcm[2*i]), int(pcm[2*i+1]))
		dst[i] = byte(e.bands[1].encodeHigh(high)<<6 | e.bands[0].encodeLow(low))
	}
}

// Decode decodes bytes to two samples each; pcm has twice the length of packet.
// It allocates nothing.
func (d *G722Decoder) Decode(pcm []int16, packet []byte) {
	for i, b := range packet {
		low := d.bands[0].decodeLow(int(b) & 0x3f)
		high := d.bands[1].decodeHigh(int(b) >> 6)
		pcm[2*i], pcm[2*i+1] = d.synthesise(low, high)
	}
}

// qmf is half of the symmetric filter that splits the band (ITU-T G.722, Table
// 11); the other half is the same backwards.
var qmf = [12]int{3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11}

// analyse splits two samples into one of the lower and one of the upper band.
func (e *G722Encoder) analyse(first, second int) (low, high int) {
	copy(e.split[:], e.split[2:])
	e.split[22], e.split[23] = first, second
	even, odd := convolve(&e.split)
	return (even + odd) >> 14, (even - odd) >> 14
}

// synthesise joins them again.
func (d *G722Decoder) synthesise(low, high int) (first, second int16) {
	copy(d.join[:], d.join[2:])
	d.join[22], d.join[23] = low+high, low-high
	even, odd := convolve(&d.join)
	return int16(saturate(even >> 11)), int16(saturate(odd >> 11))
}

func convolve(x *[24]int) (even, odd int) {
	for i := range 12 {
		odd += x[2*i] * qmf[i]
		even += x[2*i+1] * qmf[11-i]
	}
	return even, odd
}

// The quantizers (ITU-T G.722, Tables 3 to 10).
var (
	lowLevels = [30]int{
		0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650,
		714, 786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
	}
	lowInverse = [64]int{
		-136, -136, -136, -136, -24808, -21904, -19008, -16704,
		-14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
		-7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576,
		-3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
		24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192,
		10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
		4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032,
		1688, 1360, 1040, 728, 432, 136, -432, -136,
	}
	lowCoarse = [16]int{
		0, -20456, -12896, -8968, -6288, -4240, -2584, -1200,
		20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
	}
	highInverse = [4]int{-7408, -1616, 7408, 1616}
	lowWeights  = [16]int{-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60}
	highWeights = [4]int{798, -214, 798, -214}
	stepTable   = [32]int{
		2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
		2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
	}
)

// subband is one half of the band: its predictor, and the quantizer's step.
type subband struct {
	predicted int // what the next sample should be
	zeros     int // the part of it that the zeros predict
	r, p      [3]int
	poles     [3]int // 1 and 2 count
	d         [7]int
	b         [7]int // 1 to 6 count
	log       int    // of the step
	step      int
}

func (s *subband) encodeLow(sample int) int {
	e := saturate(sample - s.predicted)
	size := magnitude(e)
	level := 1
	for ; level < len(lowLevels); level++ {
		if size < lowLevels[level]*s.step>>12 {
			break
		}
	}
	code := lowCode(level, e < 0)
	s.adaptLow(code >> 2)
	return code
}

// lowCode is the 6 bits of a level, 1 to 30 (ITU-T G.722, Table 5).
func lowCode(level int, negative bool) int {
	switch {
	case !negative:
		return 62 - level
	case level <= 2:
		return 64 - level
	default:
		return 34 - level
	}
}

func (s *subband) decodeLow(code int) int {
	out := clamp(s.predicted+s.step*lowInverse[code]>>15, 1<<14)
	s.adaptLow(code >> 2)
	return out
}

// adaptLow takes the 4 bits that both ends have even at lower rates.
func (s *subband) adaptLow(coarse int) {
	d := s.step * lowCoarse[coarse] >> 15
	s.log = min(max(s.log*127>>7+lowWeights[coarse], 0), 18432)
	s.step = stepOf(s.log, 8)
	s.predict(d)
}

func (s *subband) encodeHigh(sample int) int {
	e := saturate(sample - s.predicted)
	code := 3 // small and positive
	if magnitude(e) >= 564*s.step>>12 {
		code = 2
	}
	if e < 0 {
		code -= 2
	}
	s.adaptHigh(code)
	return code
}

func (s *subband) decodeHigh(code int) int {
	out := clamp(s.predicted+s.step*highInverse[code]>>15, 1<<14)
	s.adaptHigh(code)
	return out
}

func (s *subband) adaptHigh(code int) {
	d := s.step * highInverse[code] >> 15
	s.log = min(max(s.log*127>>7+highWeights[code], 0), 22528)
	s.step = stepOf(s.log, 10)
	s.predict(d)
}

// stepOf is the step of a logarithm.
func stepOf(log, shift int) int {
	mantissa, exponent := stepTable[log>>6&31], shift-log>>11
	if exponent < 0 {
		return mantissa << -exponent << 2
	}
	return mantissa >> exponent << 2
}

// predict takes the quantized difference and predicts the next sample.
func (s *subband) predict(d int) {
	s.d[0] = d
	s.r[0] = saturate(s.predicted + d)
	s.p[0] = saturate(s.zeros + d)
	first, second := s.adaptPoles()
	s.adaptZeros()
	copy(s.d[1:], s.d[:6])
	copy(s.r[1:], s.r[:2])
	copy(s.p[1:], s.p[:2])
	s.poles[1], s.poles[2] = first, second
	s.zeros = 0
	for i := 1; i <= 6; i++ {
		s.zeros += s.b[i] * saturate(2*s.d[i]) >> 15
	}
	s.zeros = saturate(s.zeros)
	byPoles := first*saturate(2*s.r[1])>>15 + second*saturate(2*s.r[2])>>15
	s.predicted = saturate(saturate(byPoles) + s.zeros)
}

// adaptPoles are the next coefficients (ITU-T G.722, UPPOL1 and UPPOL2).
func (s *subband) adaptPoles() (first, second int) {
	same1, same2 := (s.p[0] < 0) == (s.p[1] < 0), (s.p[0] < 0) == (s.p[2] < 0)
	w := saturate(4 * s.poles[1])
	if same1 {
		w = -w
	}
	w = min(w, math.MaxInt16) >> 7
	if same2 {
		w += 128
	} else {
		w -= 128
	}
	second = clampBoth(w+s.poles[2]*32512>>15, 12288)
	w = -192
	if same1 {
		w = 192
	}
	limit := saturate(15360 - second)
	return clampBoth(saturate(w+s.poles[1]*32640>>15), limit), second
}

// adaptZeros moves the other coefficients (UPZERO).
func (s *subband) adaptZeros() {
	w := 128
	if s.d[0] == 0 {
		w = 0
	}
	for i := 1; i <= 6; i++ {
		step := -w
		if (s.d[i] < 0) == (s.d[0] < 0) {
			step = w
		}
		s.b[i] = saturate(step + s.b[i]*32640>>15)
	}
}

// magnitude is the size of a difference, one less for negative ones.
func magnitude(e int) int {
	if e < 0 {
		return -(e + 1)
	}
	return e
}

func saturate(v int) int         { return min(max(v, math.MinInt16), math.MaxInt16) }
func clamp(v, limit int) int     { return min(max(v, -limit), limit-1) }
func clampBoth(v, limit int) int { return min(max(v, -limit), limit) }

package media

import (
	"math"
	"slices"
	"time"

	"karat/media/codec"
	"karat/media/device"
	"karat/media/jitter"
	"karat/media/stretch"
)

// player is the way from the playout buffer to the speaker. Only the speaker's thread
// uses it, while it plays.
type player struct {
	decoder *codec.Decoder
	phone   *telephoneDecoder // nil: the voice is Opus
	payload [jitter.MaxPayload]byte
	decoded [codec.MaxSamples]int16
	// waiting holds what was decoded and not played: up to a block less one
	// sample, and then one more packet, made longer.
	waiting [device.FrameSamples + 2*codec.MaxSamples]int16
	n       int
	meter   meter
}

// fill makes what the speaker is about to play.
func (s *Stream) fill(samples []int16) { s.nextBlock(time.Now(), samples) }

// nextBlock makes the next block of what the peer says, of 20 ms at most.
func (s *Stream) nextBlock(now time.Time, block []int16) {
	p := &s.play
	s.in.mu.Lock()
	s.in.buffer.Tick(now, len(block))
	s.in.mu.Unlock()
	for p.n < len(block) {
		s.in.mu.Lock()
		act := s.in.buffer.Next(now, p.n, p.payload[:])
		s.in.mu.Unlock()
		p.do(act)
	}
	copy(block, p.waiting[:p.n])
	p.n = copy(p.waiting[:], p.waiting[len(block):p.n])
	s.counters.level.Store(p.meter.bits(block))
}

// do carries out what the playout buffer decided.
func (p *player) do(act jitter.Action) {
	switch act.Kind {
	case jitter.Play:
		if p.turnTo(Codec(act.Format)) {
			n := p.phone.decode(p.decoded[:], p.payload[:act.Size])
			p.append(p.decoded[:n])
			p.approach(act)
			return
		}
		n, err := p.decoder.Decode(&p.decoded, p.payload[:act.Size])
		if err != nil {
			p.conceal(act.Samples) // genuine, but not Opus
			return
		}
		p.append(p.decoded[:n])
		p.approach(act)
	case jitter.Recover:
		if Codec(act.Format) != Opus || p.phone != nil {
			p.conceal(act.Samples)
			return
		}
		if err := p.decoder.Recover(p.decoded[:act.Samples], p.payload[:act.Size]); err != nil {
			p.conceal(act.Samples)
			return
		}
		p.append(p.decoded[:act.Samples])
	case jitter.Conceal:
		p.conceal(act.Samples)
	case jitter.Wait:
		p.silence(act.Samples)
	}
}

// turnTo takes up the codec of a payload; true if it is one of the telephone's.
func (p *player) turnTo(c Codec) bool {
	switch {
	case c == Opus || c >= codecs:
		p.phone = nil
	case p.phone == nil || p.phone.codec != c:
		p.phone = newTelephoneDecoder(c)
	}
	return p.phone != nil
}

// approach makes what waits a little shorter or longer, to come to the delay that
// is aimed at.
func (p *player) approach(act jitter.Action) {
	switch {
	case act.Surplus > 0:
		p.n = stretch.Shorten(p.waiting[:p.n], act.Surplus, act.Hurry)
	case act.Surplus < 0:
		p.n = stretch.Lengthen(p.waiting[:], p.n, act.Hurry)
	}
}

func (p *player) append(samples []int16) { p.n += copy(p.waiting[p.n:], samples) }

// conceal makes up samples, at most 20 ms at a time.
func (p *player) conceal(n int) {
	const most = codec.SampleRate / 50
	for n > 0 {
		step := min(n, most)
		if p.phone != nil {
			p.phone.conceal(p.decoded[:step])
			p.append(p.decoded[:step])
			n -= step
			continue
		}
		if err := p.decoder.Conceal(p.decoded[:step]); err != nil {
			p.silence(n)
			return
		}
		p.append(p.decoded[:step])
		n -= step
	}
}

func (p *player) silence(n int) {
	n = min(n, len(p.waiting)-p.n)
	clear(p.waiting[p.n : p.n+n])
	p.n += n
}

func (p *player) wipe() {
	if p.phone != nil {
		p.phone.wipe()
	}
	clear(p.payload[:])
	clear(p.decoded[:])
	clear(p.waiting[:])
}

// meterBlocks is a second.
const meterBlocks = device.SampleRate / device.FrameSamples

// meter tells the peak of the last second.
type meter struct {
	peaks [meterBlocks]uint16 // of 20 ms each
	next  int                 // the one that is being made
	n     int                 // its samples so far
}

// silentLevelDB stands for digital zero.
const silentLevelDB = -120.0

var silentLevel = math.Float64bits(silentLevelDB)

// bits is the level that add returns, as an atomic number takes it.
func (m *meter) bits(block []int16) uint64 { return math.Float64bits(m.add(block)) }

// add takes a block of 20 ms at most and returns the level in dBFS.
func (m *meter) add(block []int16) float64 {
	if m.n >= device.FrameSamples {
		m.n, m.next = 0, (m.next+1)%meterBlocks
		m.peaks[m.next] = 0
	}
	for _, v := range block {
		m.peaks[m.next] = max(m.peaks[m.next], uint16(max(int32(v), -int32(v))))
	}
	m.n += len(block)
	peak := slices.Max(m.peaks[:])
	if peak == 0 {
		return silentLevelDB
	}
	return 20 * math.Log10(float64(peak)/32768)
}

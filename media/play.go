package media

import (
	"math"
	"time"

	"karat/media/codec"
	"karat/media/device"
	"karat/media/jitter"
)

// player is the way from the playout buffer to the speaker. Only its goroutine
// uses it.
type player struct {
	decoder *codec.Decoder
	payload [jitter.MaxPayload]byte
	decoded [codec.MaxSamples]int16
	// waiting holds what was decoded and not played, up to a frame less one
	// sample and then one more packet. Packets need not be of 20 ms.
	waiting [device.FrameSamples + codec.MaxSamples]int16
	n       int
	meter   meter
}

// player fills the speaker, at the pace of the speaker.
func (s *Stream) player() {
	var f device.Frame
	defer s.play.wipe()
	for {
		select {
		case <-s.closing:
			return
		default:
		}
		s.nextFrame(time.Now(), &f)
		if err := s.cfg.Device.Write(&f); err != nil {
			s.fail("the speaker ended", err)
			return
		}
	}
}

// nextFrame makes the next 20 ms of what the peer says.
func (s *Stream) nextFrame(now time.Time, f *device.Frame) {
	p := &s.play
	for p.n < len(f) {
		ahead := time.Duration(p.n) * time.Second / device.SampleRate
		s.in.mu.Lock()
		act := s.in.buffer.Next(now.Add(ahead), p.payload[:])
		s.in.mu.Unlock()
		p.do(act)
	}
	copy(f[:], p.waiting[:p.n])
	p.n = copy(p.waiting[:], p.waiting[len(f):p.n])
	s.counters.level.Store(math.Float64bits(p.meter.add(f)))
}

// do carries out what the playout buffer decided.
func (p *player) do(act jitter.Action) {
	switch act.Kind {
	case jitter.Play:
		n, err := p.decoder.Decode(&p.decoded, p.payload[:act.Size])
		if err == nil {
			p.append(p.decoded[:n])
			return
		}
		p.conceal(act.Samples) // genuine, but not Opus
	case jitter.Conceal:
		p.conceal(act.Samples)
	case jitter.Wait:
		p.silence(act.Samples)
	}
}

func (p *player) append(samples []int16) { p.n += copy(p.waiting[p.n:], samples) }

// conceal makes up samples, a frame at a time.
func (p *player) conceal(n int) {
	for n > 0 {
		step := min(n, device.FrameSamples)
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
	clear(p.payload[:])
	clear(p.decoded[:])
	clear(p.waiting[:])
}

// meterFrames is a second.
const meterFrames = 50

// meter tells the peak of the last second.
type meter struct {
	peaks [meterFrames]uint16
	next  int
}

// silentLevelDB stands for digital zero.
const silentLevelDB = -120.0

var silentLevel = math.Float64bits(silentLevelDB)

// add takes a frame and returns the level in dBFS.
func (m *meter) add(f *device.Frame) float64 {
	var peak uint16
	for _, v := range f {
		peak = max(peak, uint16(max(int32(v), -int32(v))))
	}
	m.peaks[m.next] = peak
	m.next = (m.next + 1) % meterFrames
	for _, p := range m.peaks {
		peak = max(peak, p)
	}
	if peak == 0 {
		return silentLevelDB
	}
	return 20 * math.Log10(float64(peak)/32768)
}

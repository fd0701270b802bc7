package media

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/srtp/v3"

	"karat/media/codec"
	"karat/media/device"
	"karat/media/path"
)

const (
	// captureLead is how long after Start the first frame is encoded: a quarter
	// of a frame after it was captured. It is sent a tick later.
	captureLead = frameTime + frameTime/4
	// oversleep is how late a tick may be (a machine that slept) before the
	// missed ones are given up instead of sent in a burst.
	oversleep = 5 * frameTime
)

// sender is the way from the microphone to the path.
type sender struct {
	mic micQueue

	// The sender's goroutine alone uses these.
	encoder *codec.Encoder
	tone    roomTone
	frame   device.Frame
	next    encoded
	spoken  bool // the encoder heard the microphone since its last reset

	mu      sync.Mutex // guards what follows; held while a packet leaves
	seal    sealer
	fork    path.Fork
	muted   bool
	paused  bool // the peer wants no voice: none is sent, its time passes
	stopped bool
	ready   encoded                 // leaves at the next tick
	spare   [codec.PacketBytes]byte // room tone, in place of a voice frame muted too late
	reports reporter
}

// encoded is one encoded frame, and whether there is voice in it.
type encoded struct {
	payload [codec.PacketBytes]byte
	voice   bool
}

func (o *sender) init(e *codec.Encoder, tone roomTone) {
	o.encoder, o.tone = e, tone
	o.muted = true
}

func (o *sender) arm(ctx *srtp.Context, ssrc uint32, p Parameters, clock reporter) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seal.init(ctx, ssrc, p.SendPT)
	o.reports = clock
}

func (o *sender) renegotiate(p Parameters) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seal.header.PayloadType = p.SendPT
}

// prepare encodes the spare frame of room tone, before the goroutine runs.
func (o *sender) prepare() error {
	clear(o.frame[:])
	o.tone.addTo(&o.frame)
	return o.encoder.Encode(&o.spare, (*[codec.FrameSamples]int16)(&o.frame))
}

func (o *sender) start(fork path.Fork) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fork = fork
}

func (o *sender) mute(muted bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.muted = muted
}

func (o *sender) pause(paused bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.paused = paused
}

func (o *sender) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = true
}

func (o *sender) disarm() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seal.ctx = nil
	o.ready = encoded{}
	o.mic.wipe()
	clear(o.frame[:])
}

// microphone reads frames until Stop.
func (s *Stream) microphone() {
	var f device.Frame
	defer clear(f[:])
	for {
		if err := s.cfg.Device.Read(&f); err != nil {
			s.fail("the microphone ended", err)
			return
		}
		select {
		case <-s.stopping:
			return
		default:
		}
		s.out.mic.push(&f)
	}
}

// sender sends on ticks of its own, absolute ones. At each it sends the frame
// that was made ready at the last, then makes the next one ready: how long
// encoding takes, which tells speech from silence, moves no packet.
func (s *Stream) sender() {
	next := time.Now().Add(captureLead)
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	for tick := int64(-1); ; tick++ {
		select {
		case <-s.stopping:
			return
		case <-timer.C:
		}
		if tick >= 0 {
			if err := s.transmit(tick); err != nil {
				s.fail("send", err)
				return
			}
		}
		if err := s.out.makeReady(); err != nil {
			s.fail("encode", err)
			s.out.giveUpFrame()
		}
		next = next.Add(frameTime)
		if late := time.Since(next); late > oversleep {
			missed := int64(late / frameTime)
			next = next.Add(time.Duration(missed) * frameTime)
			s.out.pass(missed)
		}
		timer.Reset(time.Until(next))
	}
}

// transmit sends what is due at a tick. An error means that nothing more can
// be sent; a packet that the path refused is only counted.
func (s *Stream) transmit(tick int64) error {
	o := &s.out
	report := s.reportDue(tick)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stopped {
		return nil
	}
	if o.paused {
		o.seal.pass(1)
	} else {
		b, err := o.sealReady()
		if err != nil {
			return err
		}
		s.emit(b, &s.counters.sent)
	}
	if report == nil {
		return nil
	}
	b, err := o.sealReport(report)
	if err != nil {
		return err
	}
	s.emit(b, &s.counters.reports)
	return nil
}

// emit hands a packet to the path. The caller holds out.mu.
func (s *Stream) emit(b []byte, count *atomic.Uint64) {
	if err := s.cfg.Path.Send(s.out.fork, b); err != nil {
		count = &s.counters.sendFailed
	}
	count.Add(1)
}

// sealReady seals the frame that is ready, or the spare one if it is of voice
// and the microphone was muted since. The caller holds mu.
func (o *sender) sealReady() ([]byte, error) {
	payload := &o.ready.payload
	if o.muted && o.ready.voice {
		payload = &o.spare
	}
	b, err := o.seal.seal(payload)
	o.seal.pass(1)
	return b, err
}

// pass lets the time of frames go by that are not sent.
func (o *sender) pass(frames int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seal.pass(frames)
}

// makeReady encodes the frame of the next tick: what was captured over room
// tone, or room tone alone. There is tone in it always, for a microphone may
// give digital zero, and that shows.
func (o *sender) makeReady() error {
	muted := o.isMuted()
	voice := o.mic.pop(&o.frame) && !muted
	if !voice {
		clear(o.frame[:])
	}
	if muted && o.spoken {
		// Codecs look back: without this the first muted packets would still
		// carry what was said last.
		if err := o.encoder.Reset(); err != nil {
			return err
		}
		o.spoken = false
	}
	o.spoken = o.spoken || voice
	o.tone.addTo(&o.frame)
	if err := o.encoder.Encode(&o.next.payload, (*[codec.FrameSamples]int16)(&o.frame)); err != nil {
		return err
	}
	o.next.voice = voice
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ready = o.next
	return nil
}

func (o *sender) isMuted() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.muted
}

// giveUpFrame puts room tone where a frame could not be encoded.
func (o *sender) giveUpFrame() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ready = encoded{payload: o.spare}
}

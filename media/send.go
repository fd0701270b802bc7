package media

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/srtp/v3"

	"karat/media/codec"
	"karat/media/device"
	"karat/media/path"
	"karat/media/profile"
)

const (
	// lead is how long before it leaves a packet is encoded. It is beyond the
	// 99.9th percentile of what encoding takes, so that how long that took, which
	// tells speech from silence, moves no packet.
	lead = 5 * time.Millisecond
	// settle is how long after a block of the microphone the first packet is
	// encoded: so much may later blocks be late.
	settle = 2 * time.Millisecond
	// patience is how long the first packet waits for the microphone.
	patience = 200 * time.Millisecond
	// oversleep is how late a tick may be (a machine that slept) before the
	// missed ones are given up instead of sent in a burst.
	oversleep = 100 * time.Millisecond
)

// sender is the way from the microphone to the path.
type sender struct {
	mic     capture
	profile *profile.Profile
	clock   clock
	period  time.Duration // of packets, by the machine's clock
	between atomic.Bool   // the peer is a Karat too
	asked   atomic.Uint32 // the profile.Care that the peer wants
	asks    atomic.Uint32 // and that we want of it
	effort  *Effort

	// The sender's goroutine alone uses these.
	encoder *codec.Encoder
	tone    roomTone
	sound   [profile.MaxSamples]int16
	phone   *telephoneEncoder // nil: Opus so far
	next    encoded
	shape   shape // of what the encoder makes
	hurried bool  // the encoder takes less trouble
	spoken  bool  // the encoder heard the microphone since its last reset

	mu      sync.Mutex // guards what follows; held while a packet leaves
	seal    sealer
	fork    path.Fork
	muted   bool
	paused  bool // the peer wants no voice: none is sent, its time passes
	stopped bool
	ready   encoded                  // leaves at the next tick
	earlier [profile.MaxBack]encoded // left before it, the last one first
	row     int                      // how many left since some were given up
	repair  [profile.MaxRepair]byte
	spare   [4 + codecs - 1]encoded // room tone of each shape, in place of a voice frame muted too late
	reports reporter
	level   atomic.Uint64 // of the microphone; bits of a float64

	keys      keypad
	eventPT   uint8
	eventRate int
}

// encoded is one encoded frame, and whether there is voice in it.
type encoded struct {
	shape
	bytes [maxPayload]byte
	voice bool
}

func (e *encoded) frame() []byte { return e.bytes[:e.size] }

// shape is of a frame: that of a whole payload, or of a mix between Karats.
type shape struct {
	size    int // 0: there is no frame
	between bool
	care    profile.Care
	codec   Codec
}

// shapeOf is the shape for a peer that asks for so much care.
func (o *sender) shapeOf(between bool, care profile.Care) shape {
	if !between {
		return shape{o.profile.Bytes, false, care, Opus}
	}
	return shape{o.profile.Mix(care).Frame, true, care, Opus}
}

// wanted is the shape for a codec, and with Opus for a peer that asks for so much
// care.
func (o *sender) wanted(c Codec) shape {
	if c != Opus {
		return shape{size: o.bytes(c), codec: c}
	}
	return o.shapeOf(o.between.Load(), profile.Care(o.asked.Load()))
}

// bytes is the size of a payload.
func (o *sender) bytes(c Codec) int {
	if c == Opus {
		return o.profile.Bytes
	}
	return o.profile.Samples / perTick
}

// setShape tells the encoder. Between Karats repairs are better than Opus's own
// redundancy; another phone has that alone.
func (o *sender) setShape(s shape) error {
	o.shape = s
	if s.codec != Opus {
		if o.phone == nil || o.phone.codec != s.codec {
			o.phone = newTelephoneEncoder(s.codec)
		}
		return nil
	}
	return o.encoder.SetSize(s.size, !s.between && s.care != profile.Least)
}

func (o *sender) init(p *profile.Profile, tone roomTone) error {
	e, err := codec.NewEncoder(p.Samples, p.Bytes, true)
	if err != nil {
		return err
	}
	o.encoder, o.profile, o.tone = e, p, tone
	o.shape = o.shapeOf(false, profile.Some)
	o.asked.Store(uint32(profile.Some))
	o.asks.Store(uint32(profile.Some))
	o.muted = true
	o.clock = newClock()
	o.period = o.clock.lasts(time.Duration(p.Samples) * time.Second / codec.SampleRate)
	o.mic.init(p.Samples, float64(o.clock.skew)/1e9)
	o.level.Store(silentLevel)
	return nil
}

func (o *sender) arm(ctx *srtp.Context, ssrc uint32, p Parameters, reports reporter) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seal.init(ctx, ssrc, p)
	o.reports = reports
	o.eventPT, o.eventRate = p.EventPT, p.EventRate
}

func (o *sender) inClear() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seal.clear = true
}

func (o *sender) press(codes []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.eventRate == 0 {
		return ErrNoEvents
	}
	return o.keys.press(codes)
}

func (o *sender) renegotiate(p Parameters) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seal.header.PayloadType, o.seal.codec = p.SendPT, p.Codec
	o.eventPT, o.eventRate = p.EventPT, p.EventRate
}

// prepare encodes the spare frames of room tone, before the goroutine runs.
func (o *sender) prepare() error {
	frame := o.sound[:o.profile.Samples]
	o.tone.fill(frame)
	for i, shape := range [...]shape{
		o.wanted(G722), o.wanted(PCMU), o.wanted(PCMA), o.shapeOf(true, profile.Most), o.shapeOf(true, profile.Some), o.shapeOf(true, profile.Least), o.shapeOf(false, profile.Some),
	} {
		if err := o.setShape(shape); err != nil {
			return err
		}
		o.spare[i].shape = shape
		if err := o.encode(o.spare[i].frame(), frame); err != nil {
			return err
		}
	}
	return nil
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
	o.seal.ctx, o.seal.clear = nil, false
	o.ready, o.next = encoded{}, encoded{}
	clear(o.earlier[:])
	clear(o.repair[:])
	clear(o.seal.plain[:])
	o.mic.wipe()
	clear(o.sound[:])
	if o.phone != nil {
		o.phone.reset()
	}
	o.tone.room.forget()
}

// microphone reads blocks until Stop.
func (s *Stream) microphone() {
	var f device.Frame
	var m meter
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
		s.out.level.Store(m.bits(f[:]))
		s.out.mic.push(time.Now(), f[:])
	}
}

// sender sends on ticks of its own, absolute ones. A little before each it encodes
// what was captured by then.
func (s *Stream) sender() {
	s.out.effort.join()
	defer s.out.effort.leave()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-s.stopping:
		return
	case <-s.out.mic.begun:
	case <-timer.C:
	}
	s.out.mic.begin()
	next := time.Now().Add(settle)
	for tick := int64(0); ; tick++ {
		if !s.sleep(timer, next) {
			return
		}
		if err := s.out.makeReady(time.Now()); err != nil {
			s.fail("encode", err)
			s.out.giveUpFrame()
		}
		if !s.sleep(timer, next.Add(lead)) {
			return
		}
		if err := s.transmit(tick); err != nil {
			s.fail("send", err)
			return
		}
		next = next.Add(s.out.period - s.out.mic.move())
		if late := time.Since(next); late > oversleep {
			missed := int64(late / s.out.period)
			next = next.Add(time.Duration(missed) * s.out.period)
			s.out.pass(missed)
		}
	}
}

// sleep waits until a time; false when the stream is stopped.
func (s *Stream) sleep(timer *time.Timer, until time.Time) bool {
	timer.Reset(time.Until(until))
	select {
	case <-s.stopping:
		return false
	case <-timer.C:
		return true
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
		o.seal.pass(int64(o.profile.Samples))
		o.breakRow()
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

// sealReady seals the frame that is ready, with the copy of an earlier one. The
// caller holds mu.
func (o *sender) sealReady() ([]byte, error) {
	p := o.profile
	if e, ok := o.keys.next(o.seal.header.Timestamp, o.eventRate, p.Samples); ok {
		b, err := o.seal.sealEvent(e, o.eventPT)
		o.sentFrame(&encoded{})
		o.seal.pass(int64(p.Samples))
		return b, err
	}
	if o.muted && o.ready.voice {
		o.ready = *o.spareOf(o.ready.shape)
	}
	if o.ready.codec != o.seal.codec { // encoded just before that changed
		o.ready = *o.spareOf(shape{size: o.bytes(o.seal.codec), codec: o.seal.codec})
	}
	size := o.bytes(o.seal.codec)
	payload := o.seal.payload(size)
	if o.ready.between {
		p.Join(payload, &profile.Payload{
			Asks:   profile.Care(o.asks.Load()),
			Mix:    o.ready.care,
			Frame:  o.ready.frame(),
			Repair: o.repairOf(),
		})
	} else {
		copy(payload, o.ready.frame())
	}
	o.sentFrame(&o.ready)
	b, err := o.seal.seal(size)
	o.seal.pass(int64(p.Samples))
	return b, err
}

// sentFrame notes what left in a packet. The caller holds mu.
func (o *sender) sentFrame(e *encoded) {
	copy(o.earlier[1:], o.earlier[:])
	o.earlier[0] = *e
	o.row++
}

// breakRow notes that the time of a packet passed and none left: before and after it
// numbers and times do not go together. Until as many have left as repairs are of,
// there are none: the peer would take what it has from before for part of them. The
// caller holds mu.
func (o *sender) breakRow() {
	clear(o.earlier[:])
	o.row = 0
}

// spareOf is room tone of a shape.
func (o *sender) spareOf(s shape) *encoded {
	for i := range o.spare {
		if o.spare[i].size == s.size && o.spare[i].codec == s.codec {
			return &o.spare[i]
		}
	}
	return &encoded{}
}

// repairOf is the repair that goes with the frame that is ready; nil for none: its
// mix has none, or too little was sent before, or no earlier frame had that mix, or one
// of them holds voice from before the microphone was muted. The caller holds mu.
func (o *sender) repairOf() []byte {
	care := o.ready.care
	repair := o.repair[:o.profile.Mix(care).Repair]
	if len(repair) == 0 || o.row < len(o.earlier) {
		return nil
	}
	spoken := false
	some := o.profile.Repair(repair, o.seal.number(), care, func(back int) []byte {
		e := &o.earlier[back-1]
		if !e.between || e.care != care {
			return nil
		}
		spoken = spoken || e.voice && o.muted
		return e.frame()
	})
	if !some || spoken {
		return nil
	}
	return repair
}

// pass lets the time of packets go by that are not sent.
func (o *sender) pass(packets int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seal.pass(packets * int64(o.profile.Samples))
	o.breakRow()
}

// makeReady encodes the frame of the next tick: what was captured over room
// tone, or room tone alone. There is tone in it always, for a microphone may
// give digital zero, and that shows.
func (o *sender) makeReady(now time.Time) error {
	frame := o.sound[:o.profile.Samples]
	muted, codec := o.isMuted()
	voice := o.mic.pull(now, frame) > 0
	if voice {
		o.tone.room.listen(frame)
	}
	voice = voice && !muted
	if err := o.reshape(muted, codec); err != nil {
		return err
	}
	o.spoken = o.spoken || voice
	if voice {
		o.tone.addTo(frame)
	} else {
		o.tone.fill(frame)
	}
	o.next.shape, o.next.voice = o.shape, voice
	if err := o.encode(o.next.frame(), frame); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ready = o.next
	return nil
}

// encode encodes a frame in the present shape.
func (o *sender) encode(dst []byte, frame []int16) error {
	if o.shape.codec != Opus {
		return o.phone.encode(dst, frame)
	}
	return o.encoder.Encode(dst, frame)
}

// reshape turns to the shape that was agreed on and the peer asks for, and to the
// trouble that there is time for, and has the encoder forget what was said when the
// microphone was closed.
func (o *sender) reshape(muted bool, c Codec) error {
	if crowded := o.effort.crowded(); crowded != o.hurried {
		if err := o.encoder.Hurry(crowded); err != nil {
			return err
		}
		o.hurried = crowded
	}
	if want := o.wanted(c); want != o.shape {
		if err := o.setShape(want); err != nil {
			return err
		}
	}
	if muted && o.spoken {
		// Codecs look back: without this the first muted packets would still
		// carry what was said last.
		if err := o.encoder.Reset(); err != nil {
			return err
		}
		if o.phone != nil {
			o.phone.reset()
		}
		o.spoken = false
	}
	return nil
}

// isMuted also tells how the next frame is to be coded.
func (o *sender) isMuted() (bool, Codec) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.muted, o.seal.codec
}

// giveUpFrame puts room tone where a frame could not be encoded.
func (o *sender) giveUpFrame() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ready = *o.spareOf(o.shape)
}

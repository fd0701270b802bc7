package media

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"karat/media/codec"
	"karat/media/jitter"
	"karat/media/path"
	"karat/media/profile"
)

const (
	// maxSources bounds the SSRCs that one set of keys is heard with. A phone
	// has one; some take a new one when the call is held and resumed. Each
	// costs a replay list.
	maxSources = 8
	// strangersPerSecond is how many packets of sources that were never heard, and
	// that do not come from where the peer is, are tried: each costs as much as a
	// genuine one, and anybody can send any number.
	strangersPerSecond = 1000
	// maxOpened is the size of the buffer for decrypted packets.
	maxOpened = path.MaxDatagram
)

// receiver is the way from the path to the playout buffer.
type receiver struct {
	mu      sync.Mutex // guards what follows
	ctx     *srtp.Context
	clear   bool // nothing is proven: ArmClear
	params  Parameters
	fork    path.Fork
	latched netip.AddrPort // the last address that proved genuine
	heard   bool

	self    uint32       // our SSRC, and
	clock   reporter     // our clock, for what the peer reports on us
	sources knownSources // of RTP
	reports knownSources // of RTCP
	source  source       // the one that is played
	ear     keyEar
	total   struct{ received, lost uint64 } // of the sources before it
	buffer  *jitter.Buffer
	repairs profile.Repairer
	asker   profile.Asker
	// Strangers tried since that time.
	strangers      int
	strangersSince time.Time
	shaped         bool // payloads of the shape between Karats came
	header         rtp.Header
	control        rtcp.Header
	packet         rtp.Packet
	opened         [maxOpened]byte
}

func (r *receiver) init() { r.buffer, r.asker = jitter.New(), profile.NewAsker() }

func (r *receiver) arm(ctx *srtp.Context, p Parameters, self uint32, clock reporter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ctx, r.params = ctx, p
	r.self, r.clock = self, clock
}

func (r *receiver) inClear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clear = true
}

func (r *receiver) renegotiate(p Parameters) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.params = p
}

// start tells which fork the keys belong to, and returns the address that
// proved genuine before that was known.
func (r *receiver) start(fork path.Fork) (netip.AddrPort, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fork = fork
	return r.latched, r.latched.IsValid()
}

func (r *receiver) disarm() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ctx, r.clear = nil, false
	r.buffer.Reset()
	r.repairs.Wipe()
	clear(r.opened[:])
}

// receive takes one datagram and tells whether it was genuine.
func (s *Stream) receive(now time.Time, fork path.Fork, from netip.AddrPort, b []byte) bool {
	r := &s.in
	r.mu.Lock()
	var moved bool
	v := r.open(now, from, b)
	if v.newest {
		moved, r.latched = r.latched != from, from
		if r.fork != 0 {
			fork = r.fork
		}
		if !r.heard {
			r.heard = true
			close(s.heard)
		}
	}
	r.mu.Unlock()
	s.count(v)
	if v.pressed {
		select {
		case s.pressed <- v.key:
		default:
		}
	}
	if moved && fork != 0 {
		s.cfg.Path.Authenticated(fork, from)
	}
	return v.genuine()
}

// verdict is what became of a datagram.
type verdict struct {
	outcome outcome
	newest  bool          // it is ahead of all others, so its address is the peer's
	rtt     time.Duration // measured by it, else 0
	karat   bool          // it says that the peer is a Karat
	ask     careWanted    // what it shows that we should ask of the peer,
	asked   careWanted    // and what the peer asks of us
	key     byte          // a key of a telephone,
	pressed bool          // if one was pressed
}

func (v verdict) genuine() bool { return v.outcome >= ignored }

// careWanted is a profile.Care, if it is known.
type careWanted struct {
	care  profile.Care
	known bool
}

// store keeps it where the sender looks.
func (c careWanted) store(at *atomic.Uint32) {
	if c.known {
		at.Store(uint32(c.care))
	}
}

// outcome is ordered: ignored and above are genuine.
type outcome uint8

const (
	early outcome = iota // no keys yet
	forged
	replayed
	ignored
	taken
)

func (s *Stream) count(v verdict) {
	switch v.outcome {
	case early:
		s.counters.early.Add(1)
	case forged:
		s.counters.unauthenticated.Add(1)
	case replayed:
		s.counters.replayed.Add(1)
	case ignored:
		s.counters.ignored.Add(1)
	case taken:
	}
	if v.rtt > 0 {
		s.counters.rtt.Store(int64(v.rtt))
	}
	if v.karat {
		s.out.between.Store(true)
	}
	v.ask.store(&s.out.asks)
	v.asked.store(&s.out.asked)
}

// open decrypts a datagram and uses it. The caller holds mu.
func (r *receiver) open(now time.Time, from netip.AddrPort, b []byte) verdict {
	switch {
	case r.clear:
		return r.openClear(now, b)
	case r.ctx == nil:
		return verdict{outcome: early}
	case isRTCP(b):
		return r.openReport(now, b)
	}
	if _, err := r.header.Unmarshal(b); err != nil || len(b) > maxOpened {
		return verdict{outcome: forged}
	}
	if !r.sources.room(r.header.SSRC) || !r.sources.has(r.header.SSRC) && !r.admits(now, from) {
		return verdict{outcome: forged}
	}
	opened, err := r.ctx.DecryptRTP(r.opened[:0], b, &r.header)
	if err != nil {
		return verdict{outcome: refusal(err)}
	}
	if err := r.packet.Unmarshal(opened); err != nil {
		return verdict{outcome: ignored}
	}
	return r.takeVoice(now)
}

// openClear uses a packet that nothing proves: its address is not followed. The
// caller holds mu.
func (r *receiver) openClear(now time.Time, b []byte) verdict {
	if isRTCP(b) || len(b) > maxOpened || r.packet.Unmarshal(b) != nil || !r.sources.room(r.packet.SSRC) {
		return verdict{outcome: ignored}
	}
	v := r.takeVoice(now)
	v.newest = false
	return v
}

// admits tells whether a packet of a source that was never heard is tried. The
// caller holds mu.
func (r *receiver) admits(now time.Time, from netip.AddrPort) bool {
	if from == r.latched || !r.heard {
		return true
	}
	if now.Sub(r.strangersSince) >= time.Second {
		r.strangersSince, r.strangers = now, 0
	}
	r.strangers++
	return r.strangers <= strangersPerSecond
}

// isRTCP tells RTCP from RTP on one port.
//
// RFC 5761, Section 4: payload types 64..95 are not used for RTP, so that the
// second byte of RTCP, 192..223, is free.
func isRTCP(b []byte) bool { return len(b) >= 2 && b[1] >= 192 && b[1] <= 223 }

// refusal tells a forged packet from a repeated one. pion/srtp looks into the
// replay list before it checks the tag, and names only the latter failure.
func refusal(err error) outcome {
	if errors.Is(err, srtp.ErrFailedToVerifyAuthTag) {
		return forged
	}
	return replayed
}

// takeVoice uses the genuine packet in r.packet. The caller holds mu.
func (r *receiver) takeVoice(now time.Time) verdict {
	h := &r.packet.Header
	if !r.sources.has(h.SSRC) {
		r.sources.add(h.SSRC)
		r.total.received += uint64(r.source.received)
		r.total.lost += uint64(r.source.lost())
		r.source, r.ear = source{ssrc: h.SSRC}, keyEar{}
		r.buffer.Reset()
		r.repairs.Wipe()
	}
	// Only a source that was never heard takes over: two that alternate would
	// tear the playout buffer at each packet.
	if h.SSRC != r.source.ssrc {
		return verdict{outcome: ignored}
	}
	c, known := r.params.codecOf(h.PayloadType)
	if known {
		r.source.perTick = c.perTick()
	}
	event := h.Timestamp
	// In our samples from here on; that goes on without a gap where it wraps.
	h.Timestamp *= max(r.source.perTick, 1)
	ahead := r.source.note(now, h.SequenceNumber, h.Timestamp)
	v := verdict{outcome: ignored, newest: ahead > 0, ask: careWanted{r.asker.Hear(ahead), true}}
	if r.params.EventRate > 0 && h.PayloadType == r.params.EventPT {
		v.key, v.pressed = r.ear.hear(event, r.packet.Payload)
		return v
	}
	switch {
	case !known:
		return v // comfort noise, garbage
	case c != Opus:
		return v.when(r.putTelephone(now, c, h, r.packet.Payload))
	}
	// Without rtcp-mux nothing was announced.
	if p, payload, ok := profile.Split(r.packet.Payload); ok && r.params.RTCPMux {
		r.shaped, v.asked = true, careWanted{payload.Asks, true}
		ok = r.putShaped(now, p, h, &payload)
		return v.when(ok)
	}
	n, err := codec.Samples(r.packet.Payload)
	if err != nil {
		return v
	}
	r.put(now, h, n, r.packet.Payload)
	return v.when(true)
}

// when says that the packet was taken, if it was.
func (v verdict) when(ok bool) verdict {
	if ok {
		v.outcome = taken
	}
	return v
}

// putTelephone gives a payload of the telephone network to the playout buffer; false
// if it is none. The caller holds mu.
func (r *receiver) putTelephone(now time.Time, c Codec, h *rtp.Header, payload []byte) bool {
	if len(payload) == 0 || len(payload) > maxTelephone {
		return false
	}
	r.buffer.PutAs(c.format(), now, h.SequenceNumber, h.Timestamp, len(payload)*perTick, payload)
	return true
}

// put gives an Opus packet to the playout buffer. The caller holds mu.
func (r *receiver) put(now time.Time, h *rtp.Header, samples int, packet []byte) {
	r.buffer.Put(now, h.SequenceNumber, h.Timestamp, samples, packet)
	if codec.Redundant(packet) {
		r.buffer.Expect(now, h.SequenceNumber-1, h.Timestamp-uint32(samples))
	}
}

// putShaped gives what came in a payload between Karats to the playout buffer, and
// the lost packets that it gives back; false if there is no Opus in it. The caller
// holds mu.
func (r *receiver) putShaped(now time.Time, p *profile.Profile, h *rtp.Header, payload *profile.Payload) bool {
	if n, err := codec.Samples(payload.Frame); err != nil || n != p.Samples {
		return false
	}
	r.put(now, h, p.Samples, payload.Frame)
	r.repairs.Take(p, h.SequenceNumber, payload)
	for {
		seq, frame, ok := r.repairs.Next(p)
		if !ok {
			return true
		}
		if n, err := codec.Samples(frame); err != nil || n != p.Samples {
			continue
		}
		back := int(h.SequenceNumber - seq)
		wait := p.Mix(payload.Mix).Wait(back) - back
		r.buffer.PutCopy(now, seq, h.Timestamp-uint32(back*p.Samples), p.Samples, wait*p.Samples, frame)
	}
}

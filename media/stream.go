package media

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"karat/media/codec"
	"karat/media/path"
	"karat/media/profile"
)

// Stream is the voice of one call. It has two goroutines: the microphone's, and the
// sender's with ticks of its own. The speaker asks for what it plays on a thread of
// its own; packets come in on the path's goroutine.
//
// Its life: New, ArmReceive when the keys are agreed, Start when policy is
// met, Stop, Close.
type Stream struct {
	cfg Config
	log *slog.Logger

	out      sender
	in       receiver
	play     player
	counters counters

	wg       sync.WaitGroup
	stopping chan struct{} // closed by Stop
	heard    chan struct{} // closed at the first genuine packet
	pressed  chan byte     // keys of the peer; what nobody fetches is dropped

	mu      sync.Mutex // guards: keys, armed, started, stopped, closed, failure
	keys    Keys
	armed   bool
	started bool
	stopped bool
	closed  bool
	failure error
}

// counters are the counts that several goroutines make.
type counters struct {
	sent, reports, sendFailed, unauthenticated, replayed, early, ignored atomic.Uint64

	rtt   atomic.Int64  // nanoseconds
	level atomic.Uint64 // bits of a float64
}

// New makes a stream. It reads no microphone and sends nothing.
func New(cfg Config) (*Stream, error) {
	if cfg.Path == nil || cfg.Device == nil {
		return nil, errors.New("media: a stream needs a path and a device")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	decoder, err := codec.NewDecoder()
	if err != nil {
		return nil, err
	}
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // never fails (crypto/rand)
	s := &Stream{
		cfg:      cfg,
		log:      cfg.Logger,
		stopping: make(chan struct{}),
		heard:    make(chan struct{}),
		pressed:  make(chan byte, maxKeys),
	}
	if cfg.Profile == nil {
		s.cfg.Profile = &profile.Standard
	}
	if cfg.Effort == nil {
		s.cfg.Effort = new(Effort)
	}
	s.out.effort = s.cfg.Effort
	if err := s.out.init(s.cfg.Profile, roomTone{random: mathrand.NewChaCha8(seed)}); err != nil {
		return nil, err
	}
	s.play.decoder = decoder
	s.in.init()
	s.counters.level.Store(silentLevel)
	return s, nil
}

// ArmReceive hands over the keys: from now on the peer's SRTP is decrypted and
// played. Nothing is sent yet. The stream takes k over and wipes it in Close.
func (s *Stream) ArmReceive(k Keys, p Parameters) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return ErrStopped
	case s.armed:
		return ErrArmed
	}
	sealing, err := newContext(k.SendKey, k.SendSalt, k.TagBits)
	if err != nil {
		return err
	}
	opening, err := newContext(k.ReceiveKey, k.ReceiveSalt, k.TagBits)
	if err != nil {
		return err
	}
	s.keys, s.armed = k, true
	reports := newReporter(s.out.clock)
	s.out.arm(sealing, s.cfg.SSRC, p, reports)
	s.in.arm(opening, p, s.cfg.SSRC, reports)
	s.cfg.Device.Play(s.fill)
	return nil
}

// ArmClear takes the place of ArmReceive in a call that its user allowed to be heard
// by everyone on the way: nothing is encrypted, nothing that comes is proven, and no
// reports are sent.
func (s *Stream) ArmClear(p Parameters) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return ErrStopped
	case s.armed:
		return ErrArmed
	}
	s.armed = true
	reports := newReporter(s.out.clock)
	s.out.arm(nil, s.cfg.SSRC, p, reports)
	s.out.inClear()
	s.in.arm(nil, p, s.cfg.SSRC, reports)
	s.in.inClear()
	s.cfg.Device.Play(s.fill)
	return nil
}

// Start begins to send to the fork, with the keys that were armed: room tone
// while the microphone is muted, as it is until SetMuted(false).
func (s *Stream) Start(fork path.Fork) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return ErrStopped
	case !s.armed:
		return ErrNotArmed
	case s.started:
		return ErrStarted
	}
	if err := s.out.prepare(); err != nil {
		return err
	}
	s.started = true
	s.out.start(fork)
	if from, ok := s.in.start(fork); ok {
		s.cfg.Path.Authenticated(fork, from)
	}
	s.wg.Go(s.microphone)
	s.wg.Go(s.sender)
	return nil
}

// SetMuted closes or opens the microphone. When SetMuted(true) has returned,
// nothing that the microphone heard leaves any more, not even what was encoded
// already; packets of room tone go on at the same pace.
func (s *Stream) SetMuted(muted bool) { s.out.mute(muted) }

// SetPaused stops sending voice, room tone included, while the peer wants none,
// and goes on with it. RTCP is not voice (RFC 3264, Section 5.1): reports go on,
// and keep the way open through routers that forget.
func (s *Stream) SetPaused(paused bool) { s.out.pause(paused) }

// Renegotiate takes what signalling agreed on anew, in the middle of the call.
func (s *Stream) Renegotiate(p Parameters) {
	s.out.renegotiate(p)
	s.in.renegotiate(p)
}

// Stop ends sending, voice and all: when it has returned not one more packet
// leaves. The peer is still heard until Close. It may be called at any time,
// any number of times.
func (s *Stream) Stop() {
	s.out.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.stopped = true
		close(s.stopping)
	}
}

// Close stops the stream, waits for its goroutines, wipes the keys and closes
// the device. It must not be called from the path's Handler.
func (s *Stream) Close() error {
	s.Stop()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	err := s.cfg.Device.Close() // Read returns, and nothing asks for samples
	s.wg.Wait()
	s.play.wipe()
	s.out.disarm()
	s.in.disarm()
	// pion/srtp holds session keys that it does not let us clear; they go with the
	// garbage (see TestMemory).
	s.keys.Wipe()
	return err
}

// PressKeys sends keys of a telephone, 0 to 9, 10 for *, 11 for #, one after the
// other in place of voice (RFC 4733). It returns at once.
func (s *Stream) PressKeys(codes []byte) error { return s.out.press(codes) }

// Keys are the keys that the peer pressed, each once.
func (s *Stream) Keys() <-chan byte { return s.pressed }

// FirstAuthenticated is closed at the first SRTP packet that proved genuine.
func (s *Stream) FirstAuthenticated() <-chan struct{} { return s.heard }

// Err is the first failure that the stream outlived: a microphone that
// broke off, keys that are used up. Nil while all is well.
func (s *Stream) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// fail notes a failure, unless it is that we are closing.
func (s *Stream) fail(doing string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.failure != nil {
		return
	}
	s.failure = fmt.Errorf("media: %s: %w", doing, err)
	s.log.Warn(s.failure.Error())
}

// HandleRTP takes a datagram of class RTP, on the path's goroutine. Any bytes
// are welcome; only genuine ones are played.
func (s *Stream) HandleRTP(fork path.Fork, from netip.AddrPort, b []byte) {
	genuine := s.receive(time.Now(), fork, from, b)
	if s.cfg.Verdict != nil {
		s.cfg.Verdict(b, genuine)
	}
}

// random32 is a random number that peers see: SSRC, timestamp and such.
func random32() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return binary.BigEndian.Uint32(b[:])
}

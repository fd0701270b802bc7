package device

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// backlog is how much may wait for a reader, who takes 20 ms at a time: more
	// is delay, and the oldest is left out. Sound servers deliver in bursts.
	backlog = 3 * FrameSamples
	// kept is what stays of a backlog.
	kept = FrameSamples + FrameSamples/2
	// A speaker's cushion is what may still wait when the next 20 ms are written. It
	// is delay, so it begins with none: who writes has one block of the card's to do
	// so. It grows each time that the card ran dry, and is tried smaller again when
	// all was well for a while, for longer each time that this failed.
	mostCushion = 2 * FrameSamples
	cushionStep = FrameSamples / 2
	leastCalm   = 10 * SampleRate
	mostCalm    = 320 * SampleRate
	// closeTimeout bounds the wait for a driver that hangs.
	closeTimeout = 2 * time.Second
)

var errHangs = errors.New("device: the sound card does not answer and was left behind")

// hardwareMicrophone is a sound card's microphone.
type hardwareMicrophone struct {
	half
	ring     ring
	readable chan struct{}
	log      *slog.Logger
	lost     atomic.Uint64 // samples that nobody read in time
}

// hardwareSpeaker is a sound card's speaker.
type hardwareSpeaker struct {
	half
	ring     ring
	writable chan struct{}
	log      *slog.Logger
	playing  atomic.Bool // something was written
	cushion  atomic.Int64
	calm     calm
	starved  atomic.Uint64 // samples of silence played because nothing was there
}

var (
	_ microphone = (*hardwareMicrophone)(nil)
	_ speaker    = (*hardwareSpeaker)(nil)
)

func newHalf(open opener, what string, opts Options) half {
	return half{
		latch: newLatch(),
		open:  open,
		trouble: func(gone bool, err error) {
			opts.Logger.Warn("device: a sound card went or came", "part", what, "gone", gone, "error", err)
			opts.say(what, gone)
		},
		ended: make(chan struct{}),
	}
}

func newHardwareMicrophone(open opener, opts Options) *hardwareMicrophone {
	m := &hardwareMicrophone{
		half:     newHalf(open, role(true), opts),
		readable: make(chan struct{}, 1),
		log:      opts.Logger,
	}
	m.move = m.capture
	return m
}

// capture is on the sound system's thread.
func (m *hardwareMicrophone) capture(samples []int16) {
	if n := m.ring.put(samples); n < len(samples) {
		m.lost.Add(uint64(len(samples) - n))
	}
	wake(m.readable)
}

// Read waits until 20 ms were captured.
func (m *hardwareMicrophone) Read(f *Frame) error {
	for {
		select {
		case <-m.done:
			return ErrClosed
		default:
		}
		if m.ring.len() >= FrameSamples {
			break
		}
		select {
		case <-m.readable:
		case <-m.done:
		}
	}
	if waiting := m.ring.len(); waiting > backlog {
		m.ring.skip(waiting - kept)
		m.lost.Add(uint64(waiting - kept))
	}
	m.ring.take(f[:])
	return nil
}

// Close ends the microphone.
func (m *hardwareMicrophone) Close() error {
	if err := m.end(); err != nil {
		return err
	}
	m.log.Debug("device: the microphone is closed", "samples_lost", m.lost.Load())
	m.ring.wipe()
	return nil
}

func newHardwareSpeaker(open opener, opts Options) *hardwareSpeaker {
	s := &hardwareSpeaker{
		half:     newHalf(open, role(false), opts),
		writable: make(chan struct{}, 1),
		log:      opts.Logger,
	}
	s.move = s.play
	return s
}

// play is on the sound system's thread.
func (s *hardwareSpeaker) play(samples []int16) {
	n := s.ring.take(samples)
	clear(samples[n:])
	if s.playing.Load() {
		s.starved.Add(uint64(len(samples) - n))
		s.cushion.Store(s.calm.next(s.cushion.Load(), len(samples), n < len(samples)))
	}
	wake(s.writable)
}

// calm is how long a speaker did not run dry. The sound system's thread alone uses
// it.
type calm struct {
	samples int
	needed  int  // before less is tried
	trying  bool // less than was needed once
}

// next is the cushion after so many samples, with which the card ran dry or not.
func (c *calm) next(cushion int64, samples int, dry bool) int64 {
	c.needed = max(c.needed, leastCalm)
	switch c.samples += samples; {
	case dry:
		if c.trying {
			c.needed = min(2*c.needed, mostCalm)
		}
		c.samples, c.trying = 0, false
		return min(cushion+cushionStep, mostCushion)
	case c.samples >= c.needed && cushion > 0:
		c.samples, c.trying = 0, true
		return cushion - cushionStep
	}
	return cushion
}

// Write adds 20 ms, and waits until little enough of it is left to play.
func (s *hardwareSpeaker) Write(f *Frame) error {
	select {
	case <-s.done:
		return ErrClosed
	default:
	}
	s.ring.put(f[:])
	s.playing.Store(true)
	for s.ring.len() > int(s.cushion.Load()) {
		select {
		case <-s.writable:
		case <-s.done:
			return ErrClosed
		}
	}
	return nil
}

// Close ends the speaker.
func (s *hardwareSpeaker) Close() error {
	if err := s.end(); err != nil {
		return err
	}
	s.log.Debug("device: the speaker is closed", "samples_of_silence", s.starved.Load())
	s.ring.wipe()
	return nil
}

// wake lets who waits look again. It never waits itself.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

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

// hardwareSpeaker is a sound card's speaker. The card's thread asks for samples when
// it needs them: nothing waits in between, and nothing can be late.
type hardwareSpeaker struct {
	half
	source
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
	s := &hardwareSpeaker{half: newHalf(open, role(false), opts)}
	s.move = s.demand
	return s
}

// demand is on the sound system's thread.
func (s *hardwareSpeaker) demand(samples []int16) { s.fill(samples) }

// Play lets the card ask fill.
func (s *hardwareSpeaker) Play(fill func(samples []int16)) { s.set(fill) }

// Close ends the speaker.
func (s *hardwareSpeaker) Close() error {
	s.set(nil)
	return s.end()
}

// wake lets who waits look again. It never waits itself.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

package device

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gordonklaus/portaudio"
)

const (
	// capturedFrames is how many frames wait for a reader before the oldest is
	// dropped. Sound servers deliver two or three at a time.
	capturedFrames = 6
	// playingFrames is how many frames wait for the sound card. Each is 20 ms
	// of delay; the cushion against stumbling is in the card's own buffer.
	playingFrames = 1
	// latency is what the sound card is asked for, and how much silence is
	// written ahead. Less makes PulseAudio stumble at 20-ms frames.
	latency       = 40 * time.Millisecond
	silenceFrames = int(latency / frameTime)
	// closeTimeout bounds the wait for a driver that hangs.
	closeTimeout = 2 * time.Second
)

// hardware is a sound card through PortAudio: a duplex stream, or one half of
// it. A single goroutine does its blocking reads and writes, since PortAudio
// streams are not safe for several.
type hardware struct {
	*latch
	stream   *portaudio.Stream
	in, out  []int16 // the buffers that PortAudio fills and empties; nil: no such half
	captured chan Frame
	playing  chan Frame
	ended    chan struct{} // closed when the goroutine has ended
	log      *slog.Logger

	lost    atomic.Uint64 // frames captured that nobody read in time
	starved atomic.Uint64 // frames of silence played because nothing was written

	mu      sync.Mutex // guards: failure, closed
	failure error
	closed  bool
}

var _ Device = (*hardware)(nil)

// openHardware opens a stream with a microphone, a speaker or both; nil means
// without, "" the default one.
func openHardware(mic, spk *string, opts Options) (*hardware, error) {
	if err := initialize(); err != nil {
		return nil, err
	}
	h, err := newHardware(mic, spk, opts)
	if err != nil {
		terminate()
		return nil, err
	}
	go h.run()
	return h, nil
}

func newHardware(mic, spk *string, opts Options) (*hardware, error) {
	h := &hardware{
		latch:    newLatch(),
		captured: make(chan Frame, capturedFrames),
		playing:  make(chan Frame, playingFrames),
		ended:    make(chan struct{}),
		log:      opts.Logger,
	}
	params := portaudio.StreamParameters{SampleRate: SampleRate, FramesPerBuffer: FrameSamples}
	var buffers []any
	if mic != nil {
		d, err := find(true, *mic)
		if err != nil {
			return nil, err
		}
		h.in = make([]int16, FrameSamples)
		params.Input = portaudio.StreamDeviceParameters{Device: d, Channels: 1, Latency: latency}
		buffers = append(buffers, h.in)
	}
	if spk != nil {
		d, err := find(false, *spk)
		if err != nil {
			return nil, err
		}
		h.out = make([]int16, FrameSamples)
		params.Output = portaudio.StreamDeviceParameters{Device: d, Channels: 1, Latency: latency}
		buffers = append(buffers, h.out)
	}
	return h, h.start(params, buffers)
}

func (h *hardware) start(params portaudio.StreamParameters, buffers []any) error {
	restore := quiet()
	defer restore()
	stream, err := portaudio.OpenStream(params, buffers...)
	if err != nil {
		return fmt.Errorf("device: open the sound card at 48 kHz: %w", err)
	}
	if err := stream.Start(); err != nil {
		return errors.Join(fmt.Errorf("device: start the sound card: %w", err), stream.Close())
	}
	h.stream = stream
	return nil
}

// run moves frames between the sound card and the channels until Close or a
// failure of the card.
func (h *hardware) run() {
	defer close(h.ended)
	err := h.pump()
	if err != nil {
		h.log.Warn("device: the sound card failed", "error", err)
	}
	h.log.Debug("device: the sound card is closed", "frames_lost", h.lost.Load(), "frames_of_silence", h.starved.Load())
	h.mu.Lock()
	h.failure = err
	h.mu.Unlock()
	h.close()
	_ = h.stream.Abort() // it may have failed already
	_ = h.stream.Close() // nothing can be done about a card that does not close
	terminate()
}

func (h *hardware) pump() error {
	for range silenceFrames {
		if h.out == nil {
			break
		}
		if err := tolerate(h.stream.Write()); err != nil {
			return err
		}
	}
	for {
		select {
		case <-h.done:
			return nil
		default:
		}
		if h.in != nil {
			if err := tolerate(h.stream.Read()); err != nil {
				return err
			}
			h.capture()
		}
		if h.out != nil {
			h.fill()
			if err := tolerate(h.stream.Write()); err != nil {
				return err
			}
		}
	}
}

// tolerate forgives what passes: the card ran ahead of us once.
func tolerate(err error) error {
	if errors.Is(err, portaudio.InputOverflowed) || errors.Is(err, portaudio.OutputUnderflowed) {
		return nil
	}
	return err
}

// capture queues the frame that was read; the oldest gives way.
func (h *hardware) capture() {
	f := Frame(h.in)
	for {
		select {
		case h.captured <- f:
			return
		default:
		}
		select {
		case <-h.captured:
			h.lost.Add(1)
		default:
		}
	}
}

// fill takes the next frame to play, or silence.
func (h *hardware) fill() {
	select {
	case f := <-h.playing:
		copy(h.out, f[:])
	default:
		clear(h.out)
		h.starved.Add(1)
	}
}

// Read returns the next captured frame.
func (h *hardware) Read(f *Frame) error {
	select {
	case <-h.done:
		return h.why()
	default:
	}
	select {
	case *f = <-h.captured:
		return nil
	case <-h.done:
		return h.why()
	}
}

// Write queues a frame to be played.
func (h *hardware) Write(f *Frame) error {
	select {
	case <-h.done:
		return h.why()
	default:
	}
	select {
	case h.playing <- *f:
		return nil
	case <-h.done:
		return h.why()
	}
}

// why is the failure that ended the stream, else ErrClosed.
func (h *hardware) why() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failure != nil && !h.closed {
		return fmt.Errorf("device: the sound card failed: %w", h.failure)
	}
	return ErrClosed
}

// Close ends the stream. A driver that hangs is left behind after two seconds.
func (h *hardware) Close() error {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.close()
	t := time.NewTimer(closeTimeout)
	defer t.Stop()
	select {
	case <-h.ended:
		return nil
	case <-t.C:
		return errors.New("device: the sound card does not answer and was left behind")
	}
}

// find returns the device of a name: the default one, the one with that name,
// or the only one whose name contains it.
func find(mic bool, name string) (*portaudio.DeviceInfo, error) {
	if name == "" {
		return defaultDevice(mic)
	}
	all, err := portaudio.Devices()
	if err != nil {
		return nil, fmt.Errorf("device: list the sound cards: %w", err)
	}
	var similar []*portaudio.DeviceInfo
	for _, d := range all {
		switch {
		case channels(d, mic) == 0:
		case d.Name == name:
			return d, nil
		case strings.Contains(strings.ToLower(d.Name), strings.ToLower(name)):
			similar = append(similar, d)
		}
	}
	switch len(similar) {
	case 0:
		return nil, fmt.Errorf("device: there is no %s called %q", role(mic), name)
	case 1:
		return similar[0], nil
	}
	return nil, fmt.Errorf("device: %q may be %q or %q; write more of the %s's name",
		name, similar[0].Name, similar[1].Name, role(mic))
}

func defaultDevice(mic bool) (*portaudio.DeviceInfo, error) {
	get := portaudio.DefaultOutputDevice
	if mic {
		get = portaudio.DefaultInputDevice
	}
	d, err := get()
	if err != nil {
		return nil, fmt.Errorf("device: this machine has no %s (null, tone:440 and file:x.wav need none): %w", role(mic), err)
	}
	return d, nil
}

func channels(d *portaudio.DeviceInfo, mic bool) int {
	if mic {
		return d.MaxInputChannels
	}
	return d.MaxOutputChannels
}

package device

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gordonklaus/portaudio"

	"karat/media/resample"
)

const (
	// cardBlock is how much the sound system moves at a time, and cardLatency what
	// it is asked for. Half of either makes PulseAudio stumble on a busy machine;
	// twice as much is 20 ms of delay.
	cardBlock   = 10 * time.Millisecond
	cardLatency = 20 * time.Millisecond
	// maxChannels is where a card's channels are not looked at any more: voice is
	// the mean of the first ones, and is played on all of these.
	maxChannels = 2
	// pulseLatency is what PulseAudio's plugin for ALSA buffers, in milliseconds:
	// it goes by the environment, and without it by more than PortAudio asked for.
	pulseLatency = "20"
)

// system is PortAudio, of which a process has one. Its list of devices is made
// when it is initialised, and it can only be initialised anew when no stream is
// open.
var system struct {
	mu    sync.Mutex // guards the library, which is not safe for several goroutines, and what follows
	users int
	seen  string         // the sound cards when the list was made
	cards map[*card]bool // those with a stream
}

// enter readies PortAudio; each success needs a leave. The caller holds mu.
func enter() error {
	if system.users == 0 {
		if err := initialize(); err != nil {
			return err
		}
		if system.cards == nil {
			system.cards = map[*card]bool{}
		}
	}
	system.users++
	return nil
}

// leave gives PortAudio up. The caller holds mu.
func leave() {
	if system.users--; system.users == 0 {
		_ = portaudio.Terminate() // it fails only when it was not initialised
	}
}

func initialize() error {
	silenceALSA()
	if _, set := os.LookupEnv("PULSE_LATENCY_MSEC"); !set {
		_ = os.Setenv("PULSE_LATENCY_MSEC", pulseLatency) // a valid name
	}
	system.seen = soundCards()
	restore := quiet()
	defer restore()
	if err := portaudio.Initialize(); err != nil {
		return fmt.Errorf("device: initialise PortAudio: %w", err)
	}
	return nil
}

// rescan makes PortAudio see cards that came since. The streams that are open
// pause for it, some tens of milliseconds. The caller holds mu.
func rescan() {
	if soundCards() == system.seen {
		return
	}
	for c := range system.cards {
		c.stop()
	}
	_ = portaudio.Terminate()
	if initialize() != nil {
		return // opening what was open fails then, and says so
	}
	for c := range system.cards {
		_ = c.begin() // if it fails, its owner notices the silence and opens it anew
	}
}

// card is one direction of a sound card, by the name that the user gave.
type card struct {
	mic    bool
	name   string // "" for the default one
	move   func(samples []int16)
	stream *portaudio.Stream // nil while stopped

	channels int
	convert  *resample.Resampler // nil at 48 kHz
	// At the phone's rate, and at the card's; the latter all of one channel.
	own, foreign []int16
	waiting      int // of own for a speaker: made and not played
}

// openCard is the opener of a card. When one that was open cannot be opened again
// the default one takes its place.
func openCard(mic bool, name string) opener {
	var opened bool
	return func(move func([]int16)) (func(), error) {
		system.mu.Lock()
		defer system.mu.Unlock()
		if err := enter(); err != nil {
			return nil, err
		}
		rescan()
		c := &card{mic: mic, name: name, move: move}
		err := c.begin()
		if err != nil && opened {
			c.name = ""
			err = c.begin()
		}
		if err != nil {
			leave()
			return nil, err
		}
		opened = true
		system.cards[c] = true
		return c.close, nil
	}
}

func (c *card) close() {
	system.mu.Lock()
	defer system.mu.Unlock()
	delete(system.cards, c)
	c.stop()
	leave()
}

// stop ends the stream, if there is one. The caller holds system.mu.
func (c *card) stop() {
	if c.stream != nil {
		_ = c.stream.Abort() // it may have failed already
		_ = c.stream.Close() // nothing can be done about a card that does not close
		c.stream = nil
	}
}

// begin opens the stream at 48 kHz on one channel, or else as the card wants it.
// The caller holds system.mu.
func (c *card) begin() error {
	info, err := find(c.mic, c.name)
	if err != nil {
		return err
	}
	err = c.try(info, SampleRate, 1)
	if err != nil {
		channels := min(channels(info, c.mic), maxChannels)
		err = c.try(info, SampleRate, channels)
		if err != nil {
			err = c.try(info, info.DefaultSampleRate, channels)
		}
	}
	if err != nil {
		return fmt.Errorf("device: open the %s: %w", role(c.mic), err)
	}
	return nil
}

func (c *card) try(info *portaudio.DeviceInfo, rate float64, channels int) error {
	if rate <= 0 || channels <= 0 {
		return errors.New("it names no rate or no channel")
	}
	frames := int(rate * cardBlock.Seconds())
	p := portaudio.StreamParameters{SampleRate: rate, FramesPerBuffer: frames}
	half := portaudio.StreamDeviceParameters{Device: info, Channels: channels, Latency: cardLatency}
	callback := c.play
	if c.mic {
		p.Input, callback = half, c.capture
	} else {
		p.Output = half
	}
	c.prepare(rate, channels, frames)
	restore := quiet()
	defer restore()
	stream, err := portaudio.OpenStream(p, callback)
	if err != nil {
		return err
	}
	if err := stream.Start(); err != nil {
		return errors.Join(err, stream.Close())
	}
	c.stream = stream
	return nil
}

// prepare makes all that a callback needs: it allocates nothing itself.
func (c *card) prepare(rate float64, channels, frames int) {
	c.channels, c.convert, c.waiting = channels, nil, 0
	c.foreign = make([]int16, frames)
	if rate != SampleRate {
		from, to := rate, float64(SampleRate)
		if !c.mic {
			from, to = to, from
		}
		c.convert = resample.New(from, to, resample.Quick)
	}
	c.own = make([]int16, SampleRate*cardBlock/time.Second)
}

// capture is called by PortAudio, on a thread of its own, with what was heard.
func (c *card) capture(in, _ []int16) {
	for len(in) >= c.channels {
		n := min(len(in)/c.channels, len(c.foreign))
		c.mixDown(c.foreign[:n], in)
		in = in[n*c.channels:]
		c.deliver(c.foreign[:n])
	}
}

// mixDown makes one channel of several.
func (c *card) mixDown(dst, src []int16) {
	for i := range dst {
		sum := 0
		for _, v := range src[i*c.channels:][:c.channels] {
			sum += int(v)
		}
		dst[i] = int16(sum / c.channels)
	}
}

func (c *card) deliver(samples []int16) {
	if c.convert == nil {
		c.move(samples)
		return
	}
	for len(samples) > 0 {
		n, read := c.convert.Process(c.own, samples)
		samples = samples[read:]
		c.move(c.own[:n])
	}
}

// play is called by PortAudio, on a thread of its own, for what is to be heard.
func (c *card) play(_, out []int16) {
	for len(out) >= c.channels {
		n := min(len(out)/c.channels, len(c.foreign))
		c.demand(c.foreign[:n])
		for i, v := range c.foreign[:n] {
			for ch := range c.channels {
				out[i*c.channels+ch] = v
			}
		}
		out = out[n*c.channels:]
	}
	clear(out)
}

func (c *card) demand(samples []int16) {
	if c.convert == nil {
		c.move(samples)
		return
	}
	for len(samples) > 0 {
		if c.waiting == 0 {
			c.move(c.own)
			c.waiting = len(c.own)
		}
		n, read := c.convert.Process(samples, c.own[len(c.own)-c.waiting:])
		samples = samples[n:]
		c.waiting -= read
	}
}

// Info is one sound device.
type Info struct {
	Name                string
	System              string // ALSA, Core Audio, ...
	Microphone, Speaker bool
	DefaultMicrophone   bool
	DefaultSpeaker      bool
}

// List tells the sound devices of this machine. It opens none of them.
func List() ([]Info, error) {
	system.mu.Lock()
	defer system.mu.Unlock()
	if err := enter(); err != nil {
		return nil, err
	}
	defer leave()
	all, err := portaudio.Devices()
	if err != nil {
		return nil, fmt.Errorf("device: list the sound cards: %w", err)
	}
	mic, _ := portaudio.DefaultInputDevice()  // an error means there is none
	spk, _ := portaudio.DefaultOutputDevice() // likewise
	infos := make([]Info, 0, len(all))
	for _, d := range all {
		infos = append(infos, Info{
			Name:              d.Name,
			System:            d.HostApi.Name,
			Microphone:        d.MaxInputChannels > 0,
			Speaker:           d.MaxOutputChannels > 0,
			DefaultMicrophone: mic != nil && d.Index == mic.Index,
			DefaultSpeaker:    spk != nil && d.Index == spk.Index,
		})
	}
	return infos, nil
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

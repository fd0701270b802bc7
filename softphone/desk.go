package softphone

import (
	"sync"

	"karat/media/device"
)

// desk is the one microphone and speaker that all calls of a phone share. Each
// call has a seat at it, and one seat at a time has the word: what is said to one
// must not be heard by another, and two voices at once are understood by nobody.
type desk struct {
	open func() (device.Device, error)

	mu    sync.Mutex // guards what follows
	dev   device.Device
	seats int
	word  *seat // who hears the microphone and is heard

	reading turn // taken while the device reads

	playing sync.Mutex // guards what follows; held while the speaker is filled
	voices  map[*seat]func(samples []int16)
	heard   *seat // the one with the word
	unheard device.Frame
}

// turn is taken by one at a time. It is no mutex: the clock of a test that runs in
// a bubble stands still while anybody waits for one.
type turn chan struct{}

func newTurn() turn     { return make(turn, 1) }
func (t turn) take()    { t <- struct{}{} }
func (t turn) release() { <-t }

func newDesk(open func() (device.Device, error)) *desk {
	return &desk{open: open, reading: newTurn(), voices: map[*seat]func([]int16){}}
}

// seat is a call's device: the desk's while the call has the word, silence at the
// same pace while it has not.
type seat struct {
	desk   *desk
	reads  pacer
	once   sync.Once
	closed chan struct{}
}

var _ device.Device = (*seat)(nil)

// sit gives a call its seat; the first one opens the devices.
func (d *desk) sit() (*seat, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seats == 0 {
		dev, err := d.open()
		if err != nil {
			return nil, err
		}
		d.dev = dev
	}
	d.seats++
	return &seat{desk: d, closed: make(chan struct{})}, nil
}

// give passes the word to a seat; nil: to nobody.
func (d *desk) give(s *seat) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.word = s
	d.hear(s)
}

// hear lets one seat be heard; nil: none.
func (d *desk) hear(s *seat) {
	d.playing.Lock()
	defer d.playing.Unlock()
	d.heard = s
}

// voice sets what a seat plays; nil: nothing. When it has returned what the seat
// played before is not asked any more.
func (d *desk) voice(s *seat, fill func(samples []int16)) {
	d.playing.Lock()
	defer d.playing.Unlock()
	if fill == nil {
		delete(d.voices, s)
		return
	}
	d.voices[s] = fill
}

// fill is what the speaker plays: the voice of the seat with the word. The others are
// made, too, for what their calls bring must not pile up; nobody hears them.
func (d *desk) fill(samples []int16) {
	d.playing.Lock()
	defer d.playing.Unlock()
	if d.voices[d.heard] == nil {
		clear(samples)
	}
	for s, fill := range d.voices {
		if s == d.heard {
			fill(samples)
			continue
		}
		fill(d.unheard[:len(samples)])
	}
	clear(d.unheard[:])
}

// has returns the device if the seat has the word.
func (d *desk) has(s *seat) (device.Device, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dev, d.word == s && d.dev != nil
}

// Read returns what the microphone heard, or silence. A frame during which the
// word was taken away is silence.
func (s *seat) Read(f *device.Frame) error {
	dev, word := s.desk.has(s)
	if !word {
		return s.pause(f)
	}
	s.reads = pacer{}
	s.desk.reading.take()
	err := dev.Read(f)
	s.desk.reading.release()
	if _, still := s.desk.has(s); !still {
		clear(f[:])
		return s.gone(nil)
	}
	return s.gone(err)
}

// Play lets the speaker sound while the seat has the word.
func (s *seat) Play(fill func(samples []int16)) {
	select {
	case <-s.closed:
		return
	default:
	}
	s.desk.voice(s, fill)
	s.desk.mu.Lock()
	defer s.desk.mu.Unlock()
	if fill != nil && s.desk.dev != nil {
		s.desk.dev.Play(s.desk.fill)
	}
}

// pause lets the time of a frame pass, without sound.
func (s *seat) pause(f *device.Frame) error {
	if !s.reads.wait(s.closed) {
		return device.ErrClosed
	}
	clear(f[:])
	return nil
}

// gone is err, unless the seat was closed meanwhile.
func (s *seat) gone(err error) error {
	select {
	case <-s.closed:
		return device.ErrClosed
	default:
		return err
	}
}

// Close leaves the desk; the last one closes the devices.
func (s *seat) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closed)
		s.desk.voice(s, nil)
		s.desk.mu.Lock()
		defer s.desk.mu.Unlock()
		if s.desk.word == s {
			s.desk.word = nil
			s.desk.hear(nil)
		}
		if s.desk.seats--; s.desk.seats == 0 {
			err = s.desk.dev.Close()
			s.desk.dev = nil
		}
	})
	return err
}

// takeMicrophone gives a call the microphone. Whoever had it falls silent before
// this returns, and is put on hold. Without force it is not taken from another
// call: that is for what nobody pressed a key for.
func (p *Phone) takeMicrophone(c *call, force bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.talker
	if before == c || p.cfg.Echo {
		return nil
	}
	if before != nil {
		if !force {
			return ErrInCall
		}
		if p.voice != nil {
			p.voice.SetMuted(true)
		}
		select {
		case before.taken <- struct{}{}:
		default: // it knows
		}
	}
	p.talker, p.voice = c, nil
	p.desk.give(c.seat)
	return nil
}

func (p *Phone) giveMicrophone(c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.talker == c {
		p.talker, p.voice = nil, nil
		p.desk.give(nil)
	}
}

// seated tells the desk whose seat the word belongs to, once there is one.
func (p *Phone) seated(c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.talker == c {
		p.desk.give(c.seat)
	}
}

// talks tells whether a call has the microphone.
func (p *Phone) talks(c *call) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cfg.Echo || p.talker == c
}

// setMuted opens a call's microphone only if it has one.
func (p *Phone) setMuted(c *call, muted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.talker == c {
		p.voice = c.stream
	}
	c.stream.SetMuted(muted || !p.cfg.Echo && p.talker != c)
}

package softphone

import (
	"cmp"

	"karat/media/device"
	"karat/media/sounds"
)

// bell makes the phone's sounds. It has one goroutine, and a speaker only while
// something sounds. Without a sound card, as in scripts, the phone is mute.
type bell struct {
	// open opens the ringer, or the speaker.
	open  func(ringer bool) (device.Device, error)
	inbox chan Event
	done  <-chan struct{}

	// Only the goroutine uses these.
	calls   map[string]stage
	playing <-chan struct{} // closed when the sound is over; nil: there is none
	speaker device.Device
	ringer  bool // the speaker that is open is the ringer
	over    bool // what sounds replaces what comes: an alarm is heard out
}

// stage is how far a call is, for the ear.
type stage int

const (
	stageIncoming stage = iota + 1
	stageDialing
	stageRinging
	stageTalking
)

// bellInbox is more than happens while a speaker is opened.
const bellInbox = 32

func newBell(open func(ringer bool) (device.Device, error), done <-chan struct{}) *bell {
	return &bell{open: open, inbox: make(chan Event, bellInbox), done: done, calls: map[string]stage{}}
}

// hear takes an event. It never waits.
func (b *bell) hear(ev Event) {
	if b == nil {
		return
	}
	select {
	case b.inbox <- ev:
	default: // a sound less
	}
}

// run plays until the phone is switched off.
func (b *bell) run() {
	defer b.silence()
	for {
		select {
		case ev := <-b.inbox:
			b.follow(ev)
		case <-b.playing:
			b.silence()
			b.resume()
		case <-b.done:
			return
		}
	}
}

// follow makes of an event what is heard.
func (b *bell) follow(ev Event) {
	switch ev := ev.(type) {
	case Incoming:
		if !ev.Refused {
			b.calls[ev.Call] = stageIncoming
			if b.busy() {
				b.play(sounds.Waiting, false)
			}
			b.resume()
		}
	case Dialing:
		b.calls[ev.Call] = stageDialing
	case Ringing:
		b.calls[ev.Call] = stageRinging
		b.resume()
	case Answered:
		b.calls[ev.Call] = stageTalking
		b.silence()
		b.resume()
	case Secure:
		if !ev.Verified {
			b.play(sounds.Compare, false)
		}
	case Mismatch, DowngradeRefused:
		b.alarm()
	case Refused:
		if b.calls[ev.Call] == stageTalking {
			b.alarm()
		}
	case Ended:
		b.ended(ev.Call)
	}
}

func (b *bell) alarm() {
	b.play(sounds.Alarm, false)
	b.over = b.playing != nil
}

func (b *bell) ended(call string) {
	before := b.calls[call]
	delete(b.calls, call)
	if b.over {
		return
	}
	b.silence()
	if before > stageIncoming {
		b.play(sounds.End, false)
		return
	}
	b.resume()
}

// busy tells whether a call of ours rings or is up.
func (b *bell) busy() bool {
	for _, s := range b.calls {
		if s >= stageRinging {
			return true
		}
	}
	return false
}

// resume plays what the calls that wait ask for, unless something sounds.
func (b *bell) resume() {
	if b.playing != nil {
		return
	}
	for _, s := range b.calls {
		switch {
		case s == stageRinging:
			b.play(sounds.Ringback, false)
		case s == stageIncoming && !b.busy():
			b.play(sounds.Ring, true)
		}
	}
}

// play begins a sound. A speaker that does not open is no reason to fail.
func (b *bell) play(s sounds.Sound, ringer bool) {
	if b.over && b.playing != nil {
		return
	}
	if b.speaker == nil || b.ringer != ringer {
		b.silence()
		speaker, err := b.open(ringer)
		if err != nil {
			return
		}
		b.speaker, b.ringer = speaker, ringer
	}
	over := make(chan struct{})
	b.playing = over
	b.speaker.Play(sounding(s, over))
}

// sounding is what the speaker plays: a sound, whose end it tells.
func sounding(s sounds.Sound, over chan<- struct{}) func(samples []int16) {
	player, ended := sounds.Play(s), false
	return func(samples []int16) {
		if !player.Next(samples) && !ended {
			ended = true
			close(over)
		}
	}
}

func (b *bell) silence() {
	if b.speaker != nil {
		_ = b.speaker.Close() // there is nothing to flush
	}
	b.speaker, b.playing, b.over = nil, nil, false
}

// newPhoneBell is the bell of a phone with a sound card; nil without.
func (p *Phone) newPhoneBell() *bell {
	speaker := cmp.Or(p.cfg.Speaker, "default")
	ringer := cmp.Or(p.cfg.Ringer, speaker)
	open := p.cfg.OpenBell
	switch {
	case open != nil:
	case p.cfg.OpenDevice != nil || p.cfg.Echo || !device.IsHardware(ringer) || !device.IsHardware(speaker):
		return nil
	default:
		open = func(ring bool) (device.Device, error) {
			name := speaker
			if ring {
				name = ringer
			}
			return device.Open("null", name, device.Options{Logger: p.log})
		}
	}
	return newBell(open, p.done)
}

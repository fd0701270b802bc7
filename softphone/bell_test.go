package softphone

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"karat/media/device"
)

// bellHouse is a ringer and a speaker, and who opened them.
type bellHouse struct {
	mu     sync.Mutex // guards: opened, sound
	opened []string
	sound  time.Duration // of frames that were not silent
	refuse bool
}

func (h *bellHouse) open(ringer bool) (device.Device, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse {
		return nil, errors.New("busy")
	}
	name := "speaker"
	if ringer {
		name = "ringer"
	}
	h.opened = append(h.opened, name)
	null, err := device.Open("null", "null", device.Options{})
	return &listened{null, h}, err
}

// listened is a speaker that is listened to.
type listened struct {
	device.Device
	house *bellHouse
}

func (l *listened) Play(fill func(samples []int16)) { l.Device.Play(device.Then(fill, l.listen)) }

func (l *listened) listen(samples []int16) {
	if slices.ContainsFunc(samples, func(v int16) bool { return v != 0 }) {
		l.house.mu.Lock()
		l.house.sound += time.Duration(len(samples)) * time.Second / device.SampleRate
		l.house.mu.Unlock()
	}
}

// heard lets time pass, and returns what was opened and how long it sounded.
func (h *bellHouse) heard(d time.Duration) ([]string, time.Duration) {
	time.Sleep(d)
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	opened, sound := h.opened, h.sound
	h.opened, h.sound = nil, 0
	return opened, sound
}

func TestBell(t *testing.T) {
	in := Head{Call: "in"}
	out := Head{Call: "out"}
	steps := []struct {
		name   string
		event  Event
		wait   time.Duration
		opened []string
		least  time.Duration // of sound
		most   time.Duration
	}{
		{"a call that policy refused", Incoming{Head: Head{Call: "x"}, Refused: true}, time.Second, nil, 0, 0},
		{"it rings", Incoming{Head: in}, 6 * time.Second, []string{"ringer"}, 1400 * time.Millisecond, 1600 * time.Millisecond},
		{"answered", Answered{Head: in}, time.Second, nil, 0, 0},
		{"to be compared", Secure{Head: in}, time.Second, []string{"speaker"}, 300 * time.Millisecond, 400 * time.Millisecond},
		{"known", Secure{Head: in, Verified: true}, time.Second, nil, 0, 0},
		{"another one waits", Incoming{Head: Head{Call: "y"}}, 3 * time.Second, []string{"speaker"}, 300 * time.Millisecond, 600 * time.Millisecond},
		{"and gave up", Ended{Head: Head{Call: "y"}}, time.Second, nil, 0, 0},
		{"an alarm", Mismatch{Head: in}, 100 * time.Millisecond, []string{"speaker"}, 60 * time.Millisecond, 200 * time.Millisecond},
		{"is heard out", Ended{Head: in}, 3 * time.Second, nil, 1000 * time.Millisecond, 1200 * time.Millisecond},
		{"dialing", Dialing{Head: out}, time.Second, nil, 0, 0},
		{"the other end rings", Ringing{Head: out}, 4 * time.Second, []string{"speaker"}, 900 * time.Millisecond, 1100 * time.Millisecond},
		{"no answer", Ended{Head: out}, time.Second, []string{"speaker"}, 250 * time.Millisecond, 400 * time.Millisecond},
	}
	synctest.Test(t, func(t *testing.T) {
		var h bellHouse
		done := make(chan struct{})
		b := newBell(h.open, done)
		var wg sync.WaitGroup
		wg.Go(b.run)
		for _, s := range steps {
			b.hear(s.event)
			opened, sound := h.heard(s.wait)
			if !slices.Equal(opened, s.opened) || sound < s.least || sound > s.most {
				t.Errorf("%s: opened %q, %v of sound; want %q, %v to %v", s.name, opened, sound, s.opened, s.least, s.most)
			}
		}
		h.refuse = true
		b.hear(Incoming{Head: in}) // a speaker that does not open is no reason to fail
		h.heard(time.Second)
		close(done)
		wg.Wait()
	})
}

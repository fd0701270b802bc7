package device

import (
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeCard calls every 10 ms, as long as it is plugged in.
type fakeCard struct {
	mu      sync.Mutex // guards: plugged, refuses, opened
	plugged bool
	refuses bool
	opened  int
	fill    int16
}

func (c *fakeCard) open(move func([]int16)) (func(), error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.opened++; c.refuses {
		return nil, errors.New("no such card")
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		block := make([]int16, FrameSamples/2)
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
			c.mu.Lock()
			plugged := c.plugged
			c.mu.Unlock()
			if plugged {
				for i := range block {
					block[i] = c.fill
				}
				move(block)
			}
		}
	}()
	return func() { close(stop); <-stopped }, nil
}

func (c *fakeCard) set(plugged, refuses bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plugged, c.refuses = plugged, refuses
}

// sentences is what the user was told.
type sentences struct {
	mu  sync.Mutex // guards: all
	all []string
}

func (s *sentences) options() Options {
	return Options{Logger: slog.New(slog.DiscardHandler), Trouble: func(text string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all = append(s.all, text)
	}}
}

const (
	micGone = "the microphone is gone or does not open; the call goes on without it until there is one"
	micBack = "there is a microphone again"
)

// TestMicrophoneUnplugged: a call outlives its card. Frames keep coming at their
// pace, silent ones, with no pause over 300 ms; the user is told once of each.
func TestMicrophoneUnplugged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told sentences
		c := &fakeCard{plugged: true, fill: 1000}
		m := newHardwareMicrophone(c.open, told.options())
		if err := m.start(); err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		read := func(d time.Duration) (frames, silent int, longest time.Duration) {
			t.Helper()
			var f Frame
			for begin, last := time.Now(), time.Now(); time.Since(begin) < d; last = time.Now() {
				if err := m.Read(&f); err != nil {
					t.Fatal(err)
				}
				frames++
				longest = max(longest, time.Since(last))
				if f[0] == 0 && f[FrameSamples-1] == 0 {
					silent++
				}
			}
			return frames, silent, longest
		}
		if frames, silent, _ := read(2 * startTime); frames != 500 || silent != 0 {
			t.Errorf("plugged in: %d frames, %d silent", frames, silent)
		}
		c.set(false, true)
		frames, silent, longest := read(5 * time.Second)
		if frames < 240 || frames > 250 || silent < frames-1 || longest > 300*time.Millisecond {
			t.Errorf("unplugged: %d frames, %d silent, a pause of %v", frames, silent, longest)
		}
		c.set(true, false)
		read(2 * time.Second) // it is looked for every second
		if frames, silent, _ := read(time.Second); frames != 50 || silent != 0 {
			t.Errorf("plugged in again: %d frames, %d silent", frames, silent)
		}
		if want := []string{micGone, micBack}; !slices.Equal(told.all, want) {
			t.Errorf("the user was told %q, want %q", told.all, want)
		}
	})
}

// TestMicrophoneStartsLate: frames come from the beginning, and a card that takes
// two seconds is no trouble.
func TestMicrophoneStartsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told sentences
		c := &fakeCard{}
		m := newHardwareMicrophone(c.open, told.options())
		if err := m.start(); err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		begin := time.Now()
		var f Frame
		if err := m.Read(&f); err != nil || time.Since(begin) > 100*time.Millisecond {
			t.Errorf("the first frame after %v, %v", time.Since(begin), err)
		}
		time.Sleep(2 * time.Second)
		c.set(true, false)
		time.Sleep(time.Second)
		if len(told.all) != 0 || c.opened != 1 {
			t.Errorf("opened %d times, told %q", c.opened, told.all)
		}
	})
}

// TestSlowReader: what nobody read in time does not become delay.
func TestSlowReader(t *testing.T) {
	m := newHardwareMicrophone(nil, Options{Logger: slog.New(slog.DiscardHandler)})
	for i := range 8 {
		m.capture(slices.Repeat([]int16{int16(i)}, FrameSamples))
	}
	var f Frame
	if err := m.Read(&f); err != nil {
		t.Fatal(err)
	}
	if f[0] != 6 || f[FrameSamples-1] != 7 || m.lost.Load() != 8*FrameSamples-kept {
		t.Errorf("read %d to %d, %d samples lost", f[0], f[FrameSamples-1], m.lost.Load())
	}
}

// TestSpeaker: the card's thread asks who plays, and has silence where nobody does.
func TestSpeaker(t *testing.T) {
	s := newHardwareSpeaker(nil, Options{Logger: slog.New(slog.DiscardHandler)})
	block := make([]int16, FrameSamples/2)
	played := func() int16 {
		block[0], block[len(block)-1] = 9, 9
		s.beat(block)
		if block[0] != block[len(block)-1] {
			t.Errorf("from %d to %d in one block", block[0], block[len(block)-1])
		}
		return block[0]
	}
	if got := played(); got != 0 {
		t.Errorf("nobody plays, and %d is heard", got)
	}
	say := func(v int16) func([]int16) {
		return func(samples []int16) {
			for i := range samples {
				samples[i] = v
			}
		}
	}
	var seen int
	s.Play(Then(say(7), func(samples []int16) { seen += len(samples) }))
	if got := played(); got != 7 || seen != len(block) {
		t.Errorf("played %d, and %d samples were seen", got, seen)
	}
	if s.Play(Then(nil, say(5))); played() != 0 {
		t.Error("nobody plays, and something is heard")
	}
}

// TestSpeakerUnplugged: who plays is asked at the same pace.
func TestSpeakerUnplugged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told sentences
		s := newHardwareSpeaker((&fakeCard{refuses: true}).open, told.options())
		if err := s.start(); err == nil {
			t.Fatal("a card that refuses was opened")
		} else {
			s.startWithout(err)
		}
		defer s.Close()
		asked := 0
		s.Play(func(samples []int16) { asked += len(samples) })
		time.Sleep(2 * time.Second)
		s.Play(nil)
		if asked < 95*FrameSamples || asked > 105*FrameSamples {
			t.Errorf("in two seconds %d samples were asked for", asked)
		}
		if len(told.all) != 1 {
			t.Errorf("the user was told %q", told.all)
		}
	})
}

// TestCardAllocates: a card's thread waits for nothing and allocates nothing,
// also where channels and rates have to be changed.
func TestCardAllocates(t *testing.T) {
	m := newHardwareMicrophone(nil, Options{Logger: slog.New(slog.DiscardHandler)})
	s := newHardwareSpeaker(nil, Options{Logger: slog.New(slog.DiscardHandler)})
	for _, rate := range []float64{44100, 48000, 96000} {
		in := &card{mic: true, move: m.capture}
		out := &card{move: s.demand}
		frames := int(rate / 100)
		in.prepare(rate, 2, frames)
		out.prepare(rate, 2, frames)
		block := make([]int16, 2*frames)
		if n := testing.AllocsPerRun(100, func() {
			in.capture(block, nil)
			out.play(nil, block)
			m.ring.skip(ringSamples)
		}); n != 0 {
			t.Errorf("%v Hz: %v allocations", rate, n)
		}
	}
}

// TestCardConverts: a card of another rate and with two channels gives and takes
// the same sound.
func TestCardConverts(t *testing.T) {
	for _, rate := range []float64{44100, 48000, 96000} {
		var heard int
		in := &card{mic: true, move: func(b []int16) {
			heard += len(b)
			if heard > 4800 && slices.ContainsFunc(b, func(v int16) bool { return v < 195 || v > 205 }) {
				t.Errorf("%v Hz: %d heard, want 200", rate, b[0])
			}
		}}
		frames := int(rate / 100)
		in.prepare(rate, 2, frames)
		block := make([]int16, 2*frames)
		for i := range block {
			block[i] = int16(100 + i%2*200) // left 100, right 300
		}
		for range 100 {
			in.capture(block, nil)
		}
		if heard < 47500 || heard > 48000 {
			t.Errorf("%v Hz: a second became %d samples", rate, heard)
		}
		asked := 0
		out := &card{move: func(b []int16) {
			asked += len(b)
			for i := range b {
				b[i] = 500
			}
		}}
		out.prepare(rate, 2, frames)
		for range 100 {
			out.play(nil, block)
		}
		if asked < 48000 || asked > 48600 || block[0] < 495 || block[1] != block[0] {
			t.Errorf("%v Hz: %d samples asked for, %d and %d played", rate, asked, block[0], block[1])
		}
	}
}

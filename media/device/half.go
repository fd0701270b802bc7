package device

import (
	"sync/atomic"
	"time"
)

const (
	// patience is how long a sound card may be silent before its part is played:
	// longer than the pauses of a busy machine, shorter than a listener's.
	patience = 60 * time.Millisecond
	// lostAfter is how long until a silent card counts as gone, and startTime how
	// long it may take to begin: PulseAudio's virtual ones take two seconds, and
	// stop once more in them.
	lostAfter = 500 * time.Millisecond
	startTime = 5 * time.Second
	// retryEvery is the pause between attempts to open a card that is gone.
	retryEvery = time.Second
)

// opener opens a sound card. The card's thread calls move with 10 ms or so at a
// time until closeCard has returned. A closed card may be opened again.
type opener func(move func(samples []int16)) (closeCard func(), err error)

// half is a microphone or a speaker on a sound card. When the card goes away, its
// pace is kept with silence while it is opened again: a call outlives its card.
type half struct {
	*latch
	open    opener
	move    func(samples []int16)
	trouble func(gone bool, err error)
	ended   chan struct{} // closed when keep has ended

	busy  atomic.Bool   // somebody is in move
	beats atomic.Uint64 // how often the card called
}

// beat is what a card's thread calls. It neither waits nor allocates; two do not
// move samples at once, for the rings have one place for a writer.
func (h *half) beat(samples []int16) {
	h.beats.Add(1)
	h.exclusively(samples)
}

func (h *half) exclusively(samples []int16) {
	if h.busy.CompareAndSwap(false, true) {
		h.move(samples)
		h.busy.Store(false)
	}
}

// start opens the card, and keeps it.
func (h *half) start() error {
	closeCard, err := h.open(h.beat)
	if err != nil {
		return err
	}
	go h.keep(closeCard, keeping{heard: time.Now(), opened: time.Now()})
	return nil
}

// startWithout begins without the card, which could not be opened, and looks for
// it.
func (h *half) startWithout(why error) {
	h.trouble(true, why)
	go h.keep(func() {}, keeping{heard: time.Now(), gone: true})
}

// keeping is what keep knows of the card.
type keeping struct {
	beats  uint64
	heard  time.Time // when it last called
	opened time.Time // zero: it is not
	gone   bool      // and the user was told
}

// keep looks after the card until Close.
func (h *half) keep(closeCard func(), k keeping) {
	defer close(h.ended)
	ticks := time.NewTicker(frameTime)
	defer ticks.Stop()
	var opened chan func() // the result of an attempt that is under way
	for {
		select {
		case <-h.done:
			closeCard()
			if opened != nil {
				if again := <-opened; again != nil {
					again()
				}
			}
			return
		case again := <-opened:
			opened = nil
			k.heard = time.Now() // the next attempt comes after a pause
			if again != nil {
				closeCard, k.opened = again, k.heard
			}
		case now := <-ticks.C:
			if h.listen(&k, now) && opened == nil {
				opened = h.reopen(closeCard, k.gone)
				closeCard = func() {}
				k.gone, k.opened = true, time.Time{}
			}
		}
	}
}

// listen notes whether the card is alive, plays its part if not, and tells whether
// it has to be opened again.
func (h *half) listen(k *keeping, now time.Time) (lost bool) {
	if beats := h.beats.Load(); beats != k.beats {
		k.beats, k.heard = beats, now
		if k.gone {
			k.gone = false
			h.trouble(false, nil)
		}
		return false
	}
	silent := now.Sub(k.heard)
	if silent >= patience || k.gone {
		var nothing Frame
		h.exclusively(nothing[:])
	}
	return silent >= k.grace(now)
}

// grace is how long the card may be silent.
func (k *keeping) grace(now time.Time) time.Duration {
	switch {
	case k.opened.IsZero():
		return retryEvery
	case now.Sub(k.opened) < startTime:
		return startTime
	default:
		return lostAfter
	}
}

// reopen closes the card and opens it again, beside the ticks: both may take a
// while. The first time it says so.
func (h *half) reopen(closeCard func(), again bool) chan func() {
	result := make(chan func(), 1)
	go func() {
		closeCard()
		opened, err := h.open(h.beat)
		if !again {
			h.trouble(true, err)
		}
		if err != nil {
			opened = nil
		}
		result <- opened
	}()
	return result
}

// end closes the card; a driver that hangs is left behind.
func (h *half) end() error {
	h.close()
	t := time.NewTimer(closeTimeout)
	defer t.Stop()
	select {
	case <-h.ended:
		return nil
	case <-t.C:
		return errHangs
	}
}

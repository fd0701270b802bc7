package sip

import (
	"errors"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	// leftAlone is for how long a server that failed comes after all others: a
	// machine has started anew by then, and a phone that found another is in no
	// hurry to go back.
	leftAlone = 2 * time.Minute
	// maxWaits bounds what is remembered; the servers of one provider are a handful.
	maxWaits = 64
)

// waits are the servers to leave alone for a while.
type waits struct {
	mu    sync.Mutex // guards until
	until map[place]wait
}

// wait is until when. asked: the server said so (RFC 3261, Section 21.5.4), and is
// not tried even where there is no other.
type wait struct {
	until time.Time
	asked bool
}

func (w wait) failed() bool { return !w.until.IsZero() }

// failed notes that a server could not be reached, or is out of service.
func (w *waits) failed(p place) { w.put(p, wait{until: time.Now().Add(leftAlone)}) }

// asked notes that a server wants to be left alone.
func (w *waits) asked(p place, d time.Duration) {
	w.put(p, wait{until: time.Now().Add(d), asked: true})
}

// outOfService tells whether a failure is a 503, and after what time the server
// wants to be asked again; 0: it does not say.
func outOfService(err error) (out bool, again time.Duration) {
	var status *StatusError
	if !errors.As(err, &status) || status.Code != sip.StatusServiceUnavailable {
		return false, 0
	}
	var asked *delayed
	if errors.As(err, &asked) {
		again = asked.after
	}
	return true, again
}

// note is failed, or asked where the server names a time.
func (w *waits) note(p place, again time.Duration) {
	if again > 0 {
		w.asked(p, again)
		return
	}
	w.failed(p)
}

func (w *waits) put(p place, one wait) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.until == nil || len(w.until) >= maxWaits {
		w.until = make(map[place]wait)
	}
	w.until[p] = one
}

// of is whether a server is to be left alone; the zero value: it is not.
func (w *waits) of(p place) wait {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := w.until[p]
	if !one.until.After(time.Now()) {
		delete(w.until, p)
		return wait{}
	}
	return one
}

// served forgets that a server failed.
func (w *waits) served(p place) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.until, p)
}

// moved forgets all that may have been the network's fault.
func (w *waits) moved() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p, one := range w.until {
		if !one.asked {
			delete(w.until, p)
		}
	}
}

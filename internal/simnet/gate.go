package simnet

import (
	"net"
	"os"
	"sync"
	"time"
)

// gate lets goroutines wait for a change of what its mutex guards, or for a
// time. The channel is made by whoever waits, hence inside the waiter's bubble.
type gate struct {
	mu sync.Mutex
	ch chan struct{}
}

// changed wakes all who wait. The caller holds mu.
func (g *gate) changed() {
	if g.ch != nil {
		close(g.ch)
		g.ch = nil
	}
}

// wait gives mu back until something changes or the time has come (zero:
// never), and takes it again.
func (g *gate) wait(until time.Time) {
	if g.ch == nil {
		g.ch = make(chan struct{})
	}
	ch := g.ch
	g.mu.Unlock()
	defer g.mu.Lock()
	if until.IsZero() {
		<-ch
		return
	}
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-ch:
	case <-t.C:
	}
}

// passed tells whether a deadline (zero: none) has come.
func passed(deadline time.Time) bool {
	return !deadline.IsZero() && !time.Now().Before(deadline)
}

// earlier of two times, zero meaning never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func opError(op, network string, err error) error {
	return &net.OpError{Op: op, Net: network, Err: err}
}

var errTimeout = os.ErrDeadlineExceeded

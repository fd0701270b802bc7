package sip

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/emiago/sipgo/sip"

	"karat/sip/dialog"
)

const (
	// soon is within what time a connection that broke is made anew: at once, but
	// the phones of a server that restarts not all in the same moment.
	soon = time.Second
	// A server that cannot be reached is tried quickTries times about every quickly:
	// most outages are a restart, or a cable. RFC 5626, Section 4.5 has 30 s here,
	// as a default; an attempt that is refused costs a server one packet.
	quickTries = 5
	quickly    = 2 * time.Second
	// After that, and after a refusal, the wait doubles from firstBackOff up to
	// longestBackOff. All are between half and one and a half of that, so that the
	// phones of one provider do not come back all at once.
	firstBackOff   = 4 * time.Second
	longestBackOff = 5 * time.Minute
	// A server may ask for a time between these: for none it would be asked without
	// end.
	shortestRetryAfter, longestRetryAfter = firstBackOff, time.Hour
	// proven is how long a registration has to hold before it makes up for the
	// failures before it. A server that takes each and hangs up at once is no better
	// than one that takes none.
	proven = time.Minute
	// probeTime is how long a registration may take that shows whether a connection
	// outlived a change of the network.
	probeTime = 3 * time.Second
)

// errBroke: the flow that we were registered on is gone.
var errBroke = fmt.Errorf("%w: the connection broke", ErrUnreachable)

// errLeft: we left it.
var errLeft = fmt.Errorf("%w from where we were: the network changed", ErrUnreachable)

// current is the open flow, nil while there is none.
func (l *line) current() *flow {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.flow == nil || l.flow.closed() {
		return nil
	}
	return l.flow
}

// dial opens the flow, to a server that was not tried.
func (l *line) dial(ctx context.Context, tried map[place]bool) (*flow, error) {
	f, err := l.agent.dialer.dial(ctx, l.hop, l.names, tried)
	if errors.Is(err, ErrUnreachable) && l.unsaid {
		return nil, fmt.Errorf("%w (over TLS; a provider that has none needs a registrar such as 'sip:%s;transport=udp', and then everybody on the way sees whom you call)", err, l.hop.host)
	}
	if err != nil {
		return nil, err
	}
	f.account = true
	if err := l.agent.add(f); err != nil {
		return nil, err
	}
	l.use(f)
	return f, nil
}

// run keeps the flow and the registration up until ctx ends.
func (l *line) run(ctx context.Context) {
	defer close(l.done)
	var wait backOff
	var over *flow // that we were registered over
	for {
		granted, err := l.attempt(ctx)
		if err == nil {
			l.agent.tell(Registered{Expires: granted})
			since := time.Now()
			if f := l.current(); f != nil && f != over {
				if over != nil {
					l.agent.tell(Reconnected{})
				}
				over = f
			}
			err = l.stay(ctx, granted)
			if err == nil || time.Since(since) >= proven {
				wait = backOff{}
			}
		}
		switch {
		case ctx.Err() != nil:
			return
		case err == nil: // time to refresh
		case final(err):
			l.refused.Store(true)
			l.agent.tell(RegistrationLost{Why: err})
			<-ctx.Done() // calls still come and go on the flow, but nothing is tried
			return
		default:
			retry := wait.next(err)
			l.agent.tell(RegistrationLost{Why: err, Retry: retry})
			if l.sleep(ctx, retry) {
				wait = backOff{} // another network, another chance
			}
		}
	}
}

// attempt registers, on a new flow if there is none, at the first server that takes
// us. RFC 3263, Section 4.3: the next one is tried where a connection cannot be made,
// where nobody answers, and after a 503.
func (l *line) attempt(ctx context.Context) (time.Duration, error) {
	tried := map[place]bool{}
	var failed []error
	var full *flow // the first that is out of service, but there
	for {
		f, fresh := l.current(), false
		if f == nil {
			var err error
			if f, err = l.dial(ctx, tried); err != nil {
				if len(failed) == 0 || !errors.Is(err, errTried) {
					failed = append(failed, err)
				}
				l.use(full) // calls may come and go there
				return 0, noneOf(failed)
			}
			fresh = true
		} else if w := l.agent.dialer.waits.of(f.place()); w.asked {
			full = f // it is asked again when it wants to be
			failed = append(failed, &delayed{&StatusError{Code: sip.StatusServiceUnavailable}, time.Until(w.until)})
			tried[f.place()] = true
			l.use(nil)
			continue
		}
		dialled := f.place()
		f, granted, err := l.registerSoon(ctx, f)
		if err == nil {
			l.bound = true
			if fresh {
				l.agent.dialer.waits.served(f.place())
			}
			full.release()
			return granted, nil
		}
		out, again := outOfService(err)
		dead := errors.Is(err, ErrUnreachable) || errors.Is(err, ErrNoFlow)
		if dead || out && full != nil {
			f.close() // the next attempt takes another
		}
		if !out && (!dead || !fresh) || ctx.Err() != nil {
			full.release()
			return 0, err // what ends an old connection need not be the server
		}
		if out && full == nil {
			full = f
		}
		l.use(nil)
		l.agent.dialer.waits.note(f.place(), again)
		tried[f.place()], tried[dialled] = true, true
		failed = append(failed, err)
	}
}

// use makes a flow that of the account; nil: none.
func (l *line) use(f *flow) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flow = f
}

// registerSoon registers. When the network may have changed the answer has to come
// soon, or the connection is taken for dead.
func (l *line) registerSoon(ctx context.Context, f *flow) (on *flow, granted time.Duration, err error) {
	if !l.hurry.Swap(false) {
		return l.enlist(ctx, f, registerFor)
	}
	short, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	on, granted, err = l.enlist(short, f, registerFor)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return on, 0, errBroke
	}
	return on, granted, err
}

// stay waits until it is time to refresh; it returns an error if the flow
// breaks before.
func (l *line) stay(ctx context.Context, granted time.Duration) error {
	f := l.current()
	if f == nil {
		return errBroke
	}
	select { // whatever asked for what has just been done
	case <-l.again:
	default:
	}
	t := time.NewTimer(granted * refreshNumerator / refreshDenominator)
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.renew:
	case <-ctx.Done():
	case <-f.done:
		if f.left.Load() {
			return errLeft
		}
		return errBroke
	}
	return nil
}

// NetworkChanged says that the addresses or routes of this machine may be others
// than before, or that it slept. A connection that leads from an address that is
// no more ours, or was left alone while we slept, is made anew at once; any other
// has to show that it still works. Names are asked for anew.
func (a *Agent) NetworkChanged(slept bool) {
	if names, ok := a.dialer.locator.(interface{ Forget() }); ok {
		names.Forget()
	}
	a.dialer.waits.moved()
	if a.line != nil {
		a.leaveSpares(slept)
		a.line.networkChanged(slept)
	}
}

// leaveSpares closes the account's further flows that are of another network.
func (a *Agent) leaveSpares(slept bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for f := range a.flows {
		if !f.account || !f.spare.Load() {
			continue
		}
		if local, err := a.network.LocalFor(f.remote.Addr()); slept || err == nil && local != f.local.Addr() {
			f.close()
		}
	}
}

func (l *line) networkChanged(slept bool) {
	f := l.current()
	if f == nil {
		select {
		case l.again <- struct{}{}:
		default:
		}
		return
	}
	local, err := l.agent.network.LocalFor(f.remote.Addr())
	switch {
	case err != nil && !slept: // no network now; when there is one, we are told
	case err != nil, slept, local != f.local.Addr():
		f.left.Store(true)
		f.close()
	default:
		l.hurry.Store(true)
		l.refresh()
	}
}

// refresh has the registration renewed before its time.
func (l *line) refresh() {
	select {
	case l.renew <- struct{}{}:
	default:
	}
}

// moved notes where the server saw a request of ours come from (RFC 3581), and
// tells whether that is another place than before: a NAT has forgotten us.
func (l *line) moved(res *sip.Response) bool {
	public := dialog.Public(res)
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.public
	if public != "" {
		l.public = public
	}
	return public != "" && before != "" && public != before
}

// backOff says how long to wait after failures in a row.
type backOff struct {
	failures int
	wait     time.Duration
}

func (b *backOff) next(err error) time.Duration {
	b.failures++
	var asked *delayed
	switch {
	case errors.Is(err, errLeft):
		return 1 // nobody else's network changed
	case b.failures <= quickTries && errors.Is(err, errBroke):
		return 1 + rand.N(soon)
	case errors.As(err, &asked):
		// The server's word counts, but all its phones had the same.
		return asked.after + rand.N(asked.after/2+time.Second)
	case b.failures <= quickTries && errors.Is(err, ErrUnreachable):
		return jitter(quickly)
	}
	b.wait = min(max(firstBackOff, 2*b.wait), longestBackOff)
	return jitter(b.wait)
}

// delayed is a failure with the time that the server wants to be left alone for.
type delayed struct {
	error
	after time.Duration
}

// Unwrap gives the failure.
func (d *delayed) Unwrap() error { return d.error }

// refusal is what a final response that is no success means. RFC 3261, Section
// 20.33: Retry-After may carry a comment and parameters.
func refusal(res *sip.Response) error {
	err := &StatusError{Code: res.StatusCode}
	after, ok := dialog.RetryAfter(res)
	if !ok {
		return err
	}
	return &delayed{err, min(max(after, shortestRetryAfter), longestRetryAfter)}
}

// final tells whether trying again is useless until the user acts: a wrong
// password, an account that is not allowed or unknown.
func final(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Code == sip.StatusForbidden || status.Code == sip.StatusNotFound
	}
	return errors.Is(err, ErrAuth)
}

// jitter spreads a duration between half and one and a half of it.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d) }

// sleep waits, or until ctx ends. It returns true if there is a reason to try
// again before the time.
func (l *line) sleep(ctx context.Context, d time.Duration) (again bool) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-l.again:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

package sip

import (
	"context"
	"maps"
	"net/netip"
	"time"

	"github.com/emiago/sipgo/sip"
)

// An INVITE that a server does not take goes to the next one (RFC 3263, Section
// 4.3), as long as no phone has rung for it. The call then stays with the flow there;
// the account's own goes on to carry everything else.

// maxServersTried bounds the servers that are asked for one call.
const maxServersTried = 8

// way is how a call goes out.
type way struct {
	flow   *flow
	remote netip.AddrPort
}

// drop lets go of a way that no call was put on.
func (w way) drop() {
	if w.flow.spare.Load() {
		w.flow.release()
	}
}

// wayFor finds or opens the flow for a call to target, other than by the servers
// that were tried: with an account always to one of the provider's, so that nobody
// else learns our address.
func (a *Agent) wayFor(ctx context.Context, target string, tried map[place]bool) (way, error) {
	if a.line != nil {
		return a.line.way(ctx, tried)
	}
	h, err := parseHop(target)
	if err != nil {
		return way{}, err
	}
	servers, err := a.dialer.servers(ctx, h)
	if err != nil {
		return way{}, err
	}
	for _, server := range servers {
		addrs, _ := a.dialer.addresses(ctx, server.host) // without any, dial says so
		for _, addr := range addrs {
			p := place{server.kind, netip.AddrPortFrom(addr, server.port)}
			if tried[p] || a.dialer.waits.of(p).failed() {
				continue
			}
			if f := a.reuse(p.kind, p.addr); f != nil {
				return way{f, p.addr}, nil
			}
		}
	}
	f, err := a.dialer.dial(ctx, h, []string{h.host}, tried)
	if err != nil {
		return way{}, err
	}
	return way{f, f.remote}, a.add(f)
}

// way is the account's flow, or one of its own where that leads to a server that
// failed lately, or was tried.
func (l *line) way(ctx context.Context, tried map[place]bool) (way, error) {
	f := l.current()
	if f == nil && len(tried) == 0 {
		return way{}, ErrNoFlow
	}
	if f != nil && !tried[f.place()] && !l.agent.dialer.waits.of(f.place()).failed() {
		return way{f, f.remote}, nil
	}
	spare, err := l.agent.dialer.dial(ctx, l.hop, l.names, tried)
	if err == nil {
		spare.account = true
		spare.spare.Store(true)
		err = l.agent.add(spare)
	}
	switch {
	case err == nil:
		return way{spare, spare.remote}, nil
	case len(tried) == 0:
		return way{f, f.remote}, nil // there is no other: the user asks it all the same
	}
	return way{}, err
}

// put gives the call a way; the one before is left.
func (c *Call) put(w way) {
	w.flow.take()
	if c.flow != nil {
		c.flow.leave()
	}
	c.flow, c.remote = w.flow, w.remote
}

// watchAnswer has the next server tried if this one says nothing at all.
func (c *Call) watchAnswer() {
	if c.flow.others && c.machine.Unheard() {
		c.unheard = time.After(firstWord)
	}
}

// nothingHeard looks for another server if nothing has come by now.
func (c *Call) nothingHeard() {
	c.unheard = nil
	if c.machine.Unheard() && c.seek(func(time.Time) {}) {
		c.agent.dialer.waits.failed(place{c.flow.kind, c.remote})
	}
}

// answered takes a response to a request of ours: a 503 to an INVITE has the next
// server tried.
func (c *Call) answered(now time.Time, req *sip.Request, res *sip.Response) {
	passOn := func(now time.Time) { c.machine.Response(now, req, res) }
	if res.StatusCode == sip.StatusServiceUnavailable && c.machine.Movable(req) {
		here := place{c.flow.kind, c.remote}
		_, again := outOfService(refusal(res))
		if c.seek(passOn) {
			// It may take registrations all the same: that it is asked for.
			c.agent.dialer.waits.put(here, wait{until: time.Now().Add(max(again, leftAlone))})
			return
		}
	}
	passOn(now)
}

// over is told that the transaction of a request of ours has: without an answer, or
// by a connection that broke, an INVITE is sent elsewhere.
func (c *Call) over(now time.Time, req *sip.Request, err error) {
	passOn := func(now time.Time) { c.machine.Closed(now, req, err) }
	if err == nil || !c.machine.Movable(req) || !c.seek(passOn) {
		passOn(now)
	}
}

// seek looks for another server, in a goroutine of its own. otherwise is done where
// there is none, and after the INVITE went to one. False: nothing is looked for.
func (c *Call) seek(otherwise func(now time.Time)) bool {
	if c.stopSeeking != nil {
		c.held = append(c.held, otherwise)
		return true
	}
	if len(c.tried) >= maxServersTried || c.agent.isClosed() {
		return false
	}
	if c.tried == nil {
		c.tried = make(map[place]bool)
	}
	c.tried[place{c.flow.kind, c.remote}] = true
	if c.flow.kind == tcp {
		c.tried[place{udp, c.remote}] = true // a call that grew too large for it
	}
	tried := maps.Clone(c.tried)
	ctx, cancel := context.WithCancel(context.Background())
	c.stopSeeking, c.held = cancel, []func(time.Time){otherwise}
	c.seeking.Go(func() {
		defer cancel()
		w, err := c.agent.wayFor(ctx, c.peer, tried)
		if !c.post(func(now time.Time) { c.found(now, w, err) }) && err == nil {
			w.drop()
		}
	})
	return true
}

// found goes the way that was found, if the call still wants it, and does what was
// held back.
func (c *Call) found(now time.Time, w way, err error) {
	held := c.held
	c.stopSeeking, c.held = nil, nil
	if err == nil {
		l := c.agent.local(w.flow, w.remote)
		if c.machine.Elsewhere(l.Via, c.contact(w.flow, l.Contact)) {
			c.put(w)
		} else {
			w.drop()
		}
	}
	for _, f := range held {
		f(now)
	}
}

// giveUpSeeking ends the search for another server.
func (c *Call) giveUpSeeking() {
	if c.stopSeeking != nil {
		c.stopSeeking()
	}
}

package sip

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"karat/sip/dialog"
)

// RFC 3261, Section 18.1.1: what is larger than a datagram should be goes by TCP to
// the same server, and by UDP only where there is no TCP.

const (
	// maxDatagram is the largest request that goes by UDP where there is TCP: larger
	// ones are cut into fragments, which many routers lose. RFC 3261, Section 18.1.1:
	// 1,300 bytes where the MTU of the path is not known.
	maxDatagram = 1300
	// streamTime is for how long TCP is waited for: a firewall may swallow what asks
	// for it. It is not asked for again for as long as a server that failed is left
	// alone.
	streamTime = 3 * time.Second
)

// sipgo refuses to send more than 200 bytes less than this; what goes by UDP is
// decided here.
func init() { sip.UDPMTUSize = maxMessage + 200 }

// tooLarge tells whether a request should go by TCP, and may.
func (a *Agent) tooLarge(w way, req *sip.Request) bool {
	if w.flow.kind != udp || !w.remote.IsValid() || len(req.String()) <= maxDatagram {
		return false
	}
	return !a.dialer.waits.of(place{tcp, w.remote}).failed()
}

// stream opens a connection to where a UDP flow leads.
func (a *Agent) stream(ctx context.Context, w way) (*flow, error) {
	ctx, cancel := context.WithTimeout(ctx, streamTime)
	defer cancel()
	f, err := a.dialer.race(ctx, []place{{tcp, w.remote}}, whom{})
	if err != nil {
		return nil, err
	}
	f.account, f.others = w.flow.account, w.flow.others
	return f, a.add(f)
}

// errLarge: a REGISTER waits for TCP.
var errLarge = errors.New("sip: the request is too large for a datagram")

// enlist registers: over a flow or, where that is UDP and the request too large for
// it, over a connection to the same server, which is the account's from then on. By
// which of the two it is on, also when it failed.
func (l *line) enlist(ctx context.Context, f *flow, expires time.Duration) (on *flow, granted time.Duration, err error) {
	granted, err = l.register(ctx, f, expires)
	if !errors.Is(err, errLarge) {
		return f, granted, err
	}
	next, err := l.agent.stream(ctx, way{f, f.remote})
	if err != nil { // there is no TCP, as tooLarge knows now
		granted, err = l.register(ctx, f, expires)
		return f, granted, err
	}
	l.use(next)
	f.release()
	granted, err = l.register(ctx, next, expires)
	return next, granted, err
}

// grow has a request that is too large for UDP sent by TCP, and the rest of the call
// after it: by that connection the other side reaches us from now on. False: it goes
// as it is.
func (c *Call) grow(req *sip.Request) bool {
	to := c.remote
	if !c.account {
		to = nextHop(req, c.flow.kind, c.remote)
	}
	w := way{c.current(), to}
	if c.account {
		w.remote = w.flow.remote
	}
	if c.stopSeeking != nil || c.agent.isClosed() || !c.agent.tooLarge(w, req) {
		return false
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.stopSeeking = cancel
	c.seeking.Go(func() {
		defer cancel()
		var next way
		f, err := c.agent.stream(ctx, w)
		if err == nil {
			f.spare.Store(true)
			next = way{f, w.remote}
		}
		if !c.post(func(now time.Time) { c.grown(now, req, next, err) }) && err == nil {
			next.drop()
		}
	})
	return true
}

// grown sends the request that waited.
func (c *Call) grown(now time.Time, req *sip.Request, w way, err error) {
	held := c.held
	c.stopSeeking, c.held = nil, nil
	if err == nil {
		l := c.agent.local(w.flow, w.remote)
		contact := c.contact(w.flow, l.Contact)
		c.machine.Moved(l.Via, contact)
		readdress(req, l.Via, contact)
		c.put(w)
	}
	if c.machine.Wants(req) {
		c.transmit(req)
	} else {
		c.machine.Closed(now, req, ErrNoFlow) // given up meanwhile
	}
	for _, f := range held {
		f(now)
	}
}

// readdress names another way in a request that was not sent yet. RFC 3261, Section
// 18.1.1: if the transport changes, the top Via must say so.
func readdress(req *sip.Request, via, contact string) {
	_, params, _ := strings.Cut(dialog.Value(req, "Via"), ";")
	req.ReplaceHeader(sip.NewHeader("Via", via+";"+params))
	if dialog.Value(req, "Contact") != "" {
		req.ReplaceHeader(sip.NewHeader("Contact", contact))
	}
}

package dialog

import (
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	// reofferPatience is how long the owner may think about a re-INVITE. An UPDATE
	// has to be answered promptly (RFC 3311, Section 5.2).
	reofferPatience = 10 * time.Second
	// maxGlares bounds how often a change that met one of the peer's is tried.
	maxGlares = 5
)

// change is a re-INVITE or UPDATE of ours.
type change struct {
	method  string
	sdp     []byte
	refresh bool      // it only keeps the call alive: the owner does not know of it
	sent    *pending  // nil: waiting for retryAt
	retryAt time.Time // after a 491
	glares  int
	longer  bool // a 422 was heeded
}

// busy is why no change can be offered now; nil: one can.
func (c *Call) busy() error {
	switch {
	case !c.is(Confirmed) || c.change != nil || c.answer != nil:
		return ErrState
	case c.reoffered != nil:
		// RFC 3261, Section 14.1: no new INVITE while another is in progress in
		// either direction.
		return ErrGlare
	}
	return nil
}

// Reinvite offers to change the call. Exactly one Reinvited follows unless it
// returns an error.
func (c *Call) Reinvite(sdp []byte) error {
	if err := c.busy(); err != nil {
		return err
	}
	if !c.offerChange(&change{method: "INVITE", sdp: sdp}) {
		return ErrState
	}
	return nil
}

// Moved says that we are reached at another Contact, by another Via: the next
// request tells the peer.
func (c *Call) Moved(via, contact string) {
	c.local.Via, c.local.Contact = via, contact
	if c.dialog != nil {
		c.dialog.local.Via, c.dialog.local.Contact = via, contact
	}
}

func (c *Call) offerChange(ch *change) bool {
	extra := append([]Field{{"Allow", Allow}, {"Supported", Supported}}, c.timer.fields()...)
	ch.retryAt = time.Time{}
	ch.sent = c.send(c.dialog, message{method: ch.method, extra: extra, body: ch.sdp})
	if ch.sent != nil {
		c.change = ch
	}
	return ch.sent != nil
}

// retryChange offers again what met an offer of the peer.
func (c *Call) retryChange() {
	ch := c.change
	c.change = nil
	if c.busy() != nil || !c.offerChange(ch) {
		c.told(ch, Reinvited{Err: ErrGlare})
	}
}

// told tells the owner what became of a change that it asked for.
func (c *Call) told(ch *change, r Reinvited) {
	if !ch.refresh {
		c.tell(r)
	}
}

// changeResponse takes the final answer to a re-INVITE or UPDATE of ours.
func (c *Call) changeResponse(now time.Time, p *pending, res *sip.Response) {
	code := res.StatusCode
	ours := c.change != nil && p == c.change.sent
	if code < 300 {
		p.dialog.Refresh(res)
		first := true
		if p.msg.method == "INVITE" {
			first = c.acknowledge(p.dialog, p, res)
		}
		if ours && first {
			c.changed(now, res)
		}
		return
	}
	if !ours {
		return
	}
	retried, err := c.retry(p, res)
	switch {
	case retried:
	case err != nil:
		c.changeFailed(err, false)
	case code == sip.StatusRequestPending:
		c.backOff(now)
	case code == 422 && c.longer(res):
	case code == sip.StatusCallTransactionDoesNotExists:
		// RFC 3261, Section 12.2.1.2: this ends the dialog. So would 408, but a proxy
		// says that of a peer that is just changing its network.
		c.changeFailed(&StatusError{code}, true)
	default:
		c.changeFailed(ErrRejected, false)
	}
}

// changed: the peer agreed.
func (c *Call) changed(now time.Time, res *sip.Response) {
	ch := c.change
	c.change = nil
	c.hear(res)
	c.timer.begin(now, res)
	switch sdp := SDP(res); {
	case !ch.refresh:
		c.said = ch.sdp
		c.tell(Reinvited{SDP: sdp})
	case sdp != nil:
		c.tell(Reanswered{SDP: sdp})
	}
}

// backOff waits, after a 491, for a time at which the peer does not try again.
// RFC 3261, Section 14.1: whoever made the Call-ID waits 2.1 to 4 s, the other 0
// to 2 s, in units of 10 ms.
func (c *Call) backOff(now time.Time) {
	ch := c.change
	if ch.glares++; ch.glares > maxGlares {
		c.changeFailed(ErrGlare, false)
		return
	}
	wait := time.Duration(c.local.random(201)) * 10 * time.Millisecond
	if c.outgoing {
		wait = 2100*time.Millisecond + time.Duration(c.local.random(191))*10*time.Millisecond
	}
	ch.sent, ch.retryAt = nil, now.Add(wait)
}

// longer heeds a 422 to a refresh: the interval has to grow.
func (c *Call) longer(res *sip.Response) bool {
	ch := c.change
	least, _ := interval(Value(res, "Min-SE"))
	if ch.longer || least < minSession || c.timer.interval == 0 {
		return false
	}
	ch.longer = true
	c.timer.interval = least
	return c.offerChange(ch)
}

// changeFailed tells that our change failed; gone means that the dialog did too.
func (c *Call) changeFailed(err error, gone bool) {
	ch := c.change
	c.change = nil
	c.told(ch, Reinvited{Err: err})
	if gone && c.is(Confirmed) {
		c.bye(Ended{Why: err})
	}
}

// reoffer handles a re-INVITE or UPDATE of the peer.
func (c *Call) reoffer(now time.Time, req *sip.Request) {
	c.hear(req)
	offers := SDP(req) != nil || req.Method == sip.INVITE
	switch {
	case !offers:
		c.dialog.Refresh(req)
		c.respond(req, Reply{Code: 200, Contact: c.local.Contact, Extra: c.timer.accept(now, req)})
	case c.change != nil && c.change.sent != nil:
		// RFC 3261, Section 14.2: a UAS that receives an INVITE while one that it
		// sent is in progress MUST return a 491; RFC 3311, Section 5.2, so for UPDATE.
		c.respond(req, Reply{Code: 491})
	case !c.is(Confirmed) && !c.is(Answering), c.reoffered != nil, c.answer != nil && c.answer.offers:
		// RFC 3261, Section 14.2; RFC 3311, Section 5.2: an offer before the last
		// one is answered gets a 500 with Retry-After.
		c.respond(req, Reply{Code: 500, Extra: []Field{{"Retry-After", retryAfter}}})
	default:
		if req.Method == sip.INVITE {
			c.respond(req, Reply{Code: 100})
		}
		c.reoffered, c.reofferBy = req, now.Add(reofferPatience)
		c.tell(Reoffered{SDP: SDP(req)})
	}
}

// closeReoffer gives the waiting re-INVITE or UPDATE a final answer that
// refuses.
func (c *Call) closeReoffer(r Reply) {
	req := c.reoffered
	c.reoffered, c.reofferBy = nil, time.Time{}
	c.respond(req, r)
}

// Accept agrees to a Reoffered: with our answer, or our offer where the peer
// asked for one.
func (c *Call) Accept(now time.Time, sdp []byte) error {
	req := c.reoffered
	if req == nil {
		return ErrState
	}
	c.reoffered, c.reofferBy = nil, time.Time{}
	c.dialog.Refresh(req)
	if req.Method == sip.UPDATE {
		c.said = sdp
		c.respond(req, Reply{Code: 200, Contact: c.local.Contact, Extra: c.timer.accept(now, req), SDP: sdp})
		return nil
	}
	c.accept(now, req, sdp)
	return nil
}

// Refuse declines a Reoffered: the call stays as it was.
func (c *Call) Refuse() error {
	if c.reoffered == nil {
		return ErrState
	}
	c.closeReoffer(Reply{Code: 488})
	return nil
}

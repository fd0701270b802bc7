package dialog

import (
	"time"

	"github.com/emiago/sipgo/sip"
)

// Request takes a request of the peer within the dialog: ACK, BYE, INVITE,
// UPDATE or INFO. (The rest is answered by [Standing]; CANCEL goes to
// [Call.Cancel].)
func (c *Call) Request(now time.Time, req *sip.Request) {
	if req.Method == sip.ACK {
		c.acknowledged(req)
		return
	}
	if c.dialog == nil || c.is(Over) && req.Method != sip.BYE {
		c.respond(req, Reply{Code: 481})
		return
	}
	if !c.dialog.InOrder(req) {
		c.respond(req, Reply{Code: 500, Extra: []Field{{"Retry-After", retryAfter}}})
		return
	}
	switch req.Method {
	case sip.BYE:
		c.ended(req)
	case sip.INVITE, sip.UPDATE:
		c.reoffer(now, req)
	default: // INFO
		c.respond(req, Reply{Code: 200})
	}
}

// ended handles a BYE. RFC 3261, Section 15.1.2: pending requests get a 487.
func (c *Call) ended(req *sip.Request) {
	c.respond(req, Reply{Code: 200})
	c.answer = nil
	if c.is(Over) {
		return
	}
	if c.is(Ringing) {
		c.respond(c.incoming, Reply{Code: 487})
	}
	c.end(Ended{ByPeer: true})
}

// reoffer handles a re-INVITE or UPDATE.
func (c *Call) reoffer(now time.Time, req *sip.Request) {
	retry := []Field{{"Retry-After", retryAfter}}
	switch {
	case c.reinvite != nil:
		// RFC 3261, Section 14.2: a UAS that receives an INVITE while one that it
		// sent is in progress MUST return a 491.
		c.respond(req, Reply{Code: 491})
	case !c.is(Confirmed) && !c.is(Answering), c.reoffered != nil:
		// RFC 3261, Section 14.2; RFC 3311, Section 5.2: an offer before the last
		// one is answered gets a 500 with Retry-After.
		c.respond(req, Reply{Code: 500, Extra: retry})
	case SDP(req) == nil && req.Method == sip.UPDATE:
		c.dialog.Refresh(req)
		c.respond(req, Reply{Code: 200, Contact: c.local.Contact})
	case SDP(req) == nil:
		// Somebody else asks us for an offer: refused by policy.
		c.respond(req, Reply{Code: 488})
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

// Accept agrees to a Reoffered.
func (c *Call) Accept(now time.Time, sdp []byte) error {
	req := c.reoffered
	if req == nil {
		return ErrState
	}
	c.reoffered, c.reofferBy = nil, time.Time{}
	c.dialog.Refresh(req)
	if req.Method == sip.UPDATE {
		c.respond(req, Reply{Code: 200, Contact: c.local.Contact, SDP: sdp})
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

// Reinvite offers to change the call. Exactly one Reinvited follows unless it
// returns an error.
func (c *Call) Reinvite(sdp []byte) error {
	if !c.is(Confirmed) || c.reinvite != nil || c.answer != nil {
		return ErrState
	}
	// RFC 3261, Section 14.1: no new INVITE while another is in progress in
	// either direction.
	if c.reoffered != nil {
		return ErrGlare
	}
	c.reinvite = c.send(c.dialog, "INVITE", sdp)
	if c.reinvite == nil {
		return ErrState
	}
	return nil
}

func (c *Call) reinviteResponse(p *pending, res *sip.Response) {
	code := res.StatusCode
	if code < 200 {
		return
	}
	p.final = true
	if code < 300 {
		p.dialog.Refresh(res)
		c.acknowledge(p.dialog, p, res)
		if p == c.reinvite {
			c.reinvite = nil
			c.tell(Reinvited{SDP: SDP(res)})
		}
		return
	}
	if p != c.reinvite {
		return
	}
	retried, err := c.retry(p, res)
	switch {
	case retried:
	case err != nil:
		c.reinviteFailed(err, false)
	case code == sip.StatusRequestPending:
		c.reinviteFailed(ErrGlare, false)
	case code == sip.StatusRequestTimeout, code == sip.StatusCallTransactionDoesNotExists:
		// RFC 3261, Section 12.2.1.2: these two end the dialog.
		c.reinviteFailed(&StatusError{code}, true)
	default:
		c.reinviteFailed(ErrRejected, false)
	}
}

// reinviteFailed tells that our re-INVITE failed; gone means that the dialog
// did too.
func (c *Call) reinviteFailed(err error, gone bool) {
	c.reinvite = nil
	c.tell(Reinvited{Err: err})
	if gone && c.is(Confirmed) {
		c.bye(Ended{Why: err})
	}
}

package dialog

import (
	"time"

	"github.com/emiago/sipgo/sip"
)

// Request takes a request of the peer within the dialog. (CANCEL goes to
// [Call.Cancel].)
func (c *Call) Request(now time.Time, req *sip.Request) {
	if req.Method == sip.ACK {
		c.acknowledged(req)
		return
	}
	if c.dialog == nil && c.early(req) {
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
	case sip.PRACK:
		c.acknowledgedEarly(req)
	case sip.REFER:
		c.refer(req)
	case sip.NOTIFY:
		c.notified(req)
	case sip.MESSAGE:
		c.text(req)
	case sip.INFO:
		c.respond(req, Reply{Code: 200})
	default:
		c.respond(req, Reply{Code: 405, Extra: []Field{{"Allow", Allow}}})
	}
}

// early takes a request of a phone that rings for our call, in its early dialog.
// An offer there is turned down: nothing is agreed on before the call is. False:
// there is no such phone.
func (c *Call) early(req *sip.Request) bool {
	f := c.forks[FromTag(req)]
	if f == nil || c.is(Over) {
		return false
	}
	switch {
	case !f.dialog.InOrder(req):
		c.respond(req, Reply{Code: 500, Extra: []Field{{"Retry-After", retryAfter}}})
	case req.Method == sip.UPDATE && SDP(req) == nil:
		f.dialog.Refresh(req)
		c.respond(req, Reply{Code: 200, Contact: c.local.Contact})
	case req.Method == sip.UPDATE && f.answer == nil:
		// RFC 3311, Section 5.2: our offer has no answer yet.
		c.respond(req, Reply{Code: 491})
	case req.Method == sip.INFO:
		c.respond(req, Reply{Code: 200})
	default:
		c.respond(req, Reply{Code: 488})
	}
	return true
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

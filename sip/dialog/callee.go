package dialog

import (
	"time"

	"github.com/emiago/sipgo/sip"
)

// Receive takes an INVITE outside of any dialog that came in at now. tag is
// ours, new and random. Whatever follows, the caller gets 100 at once, 180
// after RingAfter and, unless it is answered, one 480 after RefuseAfter, the
// same bytes in every case but for identifiers.
func Receive(now time.Time, local Local, req *sip.Request, tag string) (*Call, error) {
	d, err := FromRequest(local, req, tag)
	if err != nil {
		return nil, err
	}
	c := &Call{
		local:    local,
		state:    Ringing,
		pending:  make(map[*sip.Request]*pending),
		dialog:   d,
		id:       d.CallID,
		tag:      tag,
		incoming: req,
		ringAt:   now.Add(RingAfter),
		refuseAt: now.Add(RefuseAfter),
	}
	c.hear(req)
	c.respond(req, Reply{Code: 100})
	return c, nil
}

// ring sends the 180, in a way that has to be acknowledged if the caller demands
// that. RFC 3262, Section 5: such a one would have to carry our offer where the
// caller made none, and there is none before somebody answers.
func (c *Call) ring(now time.Time) {
	c.ringAt = time.Time{}
	r := Reply{Code: 180, Contact: c.local.Contact}
	switch {
	case !requires(c.incoming, "100rel"):
		c.respond(c.incoming, r)
	case SDP(c.incoming) != nil:
		c.respondReliably(now, r)
	}
}

// Decline decides that the call will not be answered. On the wire it changes
// nothing.
func (c *Call) Decline() { c.declined = true }

// Close gives an unanswered call its final answer now, because we are about to
// vanish; any other call is hung up.
func (c *Call) Close(now time.Time) {
	if c.is(Ringing) {
		c.refuse(ErrUnanswered)
		return
	}
	c.Hangup(now)
}

// refuse sends the one final answer to a call that was not answered.
func (c *Call) refuse(why error) {
	c.respond(c.incoming, Reply{Code: refusal})
	if c.declined {
		why = nil
	}
	c.end(Ended{Why: why})
}

// Answer accepts the call.
func (c *Call) Answer(now time.Time, sdp []byte) error {
	if !c.is(Ringing) || c.declined {
		return ErrState
	}
	c.ringAt, c.refuseAt = time.Time{}, time.Time{}
	if c.reliable != nil {
		c.reliable.resendAt, c.reliable.giveUpAt = time.Time{}, time.Time{}
	}
	c.state = Answering
	c.accept(now, c.incoming, sdp)
	return nil
}

// accept sends a 200 to an INVITE and repeats it until the ACK comes. RFC 3261,
// Section 13.3.1.4: at T1, doubling up to T2, over any transport, since the way
// to the caller may have an unreliable part.
func (c *Call) accept(now time.Time, req *sip.Request, sdp []byte) {
	seq, _, _ := Seq(req)
	c.said = sdp
	extra := append([]Field{{"Allow", Allow}, {"Supported", Supported}}, c.timer.accept(now, req)...)
	res := c.respond(req, Reply{Code: 200, Contact: c.local.Contact, Extra: extra, SDP: sdp})
	c.answer = &answer{
		req: req, res: res, seq: seq, offers: SDP(req) == nil,
		resendAt: now.Add(T1), interval: T1, giveUpAt: now.Add(patience),
	}
}

func (c *Call) advanceAnswer(now time.Time) {
	a := c.answer
	if due(a.giveUpAt, now) {
		// RFC 3261, Section 13.3.1.4: without an ACK for 64*T1 the dialog is
		// confirmed, but the session SHOULD be ended, with a BYE.
		c.answer = nil
		if c.is(Over) {
			c.send(c.dialog, message{method: "BYE"})
			return
		}
		c.bye(Ended{Why: ErrNoAck})
		return
	}
	if due(a.resendAt, now) {
		c.do(Respond{To: a.req, Response: a.res})
		a.interval = min(2*a.interval, T2)
		a.resendAt = now.Add(a.interval)
	}
}

// acknowledged handles an ACK.
func (c *Call) acknowledged(req *sip.Request) {
	seq, _, ok := Seq(req)
	if !ok || c.answer == nil || seq != c.answer.seq {
		return // for an error response, or repeated
	}
	var sdp []byte
	if c.answer.offers {
		sdp = SDP(req)
	}
	c.answer = nil
	switch {
	case c.hungUp:
		c.hungUp = false
		c.send(c.dialog, message{method: "BYE"})
	case c.is(Answering):
		c.state = Confirmed
		c.tell(Answered{SDP: sdp})
	case c.is(Confirmed) && sdp != nil:
		c.tell(Reanswered{SDP: sdp})
	}
}

// Cancel takes a CANCEL of the peer that matches the INVITE (or re-INVITE) of
// this call. RFC 3261, Section 9.2: it is answered 200; if the INVITE has no
// final answer yet, that gets a 487.
func (c *Call) Cancel(req *sip.Request) {
	c.respond(req, Reply{Code: 200})
	switch {
	case c.reoffered != nil && Branch(req) == Branch(c.reoffered):
		c.closeReoffer(Reply{Code: 487})
	case c.is(Ringing):
		c.respond(c.incoming, Reply{Code: 487})
		c.end(Ended{ByPeer: true, Why: ErrCancelled})
	}
}

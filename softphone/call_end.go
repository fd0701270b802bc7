package softphone

import (
	"context"
	"errors"
	"time"

	"karat/media/path"
	"karat/sip"
)

// decline turns an incoming call away: what the caller gets is the one answer
// that every unanswered caller gets, at its time.
func (c *call) decline() {
	if c.outgoing || !c.answered.IsZero() {
		c.leave("you hung up")
		return
	}
	c.turnAway()
	c.end("you declined the call", NotAnswered)
}

// turnAway leaves the caller to the one answer, at its time.
func (c *call) turnAway() {
	c.sip.Decline()
	if !c.owing {
		c.owing = true
		c.phone.owing.Add(1)
	}
}

// leave ends the call from our side.
func (c *call) leave(why string) {
	if c.over {
		return
	}
	c.cutVoice()
	switch {
	case c.sip == nil: // it waits to be redirected
		c.sipDone = true
	case !c.outgoing && c.answered.IsZero():
		c.turnAway()
	default:
		c.sip.Hangup()
	}
	c.end(why, c.outcome())
}

// refuse ends a call that is not or no longer private: the microphone first,
// then the rest.
func (c *call) refuse(why string) {
	c.cutVoice()
	if c.over {
		return
	}
	c.assess()
	c.emit(Refused{Head: c.head(), Why: why})
	if !c.outgoing && c.answered.IsZero() {
		c.turnAway() // the caller learns nothing
	} else {
		c.sip.Hangup()
	}
	c.end(why, NotPrivate)
}

// fail ends a call that we cannot go on with.
func (c *call) fail(err error) {
	if c.over {
		return
	}
	c.log.Warn("call failed") // why is for the user only: it may name whom they called
	c.cutVoice()
	switch {
	case c.sip == nil: // our INVITE never left
	case !c.outgoing && c.answered.IsZero():
		c.turnAway()
	default:
		c.sip.Hangup()
	}
	c.end(sentence(err), outcomeOf(err))
}

// end says, once, that the call is over for the user.
func (c *call) end(why string, outcome Outcome) {
	if c.over {
		return
	}
	c.over = true
	c.figures, c.consent, c.changes.again, c.changes.then = nil, consent{}, nil, nil
	c.reportTransfer(transferFailed)
	ended := Ended{Head: c.head(), Why: why, Outcome: outcome}
	if !c.answered.IsZero() {
		ended.Talked = time.Since(c.answered)
	}
	c.closeMedia() // first: who hears of the end may call again at once
	c.emit(ended)
}

// outcome of a call that ends now without anything having failed.
func (c *call) outcome() Outcome {
	switch {
	case c.report != nil && c.report.Private:
		return Private
	case c.answered.IsZero():
		return NotAnswered
	default:
		return NotPrivate
	}
}

// outcomeOf tells network failures from our own.
func outcomeOf(err error) Outcome {
	for _, network := range []error{sip.ErrUnreachable, sip.ErrAuth, sip.ErrCertificate, path.ErrRelay, context.DeadlineExceeded} {
		if errors.Is(err, network) {
			return Unreachable
		}
	}
	return Failed
}

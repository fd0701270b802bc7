package softphone

import (
	"context"
	"fmt"
	"time"

	"karat/media/path"
	"karat/sip"
	"karat/sip/offer"
	"karat/softphone/assay"
)

// dial sends our INVITE, with the hash of a fresh Hello.
func (c *call) dial() error {
	c.emit(Dialing{Head: c.head(), To: c.peer})
	local, err := c.phone.agent.MediaAddr(c.peer)
	if err != nil {
		return err
	}
	if err := c.openMedia(local); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), inviteTime)
	defer cancel()
	c.sip, err = c.phone.agent.Invite(ctx, c.peer, offer.Offer(c.local))
	return err
}

// progress passes on that the other end rings; which of 180 and 183 it was says
// more about the other end than the user needs.
func (c *call) progress(ev sip.Progress) {
	if !c.over && !c.rang && ev.Code >= 180 {
		c.rang = true
		c.emit(Ringing{Head: c.head()})
	}
}

// hearAnswer: our call is up, and we learn whom to agree with. (The one that we
// answered is up when its caller acknowledges that, which changes nothing.)
func (c *call) hearAnswer(ev sip.Answered) {
	if c.over || !c.outgoing {
		return
	}
	c.answered = time.Now()
	c.emit(Answered{Head: c.head()})
	c.offered, c.facts.Offer = describe(ev.SDP)
	c.facts.HashSignalled = len(c.offered.ZRTPHashes) > 0
	if d := c.decide(); d.Action == assay.Refuse {
		c.refuse(d.Why)
		return
	}
	agreed, err := offer.Accept(c.local, c.offered)
	if err != nil {
		c.refuse(fmt.Sprintf("%v: the call was ended before a word was sent", err))
		return
	}
	c.agreed, c.fork = agreed, path.Fork(ev.Fork)
	c.connect()
}

// hearFailure: our call was not answered. To the user every refusal that says
// nothing about privacy is "no answer".
func (c *call) hearFailure(ev sip.Failed) {
	switch {
	case c.over:
	case ev.Code == 488 || ev.Code == 415 || ev.Code == 606:
		why := "the other phone does not accept a private call (it refused an offer of end-to-end encryption); ask for a phone with ZRTP at the other end"
		c.emit(Refused{Head: c.head(), Why: why})
		c.end(why, NotPrivate)
	case ev.Code == 0 || ev.Code == 401 || ev.Code == 403 || ev.Code == 407 || ev.Code >= 500 && ev.Code < 600:
		c.end(sentence(ev.Why), Unreachable)
	default:
		c.end("no answer", NotAnswered)
	}
	c.sipDone = true
}

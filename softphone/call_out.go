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
	c.emit(Dialing{Head: c.head(), To: c.peer, Account: c.phone.named(c.account)})
	if c.refuseReadable() {
		return nil
	}
	local, err := c.account.agent.MediaAddr(c.peer)
	if err != nil {
		return err
	}
	if err := c.openMedia(local, true); err != nil {
		return err
	}
	return c.invite()
}

// invite sends the INVITE to c.peer.
func (c *call) invite() error {
	ctx, cancel := context.WithTimeout(context.Background(), inviteTime)
	defer cancel()
	c.changes.said = offer.Offer(c.local)
	sc, err := c.account.agent.InviteAs(ctx, c.peer, sip.Manner{Replaces: c.inPlaceOf, Anonymous: c.anonymous}, c.changes.said)
	if err != nil {
		return err
	}
	c.sip = sc
	c.phone.attach(c, sc)
	return nil
}

// progress passes on that the other end rings; which of 180 and 183 it was says
// more about the other end than the user needs.
func (c *call) progress(ev sip.Progress) {
	if !c.over && !c.rang && ev.Code >= 180 {
		c.rang = true
		c.emit(Ringing{Head: c.head()})
		c.reportTransfer(transferRings)
	}
}

// hearAnswer: our call is up, and we learn whom to agree with. (The one that we
// answered is up when its caller acknowledges that, which changes nothing; unless
// the offer was ours, so that the answer comes only now.)
func (c *call) hearAnswer(ev sip.Answered) {
	switch {
	case c.over:
		return
	case c.outgoing:
		c.answered = time.Now()
		c.emit(Answered{Head: c.head()})
	case c.sip.Offer() == nil:
		c.accepted()
	default:
		c.reconcile()
		return
	}
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
	c.agreed, c.fork = agreed, path.Fork(max(ev.Fork, 1))
	c.connect()
	c.reconcile()
}

// Why a phone refused what we offered.
const (
	notPrivateAnswer  = "the other phone does not accept a private call (it refused an offer of end-to-end encryption); ask for a phone with ZRTP at the other end"
	notReadableAnswer = "the other phone accepts no encrypted voice, not even with keys that the providers have; ask its provider for SRTP"
)

// hearFailure: our call was not answered. To the user every refusal that says
// nothing about privacy is "no answer".
func (c *call) hearFailure(ev sip.Failed) {
	switch {
	case c.over:
	case len(ev.Contacts) > 0 && c.redirections < maxRedirections && sip.CheckTarget(ev.Contacts[0]) == nil:
		c.redirected(ev.Contacts[0])
		return
	case ev.Code == 488 && c.readable() && !c.sdes:
		c.offerSDES()
		return
	case ev.Code == 488 || ev.Code == 415 || ev.Code == 606:
		why := notPrivateAnswer
		if c.readable() {
			why = notReadableAnswer
		}
		c.emit(Refused{Head: c.head(), Why: why})
		c.end(why, NotPrivate)
	case ev.Code == 0 || ev.Code == 401 || ev.Code == 403 || ev.Code == 407 || ev.Code >= 500 && ev.Code < 600:
		c.end(sentence(ev.Why), Unreachable)
	default:
		c.end("no answer", NotAnswered)
	}
	c.sipDone = true
}

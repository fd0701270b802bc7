package softphone

import (
	"time"

	"karat/sip/offer"
	"karat/softphone/assay"
)

// ringIn looks at an incoming call before anybody hears of it.
func (c *call) ringIn() error {
	c.offered, c.facts.Offer = describe(c.sip.Offer())
	c.facts.HashSignalled = len(c.offered.ZRTPHashes) > 0
	in := Incoming{Head: c.head(), From: c.peer, Known: c.known()}
	if d := c.decide(); d.Action == assay.Refuse {
		in.Refused, in.Why = true, d.Why
		c.emit(in)
		c.refuse(d.Why)
		return nil
	}
	c.emit(in)
	c.assess()
	if c.phone.cfg.AutoAnswer {
		c.hearUser(answer{})
	}
	return nil
}

// known is what is known about a caller before anything private is sent.
func (c *call) known() []string {
	var out []string
	if c.facts.HashSignalled {
		out = append(out, "the caller's phone announces end-to-end encryption (ZRTP)")
	} else {
		out = append(out, "the caller's phone does not announce encryption; it may still agree on keys when you answer")
	}
	if c.facts.Direct {
		return append(out, "it comes without a provider")
	}
	return append(out, "it comes through your provider, who can see that it takes place")
}

// answer takes an incoming call: media opens, keys are agreed, and only then
// the microphone.
func (c *call) answer() error {
	if c.outgoing || c.path != nil {
		return nil // there is nothing to answer, or it is answered
	}
	local, err := c.sip.MediaAddr()
	if err != nil {
		return err
	}
	if err := c.openMedia(local); err != nil {
		return err
	}
	sdp, agreed, err := offer.Answer(c.offered, c.local)
	if err != nil {
		return err
	}
	c.agreed, c.fork = agreed, 1
	if err := c.sip.Answer(sdp); err != nil {
		return err
	}
	c.answered = time.Now()
	c.emit(Answered{Head: c.head()})
	c.connect()
	return nil
}

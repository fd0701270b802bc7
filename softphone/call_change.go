package softphone

import (
	"karat/sip/offer"
	"karat/softphone/assay"
)

// reoffered answers a re-INVITE: what keeps the call as private as it is, is
// accepted; what asks for less ends it, the microphone first.
func (c *call) reoffered(sdp []byte) {
	d, kind := describe(sdp)
	if offer.Downgrade(c.offered, d) != nil || kind != assay.OfferRTP {
		c.cutVoice()
		c.facts.Downgrade = true
		c.turnDown()
		c.decideVoice()
		return
	}
	answer, agreed, err := offer.Answer(d, c.local)
	if err != nil {
		c.turnDown()
		return
	}
	c.offered, c.agreed = d, agreed
	c.path.Remote(c.fork, agreed.Remote)
	if err := c.sip.Accept(answer); err != nil {
		c.fail(err)
		return
	}
	c.applyMute()
}

// turnDown refuses a re-INVITE; the call stays as it was.
func (c *call) turnDown() {
	if err := c.sip.Refuse(); err != nil {
		c.log.Debug("refusing a re-INVITE", "error", err)
	}
}

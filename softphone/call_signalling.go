package softphone

import (
	"karat/sip"
	"karat/sip/offer"
	"karat/softphone/assay"
)

// describe reads a peer's SDP into the kinds that policy tells apart.
func describe(sdp []byte) (offer.Description, assay.MediaOffer) {
	if len(sdp) == 0 {
		return offer.Description{}, assay.OfferNoAudio
	}
	d, err := offer.Parse(sdp)
	switch {
	case err != nil || d.Audio < 0 || d.VoicePT < 0:
		return d, assay.OfferNoAudio
	case d.Profile == offer.DTLSSRTP:
		return d, assay.OfferDTLS
	case d.Profile == offer.SRTP:
		return d, assay.OfferSDES
	case d.Profile == offer.RTP:
		return d, assay.OfferRTP
	default:
		return d, assay.OfferNoAudio
	}
}

// keysBeside tells whether the keys in the signalling need not be used: ZRTP brings
// others, as over plain RTP.
func keysBeside(d offer.Description, kind assay.MediaOffer) bool {
	return kind == assay.OfferSDES && d.ZRTPBeside()
}

// describe reads what the peer says later: keys in the signalling that nobody uses
// take nothing away.
func (c *call) describe(sdp []byte) (offer.Description, assay.MediaOffer) {
	d, kind := describe(sdp)
	if c.beside && keysBeside(d, kind) {
		kind = assay.OfferRTP
	}
	return d, kind
}

// hearSIP takes what signalling says.
func (c *call) hearSIP(ev sip.CallEvent, open bool) {
	if !open {
		c.sipDone = true
		c.cutVoice()
		c.end("the connection to the other end is gone", Unreachable)
		return
	}
	switch ev := ev.(type) {
	case sip.Progress:
		c.progress(ev)
	case sip.Answered:
		c.hearAnswer(ev)
	case sip.Reoffered:
		c.reoffered(ev.SDP)
	case sip.Changed:
		c.hearChanged(ev)
	case sip.Reanswered:
		c.hearLateAnswer(ev.SDP)
	case sip.TransferAsked:
		c.transferAsked(ev)
	case sip.Transferring:
		c.hearTransfer(ev)
	case sip.Text:
		c.text(ev)
	case sip.Rejected:
		c.rejected(ev)
	case sip.Failed:
		c.hearFailure(ev)
	case sip.Ended:
		c.hearEnd(ev)
	}
}

func (c *call) hearEnd(ev sip.Ended) {
	c.cutVoice()
	c.sipDone = true
	why := "you hung up"
	outcome := c.outcome()
	switch {
	case ev.Why != nil:
		why, outcome = sentence(ev.Why), max(outcome, outcomeOf(ev.Why))
	case c.answered.IsZero():
		why = "the caller gave up"
	case ev.ByPeer:
		why = "the other end hung up"
	}
	c.end(why, outcome)
}

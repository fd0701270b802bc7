package softphone

import (
	"time"

	"karat/sip/offer"
	"karat/softphone/assay"
)

// ringIn looks at an incoming call before anybody hears of it.
func (c *call) ringIn() error {
	if c.sip.Offer() == nil { // it wants an offer from us: nothing is known yet
		c.offered, c.facts.Offer = offer.Description{}, assay.OfferUnknown
	} else {
		c.offered, c.facts.Offer = describe(c.sip.Offer())
		if c.beside = keysBeside(c.offered, c.facts.Offer); c.beside {
			c.facts.Offer = assay.OfferRTP
		}
	}
	c.replaces = c.phone.callOf(c.sip.Replaces())
	c.facts.HashSignalled = len(c.offered.ZRTPHashes) > 0
	c.hearRequest()
	in := Incoming{Head: c.head(), Account: c.phone.named(c.account), From: c.peer, Asserted: c.sip.Asserted(), Known: c.known()}
	if c.friend != nil {
		in.Probably = c.friend.contact
	}
	if c.replaces != nil {
		in.Replaces = c.replaces.id
	}
	if d := c.decide(); d.Action == assay.Refuse {
		in.Refused, in.Why = true, d.Why
		c.emit(in)
		c.refuse(d.Why)
		return nil
	}
	c.emit(in)
	c.assess()
	if c.phone.cfg.AutoAnswer {
		c.hearUser(answer{auto: true})
	}
	return nil
}

// known is what is known about a caller before anything private is sent.
func (c *call) known() []string {
	var out []string
	if c.replaces != nil {
		out = append(out, "it asks to take the place of a call that you have (a transfer); keys are agreed on anew")
	}
	out = append(out, c.knownRequest()...)
	if c.facts.HashSignalled {
		out = append(out, "the caller's phone announces end-to-end encryption (ZRTP)")
	} else {
		out = append(out, "the caller's phone does not announce encryption; it may still agree on keys when you answer")
	}
	if who := c.sip.Asserted(); who != "" {
		says := "your provider says that it comes from " + who + "; that is its word, and no proof"
		if !c.facts.SignallingTLS {
			says += ", and the way to it is not encrypted, so others could have said so"
		}
		out = append(out, says)
	}
	if c.facts.Direct {
		return append(out, "it comes without a provider")
	}
	return append(out, "it comes through your provider, who can see that it takes place")
}

// knownRequest is what is known about whose phone made the request.
func (c *call) knownRequest() []string {
	name, named := c.contact()
	switch {
	case c.facts.Request == assay.RequestStrange:
		return []string{"it bears " + name + "'s address, but not the sign of the phone you know as theirs: it is another phone, or that one has lost its memory, or a clock is wrong (yours or theirs), or the sign was taken out on the way, or it is somebody else"}
	case c.friend == nil:
		return nil
	case c.friend.contact == "":
		return []string{"a phone that you have talked with, and not named yet, made this request"}
	case named && name == c.friend.contact:
		return []string{"it is probably " + name + ": the phone you know as theirs made this request; who speaks is known when keys are agreed"}
	}
	return []string{"it is probably " + c.friend.contact + ": the phone you know as theirs made this request, under another address than theirs; who speaks is known when keys are agreed"}
}

// answer takes an incoming call: media opens, keys are agreed, and only then
// the microphone.
func (c *call) answer(pressed bool) error {
	if c.outgoing || c.path != nil {
		return nil // there is nothing to answer, or it is answered
	}
	local, err := c.sip.MediaAddr()
	if err != nil {
		return err
	}
	// What takes the place of a call takes its microphone too.
	force := pressed || c.replaces != nil && c.phone.talks(c.replaces)
	if err := c.openMedia(local, force); err != nil {
		return err
	}
	c.fork = 1
	if c.sip.Offer() == nil {
		c.changes.said = offer.Offer(c.local)
		return c.sip.Answer(c.changes.said) // the rest comes with the caller's answer
	}
	d := c.offered
	sdp, agreed, err := offer.Answer(d, c.local)
	if err != nil {
		return err
	}
	c.agreed, c.changes.said, c.changes.shape = agreed, sdp, &d
	if err := c.sip.Answer(sdp); err != nil {
		return err
	}
	c.accepted()
	c.connect()
	return nil
}

// accepted says that an incoming call is taken.
func (c *call) accepted() {
	c.answered = time.Now()
	c.emit(Answered{Head: c.head()})
	c.takesPlace()
}

package softphone

import (
	"bytes"
	"errors"
	"time"

	"karat/media/path"
	"karat/sip"
	"karat/sip/offer"
	"karat/softphone/assay"
)

const (
	// changeAgain is how long after a change that could not be offered at the
	// moment it is tried again, and maxChangeTries how often.
	changeAgain    = 500 * time.Millisecond
	maxChangeTries = 20
)

// changes is what goes on about the session of a call that is up.
type changes struct {
	hold   bool // the user lets the other end wait: the microphone is closed
	theirs bool // the other end lets us wait
	told   Held // what was said of it last

	said  []byte             // our last description
	shape *offer.Description // the peer's last offer; nil: only we have offered
	late  *offer.Local       // our offer that the peer had asked for
	asked *offer.Local       // our change under way
	again <-chan time.Time   // when to try one again
	tries int
	// then is done when the hold that was asked for is settled, either way.
	then func()
}

// up: the call is answered, and there is a session to change.
func (c *call) up() bool { return !c.over && c.started && !c.answered.IsZero() }

// say makes a description of ours. RFC 3264, Section 8: its version goes up by
// one when it differs from the last, and only then.
func (c *call) say(l offer.Local, write func(offer.Local) ([]byte, error)) ([]byte, offer.Local, error) {
	l.Version = c.local.Version
	text, err := write(l)
	if err != nil || c.changes.said == nil || bytes.Equal(text, c.changes.said) {
		return text, l, err
	}
	l.Version++
	text, err = write(l)
	return text, l, err
}

// wanted is what we would like to do now.
func (c *call) wanted() offer.Local {
	l := c.local
	l.Address, l.ICE = c.path.Local(), c.ownICE()
	l.Direction = offer.SendRecv
	if c.changes.hold {
		// RFC 3264, Section 8.4: who holds offers sendonly, and goes on to send: room
		// tone, as from a muted microphone.
		l.Direction = offer.SendOnly
	}
	return l
}

// offerText is our offer of a change.
func (c *call) offerText(l offer.Local) ([]byte, error) {
	if c.changes.shape != nil {
		return offer.Reoffer(*c.changes.shape, l), nil
	}
	return offer.Offer(l), nil
}

// setHold lets the other end wait, or talks to it again. The microphone closes at
// once, and opens when the other end has agreed.
func (c *call) setHold(on bool) {
	if c.over || c.changes.hold == on {
		return
	}
	if on {
		c.phone.giveMicrophone(c)
	} else if err := c.phone.takeMicrophone(c, true); err != nil {
		c.emit(Notice{Head: c.head(), Text: sentence(err)})
		return
	}
	c.changes.hold = on
	c.applyMute()
	c.reconcile()
}

// reconcile offers what we want and have not said. A peer that lets us wait need
// not hear that we wait too: it is told when it comes back.
func (c *call) reconcile() {
	ch := &c.changes
	if !c.up() || ch.asked != nil {
		return
	}
	want := c.wanted()
	if c.move.gathered != nil {
		return // what we offer comes soon
	}
	if !c.move.owed && (want.Direction == c.local.Direction && want.Address == c.local.Address || ch.theirs && ch.hold && want.Address == c.local.Address) {
		c.settled()
		return
	}
	text, l, err := c.say(want, c.offerText)
	if err == nil {
		err = c.sip.Change(text)
	}
	if err != nil && c.move.owed {
		c.moveAgain(err)
		return
	}
	if err != nil { // something else is under way
		if ch.tries++; ch.tries < maxChangeTries {
			ch.again = time.After(changeAgain)
			return
		}
		c.changeRefused(err)
		return
	}
	ch.asked, ch.tries, ch.again = &l, 0, nil
	ch.said = text
}

// hearChanged: the peer's word on our change.
func (c *call) hearChanged(ev sip.Changed) {
	asked := c.changes.asked
	c.changes.asked = nil
	switch {
	case c.over || asked == nil:
		return
	case ev.Err != nil && c.move.owed:
		c.moveAgain(ev.Err)
		return
	case ev.Err != nil:
		c.changeRefused(ev.Err)
		return
	}
	c.arrived()
	c.takeAnswer(*asked, ev.SDP)
	c.reconcile()
}

// changeRefused: the call stays as it was. A microphone that was to close is
// closed, and one that was to open is not.
func (c *call) changeRefused(err error) {
	c.changes.tries = 0
	if c.changes.hold {
		c.emit(Notice{Head: c.head(), Text: "The other phone does not know how to wait (" + sentence(err) + "): your microphone is closed, and it may go on to talk."})
	} else {
		c.changes.hold = true
		c.phone.giveMicrophone(c)
		c.applyMute()
		c.emit(Notice{Head: c.head(), Text: "The call could not be resumed (" + sentence(err) + "): it still waits."})
	}
	c.settled()
}

// takeAnswer takes the peer's answer to an offer of ours in the middle of the
// call. One that is worse than before cannot be refused any more; nothing of it
// is done.
func (c *call) takeAnswer(asked offer.Local, sdp []byte) {
	d, kind := c.describe(sdp)
	agreed, err := c.acceptance(asked, d)
	if err == nil && c.rekeyed(agreed) {
		err = errRekeyed
	}
	switch why := c.worse(d, kind); {
	case why != nil:
		c.downgradeRefused(why)
		return
	case err != nil:
		c.emit(Notice{Head: c.head(), Text: "The other phone answered a change of the call with something that cannot be done (" + sentence(err) + "): the call stays as it was."})
		return
	}
	c.local = asked
	c.settle(d, agreed)
}

func (c *call) acceptance(asked offer.Local, d offer.Description) (offer.Negotiated, error) {
	if c.changes.shape != nil {
		return offer.AcceptReoffer(*c.changes.shape, asked, d)
	}
	return offer.Accept(asked, d)
}

// settle does what both sides agreed on.
func (c *call) settle(d offer.Description, agreed offer.Negotiated) {
	moved := restarts(c.offered.ICE, d.ICE)
	c.offered, c.agreed = d, agreed
	if ice, on := path.AsICE(c.path); on && agreed.ICE == nil {
		ice.Abandon()
	}
	if agreed.Remote.IsValid() {
		c.path.Remote(c.fork, agreed.Remote)
	}
	c.stream.Renegotiate(c.parameters())
	c.changes.theirs = d.Direction == offer.SendOnly || d.Direction == offer.Inactive
	if c.local.Direction == offer.SendOnly {
		// Against our hold any answer but sendrecv is only agreement.
		c.changes.theirs = d.Direction == offer.Inactive
	}
	if moved {
		c.checkWay()
	}
	c.applyMute()
	c.settled()
}

// settled says how the call stands, if that is news.
func (c *call) settled() {
	now := Held{Ours: c.changes.hold, Theirs: c.changes.theirs}
	if now != c.changes.told {
		c.changes.told = now
		c.emit(Held{Head: c.head(), Ours: now.Ours, Theirs: now.Theirs})
	}
	if then := c.changes.then; then != nil && c.changes.asked == nil {
		c.changes.then = nil
		then()
	}
}

// worse tells what a description takes away from the privacy of the call; nil:
// nothing.
func (c *call) worse(d offer.Description, kind assay.MediaOffer) error {
	if err := offer.Downgrade(c.offered, d); err != nil {
		return err
	}
	if c.facts.Offer == assay.OfferRTP && (kind == assay.OfferSDES || kind == assay.OfferDTLS) {
		return offer.ErrDowngrade
	}
	return nil
}

// reoffered answers a re-INVITE or UPDATE: what keeps the call as private as it is
// is accepted; what asks for less is refused, and the call stays as it was. While
// that is in doubt the microphone is closed.
func (c *call) reoffered(sdp []byte) {
	if !c.up() {
		c.turnDown()
		return
	}
	c.stream.SetMuted(true)
	defer c.applyMute()
	if len(sdp) == 0 {
		c.offerLate()
		return
	}
	d, kind := c.describe(sdp)
	if why := c.worse(d, kind); why != nil {
		c.turnDown()
		c.downgradeRefused(why)
		return
	}
	c.renewWay(d)
	var agreed offer.Negotiated
	answer, l, err := c.say(c.wanted(), func(l offer.Local) (text []byte, err error) {
		text, agreed, err = offer.Answer(d, l)
		return text, err
	})
	if err == nil && c.rekeyed(agreed) {
		err = errRekeyed
	}
	if err == nil && kind != c.facts.Offer {
		err = offer.ErrNoAudio
	}
	if err != nil {
		c.turnDown()
		c.emit(Notice{Head: c.head(), Text: "The other side asked for a change of the call that cannot be made (" + sentence(err) + "): it stays as it was."})
		return
	}
	if err := c.sip.Accept(answer); err != nil {
		return // it was withdrawn, or took too long: as it was
	}
	c.local, c.changes.said, c.changes.shape = l, answer, &d
	c.settle(d, agreed)
}

// offerLate offers where the peer asked us to.
func (c *call) offerLate() {
	text, l, err := c.say(c.wanted(), c.offerText)
	if err != nil || c.sip.Accept(text) != nil {
		c.turnDown()
		return
	}
	c.changes.said, c.changes.late = text, &l
}

// hearLateAnswer: the answer to that, or to a refresh, which offered what we had
// said before.
func (c *call) hearLateAnswer(sdp []byte) {
	l := c.local
	if c.changes.late != nil {
		l = *c.changes.late
		c.changes.late = nil
	}
	if c.up() {
		c.takeAnswer(l, sdp)
	}
}

// downgradeRefused tells that somebody asked for less. Nothing was given: keys,
// addresses and what is sent are as before.
func (c *call) downgradeRefused(why error) {
	c.facts.DowngradeRefused = true
	c.assess()
	if errors.Is(why, offer.ErrDowngrade) {
		c.emit(DowngradeRefused{Head: c.head(), Why: sentence(why)})
	}
}

// turnDown refuses a re-INVITE; the call stays as it was.
func (c *call) turnDown() {
	if err := c.sip.Refuse(); err != nil {
		c.log.Debug("refusing a re-INVITE", "error", err)
	}
}

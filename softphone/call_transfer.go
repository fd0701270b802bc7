package softphone

import (
	"time"

	"karat/sip"
)

const (
	// consentTime is how long the user may think about a transfer or a redirection;
	// no answer is no.
	consentTime = 30 * time.Second
	// maxRedirections bounds the addresses that one call is sent on to.
	maxRedirections = 5
)

// What the other side hears of a transfer that it asked for.
const (
	transferRings    = 180
	transferDone     = 200
	transferFailed   = 480
	transferDeclined = 603
)

// consent is something that the other side, or a server, asks of us, and the user
// has to agree to.
type consent struct {
	transfer *sip.TransferAsked
	redirect string
	until    <-chan time.Time
}

// transferAsked: the peer wants us to call somebody else. The default is no.
func (c *call) transferAsked(ev sip.TransferAsked) {
	if c.over || c.report == nil || !c.report.Private {
		c.sip.TransferProgress(transferDeclined)
		return
	}
	c.consent = consent{transfer: &ev, until: time.After(consentTime)}
	c.emit(TransferAsked{Head: c.head(), To: ev.Target})
}

// consented: the user has decided.
func (c *call) consented(yes bool) {
	asked := c.consent
	if asked.transfer == nil && asked.redirect == "" {
		return
	}
	c.consent = consent{}
	c.emit(Consented{Head: c.head(), Agreed: yes})
	switch {
	case asked.transfer != nil && yes:
		c.followTransfer(*asked.transfer)
	case asked.transfer != nil:
		c.sip.TransferProgress(transferDeclined)
	case asked.redirect != "" && yes:
		c.followRedirection(asked.redirect)
	default:
		c.sipDone = true
		c.end("the call was redirected, and not followed", NotAnswered)
	}
}

// followTransfer calls whom the peer named, in a call of its own with all that a
// call has to be; the one with the peer waits for what comes of it.
func (c *call) followTransfer(asked sip.TransferAsked) {
	old := c.sip
	_, err := c.phone.callInPlace(c.account, asked.Target, asked.Replaces, old.TransferProgress)
	if err != nil {
		old.TransferProgress(transferFailed)
		c.emit(Notice{Head: c.head(), Text: "The transfer failed: " + sentence(err)})
	}
}

// report tells who sent us here how far this call has come.
func (c *call) reportTransfer(code int) {
	if c.onTransfer == nil {
		return
	}
	c.onTransfer(code)
	if code >= 200 {
		c.onTransfer = nil
	}
}

// transfer sends the peer on to target: it waits first, so that nothing is said
// into a call that is passed on.
func (c *call) transfer(to string, refer func() error) {
	if !c.up() || c.voice == voiceCut {
		c.emit(Notice{Head: c.head(), Text: "Only a call that is up can be transferred."})
		return
	}
	c.transferTo = to
	c.changes.then = func() {
		if err := refer(); err != nil {
			c.emit(TransferProgress{Head: c.head(), To: to, Done: true})
		}
	}
	if c.changes.hold {
		c.settled()
		return
	}
	c.setHold(true)
}

// hearTransfer: how far the peer has come that we sent on. When it talks to the
// other, this call is over; when it does not, the user has it back.
func (c *call) hearTransfer(ev sip.Transferring) {
	if c.over {
		return
	}
	ok := ev.Code >= 200 && ev.Code < 300
	c.emit(TransferProgress{Head: c.head(), To: c.transferTo, Ringing: ev.Code >= 180 && ev.Code < 200, Done: ev.Done, OK: ev.Done && ok})
	if ev.Done && ok {
		c.leave("you transferred the call")
	}
}

// redirected: the call is to go to another address. The user has to agree: that
// address, and whoever is there, is the server's choice.
func (c *call) redirected(to string) {
	c.sip = nil
	c.redirections++
	c.consent = consent{redirect: to, until: time.After(consentTime)}
	c.emit(Redirected{Head: c.head(), To: to})
}

func (c *call) followRedirection(to string) {
	c.peer, c.rang = to, false
	err := c.renewKeys()
	if err == nil {
		err = c.invite()
	}
	if err != nil {
		c.sipDone = true
		c.fail(err)
	}
}

// text passes on a message in writing.
func (c *call) text(ev sip.Text) {
	if !c.over {
		c.emit(Text{Head: c.head(), Body: ev.Body})
	}
}

// takesPlace ends the call that this one was sent to take the place of.
func (c *call) takesPlace() {
	if c.replaces != nil {
		c.replaces.post(replaced{})
		c.replaces = nil
	}
}

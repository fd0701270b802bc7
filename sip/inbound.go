package sip

import (
	"time"

	"github.com/emiago/sipgo/sip"

	"karat/sip/dialog"
)

// requested takes each request but ACK, in a goroutine of sipgo's.
func (a *Agent) requested(req *sip.Request, tx *sip.ServerTx) {
	defer func() {
		if r := recover(); r != nil {
			// A fault of ours must not take the phone down; the peer gets no answer.
			a.log.Error("sip: a request could not be handled")
			tx.Terminate()
		}
	}()
	now := time.Now()
	if reply, ok := dialog.Inadmissible(req, newID()); ok && req.Method != cancelMethod {
		a.stack.respond(tx, reply.Build(req))
		return
	}
	// OPTIONS gets one answer wherever it asks: it tells nothing of a call.
	inside := dialog.ToTag(req) != "" && req.Method != sip.OPTIONS
	if reply, ok := dialog.Standing(req, newID()); ok && !inside && req.Method != cancelMethod {
		a.stack.respond(tx, reply.Build(req))
		a.hearStanding(req)
		return
	}
	switch {
	case req.Method == cancelMethod:
		a.cancelled(req, tx)
	case inside:
		a.within(req, tx)
	case req.Method == sip.INVITE:
		a.invited(now, req, tx)
	default: // BYE, UPDATE, INFO outside of any dialog
		a.stack.respond(tx, dialog.Reply{Code: 481, ToTag: newID()}.Build(req))
	}
}

// acknowledged takes each ACK, in order of arrival.
func (a *Agent) acknowledged(req *sip.Request) {
	if c := a.find(req); c != nil {
		c.post(func(now time.Time) { c.machine.Request(now, req) })
	}
}

// find is the call that a request within a dialog belongs to.
func (a *Agent) find(req *sip.Request) *Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls[callKey{dialog.CallID(req), dialog.ToTag(req)}]
}

// within takes a request within a dialog.
func (a *Agent) within(req *sip.Request, tx *sip.ServerTx) {
	c := a.find(req)
	if c == nil || !c.post(func(now time.Time) { c.serve(req, tx); c.machine.Request(now, req) }) {
		a.stack.respond(tx, dialog.Reply{Code: 481, ToTag: newID()}.Build(req))
	}
}

// cancelled takes a CANCEL: it belongs to the INVITE with the same branch, or to
// a re-INVITE of the same dialog.
func (a *Agent) cancelled(req *sip.Request, tx *sip.ServerTx) {
	c := a.find(req)
	if c == nil {
		a.mu.Lock()
		c = a.invites[dialog.Branch(req)]
		a.mu.Unlock()
	}
	if c == nil || !c.post(func(time.Time) { c.serve(req, tx); c.machine.Cancel(req) }) {
		a.stack.respond(tx, dialog.Reply{Code: 481, ToTag: newID()}.Build(req))
	}
}

// invited takes an INVITE that starts a call. It is answered in the same way
// whatever state we are in.
func (a *Agent) invited(now time.Time, req *sip.Request, tx *sip.ServerTx) {
	if a.known(req) {
		// RFC 3261, Section 8.2.2.2: the same request over another path.
		a.stack.respond(tx, dialog.Reply{Code: 482, ToTag: newID()}.Build(req))
		return
	}
	f := a.flowOf(req)
	if f == nil {
		tx.Terminate()
		return
	}
	replaced, ok := a.replaced(req, tx)
	if !ok {
		return
	}
	machine, err := dialog.Receive(now, a.local(f, sourceOf(req)), req, newID())
	if err != nil {
		a.stack.respond(tx, dialog.Reply{Code: 400, ToTag: newID()}.Build(req))
		return
	}
	c := a.newCall(way{f, sourceOf(req)})
	c.machine, c.peer, c.offer = machine, peerName(req), dialog.SDP(req)
	c.asserted = asserted(f, req)
	c.source, c.invite, c.replaces = sourceOf(req), tx, replaced
	c.serve(req, tx)
	if a.enter(c, req) != nil {
		f.leave()
		tx.Terminate() // too many calls, or closing: no answer at all
		return
	}
	if !c.silent {
		a.tell(Incoming{Call: c})
	}
}

// replaced finds the call that an INVITE asks to take the place of; nil: it asks
// for nothing. It returns false when the INVITE was refused for it. RFC 3891,
// Section 3: 481 if there is no such call, 486 if it was to be an early one.
// Whoever knows the tags learns nothing new by that.
func (a *Agent) replaced(req *sip.Request, tx *sip.ServerTx) (old *Call, ok bool) {
	r, asks := dialog.ParseReplaces(req)
	if !asks {
		return nil, true
	}
	a.mu.Lock()
	old = a.calls[callKey{r.CallID, r.ToTag}]
	a.mu.Unlock()
	code := 481
	if old != nil {
		_ = old.ask(func(time.Time) error {
			switch known, confirmed := old.machine.HasTags(r.FromTag); {
			case confirmed && r.EarlyOnly:
				code = 486
			case known && confirmed:
				code = 0
			}
			return nil
		})
	}
	if code == 0 {
		return old, true
	}
	a.stack.respond(tx, dialog.Reply{Code: code, ToTag: newID()}.Build(req))
	return nil, false
}

// known tells whether an INVITE came before with another branch.
func (a *Agent) known(req *sip.Request) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	branch, ok := a.merged[mergeKey(req)]
	return ok && branch != dialog.Branch(req)
}

// flowOf is the flow that a request came over.
func (a *Agent) flowOf(req *sip.Request) *flow {
	a.mu.Lock()
	defer a.mu.Unlock()
	for f := range a.flows {
		if f.peerKey().String() == req.Source() {
			return f
		}
	}
	return nil
}

// peerName is who the From field says is calling.
func peerName(req *sip.Request) string {
	from := dialog.ParseAddress(dialog.Value(req, "From"))
	if from.Display == "" {
		return from.URI
	}
	return from.Display + " <" + from.URI + ">"
}

// respond sends a response in its transaction.
func (s *stack) respond(tx *sip.ServerTx, res *sip.Response) {
	_ = tx.Respond(res) // what fails here is seen as a broken flow, or by the peer
	if res.IsCancel() {
		// sipgo does not keep the answer to a CANCEL: let a repeated one come anew.
		tx.Terminate()
	}
}

package sip

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"karat/sip/dialog"
)

const (
	// callEvents is the buffer of Call.Events. A call tells few things; who does
	// not read loses Progress events, then has re-INVITEs refused. The answer and
	// the end always find room.
	callEvents = 32
	// keptForEnd places are for Answered and for Failed or Ended.
	keptForEnd = 2
	// callInbox bounds what waits for the goroutine of a call; who sends waits.
	callInbox = 32
	// maxServed bounds the transactions of the peer that one call has open.
	maxServed = 32
)

// Call is one call. Its methods may be used from any goroutine: one goroutine
// owns the call, they send it messages.
type Call struct {
	agent    *Agent
	account  bool // by the account's provider
	outgoing bool
	peer     string
	offer    []byte
	source   netip.AddrPort // of an incoming INVITE
	asserted string         // who the provider says is calling
	// contactUser is that of an anonymous call's Contact; empty: as usual.
	contactUser string
	silent      bool  // nobody is told of this call: it is only answered as all are
	replaces    *Call // the call that an incoming one is to take the place of

	events  chan CallEvent
	inbox   chan func(now time.Time)
	settled chan struct{} // closed when nothing is owed to the peer any more
	done    chan struct{} // closed when the goroutine has ended

	// What follows belongs to the goroutine.
	machine *dialog.Call
	flow    *flow          // that it goes over
	remote  netip.AddrPort // where the server is, or the peer of a direct call was found
	invite  *sip.ServerTx  // of an incoming call
	served  map[*sip.Request]*sip.ServerTx
	waiting chan reinvited // of Reinvite
	closed  bool           // events
	invited map[string]way // by what our INVITEs went, by branch
	// Of the search for another server than those that were tried.
	tried       map[place]bool
	unheard     <-chan time.Time
	stopSeeking context.CancelFunc // nil: none is looked for
	held        []func(now time.Time)
	seeking     sync.WaitGroup
}

type reinvited struct {
	sdp []byte
	err error
}

func (a *Agent) newCall(w way) *Call {
	w.flow.take()
	return &Call{
		agent: a, account: w.flow.account, flow: w.flow, remote: w.remote,
		events:  make(chan CallEvent, callEvents),
		inbox:   make(chan func(time.Time), callInbox),
		settled: make(chan struct{}),
		done:    make(chan struct{}),
		served:  make(map[*sip.Request]*sip.ServerTx),
	}
}

// Events tells what happens; it is closed after the last event.
func (c *Call) Events() <-chan CallEvent { return c.events }

// ID is a random identifier of the call, made here (our tag).
func (c *Call) ID() string {
	_, tag := c.machine.ID()
	return tag
}

// Peer is who the other side says it is: nothing proves it.
func (c *Call) Peer() string { return c.peer }

// Outgoing tells whether we called.
func (c *Call) Outgoing() bool { return c.outgoing }

// Offer is the session description of an incoming call; nil: the caller wants
// an offer from us.
func (c *Call) Offer() []byte { return c.offer }

// Replaces is the ID of the call that this incoming one is to take the place of,
// because our peer there was sent on; empty: of none.
func (c *Call) Replaces() string {
	if c.replaces == nil {
		return ""
	}
	return c.replaces.ID()
}

// Answer accepts an incoming call, with our answer, or with an offer where
// Offer is nil.
func (c *Call) Answer(sdp []byte) error {
	return c.ask(func(now time.Time) error { return c.machine.Answer(now, sdp) })
}

// Decline decides not to answer. The caller cannot tell: it gets the same, at
// the same time, as from a phone that nobody answers.
func (c *Call) Decline() {
	_ = c.ask(func(time.Time) error { c.machine.Decline(); return nil })
}

// Hangup ends the call.
func (c *Call) Hangup() {
	_ = c.ask(func(now time.Time) error { c.machine.Hangup(now); return nil })
}

// Accept agrees to a Reoffered.
func (c *Call) Accept(sdp []byte) error {
	return c.ask(func(now time.Time) error { return c.machine.Accept(now, sdp) })
}

// Refuse declines a Reoffered; the call stays as it was.
func (c *Call) Refuse() error {
	return c.ask(func(time.Time) error { return c.machine.Refuse() })
}

// Change offers a change of the call; a Changed event tells the outcome. The
// peer learns by it where we are now.
func (c *Call) Change(sdp []byte) error {
	return c.ask(func(time.Time) error {
		l := c.agent.local(c.current(), c.remote)
		c.machine.Moved(l.Via, c.contact(c.current(), l.Contact))
		return c.machine.Reinvite(sdp)
	})
}

// Transfer asks the peer to call target in place of talking to us. Transferring
// events follow.
func (c *Call) Transfer(target string) error {
	if err := CheckTarget(target); err != nil {
		return err
	}
	return c.ask(func(now time.Time) error { return c.machine.Refer(now, target) })
}

// TransferTo asks the peer to take over our other call: to call whom we talk to
// there, who puts that call in place of ours.
func (c *Call) TransferTo(other *Call) error {
	var target string
	err := other.ask(func(time.Time) error {
		// Others find whom we called by the address that we called. The one in its
		// Contact may lead nowhere but through its provider.
		uri := dialog.ParseAddress(other.peer).URI
		if !other.account {
			uri = other.machine.RemoteTarget()
		}
		var ok bool
		if target, ok = other.machine.Replacing(uri); !ok {
			return ErrState
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.ask(func(now time.Time) error { return c.machine.Refer(now, target) })
}

// TransferProgress tells the peer what becomes of the transfer that it asked for:
// the status of the new call, 603 if the user does not want it.
func (c *Call) TransferProgress(code int) {
	_ = c.ask(func(time.Time) error { c.machine.TransferProgress(code); return nil })
}

// digitTime is how long a key press is said to last, in milliseconds.
const digitTime = "160"

// Digit sends a key of the telephone (0 to 9, *, #, A to D) in the signalling,
// where everybody on the way can read it.
func (c *Call) Digit(digit rune) error {
	if !strings.ContainsRune("0123456789*#ABCD", digit) {
		return ErrDigit
	}
	body := "Signal=" + string(digit) + "\r\nDuration=" + digitTime + "\r\n"
	return c.ask(func(time.Time) error { return c.machine.Info("application/dtmf-relay", []byte(body)) })
}

// Reinvite offers a change and waits for the answer.
func (c *Call) Reinvite(ctx context.Context, sdp []byte) (answer []byte, err error) {
	result := make(chan reinvited, 1)
	err = c.ask(func(time.Time) error {
		if err := c.machine.Reinvite(sdp); err != nil {
			return err
		}
		c.waiting = result
		return nil
	})
	if err != nil {
		return nil, err
	}
	select {
	case r := <-result:
		return r.sdp, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.done:
		return nil, ErrState
	}
}

// post gives the goroutine of the call something to do. It returns false if
// that has ended.
func (c *Call) post(f func(now time.Time)) bool {
	select {
	case c.inbox <- f:
		return true
	case <-c.done:
		return false
	}
}

// ask is post for commands of the owner, with their outcome.
func (c *Call) ask(f func(now time.Time) error) error {
	outcome := make(chan error, 1)
	if !c.post(func(now time.Time) { outcome <- f(now) }) {
		return ErrState
	}
	select {
	case err := <-outcome:
		return err
	case <-c.done:
		return ErrState
	}
}

// run is the goroutine that owns the call.
func (c *Call) run() {
	defer c.seeking.Wait()
	defer close(c.done)
	defer c.closeEvents()
	defer c.giveUpSeeking()
	timer := time.NewTimer(0)
	defer timer.Stop()
	settled := false
	for {
		c.perform()
		if c.machine.State() == dialog.Over {
			c.giveUpSeeking()
		}
		if !settled && c.machine.Settled() {
			settled = true
			close(c.settled)
			if !c.outgoing && !c.silent {
				c.agent.rung()
			}
		}
		if c.machine.Done() && (c.invite == nil || ended(c.invite)) {
			return
		}
		c.wait(timer)
		if c.agent.isDead() {
			return
		}
	}
}

// wait does the next thing that comes, or is due.
func (c *Call) wait(timer *time.Timer) {
	var wake <-chan time.Time
	if at := c.machine.Deadline(); !at.IsZero() {
		timer.Reset(time.Until(at))
		wake = timer.C
	}
	// An incoming call stays until its transaction has ended, so that a CANCEL or
	// INVITE that is repeated finds it.
	var gone <-chan struct{}
	if c.machine.Done() {
		gone = c.invite.Done()
	}
	select {
	case f := <-c.inbox:
		f(time.Now())
	case <-wake:
		c.machine.Advance(time.Now())
	case <-c.unheard:
		c.nothingHeard()
	case <-gone:
	case <-c.agent.dead:
	}
}

// perform does what the machine wants done.
func (c *Call) perform() {
	for actions := c.machine.Actions(); len(actions) > 0; actions = c.machine.Actions() {
		for _, action := range actions {
			switch a := action.(type) {
			case dialog.Send:
				c.send(a.Request)
			case dialog.Ack:
				f, to := c.route(a.Request)
				_ = c.agent.stack.ack(f, a.Request, to)
			case dialog.Respond:
				c.respond(a.To, a.Response)
			case dialog.Tell:
				c.tell(a.Event)
			}
		}
	}
}

// route is where a request of this call goes.
func (c *Call) route(req *sip.Request) (*flow, netip.AddrPort) {
	if w, ok := c.invited[dialog.Branch(req)]; ok && req.Method == sip.CANCEL {
		return w.flow, w.remote // where the INVITE went
	}
	if c.account {
		// RFC 5626, Section 4.3: the flow carries everything, whatever address a Contact
		// names.
		return c.current(), netip.AddrPort{}
	}
	return c.flow, nextHop(req, c.flow.kind, c.remote)
}

// current is the flow that the call goes over now: the same as long as it lives,
// then that of the account.
func (c *Call) current() *flow {
	if c.account && c.flow.closed() {
		if f := c.agent.line.current(); f != nil {
			c.put(way{f, f.remote})
		}
	}
	return c.flow
}

func (c *Call) send(req *sip.Request) {
	if !c.grow(req) {
		c.transmit(req)
	}
}

func (c *Call) transmit(req *sip.Request) {
	f, to := c.route(req)
	if req.Method == sip.INVITE && dialog.ToTag(req) == "" {
		if c.invited == nil {
			c.invited = make(map[string]way)
		}
		c.invited[dialog.Branch(req)] = way{f, to}
	}
	err := c.agent.stack.request(f, req, to,
		func(res *sip.Response) {
			c.post(func(now time.Time) { c.answered(now, req, res) })
		},
		func(err error) {
			c.post(func(now time.Time) { c.over(now, req, err) })
		})
	if err != nil {
		c.over(time.Now(), req, err)
		return
	}
	c.watchAnswer()
}

func (c *Call) respond(req *sip.Request, res *sip.Response) {
	tx := c.served[req]
	if tx == nil {
		return
	}
	c.agent.stack.respond(tx, res)
	if res.StatusCode >= 200 && req.Method != sip.INVITE {
		delete(c.served, req) // a 2xx to an INVITE is repeated by us, the rest by sipgo
	}
}

// serve takes a request of the peer with its transaction; nil for an ACK.
func (c *Call) serve(req *sip.Request, tx *sip.ServerTx) {
	if tx != nil {
		for r, old := range c.served {
			if ended(old) {
				delete(c.served, r)
			}
		}
		if len(c.served) >= maxServed {
			tx.Terminate()
			return
		}
		c.served[req] = tx
	}
}

func ended(tx *sip.ServerTx) bool {
	select {
	case <-tx.Done():
		return true
	default:
		return false
	}
}

// tell passes an event to the owner, who may be slow but cannot block us.
func (c *Call) tell(e dialog.Event) {
	if r, ok := e.(dialog.Reinvited); ok && c.waiting != nil {
		c.waiting <- reinvited{r.SDP, r.Err}
		c.waiting = nil
		return
	}
	if c.silent || c.closed {
		if _, ok := e.(dialog.Reoffered); ok {
			_ = c.machine.Refuse()
		}
		return
	}
	room := cap(c.events) - len(c.events)
	if news := newsOf(e); news != nil {
		if room > keptForEnd+1 {
			c.events <- news
		}
		return
	}
	switch e := e.(type) {
	case dialog.Reoffered:
		if room <= keptForEnd {
			_ = c.machine.Refuse()
			return
		}
		c.events <- Reoffered(e)
	case dialog.TransferAsked:
		if room <= keptForEnd {
			c.machine.TransferProgress(603)
			return
		}
		c.events <- TransferAsked(e)
	case dialog.Answered:
		c.events <- Answered(e)
	case dialog.Failed:
		c.events <- Failed(e)
		c.closeEvents()
	case dialog.Ended:
		c.events <- Ended(e)
		c.closeEvents()
	}
}

// newsOf is the event for what needs no answer, and may be lost where the owner
// does not read; nil: it is none of these.
func newsOf(e dialog.Event) CallEvent {
	switch e := e.(type) {
	case dialog.Progress:
		return Progress(e)
	case dialog.Reanswered:
		return Reanswered(e)
	case dialog.Reinvited:
		return Changed(e)
	case dialog.Transferring:
		return Transferring(e)
	case dialog.Rejected:
		return Rejected(e)
	case dialog.Text:
		return Text(e)
	}
	return nil
}

func (c *Call) closeEvents() {
	if !c.closed {
		c.closed = true
		close(c.events)
	}
}

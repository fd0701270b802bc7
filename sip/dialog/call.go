package dialog

import (
	"time"

	"github.com/emiago/sipgo/sip"
)

// Timers of RFC 3261, Section 17 and Table 4.
const (
	T1 = 500 * time.Millisecond
	T2 = 4 * time.Second
	// patience is how long a 2xx is repeated without an ACK (RFC 3261, Section
	// 13.3.1.4), and how long a CANCEL may stay without effect (Section 9.1).
	patience = 64 * T1
)

// What an incoming call is answered, and when, whatever becomes of it here: a
// caller that compares cannot tell declined, blocked, busy and unanswered.
const (
	RingAfter   = 200 * time.Millisecond
	RefuseAfter = 45 * time.Second
	refusal     = 480
)

const (
	// maxForks bounds the early dialogs of one call; a proxy rings a few phones.
	maxForks = 16
	// maxAcks bounds the ACKs kept to be repeated: one for each fork that answered
	// and for each of the last re-INVITEs.
	maxAcks = 2 * maxForks
	// retryAfter is what the peer is told to wait, in seconds, when its request
	// comes at a bad time (RFC 3261, Section 14.2: 0 to 10).
	retryAfter = "5"
)

// State of a Call.
type State int

// The states; see the package comment.
const (
	Calling   State = iota // ours: INVITE sent
	Early                  // ours: a provisional response came
	Ringing                // the peer's: not answered
	Answering              // the peer's: 200 sent, no ACK yet
	Confirmed              // the call is up
	Over                   // nothing more will be told
)

func (s State) String() string {
	switch s {
	case Calling:
		return "calling"
	case Early:
		return "early"
	case Ringing:
		return "ringing"
	case Answering:
		return "answering"
	case Confirmed:
		return "confirmed"
	case Over:
		return "over"
	}
	return "unknown"
}

// Call is one call. It is not safe for concurrent use: one goroutine owns it.
type Call struct {
	local    Local
	outgoing bool
	state    State
	actions  []Action

	dialog  *Dialog                   // set once there is one that counts
	pending map[*sip.Request]*pending // our requests whose transactions run
	acks    []sentAck                 // of 2xx, to be repeated

	// Our INVITE.
	id, tag string // Call-ID and our tag
	target  string
	extra   []Field // beyond what each INVITE of ours has
	seq     uint32
	invite  *pending
	forks   map[string]*fork
	hungUp  bool // the owner gave up before the call was up

	// The peer's INVITE.
	incoming         *sip.Request
	ringAt, refuseAt time.Time
	declined         bool
	reliable         *reliable // our 180, waiting for its PRACK

	said        []byte       // our last session description
	change      *change      // that of ours under way
	reoffered   *sip.Request // the peer's, waiting for the owner
	reofferBy   time.Time
	answer      *answer // a 2xx of ours that waits for its ACK
	timer       sessionTimer
	peerUpdates bool // the peer's Allow has UPDATE
	transfer    transfer
}

// pending is a request of ours whose transaction runs.
type pending struct {
	req         *sip.Request
	dialog      *Dialog // nil: the initial INVITE
	msg         message // within the dialog
	sdp         []byte  // of the initial INVITE
	tries       Tries   // with credentials; nil: none yet
	credentials []Field // those of the last try
	provisional bool    // a 1xx has come
	final       bool    // a final response has come
	cancelled   bool    // a CANCEL has been sent
	cancelBy    time.Time
	left        bool // the INVITE was sent to another server since
}

// fork is an early dialog.
type fork struct {
	number   int
	dialog   *Dialog
	reliable uint32 // RSeq of the last reliable provisional response; 0: none
	answer   []byte // the SDP that came with one
}

// sentAck is an ACK that is repeated when the 2xx it answers is.
type sentAck struct {
	seq uint32
	tag string
	req *sip.Request
}

// answer is a 2xx to an INVITE that is repeated until its ACK comes.
type answer struct {
	req      *sip.Request
	res      *sip.Response
	seq      uint32
	offers   bool // its SDP is an offer, the answer comes with the ACK
	resendAt time.Time
	interval time.Duration
	giveUpAt time.Time
}

// Actions returns what is to be done, in order, and forgets it.
func (c *Call) Actions() []Action {
	a := c.actions
	c.actions = nil
	return a
}

// State of the call.
func (c *Call) State() State { return c.state }

// Done tells that the call is over and nothing of it is left on the wire.
func (c *Call) Done() bool {
	return c.state == Over && len(c.pending) == 0 && c.answer == nil
}

// Settled tells that the call is over and all that it sent has been answered.
// Repeated answers may still have to be acknowledged until it is Done.
func (c *Call) Settled() bool {
	for _, p := range c.pending {
		if !p.final {
			return false
		}
	}
	return c.state == Over && c.answer == nil
}

// ID returns Call-ID and our tag: what in-dialog requests are matched by.
func (c *Call) ID() (callID, localTag string) { return c.id, c.tag }

// Deadline is when Advance wants to be called; zero: nothing is pending.
func (c *Call) Deadline() time.Time {
	var at time.Time
	for _, p := range c.pending {
		at = sooner(at, p.cancelBy)
	}
	for _, t := range []time.Time{c.ringAt, c.refuseAt, c.reofferBy, c.timer.refreshAt, c.timer.expireAt, c.transfer.giveUpAt} {
		at = sooner(at, t)
	}
	if c.answer != nil {
		at = sooner(at, sooner(c.answer.resendAt, c.answer.giveUpAt))
	}
	if c.reliable != nil {
		at = sooner(at, sooner(c.reliable.resendAt, c.reliable.giveUpAt))
	}
	if c.change != nil {
		at = sooner(at, c.change.retryAt)
	}
	return at
}

func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// due tells whether a deadline has come.
func due(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// Advance does what is due.
func (c *Call) Advance(now time.Time) {
	if due(c.ringAt, now) {
		c.ring(now)
	}
	if c.reliable != nil {
		c.advanceReliable(now)
	}
	if due(c.refuseAt, now) {
		c.refuse(ErrUnanswered)
	}
	for req, p := range c.pending {
		if due(p.cancelBy, now) {
			delete(c.pending, req)
		}
	}
	if due(c.reofferBy, now) {
		c.closeReoffer(Reply{Code: 488})
	}
	if c.answer != nil {
		c.advanceAnswer(now)
	}
	if c.change != nil && due(c.change.retryAt, now) {
		c.retryChange()
	}
	if due(c.transfer.giveUpAt, now) {
		c.transferred(Transferring{Code: 408, Done: true})
	}
	c.advanceTimer(now)
}

func (c *Call) do(a Action)     { c.actions = append(c.actions, a) }
func (c *Call) tell(e Event)    { c.do(Tell{e}) }
func (c *Call) end(e Event)     { c.finish(); c.tell(e) }
func (c *Call) is(s State) bool { return c.state == s }

// finish stops everything that waits, except for what is still on the wire.
func (c *Call) finish() {
	if c.reoffered != nil {
		c.closeReoffer(Reply{Code: 487})
	}
	if ch := c.change; ch != nil {
		c.change = nil
		c.told(ch, Reinvited{Err: ErrState})
	}
	c.transfer.giveUpAt = time.Time{}
	c.timer = sessionTimer{}
	c.reliable = nil
	c.ringAt, c.refuseAt = time.Time{}, time.Time{}
	c.state = Over
}

// respond answers a request of the peer with our tag.
func (c *Call) respond(req *sip.Request, r Reply) *sip.Response {
	r.ToTag = c.tag
	res := r.Build(req)
	c.do(Respond{To: req, Response: res})
	return res
}

// send starts the transaction of a request within a dialog.
func (c *Call) send(d *Dialog, m message) *pending {
	req, err := d.request(m, nil)
	if err != nil {
		return nil // the target was checked when it was learnt
	}
	p := &pending{req: req, dialog: d, msg: m}
	c.start(p)
	return p
}

func (c *Call) start(p *pending) {
	c.pending[p.req] = p
	c.do(Send{p.req})
}

// Closed says that the transaction of a request of ours has ended: err is why
// if no final response came.
func (c *Call) Closed(now time.Time, req *sip.Request, err error) {
	p := c.pending[req]
	if p == nil {
		return
	}
	delete(c.pending, req)
	if p.final {
		return
	}
	if err == nil {
		err = ErrNoResponse
	}
	switch {
	case p.left:
	case p == c.invite:
		c.fail(Failed{Why: err})
	case c.change != nil && p == c.change.sent:
		// RFC 3261, Section 12.2.1.2 would have the call end, but what was not answered
		// may only have met a network that changes: a session timer ends it if the
		// peer is gone.
		c.changeFailed(err, false)
	case p.msg.method == "REFER":
		c.transferred(Transferring{Code: 408, Done: true})
	}
}

// Response takes a response to a request of ours.
func (c *Call) Response(now time.Time, req *sip.Request, res *sip.Response) {
	p := c.pending[req]
	if p == nil {
		return
	}
	switch {
	case p.left:
		c.leftResponse(now, p, res)
	case p == c.invite:
		c.inviteResponse(now, p, res)
	case res.StatusCode < 200:
	case req.Method == sip.INVITE, req.Method == sip.UPDATE:
		p.final = true
		c.changeResponse(now, p, res)
	default:
		p.final = true
		if again, _ := c.retry(p, res); !again { // what cannot be sent again, a BYE, is over anyway
			c.answered(p, res)
		}
	}
}

// answered takes the final answer to a request within the dialog that is no
// offer.
func (c *Call) answered(p *pending, res *sip.Response) {
	switch {
	case p.msg.method == "REFER":
		c.referred(res)
	case res.StatusCode >= 300 && (p.msg.method == "INFO" || p.msg.method == "MESSAGE"):
		c.tell(Rejected{Method: p.msg.method, Code: res.StatusCode})
	}
}

// retry sends a request once more, with credentials, if res challenges and
// there are any. The error says why it did not.
func (c *Call) retry(p *pending, res *sip.Response) (bool, error) {
	if res.StatusCode != sip.StatusUnauthorized && res.StatusCode != sip.StatusProxyAuthRequired {
		return false, nil
	}
	if c.local.Authorize == nil {
		return false, &StatusError{res.StatusCode}
	}
	if p.tries == nil {
		p.tries = Tries{}
	}
	credentials, err := c.local.Authorize(p.req, res, p.tries)
	if err != nil {
		return false, err
	}
	var req *sip.Request
	if p.dialog == nil {
		req, err = c.buildInvite(p.sdp, credentials)
	} else {
		req, err = p.dialog.request(p.msg, credentials)
	}
	if err != nil {
		return false, err
	}
	next := &pending{req: req, dialog: p.dialog, msg: p.msg, sdp: p.sdp, tries: p.tries, credentials: credentials}
	switch {
	case p == c.invite:
		c.invite = next
	case c.change != nil && p == c.change.sent:
		c.change.sent = next
	}
	c.start(next)
	return true, nil
}

// acknowledge sends the ACK for a 2xx to an INVITE of ours, the same one again
// for a repeated 2xx. It returns false if it was repeated.
func (c *Call) acknowledge(d *Dialog, p *pending, res *sip.Response) bool {
	seq, _, _ := Seq(p.req)
	tag := ToTag(res)
	for _, a := range c.acks {
		if a.seq == seq && a.tag == tag {
			c.do(Ack{a.req})
			return false
		}
	}
	ack, err := d.Ack(seq, p.credentials...)
	if err != nil {
		return true
	}
	if len(c.acks) >= maxAcks {
		c.acks = c.acks[1:]
	}
	c.acks = append(c.acks, sentAck{seq, tag, ack})
	c.do(Ack{ack})
	return true
}

// Hangup ends the call, from our side. RFC 3261, Section 9.1: before it is
// answered with CANCEL, which is held back until a provisional response has
// come; Section 15: after with BYE, which a callee holds back until the ACK has
// come.
func (c *Call) Hangup(now time.Time) {
	switch c.state {
	case Calling, Early:
		c.hungUp = true
		c.cancel(now, c.invite)
		c.end(Failed{Why: ErrHungUp})
	case Ringing:
		c.Decline()
	case Answering:
		c.hungUp = true
		c.end(Ended{})
	case Confirmed:
		c.bye(Ended{})
	case Over:
	}
}

func (c *Call) bye(e Ended) {
	c.send(c.dialog, message{method: "BYE"})
	c.end(e)
}

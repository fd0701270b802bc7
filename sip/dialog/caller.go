package dialog

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Place calls target, a SIP URI, with an offer. extra are fields that this INVITE
// has beyond those of every other, such as Replaces.
func Place(local Local, target string, sdp []byte, extra ...Field) (*Call, error) {
	c := &Call{
		local:    local,
		outgoing: true,
		state:    Calling,
		pending:  make(map[*sip.Request]*pending),
		forks:    make(map[string]*fork),
		id:       local.Identifier(),
		tag:      local.Identifier(),
		target:   target,
		extra:    extra,
		said:     sdp,
	}
	req, err := c.buildInvite(sdp, nil)
	if err != nil {
		return nil, err
	}
	c.invite = &pending{req: req, sdp: sdp}
	c.start(c.invite)
	return c, nil
}

// buildInvite makes the INVITE, and each further try of it. RFC 3261, Section
// 8.1.3.5: a resubmission keeps Call-ID, To and From, with a higher CSeq.
func (c *Call) buildInvite(sdp []byte, credentials []Field) (*sip.Request, error) {
	c.seq++
	return Outgoing{
		Method: "INVITE", URI: c.target,
		Via: c.local.Via, Branch: c.local.Identifier(),
		From: withTag(c.local.from(), c.tag), To: "<" + c.target + ">",
		CallID: c.id, Seq: c.seq, Contact: c.local.Contact, Routes: c.local.Routes,
		Extra: slices.Concat(credentials, []Field{{"Allow", Allow}, {"Supported", Supported}}, c.local.Fields, c.extra), SDP: sdp,
	}.Build()
}

func (c *Call) inviteResponse(now time.Time, p *pending, res *sip.Response) {
	switch code := res.StatusCode; {
	case code < 200:
		c.provisional(now, p, res)
	case code < 300:
		p.final, p.cancelBy = true, time.Time{}
		c.accepted(now, p, res)
	default:
		p.final, p.cancelBy = true, time.Time{}
		c.refused(p, res)
	}
}

// provisional handles a 1xx: a CANCEL that was held back may go now.
func (c *Call) provisional(now time.Time, p *pending, res *sip.Response) {
	p.provisional = true
	if c.hungUp {
		c.cancel(now, p)
		return
	}
	if c.is(Calling) {
		c.state = Early
	}
	if !c.is(Early) || res.StatusCode == 100 {
		return
	}
	if f := c.fork(p, res); f != nil && c.inSequence(f, p, res) {
		c.tell(Progress{Fork: f.number, Code: res.StatusCode, SDP: SDP(res)})
	}
}

// Unheard tells that nothing at all has come for our INVITE yet.
func (c *Call) Unheard() bool {
	return c.outgoing && c.is(Calling) && !c.invite.provisional && !c.invite.final
}

// Wants tells whether a request of ours that has not been sent yet still is to be.
func (c *Call) Wants(req *sip.Request) bool {
	p := c.pending[req]
	return p != nil && (p != c.invite || !c.hungUp)
}

// Movable tells whether req is our INVITE, and may still go by another server: no
// phone has rung for it.
func (c *Call) Movable(req *sip.Request) bool {
	return c.outgoing && req == c.invite.req && (c.is(Calling) || c.is(Early)) && len(c.forks) == 0
}

// Elsewhere sends our INVITE by another server, to which Via and Contact are these.
// RFC 3263, Section 4.3: a request that is the same but for the branch; credentials
// are of the server that asked for them, and it is its turn again. What comes of the
// one before is only ended.
func (c *Call) Elsewhere(via, contact string) bool {
	if !c.Movable(c.invite.req) {
		return false
	}
	before := c.invite
	c.local.Via, c.local.Contact = via, contact
	c.seq--
	req, err := c.buildInvite(before.sdp, nil)
	if err != nil {
		return false
	}
	before.left = true
	c.state = Calling
	c.invite = &pending{req: req, sdp: before.sdp}
	c.start(c.invite)
	return true
}

// leftResponse takes what comes for an INVITE that went elsewhere: too late, and
// whoever rings or answers there is told so.
func (c *Call) leftResponse(now time.Time, p *pending, res *sip.Response) {
	switch code := res.StatusCode; {
	case code < 200:
		p.provisional = true
		c.cancel(now, p)
	case code < 300:
		p.final, p.cancelBy = true, time.Time{}
		d, err := FromResponse(c.local, p.req, res)
		if err != nil {
			return
		}
		d.Confirm(res)
		d.LocalSeq = max(d.LocalSeq, c.seq)
		if c.acknowledge(d, p, res) {
			c.send(d, message{method: "BYE"})
		}
	default:
		p.final, p.cancelBy = true, time.Time{}
	}
}

// fork finds or makes the early dialog of a response. A missing To-tag makes a
// dialog of its own: some gateways leave it out of provisional responses. It
// returns nil when there are too many.
func (c *Call) fork(p *pending, res *sip.Response) *fork {
	tag := ToTag(res)
	if f := c.forks[tag]; f != nil {
		return f
	}
	if len(c.forks) >= maxForks {
		return nil
	}
	d, err := FromResponse(c.local, p.req, res)
	if err != nil {
		return nil
	}
	f := &fork{number: len(c.forks) + 1, dialog: d}
	c.forks[tag] = f
	return f
}

// accepted handles a 2xx: the first one makes the call; any further one, from
// another fork, or one that crossed our CANCEL, is acknowledged and ended. RFC
// 3261, Section 13.2.2.4: the UAC MUST generate an ACK for each.
func (c *Call) accepted(now time.Time, p *pending, res *sip.Response) {
	f := c.fork(p, res)
	if f == nil {
		return
	}
	won := c.dialog == nil && !c.hungUp
	if won {
		c.dialog = f.dialog
	}
	f.dialog.Confirm(res)
	f.dialog.RemoteTag = ToTag(res)
	f.dialog.LocalSeq = max(f.dialog.LocalSeq, c.seq)
	first := c.acknowledge(f.dialog, p, res)
	switch {
	case won:
		c.state = Confirmed
		c.hear(res)
		c.timer.begin(now, res)
		sdp := SDP(res)
		if sdp == nil {
			sdp = f.answer // RFC 3262, Section 5: it came with a reliable provisional response
		}
		c.tell(Answered{Fork: f.number, SDP: sdp})
	case first:
		c.send(f.dialog, message{method: "BYE"})
	}
}

// refused handles a final response of 300 and above. Redirections are told, and
// not followed: they would send the call to whomever the answer names.
func (c *Call) refused(p *pending, res *sip.Response) {
	if c.hungUp || c.dialog != nil {
		return
	}
	retried, err := c.retry(p, res)
	if !retried && err == nil {
		retried = c.retryLonger(p, res)
	}
	if retried {
		c.state = Calling
		return
	}
	if err == nil {
		err = &StatusError{res.StatusCode}
	}
	c.fail(Failed{Code: res.StatusCode, Why: err, Contacts: redirections(res)})
}

// maxRedirections bounds the targets that are passed on from one redirection.
const maxRedirections = 5

// redirections are the targets that a 3xx names, the most wanted first (RFC
// 3261, Section 8.1.3.4).
func redirections(res *sip.Response) []string {
	if res.StatusCode >= 400 {
		return nil
	}
	contacts := Values(res, "Contact")
	slices.SortStableFunc(contacts, func(a, b string) int { return cmp.Compare(weight(b), weight(a)) })
	var targets []string
	for _, contact := range contacts {
		if uri := ParseAddress(contact).URI; uri != "" && len(targets) < maxRedirections {
			targets = append(targets, uri)
		}
	}
	return targets
}

// weight is the q of a Contact value; 1 where there is none.
func weight(contact string) float64 {
	q, ok := ParseAddress(contact).Param("q")
	if w, err := strconv.ParseFloat(q, 64); ok && err == nil {
		return w
	}
	return 1
}

func (c *Call) fail(f Failed) {
	if c.is(Calling) || c.is(Early) {
		c.end(f)
	}
}

// cancel sends the CANCEL of an INVITE of ours once that is allowed. RFC 3261, Section
// 9.1: if no provisional response has been received, the CANCEL MUST NOT be
// sent; the client MUST wait for one.
func (c *Call) cancel(now time.Time, p *pending) {
	if !p.provisional || p.final || p.cancelled {
		return
	}
	p.cancelled = true
	// If no final response comes, the INVITE is taken as cancelled 64*T1 after.
	p.cancelBy = now.Add(patience)
	seq, _, _ := Seq(p.req)
	// RFC 3261, Section 9.1: Request-URI, Call-ID, To, From, Route, the number of
	// CSeq and the top Via MUST be those of the request that is cancelled.
	req, err := Outgoing{
		Method: "CANCEL", URI: c.target,
		Via: viaOf(p.req), Branch: Branch(p.req)[len(branchCookie):],
		Routes: Values(p.req, "Route"),
		From:   Value(p.req, "From"), To: Value(p.req, "To"),
		CallID: c.id, Seq: seq,
	}.Build()
	if err != nil {
		return
	}
	c.start(&pending{req: req})
}

// viaOf is the first part of the Via of a request of ours: how it went, and by what
// name.
func viaOf(req *sip.Request) string {
	via, _, _ := strings.Cut(Value(req, "Via"), ";")
	return via
}

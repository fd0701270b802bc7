package dialog

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	// transferPatience is how long the peer may take to tell what became of a call
	// that we sent it on.
	transferPatience = 3 * time.Minute
	// sipfrag is the type of what a NOTIFY says about a transfer (RFC 3420).
	sipfrag = "message/sipfrag"
	// maxText bounds a message in writing. RFC 3428, Section 8: 1300 bytes.
	maxText = 1300
)

// transfer is what goes on about transfers in a call (RFC 3515).
type transfer struct {
	// Ours: the peer was asked to call somebody else.
	asked    bool
	giveUpAt time.Time
	// The peer's: it asked us to.
	from   bool
	silent bool   // it wants no notices (RFC 4488)
	event  string // the value of Event in them
	count  int    // of REFERs in this dialog
}

// Refer asks the peer to call target, a URI, in place of talking to us. Events
// of type Transferring follow.
func (c *Call) Refer(now time.Time, target string) error {
	if !c.is(Confirmed) || c.transfer.asked {
		return ErrState
	}
	if c.send(c.dialog, message{method: "REFER", extra: []Field{{"Refer-To", "<" + target + ">"}}}) == nil {
		return ErrState
	}
	c.transfer.asked, c.transfer.giveUpAt = true, now.Add(transferPatience)
	return nil
}

// Replacing is the target of an attended transfer: uri with the header field
// that makes the call to it take the place of this one (RFC 3891, Section 3; RFC
// 3261, Section 19.1.1 escapes it).
func (c *Call) Replacing(uri string) (string, bool) {
	if !c.is(Confirmed) || strings.ContainsAny(uri, "?<>\" ") {
		return "", false
	}
	d := c.dialog
	// The tags are written from the point of view of who receives the INVITE.
	value := d.CallID + ";to-tag=" + d.RemoteTag + ";from-tag=" + d.LocalTag
	return uri + "?Replaces=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20"), true
}

// RemoteTarget is the URI at which the peer itself is reached.
func (c *Call) RemoteTarget() string {
	if c.dialog == nil {
		return ""
	}
	return c.dialog.Target
}

// HasTags tells whether the call is the dialog with that tag of the peer, and
// whether it is up.
func (c *Call) HasTags(remote string) (known, confirmed bool) {
	if c.dialog == nil || c.is(Over) || c.dialog.RemoteTag != remote {
		return false, false
	}
	return true, c.is(Confirmed) || c.is(Answering)
}

// Replaces is the dialog that an INVITE takes the place of, as its peer knows it:
// the value of its Replaces field (RFC 3891).
type Replaces struct {
	CallID, ToTag, FromTag string
	EarlyOnly              bool
}

// ParseReplaces reads the field of an INVITE; there is none: ok is false.
func ParseReplaces(req *sip.Request) (r Replaces, ok bool) {
	value := Value(req, "Replaces")
	if value == "" {
		return r, false
	}
	parts := splitOutside(value, ';')
	params := trimAll(parts[1:])
	r.CallID = strings.TrimSpace(parts[0])
	r.ToTag, _ = param(params, "to-tag")
	r.FromTag, _ = param(params, "from-tag")
	_, r.EarlyOnly = param(params, "early-only")
	return r, true
}

// referred takes the final answer to our REFER.
func (c *Call) referred(res *sip.Response) {
	switch {
	case res.StatusCode >= 300:
		c.transferred(Transferring{Code: res.StatusCode, Done: true})
	case strings.EqualFold(strings.TrimSpace(Value(res, "Refer-Sub")), "false"):
		// RFC 4488, Section 4: no notices will come, so nobody will say more.
		c.transferred(Transferring{Code: 202, Done: true})
	default:
		c.transferred(Transferring{Code: 100})
	}
}

// transferred tells how far the peer has come.
func (c *Call) transferred(t Transferring) {
	if !c.transfer.asked {
		return
	}
	if t.Done {
		c.transfer.asked, c.transfer.giveUpAt = false, time.Time{}
	}
	c.tell(t)
}

// notified takes a NOTIFY within the dialog.
func (c *Call) notified(req *sip.Request) {
	event, _, _ := strings.Cut(Value(req, "Event"), ";")
	if !strings.EqualFold(strings.TrimSpace(event), "refer") || !c.transfer.asked {
		// RFC 6665, Section 4.1.3: nobody here subscribed to that.
		c.respond(req, Reply{Code: 481})
		return
	}
	c.respond(req, Reply{Code: 200})
	state, _, _ := strings.Cut(Value(req, "Subscription-State"), ";")
	over := strings.EqualFold(strings.TrimSpace(state), "terminated")
	code := fragment(req)
	if code != 0 || over {
		c.transferred(Transferring{Code: code, Done: over || code >= 200})
	}
}

// fragment is the status code in the body of a NOTIFY; 0: there is none.
func fragment(req *sip.Request) int {
	kind, _, _ := strings.Cut(Value(req, "Content-Type"), ";")
	first, _, _ := strings.Cut(strings.TrimLeft(string(req.Body()), "\r\n"), "\n")
	fields := strings.Fields(first)
	if !strings.EqualFold(strings.TrimSpace(kind), sipfrag) || len(fields) < 2 || !strings.EqualFold(fields[0], "SIP/2.0") {
		return 0
	}
	code, err := strconv.Atoi(fields[1])
	if err != nil || code < 100 || code > 699 {
		return 0
	}
	return code
}

// refer takes a REFER of the peer. The user has to agree: that takes its time,
// so it is accepted for now, and notices tell the rest.
func (c *Call) refer(req *sip.Request) {
	targets := Values(req, "Refer-To")
	if len(targets) != 1 || !c.is(Confirmed) {
		c.respond(req, Reply{Code: 400}) // RFC 3515, Section 2.4.1: exactly one
		return
	}
	asked, ok := referTo(ParseAddress(targets[0]).URI)
	switch {
	case !ok:
		c.respond(req, Reply{Code: 416})
	case c.transfer.from:
		c.respond(req, Reply{Code: 491}) // one at a time
	default:
		seq, _, _ := Seq(req)
		t := &c.transfer
		t.from, t.event = true, "refer"
		if t.count++; t.count > 1 {
			t.event += ";id=" + strconv.FormatUint(uint64(seq), 10) // RFC 3515, Section 2.4.6
		}
		t.silent = strings.EqualFold(strings.TrimSpace(Value(req, "Refer-Sub")), "false")
		r := Reply{Code: 202, Contact: c.local.Contact}
		if t.silent {
			r.Extra = []Field{{"Refer-Sub", "false"}}
		}
		c.respond(req, r)
		c.notify(100, false)
		c.tell(asked)
	}
}

// referTo reads a target that may be called: a SIP URI, and of its headers only
// Replaces; anything else would let the peer write our INVITE.
func referTo(target string) (asked TransferAsked, ok bool) {
	uri, headers, _ := strings.Cut(target, "?")
	var u sip.Uri
	if err := sip.ParseUri(uri, &u); err != nil || u.Host == "" || u.Scheme != "sip" && u.Scheme != "sips" {
		return asked, false
	}
	if method, said := u.UriParams.Get("method"); said && !strings.EqualFold(method, "INVITE") {
		return asked, false
	}
	asked.Target = uri
	for field := range strings.SplitSeq(headers, "&") {
		name, value, _ := strings.Cut(field, "=")
		if strings.EqualFold(name, "Replaces") {
			v, err := url.PathUnescape(value)
			if err != nil || strings.ContainsAny(v, "\r\n") {
				return asked, false
			}
			asked.Replaces = v
		}
	}
	return asked, true
}

// TransferProgress tells the peer what becomes of the transfer that it asked
// for: the status of the new call; 200 and above is the last word, 603 that the
// user did not want it.
func (c *Call) TransferProgress(code int) {
	if !c.transfer.from || !c.is(Confirmed) {
		return
	}
	c.notify(code, code >= 200)
	c.transfer.from = code < 200
}

func (c *Call) notify(code int, over bool) {
	if c.transfer.silent {
		return
	}
	state := "active;expires=" + seconds(transferPatience)
	if over {
		state = "terminated;reason=noresource"
	}
	reason := reasons[code]
	if reason == "" {
		reason = "Unavailable" // RFC 3420, Section 2: a status line has a reason
	}
	c.send(c.dialog, message{
		method: "NOTIFY",
		extra:  []Field{{"Event", c.transfer.event}, {"Subscription-State", state}},
		// RFC 3420, Section 2: the start line ends as in a message.
		body: []byte("SIP/2.0 " + strconv.Itoa(code) + " " + reason + "\r\n"),
		kind: sipfrag,
	})
}

// Info sends what belongs to the call, such as a digit, to the peer (RFC 6086).
func (c *Call) Info(kind string, body []byte) error {
	if !c.is(Confirmed) || c.send(c.dialog, message{method: "INFO", kind: kind, body: body}) == nil {
		return ErrState
	}
	return nil
}

// text takes a MESSAGE within the dialog: plain text is passed on, the rest is
// not understood. RFC 3428, Section 7.
func (c *Call) text(req *sip.Request) {
	c.respond(req, textReply(req, ""))
	if body, ok := PlainText(req); ok {
		c.tell(Text{Body: body})
	}
}

// textReply is the answer to a MESSAGE, the same in every state.
func textReply(req *sip.Request, tag string) Reply {
	if _, ok := PlainText(req); !ok {
		return Reply{Code: 415, ToTag: tag, Extra: []Field{{"Accept", "text/plain"}}}
	}
	return Reply{Code: 200, ToTag: tag}
}

// PlainText is the text of a MESSAGE; false: it is none that a person could read.
func PlainText(req *sip.Request) (string, bool) {
	kind, _, _ := strings.Cut(Value(req, "Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "text/plain") || len(req.Body()) > maxText {
		return "", false
	}
	return string(req.Body()), true
}

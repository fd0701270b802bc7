package registrar

import (
	"strconv"
	"strings"
	"time"
)

// Timers of RFC 3261, Table 4.
const (
	timerT1 = 500 * time.Millisecond
	timerT2 = 4 * time.Second
	timerT4 = 5 * time.Second
	// timeout is timers B, F, H and the life of what absorbs repetitions.
	timeout = 64 * timerT1
	// timerC is how long a phone may ring.
	timerC = 3*time.Minute + time.Second
	// maxTransactions at a time; further requests are not heard.
	maxTransactions = 4096
)

// txState of a transaction (RFC 3261, Figures 5 to 8; accepted is RFC 6026).
//
//	trying ─► proceeding ─► completed ─► confirmed ─► (gone)
//	                    └─► answered ─────────────────► (gone)
type txState int

const (
	trying     txState = iota // client: sent; server: came
	proceeding                // a provisional answer was given
	completed                 // a final answer was given, not a 2xx to INVITE
	confirmed                 // and the ACK came
	answered                  // a 2xx to INVITE
)

// serverTx is a request that came to us, with the branches it was forked to.
type serverTx struct {
	key      string
	flow     flow
	request  *message
	toTag    string // of answers of our own
	state    txState
	last     []byte // what a repetition is answered with
	resend   time.Time
	interval time.Duration
	expires  time.Time // zero: while branches live
	branches []*clientTx
	best     *message // of the final answers so far
	dialog   *dialog
	bye      bool
	canceled bool
}

// clientTx is a request that we sent on.
type clientTx struct {
	key      string
	parent   *serverTx // nil: a CANCEL of our own
	flow     flow
	request  *message
	state    txState
	resend   time.Time
	interval time.Duration
	expires  time.Time
	cancel   bool // as soon as it may be
	canceled bool
}

func (t *serverTx) invite() bool { return t.request.method == "INVITE" }
func (t *clientTx) invite() bool { return t.request.method == "INVITE" }

// serverKey of a request: RFC 3261, Section 17.2.3. ACK and CANCEL belong to
// their INVITE.
func serverKey(v via, method string) string {
	if method == "ACK" || method == "CANCEL" {
		method = "INVITE"
	}
	return strings.Join([]string{method, v.branch(), strings.ToLower(v.sentBy)}, " ")
}

func clientKey(branch, method string) string { return method + " " + branch }

// respond gives an answer of our own.
func (c *core) respond(now time.Time, t *serverTx, code int, reason string, extra ...header) {
	r := &message{code: code, reason: reason}
	for _, h := range t.request.headers {
		switch h.name {
		case "Via", "From", "Call-ID", "CSeq":
			r.headers = append(r.headers, h)
		case "To":
			if code > 100 && t.request.tag("To") == "" {
				h.value += ";tag=" + t.toTag
			}
			r.headers = append(r.headers, h)
		}
	}
	r.headers = append(r.headers, extra...)
	c.answer(now, t, r)
}

// answer sends a response to the request's sender and moves the transaction.
func (c *core) answer(now time.Time, t *serverTx, r *message) {
	if t.state == completed || t.state == confirmed {
		return
	}
	t.last = r.bytes()
	c.send(t.flow, t.last)
	switch {
	case r.code < 200:
		t.state = proceeding
	case t.invite() && r.code < 300:
		t.state = answered
		t.expires = now.Add(timeout)
	default:
		t.state = completed
		t.expires = now.Add(timeout)
		if t.invite() && !t.flow.listener.reliable() {
			t.interval = timerT1
			t.resend = now.Add(timerT1)
		}
	}
}

// start sends a request on.
func (c *core) start(now time.Time, t *clientTx) {
	c.clients[t.key] = t
	c.send(t.flow, t.request.bytes())
	t.expires = now.Add(timeout)
	if !t.flow.listener.reliable() {
		t.interval = timerT1
		t.resend = now.Add(timerT1)
	}
}

// advanceServer repeats a final answer and forgets old transactions.
func (c *core) advanceServer(now time.Time, t *serverTx) {
	if due(now, t.expires) {
		delete(c.servers, t.key)
		if t.dialog != nil && !t.dialog.answered {
			delete(c.dialogs, t.dialog.token)
		}
		return
	}
	if due(now, t.resend) && t.state == completed {
		c.send(t.flow, t.last)
		t.interval = min(2*t.interval, timerT2)
		t.resend = now.Add(t.interval)
	}
}

// advanceClient repeats requests and gives up on silent phones.
func (c *core) advanceClient(now time.Time, t *clientTx) {
	if due(now, t.expires) {
		c.clientTimeout(now, t)
		return
	}
	if due(now, t.resend) {
		c.send(t.flow, t.request.bytes())
		t.interval *= 2
		if !t.invite() || t.state == proceeding {
			t.interval = min(t.interval, timerT2)
		}
		t.resend = now.Add(t.interval)
	}
}

func (c *core) clientTimeout(now time.Time, t *clientTx) {
	switch {
	case t.state == proceeding && t.invite() && !t.canceled:
		c.cancelBranch(now, t) // timer C
		t.expires = now.Add(timeout)
	case t.state == trying || t.state == proceeding:
		delete(c.clients, t.key)
		t.state = completed
		if t.parent != nil {
			c.branchDone(now, t, &message{code: 408, reason: "Request Timeout"})
		}
	default:
		delete(c.clients, t.key)
	}
}

// due tells whether a time (zero: never) has come.
func due(now, t time.Time) bool { return !t.IsZero() && !now.Before(t) }

// cancelBranch ends the ringing of one phone. RFC 3261, Section 9.1: not before
// it has said something.
func (c *core) cancelBranch(now time.Time, t *clientTx) {
	t.cancel = true
	if t.state != proceeding || t.canceled {
		return
	}
	t.canceled = true
	t.expires = now.Add(timeout)
	m := &message{method: "CANCEL", uri: t.request.uri}
	m.add("Via", t.request.all("Via")[0])
	for _, name := range []string{"From", "To", "Call-ID"} {
		m.add(name, t.request.get(name))
	}
	n, _, _ := t.request.cseq()
	m.add("CSeq", strconv.FormatUint(uint64(n), 10)+" CANCEL")
	m.add("Max-Forwards", "70")
	v, _ := parseVia(m.get("Via"))
	c.start(now, &clientTx{key: clientKey(v.branch(), "CANCEL"), flow: t.flow, request: m})
}

// acknowledge answers a final answer other than 2xx (RFC 3261, Section
// 17.1.1.3).
func (c *core) acknowledge(t *clientTx, r *message) {
	m := &message{method: "ACK", uri: t.request.uri}
	m.add("Via", t.request.all("Via")[0])
	m.add("From", t.request.get("From"))
	m.add("To", r.get("To"))
	m.add("Call-ID", t.request.get("Call-ID"))
	n, _, _ := t.request.cseq()
	m.add("CSeq", strconv.FormatUint(uint64(n), 10)+" ACK")
	m.add("Max-Forwards", "70")
	c.send(t.flow, m.bytes())
}

package registrar

import (
	"crypto/rand"
	"net/netip"
	"strconv"
	"time"
)

// maxForwards is given to requests that bring none (RFC 3261, Section 16.6).
const maxForwards = 70

// target of a request: a URI and the way to it.
type target struct {
	uri  string
	flow flow
}

func portOf(a netip.AddrPort) string { return strconv.Itoa(int(a.Port())) }

// onRequest finds the transaction of a request, or begins one.
func (c *core) onRequest(now time.Time, f flow, m *message, v via) {
	t := c.servers[serverKey(v, m.method)]
	switch {
	case m.method == "ACK":
		c.onACK(now, f, m, t)
	case m.method == "CANCEL":
		c.onCancel(now, f, m, t)
	case t != nil:
		if t.last != nil {
			c.send(t.flow, t.last)
		}
	default:
		if t = c.newServer(f, m, v); t != nil {
			c.route(now, t)
			c.forgetIfSilent(now, t)
		}
	}
}

// forgetIfSilent ends a transaction that nobody will answer.
func (c *core) forgetIfSilent(now time.Time, t *serverTx) {
	if t.expires.IsZero() && len(t.branches) == 0 {
		t.expires = now.Add(timeout)
	}
}

// onACK absorbs the ACK of an answer of ours, and sends on that of a 2xx.
func (c *core) onACK(now time.Time, f flow, m *message, t *serverTx) {
	if t != nil && (t.state == completed || t.state == confirmed) {
		t.state = confirmed
		t.resend = time.Time{}
		t.expires = now.Add(timerT4)
		return
	}
	d := c.takeRoutes(m)
	if d == nil || !decrement(m) {
		return
	}
	d.learn(m.tag("From"), f)
	if to, ok := c.wayTo(d, m.tag("To"), m.uri); ok {
		m.push("Via", c.newVia(to, rand.Text()))
		c.send(to, m.bytes())
	}
}

// onCancel stops the ringing (RFC 3261, Section 9.2). CANCEL is not a
// transaction of its own here: the same CANCEL gets the same answer.
func (c *core) onCancel(now time.Time, f flow, m *message, invite *serverTx) {
	t := &serverTx{flow: f, request: m, toTag: rand.Text()}
	if invite == nil || invite.flow != f {
		c.respond(now, t, 481, "Call Does Not Exist")
		return
	}
	t.toTag = invite.toTag
	c.respond(now, t, 200, "OK")
	invite.canceled = true
	c.cancelAll(now, invite, nil)
}

// cancelAll ends all branches but one.
func (c *core) cancelAll(now time.Time, t *serverTx, but *clientTx) {
	for _, b := range t.branches {
		if b != but && (b.state == trying || b.state == proceeding) {
			c.cancelBranch(now, b)
		}
	}
}

// route decides what becomes of a new request.
func (c *core) route(now time.Time, t *serverTx) {
	m := t.request
	if !decrement(m) {
		c.respond(now, t, 483, "Too Many Hops")
		return
	}
	if m.tag("To") != "" && m.method != "REGISTER" {
		c.routeInDialog(now, t)
		return
	}
	// A phone with a preset route to us.
	if len(m.all("Route")) > 0 && c.takeRoutes(m) == nil && len(m.all("Route")) > 0 {
		c.respond(now, t, 404, "Not Here")
		return
	}
	user, ours := c.findUser(m.uri)
	switch {
	case !ours:
		c.respond(now, t, 404, "Not Here")
	case m.method == "REGISTER":
		c.routeRegister(now, t)
	case user == "" && m.method == "OPTIONS":
		c.respond(now, t, 200, "OK")
	case !c.senderKnown(now, t):
	default:
		c.routeToUser(now, t, user)
	}
}

// decrement counts a hop; false: it was the last.
func decrement(m *message) bool {
	left := maxForwards
	if v := m.get("Max-Forwards"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n <= 0 {
			return false
		}
		left = min(n-1, 255)
	}
	m.replace("Max-Forwards", strconv.Itoa(left))
	return true
}

// routeRegister challenges and registers.
func (c *core) routeRegister(now time.Time, t *serverTx) {
	user, v := c.auth.check(now, "REGISTER", t.request.lines("Authorization"))
	if v != accepted {
		c.challenge(now, t, 401, "WWW-Authenticate", user, v)
		return
	}
	if to, ours := c.findUser(parseAddress(t.request.get("To")).uri); !ours || to != user {
		c.respond(now, t, 403, "Not Your Address")
		return
	}
	c.register(now, t, user)
}

// senderKnown challenges whoever claims to be a user of ours; what comes from
// elsewhere may call our users, as with any provider.
func (c *core) senderKnown(now time.Time, t *serverTx) bool {
	from, ours := c.findUser(parseAddress(t.request.get("From")).uri)
	if !ours {
		return true
	}
	user, v := c.auth.check(now, t.request.method, t.request.lines("Proxy-Authorization"))
	switch {
	case v != accepted:
		c.challenge(now, t, 407, "Proxy-Authenticate", user, v)
	case user != from:
		c.respond(now, t, 403, "Not Your Address")
	default:
		t.request.replace("Proxy-Authorization") // RFC 3261, Section 22.3: not for others
		return true
	}
	return false
}

func (c *core) challenge(now time.Time, t *serverTx, code int, name, user string, v verdict) {
	if v == wrong {
		c.tell(Event{Kind: WrongPassword, From: user})
	}
	var hs []header
	for _, value := range c.auth.challenges(now, v == stale) {
		hs = append(hs, header{name, value})
	}
	reason := map[int]string{401: "Unauthorized", 407: "Proxy Authentication Required"}[code]
	c.respond(now, t, code, reason, hs...)
}

// routeToUser rings all phones of a user.
func (c *core) routeToUser(now time.Time, t *serverTx, user string) {
	var targets []target
	for _, b := range c.bindings[user] {
		targets = append(targets, target{b.contact, b.flow})
	}
	if t.invite() {
		from, _ := parseURI(parseAddress(t.request.get("From")).uri)
		c.tell(Event{Kind: Calling, From: from.user, To: user})
	}
	if len(targets) == 0 {
		c.respond(now, t, 480, "Nobody Home")
		c.tellFailure(t, user, 480)
		return
	}
	if t.invite() {
		if t.dialog = c.newDialog(now, t, user); t.dialog == nil {
			c.respond(now, t, 503, "Too Many Calls")
			return
		}
	}
	c.fork(now, t, targets)
}

func (c *core) tellFailure(t *serverTx, to string, code int) {
	if t.invite() {
		from, _ := parseURI(parseAddress(t.request.get("From")).uri)
		c.tell(Event{Kind: NotPicked, From: from.user, To: to, Code: code})
	}
}

// routeInDialog brings a request to the other end of its dialog.
func (c *core) routeInDialog(now time.Time, t *serverTx) {
	m := t.request
	d := c.takeRoutes(m)
	if d == nil {
		c.respond(now, t, 481, "Call Does Not Exist")
		return
	}
	if c.cfg.ChallengeInDialog && !c.senderKnown(now, t) {
		return
	}
	d.learn(m.tag("From"), t.flow)
	d.expires = now.Add(dialogLife)
	to, ok := c.wayTo(d, m.tag("To"), m.uri)
	if !ok {
		c.respond(now, t, 481, "Call Does Not Exist")
		return
	}
	if t.bye {
		from, other := d.caller, d.callee
		if sender, _ := parseURI(parseAddress(m.get("From")).uri); sender.user == d.callee {
			from, other = other, from
		}
		c.tell(Event{Kind: HungUp, From: from, To: other})
		d.expires = now.Add(dialogEnd)
	}
	c.fork(now, t, []target{{m.uri, to}})
}

// fork sends a request to all targets at once.
func (c *core) fork(now time.Time, t *serverTx, targets []target) {
	if t.invite() {
		c.respond(now, t, 100, "Trying")
	}
	for _, to := range targets {
		m := t.request.clone()
		m.uri = to.uri
		if t.dialog != nil {
			routes := t.dialog.recordRoutes(t.flow.listener, to.flow.listener)
			m.replace("Record-Route", append(routes, m.all("Record-Route")...)...)
		}
		branch := rand.Text()
		m.push("Via", c.newVia(to.flow, branch))
		b := &clientTx{key: clientKey("z9hG4bK"+branch, m.method), parent: t, flow: to.flow, request: m}
		t.branches = append(t.branches, b)
		c.start(now, b)
	}
}

func (c *core) newVia(to flow, branch string) string {
	v := via{transport: to.listener.transport, sentBy: to.listener.address.String()}
	v.params.set("branch", "z9hG4bK"+branch)
	return v.String()
}

// onResponse brings an answer to the transaction it belongs to.
func (c *core) onResponse(now time.Time, f flow, m *message) {
	all := m.all("Via")
	_, method, _ := m.cseq()
	if len(all) == 0 {
		return
	}
	v, _ := parseVia(all[0])
	t := c.clients[clientKey(v.branch(), method)]
	if t == nil {
		return
	}
	m.pop("Via")
	switch {
	case t.parent == nil: // our own CANCEL
		if m.code >= 200 {
			delete(c.clients, t.key)
		}
	case m.code < 200:
		c.onProvisional(now, f, t, m)
	case t.invite() && m.code < 300:
		c.onAnswered(now, f, t, m)
	default:
		c.onFinal(now, t, m)
	}
}

func (c *core) onProvisional(now time.Time, f flow, t *clientTx, m *message) {
	if t.state != trying && t.state != proceeding {
		return
	}
	t.state = proceeding
	if t.invite() {
		t.resend = time.Time{}
		if !t.canceled {
			t.expires = now.Add(timerC)
		}
	}
	if t.cancel {
		c.cancelBranch(now, t)
		return
	}
	// RFC 3261, Section 16.7: a 100 is for this hop only.
	if m.code == 100 || t.parent.state == answered {
		return
	}
	if d := t.parent.dialog; d != nil {
		d.learn(m.tag("To"), f)
		if m.code == 180 && t.invite() {
			c.tell(Event{Kind: Ringing, From: d.caller, To: d.callee})
		}
	}
	c.answer(now, t.parent, m)
}

// onAnswered passes on each 2xx, repetitions too, and stops the other phones.
func (c *core) onAnswered(now time.Time, f flow, t *clientTx, m *message) {
	t.state, t.resend, t.expires = answered, time.Time{}, now.Add(timeout)
	p := t.parent
	if d := p.dialog; d != nil {
		d.learn(m.tag("To"), f)
		if !d.answered {
			d.answered = true
			c.tell(Event{Kind: Answered, From: d.caller, To: d.callee})
		}
	}
	c.answer(now, p, m)
	c.cancelAll(now, p, t)
}

func (c *core) onFinal(now time.Time, t *clientTx, m *message) {
	if t.invite() {
		c.acknowledge(t, m)
	}
	if t.state != trying && t.state != proceeding {
		return
	}
	t.state, t.resend, t.expires = completed, time.Time{}, now.Add(timeout)
	c.branchDone(now, t, m)
}

// branchDone weighs a final answer and, after the last one, gives the best
// (RFC 3261, Section 16.7, steps 5 and 6).
func (c *core) branchDone(now time.Time, t *clientTx, m *message) {
	p := t.parent
	if m.code < 300 {
		c.answer(now, p, m) // to a request other than INVITE: one is enough
		return
	}
	if better(m, p.best) {
		p.best = m
	}
	if m.code >= 600 {
		c.cancelAll(now, p, t)
	}
	for _, b := range p.branches {
		if b.state == trying || b.state == proceeding {
			return
		}
	}
	if p.state == answered || p.state == completed {
		return
	}
	c.giveBest(now, p)
	if p.dialog != nil {
		c.tellFailure(p, p.dialog.callee, p.best.code)
	}
}

func (c *core) giveBest(now time.Time, t *serverTx) {
	switch {
	case t.best.headers != nil:
		c.answer(now, t, t.best)
	case t.canceled:
		c.respond(now, t, 487, "Request Terminated")
	case t.invite():
		c.respond(now, t, t.best.code, t.best.reason)
	default:
		// RFC 4320, Section 4.2: a 408 to anything but INVITE comes too late.
		t.expires = now
	}
}

// better: 6xx before all, then the lower class, and an answer before silence.
func better(a, b *message) bool {
	rank := func(m *message) int {
		switch {
		case m == nil:
			return 1000
		case m.code >= 600:
			return 0
		case m.headers == nil:
			return 900
		default:
			return m.code / 100
		}
	}
	return rank(a) < rank(b)
}

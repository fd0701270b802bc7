package registrar

import (
	"crypto/rand"
	"log/slog"
	"net/netip"
	"time"
)

// core is the server without sockets and clock: packets and the time go in,
// packets collect in out, and deadline says when to call advance.
type core struct {
	cfg       Config
	log       *slog.Logger
	auth      *digest
	listeners map[*listener]bool
	bindings  map[string][]binding // by user
	dialogs   map[string]*dialog   // by token
	servers   map[string]*serverTx
	clients   map[string]*clientTx
	out       []packet
}

func newCore(cfg Config) *core {
	return &core{
		cfg: cfg, log: cfg.Logger,
		auth:      newDigest(cfg.Domain, cfg.Algorithms, cfg.NonceLife, cfg.Users),
		listeners: map[*listener]bool{},
		bindings:  map[string][]binding{},
		dialogs:   map[string]*dialog{},
		servers:   map[string]*serverTx{},
		clients:   map[string]*clientTx{},
	}
}

func (c *core) send(to flow, b []byte) { c.out = append(c.out, packet{to, b}) }

// takeOut hands over what is to be sent.
func (c *core) takeOut() []packet {
	out := c.out
	c.out = nil
	return out
}

func (c *core) tell(e Event) {
	if c.cfg.Observe != nil {
		c.cfg.Observe(e)
	}
}

// receive takes a packet that came over a flow. What is not SIP is dropped.
func (c *core) receive(now time.Time, f flow, b []byte) {
	m, err := parse(b)
	if err != nil || !m.complete() {
		c.log.Debug("registrar: dropped what is not SIP", "bytes", len(b))
		return
	}
	if m.code != 0 {
		c.onResponse(now, f, m)
		return
	}
	v, ok := stamp(m, f.remote)
	if !ok {
		return
	}
	c.onRequest(now, f, m, v)
}

// stamp writes into the top Via where the request really came from
// (RFC 3261, Section 18.2.1; RFC 3581, Section 4).
func stamp(m *message, from netip.AddrPort) (via, bool) {
	all := m.all("Via")
	if len(all) == 0 {
		return via{}, false
	}
	v, ok := parseVia(all[0])
	if !ok || v.branch() == "" {
		return via{}, false
	}
	v.params.set("received", from.Addr().String())
	if _, ok := v.params.get("rport"); ok {
		v.params.set("rport", portOf(from))
	}
	all[0] = v.String()
	m.replace("Via", all...)
	return v, true
}

// deadline is when advance has something to do; zero: never.
func (c *core) deadline() time.Time {
	var next time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, t := range c.servers {
		sooner(t.expires)
		sooner(t.resend)
	}
	for _, t := range c.clients {
		sooner(t.expires)
		sooner(t.resend)
	}
	for _, list := range c.bindings {
		for _, b := range list {
			sooner(b.expires)
		}
	}
	for _, d := range c.dialogs {
		sooner(d.expires)
	}
	return next
}

// advance does what has become due.
func (c *core) advance(now time.Time) {
	for _, t := range c.clients {
		c.advanceClient(now, t)
	}
	for _, t := range c.servers {
		c.advanceServer(now, t)
	}
	for user := range c.bindings {
		c.unbind(user, func(b binding) bool { return due(now, b.expires) })
	}
	for token, d := range c.dialogs {
		if due(now, d.expires) {
			delete(c.dialogs, token)
		}
	}
}

// closed tells that a connection is gone, and with it the phones behind it.
func (c *core) closed(f flow) {
	for user := range c.bindings {
		c.unbind(user, func(b binding) bool { return b.flow == f })
	}
}

// newServer begins a transaction; nil: too many.
func (c *core) newServer(f flow, m *message, v via) *serverTx {
	if len(c.servers) >= maxTransactions {
		return nil
	}
	t := &serverTx{key: serverKey(v, m.method), flow: f, request: m, toTag: rand.Text(), bye: m.method == "BYE"}
	c.servers[t.key] = t
	return t
}

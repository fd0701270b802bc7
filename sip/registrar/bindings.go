package registrar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxBindings of one user. People have fewer phones.
const maxBindings = 10

// binding is a phone of a user (RFC 3261, Section 10.3).
type binding struct {
	contact  string // the URI, as given
	instance string // +sip.instance, or ""
	flow     flow
	callID   string
	cseq     uint32
	expires  time.Time
}

// contact is one value of a REGISTER's Contact headers.
type contact struct {
	uri, instance string
	expires       time.Duration
}

// register answers a REGISTER whose sender is known to be user.
func (c *core) register(now time.Time, t *serverTx, user string) {
	m := t.request
	contacts, all, err := c.contacts(m)
	switch {
	case err != nil:
		c.respond(now, t, 400, "Bad Contact")
	case all:
		c.unbind(user, func(binding) bool { return true })
		c.respond(now, t, 200, "OK")
	case slices.ContainsFunc(contacts, func(k contact) bool { return k.expires > 0 && k.expires < c.cfg.MinExpires }):
		c.respond(now, t, 423, "Interval Too Brief", header{"Min-Expires", seconds(c.cfg.MinExpires)})
	default:
		if !c.bind(now, t, user, contacts) {
			c.respond(now, t, 500, "Out Of Order")
			return
		}
		c.respond(now, t, 200, "OK", c.bound(now, user)...)
	}
}

// contacts reads what a REGISTER asks for; all means "Contact: *".
func (c *core) contacts(m *message) (list []contact, all bool, err error) {
	fallback := c.cfg.DefaultExpires
	if v := m.get("Expires"); v != "" {
		if fallback, err = parseSeconds(v); err != nil {
			return nil, false, err
		}
	}
	values := m.all("Contact")
	if len(values) == 1 && values[0] == "*" {
		if fallback != 0 {
			return nil, false, errMessage // RFC 3261, Section 10.3, step 6
		}
		return nil, true, nil
	}
	for _, v := range values {
		a := parseAddress(v)
		if _, ok := parseURI(a.uri); !ok {
			return nil, false, errMessage
		}
		k := contact{uri: a.uri, expires: fallback}
		k.instance, _ = a.params.get("+sip.instance")
		if e, ok := a.params.get("expires"); ok {
			if k.expires, err = parseSeconds(e); err != nil {
				return nil, false, err
			}
		}
		k.expires = min(k.expires, c.cfg.MaxExpires)
		list = append(list, k)
	}
	if len(list) > maxBindings {
		return nil, false, errMessage
	}
	return list, false, nil
}

func parseSeconds(s string) (time.Duration, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	return time.Duration(n) * time.Second, err
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// bind adds, refreshes and removes bindings; false: an older REGISTER came
// later than a newer one.
func (c *core) bind(now time.Time, t *serverTx, user string, contacts []contact) bool {
	callID := t.request.get("Call-ID")
	cseq, _, _ := t.request.cseq()
	for _, b := range c.bindings[user] {
		if b.callID == callID && b.cseq >= cseq {
			return false
		}
	}
	keep := func(b binding) bool {
		return !slices.ContainsFunc(contacts, func(k contact) bool { return b.replacedBy(k, t.flow) })
	}
	var after []binding
	for _, b := range c.bindings[user] {
		if keep(b) {
			after = append(after, b)
		}
	}
	known := len(c.bindings[user])
	for _, k := range contacts {
		if k.expires > 0 {
			after = append(after, binding{k.uri, k.instance, t.flow, callID, cseq, now.Add(k.expires)})
			c.tell(Event{Kind: Registered, From: user, Transport: t.flow.listener.transport, Expires: k.expires})
		}
	}
	if len(after) > maxBindings {
		after = after[len(after)-maxBindings:]
	}
	if len(after) < known {
		c.tell(Event{Kind: Unregistered, From: user})
	}
	c.bindings[user] = after
	return true
}

// replacedBy: the same URI, the same device, or a newcomer where the phone was.
func (b binding) replacedBy(k contact, f flow) bool {
	return b.contact == k.uri || b.instance != "" && b.instance == k.instance || b.flow == f && k.expires > 0
}

// unbind removes the bindings for which gone says so.
func (c *core) unbind(user string, gone func(binding) bool) {
	before := len(c.bindings[user])
	c.bindings[user] = slices.DeleteFunc(c.bindings[user], gone)
	if len(c.bindings[user]) < before {
		c.tell(Event{Kind: Unregistered, From: user})
	}
}

// bound lists a user's bindings for the answer.
func (c *core) bound(now time.Time, user string) (hs []header) {
	for _, b := range c.bindings[user] {
		v := fmt.Sprintf("<%s>;expires=%s", b.contact, seconds(b.expires.Sub(now)))
		if b.instance != "" {
			v += ";+sip.instance=" + b.instance
		}
		hs = append(hs, header{"Contact", v})
	}
	return hs
}

// findUser is the user that a URI of our domain names, "" for the server
// itself; false: not ours.
func (c *core) findUser(s string) (string, bool) {
	u, ok := parseURI(s)
	if !ok {
		return "", false
	}
	host := u.hostPort
	if h, _, found := strings.Cut(host, ":"); found && !strings.HasPrefix(host, "[") {
		host = h
	}
	if host == strings.ToLower(c.cfg.Domain) {
		return u.user, true
	}
	return u.user, c.isOurs(u.hostPort)
}

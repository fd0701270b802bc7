package registrar

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

const (
	// maxDialogs at a time, on a machine that shows two phones.
	maxDialogs = 1024
	// maxLegs of one dialog: the caller and each phone that answered.
	maxLegs = 1 + 2*maxBindings
	// dialogLife without a request; dialogEnd, after its BYE.
	dialogLife = 12 * time.Hour
	dialogEnd  = 32 * time.Second
)

// dialog remembers which flow leads to which end of a call. Its token is the
// user part of our Record-Route, so each later request brings it along.
type dialog struct {
	token          string
	caller, callee string
	legs           map[string]flow // by tag
	answered       bool
	expires        time.Time
}

// newDialog begins one with the caller's leg; nil: there are too many.
func (c *core) newDialog(now time.Time, t *serverTx, callee string) *dialog {
	if len(c.dialogs) >= maxDialogs {
		return nil
	}
	caller, _ := parseURI(parseAddress(t.request.get("From")).uri)
	d := &dialog{
		token: rand.Text(), caller: caller.user, callee: callee,
		legs:    map[string]flow{t.request.tag("From"): t.flow},
		expires: now.Add(dialogLife),
	}
	c.dialogs[d.token] = d
	return d
}

// learn notes where a tag's owner was heard.
func (d *dialog) learn(tag string, f flow) {
	if _, known := d.legs[tag]; tag != "" && (known || len(d.legs) < maxLegs) {
		d.legs[tag] = f
	}
}

// recordRoutes are the values to put on a request that came over one listener
// and leaves over another, the top one first.
//
// RFC 5658, Section 5: where the two differ, one for each side.
func (d *dialog) recordRoutes(in, out *listener) []string {
	top := d.recordRoute(out)
	if in == out {
		return []string{top}
	}
	return []string{top, d.recordRoute(in)}
}

func (d *dialog) recordRoute(l *listener) string {
	transport := map[string]string{"UDP": "udp", "TCP": "tcp", "TLS": "tls"}[l.transport]
	return fmt.Sprintf("<sip:%s@%s;transport=%s;lr>", d.token, l.address, transport)
}

// takeRoutes removes our own Route values from the top of a request and finds
// the dialog that they name; nil: none, or what is left leads elsewhere.
func (c *core) takeRoutes(m *message) *dialog {
	var d *dialog
	for {
		routes := m.all("Route")
		if len(routes) == 0 {
			return d
		}
		u, ok := parseURI(parseAddress(routes[0]).uri)
		if !ok || !c.isOurs(u.hostPort) {
			return nil
		}
		if named := c.dialogs[u.user]; named != nil {
			d = named
		}
		m.pop("Route")
	}
}

// isOurs: host and port are one of our listeners', or the domain.
func (c *core) isOurs(hostPort string) bool {
	if hostPort == strings.ToLower(c.cfg.Domain) {
		return true
	}
	for l := range c.listeners {
		if hostPort == l.address.String() {
			return true
		}
	}
	return false
}

// wayTo is the flow to the owner of a tag. A phone may have registered from a
// new place since: then there.
func (c *core) wayTo(d *dialog, tag, contact string) (flow, bool) {
	for _, user := range []string{d.caller, d.callee} {
		for _, b := range c.bindings[user] {
			if b.contact == contact {
				return b.flow, true
			}
		}
	}
	f, ok := d.legs[tag]
	return f, ok
}

package sip

import (
	"strings"

	"github.com/emiago/sipgo/sip"

	"karat/sip/dialog"
)

// Who calls, and who says so: calls that do not tell it (RFC 3323), and what the
// own provider asserts of those that come (RFC 3325). What a provider asserts is
// shown and never sent on.

// userAgent is the field that a provider demands, if it does.
func (l *line) userAgent() []dialog.Field {
	if l.agentName == "" {
		return nil
	}
	return []dialog.Field{{Name: "User-Agent", Value: l.agentName}}
}

// anonymous makes what a call names that of nobody, and returns what only its
// INVITE has. Without an account our From is nobody's anyway.
//
// RFC 3323, Section 4.1.1.3: "Anonymous" <sip:anonymous@anonymous.invalid>.
// Section 4.2 has the provider leave out what it adds itself, such as the address
// that we are at in Via (header), and all that names the user (user); RFC 3325,
// Section 9.3 the identity that it asserts (id).
func (a *Agent) anonymous(f *flow, l *dialog.Local) (extra []dialog.Field) {
	l.URI, l.Display = "sip:anonymous@"+nobody, "Anonymous"
	l.Fields = append([]dialog.Field{{Name: "Privacy", Value: "id;user;header"}}, l.Fields...)
	if f.account && f.kind.secure() {
		// RFC 3325, Section 9.2: for the proxy that we trust and nobody else; over what
		// others can read, the credentials have to do.
		extra = []dialog.Field{{Name: "P-Preferred-Identity", Value: "<" + a.line.aor + ">"}}
	}
	return extra
}

// contact is the Contact of this call: that of an anonymous one has a user of its
// own, for the account's is the same in all calls of a registration.
func (c *Call) contact(f *flow, usual string) string {
	if c.contactUser == "" || !f.account {
		return usual
	}
	host := nobody
	if f.kind.web() {
		host = webHost()
	}
	return "<sip:" + c.contactUser + "@" + host + transportParam(f.kind) + ">"
}

// Asserted is who the account's own provider says is calling; empty: it says
// nothing, or the call did not come from it. On a way that is not encrypted
// (Agent.Secure) others can say the same.
func (c *Call) Asserted() string { return c.asserted }

// asserted reads P-Asserted-Identity of an INVITE.
func asserted(f *flow, req *sip.Request) string {
	if !f.account {
		return ""
	}
	for _, value := range dialog.Values(req, "Privacy") {
		// RFC 3325, Section 9.3: it should not have come, and was not for us.
		for token := range strings.SplitSeq(value, ";") {
			if strings.EqualFold(strings.TrimSpace(token), "id") {
				return ""
			}
		}
	}
	for _, value := range dialog.Values(req, "P-Asserted-Identity") {
		id := dialog.ParseAddress(value)
		scheme, _, _ := strings.Cut(strings.ToLower(id.URI), ":")
		switch {
		case scheme != "sip" && scheme != "sips" && scheme != "tel":
		case id.Display == "":
			return id.URI
		default:
			return id.Display + " <" + id.URI + ">"
		}
	}
	return ""
}

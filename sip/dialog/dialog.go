package dialog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Local is what we put into the messages of a dialog.
type Local struct {
	URI     string // of From: "sip:alice@example.org"
	Contact string // "<sip:…>"
	Via     string // "SIP/2.0/TLS anonymous.invalid"
	// Routes is the way that a call begins with; its dialogs have their own.
	Routes []string
	// Display is the name beside URI; empty: none.
	Display string
	// Fields stand in each request of ours beside those that all have.
	Fields []Field
	// Identifier makes a new random identifier, of one length.
	Identifier func() string
	// Random makes a random number from 0 to n-1.
	Random func(n int) int
	// Authorize answers the challenges of a 401 or 407 with header fields for the
	// next try, and counts it in tries; nil: there are no credentials.
	Authorize func(req *sip.Request, res *sip.Response, tries Tries) ([]Field, error)
}

// Tries counts how often one request was sent with credentials, by what Authorize
// tells apart (realms).
type Tries map[string]int

// from is the value of From, without a tag.
func (l Local) from() string {
	if l.Display == "" {
		return "<" + l.URI + ">"
	}
	return `"` + escapeQuoted(l.Display) + `" <` + l.URI + ">"
}

// random is Random, or nothing random where there is none.
func (l Local) random(n int) int {
	if l.Random == nil {
		return 0
	}
	return l.Random(n)
}

// maxRoutes bounds a route set; real ones have one to four entries.
const maxRoutes = 32

// ErrMalformed is returned for messages that no dialog can be made of.
var ErrMalformed = errors.New("dialog: the message lacks what a dialog needs")

// Dialog is the state of RFC 3261, Section 12: a peer-to-peer relationship
// between two user agents.
type Dialog struct {
	CallID              string
	LocalTag, RemoteTag string
	// LocalURI and RemoteURI are the values of From and To, without tags.
	LocalURI, RemoteURI string
	// Target is the remote target: the URI of the peer's Contact.
	Target string
	// Routes is the route set, in the order in which we send it.
	Routes []string
	// LocalSeq is the number of our last request, RemoteSeq that of the peer's
	// (valid once HaveRemoteSeq).
	LocalSeq, RemoteSeq uint32
	HaveRemoteSeq       bool

	local Local
}

// FromResponse makes the dialog of a UAC (RFC 3261, Section 12.1.2): req is
// ours, res a 101 to 299 to it.
func FromResponse(local Local, req *sip.Request, res *sip.Response) (*Dialog, error) {
	seq, _, ok := Seq(req)
	if !ok {
		return nil, fmt.Errorf("%w: CSeq", ErrMalformed)
	}
	d := &Dialog{
		CallID:    CallID(req),
		LocalTag:  FromTag(req),
		RemoteTag: ToTag(res),
		LocalURI:  bare(Value(req, "From")),
		RemoteURI: bare(Value(req, "To")),
		LocalSeq:  seq,
		local:     local,
	}
	d.learn(req.Recipient.String(), res)
	return d, nil
}

// FromRequest makes the dialog of a UAS (RFC 3261, Section 12.1.1).
func FromRequest(local Local, req *sip.Request, localTag string) (*Dialog, error) {
	seq, _, ok := Seq(req)
	contacts := Values(req, "Contact")
	if !ok || len(contacts) == 0 || CallID(req) == "" {
		return nil, fmt.Errorf("%w: CSeq, Contact or Call-ID", ErrMalformed)
	}
	target := ParseAddress(contacts[0]).URI
	var uri sip.Uri
	if err := sip.ParseUri(target, &uri); err != nil {
		return nil, fmt.Errorf("%w: Contact: %w", ErrMalformed, err)
	}
	routes := Values(req, "Record-Route")
	if len(routes) > maxRoutes {
		return nil, fmt.Errorf("%w: %d entries of Record-Route", ErrMalformed, len(routes))
	}
	return &Dialog{
		CallID:    CallID(req),
		LocalTag:  localTag,
		RemoteTag: FromTag(req),
		LocalURI:  bare(Value(req, "To")),
		RemoteURI: bare(Value(req, "From")),
		Target:    target,
		// RFC 3261, Section 12.1.1: the route set is taken in order.
		Routes:        routes,
		RemoteSeq:     seq,
		HaveRemoteSeq: true,
		local:         local,
	}, nil
}

// bare is a From or To value without parameters.
func bare(value string) string {
	a := ParseAddress(value)
	if a.Display == "" {
		return "<" + a.URI + ">"
	}
	return `"` + escapeQuoted(a.Display) + `" <` + a.URI + ">"
}

func escapeQuoted(s string) string {
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return string(b)
}

// learn takes target and route set from a response of a UAS. fallback is the
// target where the response names none that we could send to.
func (d *Dialog) learn(fallback string, res *sip.Response) {
	d.Target = ""
	if d.Refresh(res); d.Target == "" {
		d.Target = fallback
	}
	routes := Values(res, "Record-Route")
	if len(routes) > maxRoutes {
		return
	}
	// RFC 3261, Section 12.1.2: for a UAC the order is reversed.
	slices.Reverse(routes)
	d.Routes = routes
}

// Confirm takes target and route set anew from the 2xx that confirms an early
// dialog. RFC 3261, Section 13.2.2.4: the route set MUST be recomputed based on
// the 2xx response.
func (d *Dialog) Confirm(res *sip.Response) { d.learn(d.Target, res) }

// Refresh takes the Contact of a target refresh request or of its response as
// the new remote target, if it is one that can be sent to.
func (d *Dialog) Refresh(msg sip.Message) {
	contacts := Values(msg, "Contact")
	if len(contacts) == 0 {
		return
	}
	target := ParseAddress(contacts[0]).URI
	var uri sip.Uri
	if err := sip.ParseUri(target, &uri); err != nil || uri.Host == "" || uri.Wildcard {
		return
	}
	if !stripped(target, d.Target) {
		d.Target = target
	}
}

// stripped tells whether a URI is the known one without some of its parameters:
// a proxy may have added one to the Contact that we know, the way back to a peer
// that names no address, and not to this one.
func stripped(target, known string) bool {
	var x, y sip.Uri
	if sip.ParseUri(target, &x) != nil || sip.ParseUri(known, &y) != nil || !equivalent(target, known) {
		return false
	}
	for _, kv := range x.UriParams {
		if !y.UriParams.Has(kv.K) {
			return false
		}
	}
	return true
}

// equivalent compares URIs as RFC 3261, Section 19.1.4 does: parameters that
// only one of them has are ignored, except for those that change where a request
// goes.
func equivalent(a, b string) bool {
	var x, y sip.Uri
	if sip.ParseUri(a, &x) != nil || sip.ParseUri(b, &y) != nil {
		return false
	}
	if x.Scheme != y.Scheme || x.User != y.User || !strings.EqualFold(x.Host, y.Host) || x.Port != y.Port {
		return false
	}
	for _, name := range []string{"user", "ttl", "method", "maddr", "transport"} {
		if x.UriParams.Has(name) != y.UriParams.Has(name) {
			return false
		}
	}
	for _, kv := range x.UriParams {
		if v, ok := y.UriParams.Get(kv.K); ok && !strings.EqualFold(v, kv.V) {
			return false
		}
	}
	return true
}

// InOrder tells whether the sequence number of a request of the peer may follow
// those before, and notes it. RFC 3261, Section 12.2.2: if it is lower, the
// request is out of order and MUST be rejected with a 500.
func (d *Dialog) InOrder(req *sip.Request) bool {
	seq, _, ok := Seq(req)
	if !ok || d.HaveRemoteSeq && seq < d.RemoteSeq {
		return false
	}
	d.RemoteSeq, d.HaveRemoteSeq = seq, true
	return true
}

// Request makes the next request within the dialog (RFC 3261, Section
// 12.2.1.1).
func (d *Dialog) Request(method string, sdp []byte, extra ...Field) (*sip.Request, error) {
	return d.request(message{method: method, body: sdp}, extra)
}

// message is what a request within a dialog says beyond what all say.
type message struct {
	method string
	extra  []Field
	body   []byte
	kind   string // of the body; empty: SDP
}

func (d *Dialog) request(m message, credentials []Field) (*sip.Request, error) {
	d.LocalSeq++
	return d.build(m, d.LocalSeq, credentials)
}

// Ack makes the ACK for a 2xx to the INVITE with that sequence number. RFC
// 3261, Section 13.2.2.4: it is a request of its own within the dialog, and
// carries the credentials of the INVITE.
func (d *Dialog) Ack(seq uint32, extra ...Field) (*sip.Request, error) {
	return d.build(message{method: "ACK"}, seq, extra)
}

// withContact are the methods whose requests say where we are. RFC 3515, Section
// 2.2, and RFC 6665, Section 8.1.1 demand it of REFER and NOTIFY.
var withContact = []string{"INVITE", "UPDATE", "REFER", "NOTIFY"}

func (d *Dialog) build(m message, seq uint32, credentials []Field) (*sip.Request, error) {
	uri, routes := d.path()
	o := Outgoing{
		Method: m.method, URI: uri, Routes: routes,
		Via: d.local.Via, Branch: d.local.Identifier(),
		From: withTag(d.LocalURI, d.LocalTag), To: withTag(d.RemoteURI, d.RemoteTag),
		CallID: d.CallID, Seq: seq, Extra: slices.Concat(credentials, m.extra, d.local.Fields),
		SDP: m.body, Type: m.kind,
	}
	if slices.Contains(withContact, m.method) {
		o.Contact = d.local.Contact
	}
	return o.Build()
}

// path is Request-URI and Route of our requests. RFC 3261, Section 12.2.1.1: if
// the first route is a loose router, the target is the Request-URI; a strict
// one is the Request-URI itself, and the target goes last.
func (d *Dialog) path() (uri string, routes []string) {
	if len(d.Routes) == 0 {
		return d.Target, nil
	}
	first := ParseAddress(d.Routes[0]).URI
	if uriParam(first, "lr") {
		return d.Target, d.Routes
	}
	routes = append(slices.Clone(d.Routes[1:]), "<"+d.Target+">")
	return first, routes
}

// ServiceRoutes is the way that a registrar wants our calls to begin with, from its
// answer to REGISTER; nil if it names none, or none that can be followed: it MUST be
// of loose routers (RFC 3608, Section 6.1).
func ServiceRoutes(res *sip.Response) []string {
	routes := Values(res, "Service-Route")
	strict := func(r string) bool { return !uriParam(ParseAddress(r).URI, "lr") }
	if len(routes) > maxRoutes || slices.ContainsFunc(routes, strict) {
		return nil
	}
	return routes
}

func withTag(value, tag string) string {
	if tag == "" {
		return value
	}
	return value + ";tag=" + tag
}

// NextHop is the URI that a request is sent to where no flow of the account
// carries it: the first route, else the Request-URI.
func NextHop(req *sip.Request) string {
	if routes := Values(req, "Route"); len(routes) > 0 {
		// With a strict router as Request-URI that is the next hop.
		if uriParam(ParseAddress(routes[0]).URI, "lr") {
			return ParseAddress(routes[0]).URI
		}
	}
	return req.Recipient.String()
}

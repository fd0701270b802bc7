package dialog

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// The shape of everything we send: these fields, in this order, from every
// installation. A SIP stack is told apart by the order of its header fields, by
// its error replies and its identifiers even without a User-Agent.
//
//	request                          response
//	Via                              Via (as received)
//	Route (if any)                   Record-Route (as received; 18x and 2xx)
//	Max-Forwards: 70                 From (as received)
//	From                             To (as received, our tag)
//	To                               Call-ID
//	Call-ID                          CSeq
//	CSeq                             Contact (18x and 2xx to what may move us)
//	Contact                          extra fields
//	extra fields                     Content-Type (with a body)
//	Content-Type (with a body)       Content-Length
//	Content-Length
const (
	// Allow lists the methods that we answer with anything but 405 or 501.
	Allow = "INVITE, ACK, CANCEL, BYE, UPDATE, PRACK, OPTIONS, INFO, NOTIFY, REFER, MESSAGE"
	// Supported lists the extensions that we understand: reliable provisional
	// responses (RFC 3262), REFER without a subscription (RFC 4488), Replaces (RFC
	// 3891), session timers (RFC 4028).
	Supported = "100rel, norefersub, replaces, timer"
	// branchCookie begins each branch (RFC 3261, Section 8.1.1.7).
	branchCookie = "z9hG4bK"
	maxForwards  = "70"
	sdpType      = "application/sdp"
)

// Field is a header field.
type Field struct{ Name, Value string }

// Outgoing describes a request of ours.
type Outgoing struct {
	Method, URI string
	Via         string // transport and sent-by: "SIP/2.0/TLS anonymous.invalid"
	Branch      string // without the cookie
	Routes      []string
	From, To    string // with tags
	CallID      string
	Seq         uint32
	SeqMethod   string // empty: Method
	Contact     string // empty: none
	Extra       []Field
	SDP         []byte
	Type        string // of what stands in place of an SDP; empty: it is one
}

// Build makes the request.
func (o Outgoing) Build() (*sip.Request, error) {
	var uri sip.Uri
	if err := sip.ParseUri(o.URI, &uri); err != nil {
		return nil, fmt.Errorf("dialog: %q is no URI to send a request to: %w", o.URI, err)
	}
	req := sip.NewRequest(sip.RequestMethod(o.Method), uri)
	add := func(name, value string) { req.AppendHeader(sip.NewHeader(name, value)) }
	// RFC 3581, Section 3: the client SHOULD include an rport parameter.
	add("Via", o.Via+";branch="+branchCookie+o.Branch+";rport")
	for _, r := range o.Routes {
		add("Route", r)
	}
	add("Max-Forwards", maxForwards)
	add("From", o.From)
	add("To", o.To)
	add("Call-ID", o.CallID)
	method := o.Method
	if o.SeqMethod != "" {
		method = o.SeqMethod
	}
	add("CSeq", strconv.FormatUint(uint64(o.Seq), 10)+" "+method)
	if o.Contact != "" {
		add("Contact", o.Contact)
	}
	for _, f := range o.Extra {
		add(f.Name, f.Value)
	}
	setBody(req, o.SDP, o.Type)
	return req, nil
}

// bodied is what requests and responses share where bodies are set.
type bodied interface {
	AppendHeader(sip.Header)
	SetBody([]byte)
}

func setBody(msg bodied, body []byte, kind string) {
	if len(body) > 0 {
		msg.AppendHeader(sip.NewHeader("Content-Type", cmp.Or(kind, sdpType)))
	}
	msg.AppendHeader(sip.NewHeader("Content-Length", strconv.Itoa(len(body))))
	if len(body) > 0 {
		msg.SetBody(body)
	}
}

// Reply describes a response of ours.
type Reply struct {
	Code    int
	ToTag   string // ours; added where the request has none
	Contact string
	Extra   []Field
	SDP     []byte
}

// reasons are the reason phrases of all responses we make.
var reasons = map[int]string{
	100: "Trying", 180: "Ringing", 200: "OK", 202: "Accepted",
	400: "Bad Request", 405: "Method Not Allowed", 406: "Not Acceptable", 415: "Unsupported Media Type",
	416: "Unsupported URI Scheme", 420: "Bad Extension",
	422: "Session Interval Too Small",
	480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist",
	482: "Loop Detected", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here",
	489: "Bad Event", 491: "Request Pending", 500: "Server Internal Error",
	501: "Not Implemented", 504: "Server Time-out", 505: "Version Not Supported", 603: "Decline",
}

// Build makes the response to req.
func (r Reply) Build(req *sip.Request) *sip.Response {
	res := sip.NewResponse(r.Code, reasons[r.Code])
	add := func(name, value string) { res.AppendHeader(sip.NewHeader(name, value)) }
	for i, via := range Values(req, "Via") {
		if i == 0 {
			via = stampVia(via, Source(req))
		}
		add("Via", via)
	}
	// RFC 3261, Section 12.1.1: the UAS MUST copy all Record-Route header field
	// values from the request into a response that makes a dialog.
	if r.Code > 100 && r.Code < 300 {
		for _, rr := range Values(req, "Record-Route") {
			add("Record-Route", rr)
		}
	}
	to := Value(req, "To")
	if r.Code != 100 && r.ToTag != "" && to != "" && Tag(to) == "" {
		to += ";tag=" + r.ToTag
	}
	for _, f := range []Field{{"From", Value(req, "From")}, {"To", to}, {"Call-ID", CallID(req)}, {"CSeq", Value(req, "CSeq")}} {
		if f.Value != "" { // only what is malformed lacks one
			add(f.Name, f.Value)
		}
	}
	if r.Contact != "" {
		add("Contact", r.Contact)
	}
	for _, f := range r.Extra {
		add(f.Name, f.Value)
	}
	setBody(res, r.SDP, sdpType)
	res.SetTransport(req.Transport())
	if dst := replyAddress(req); dst.IsValid() {
		res.SetDestination(dst.String())
	}
	return res
}

// stampVia notes in a Via value where the request came from. RFC 3261, Section
// 18.2.1: "received" if the sent-by host is not the source; RFC 3581, Section
// 4: "rport" and "received" if asked for.
func stampVia(via string, src netip.AddrPort) string {
	if !src.IsValid() {
		return via
	}
	parts := splitOutside(via, ';')
	host, _ := sentBy(parts[0])
	asked := false
	kept := parts[:1:1]
	for _, p := range parts[1:] {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		switch {
		case strings.EqualFold(name, "received"):
		case strings.EqualFold(name, "branch"):
			if p = restoreBranch(strings.TrimSpace(p)); p != "" {
				kept = append(kept, p)
			}
		case strings.EqualFold(name, "rport"):
			asked = asked || value == ""
			if value != "" {
				kept = append(kept, strings.TrimSpace(p))
			}
		default:
			kept = append(kept, strings.TrimSpace(p))
		}
	}
	addr := src.Addr().Unmap().WithZone("")
	if named, err := netip.ParseAddr(host); asked || err != nil || named.Unmap() != addr {
		kept = append(kept, "received="+addr.String())
	}
	if asked {
		kept = append(kept, "rport="+strconv.Itoa(int(src.Port())))
	}
	return strings.Join(kept, ";")
}

// sentBy reads host and port (0: none) from the first part of a Via value:
// "SIP/2.0/UDP host:port".
func sentBy(s string) (host string, port uint16) {
	// There may be blanks around the slashes: "SIP / 2.0 / UDP host".
	parts := strings.SplitN(s, "/", 3)
	fields := strings.Fields(parts[len(parts)-1])
	if len(parts) < 3 || len(fields) < 2 {
		return "", 0
	}
	hostport := strings.Join(fields[1:], "")
	host, p, err := net.SplitHostPort(hostport)
	if err != nil {
		return strings.Trim(hostport, "[]"), 0
	}
	n, _ := strconv.ParseUint(p, 10, 16)
	return host, uint16(n)
}

// replyAddress is where a response to req goes over an unreliable transport.
// RFC 3581, Section 4: with rport, the source address and port; RFC 3261,
// Section 18.2.2: else the source address and the port of the sent-by value.
func replyAddress(req *sip.Request) netip.AddrPort {
	src := Source(req)
	vias := Values(req, "Via")
	if !src.IsValid() || len(vias) == 0 {
		return src
	}
	parts := splitOutside(vias[0], ';')
	if _, ok := param(trimAll(parts[1:]), "rport"); ok {
		return src
	}
	_, port := sentBy(parts[0])
	if port == 0 {
		port = uint16(sip.DefaultUdpPort)
	}
	return netip.AddrPortFrom(src.Addr(), port)
}

// Standing is the reply to a request that no state of ours has a part in: the
// same whatever we do at the moment (busy, idle, registered). The second value
// is false where there is state to ask (INVITE, CANCEL, BYE, ACK, UPDATE, INFO,
// PRACK), as there may be for all within a dialog.
func Standing(req *sip.Request, tag string) (Reply, bool) {
	allow := Field{"Allow", Allow}
	switch req.Method {
	case sip.OPTIONS:
		return Reply{Code: 200, ToTag: tag, Extra: []Field{{"Accept", sdpType}, allow, {"Supported", Supported}}}, true
	case sip.NOTIFY:
		return notice(req, tag), true
	case sip.SUBSCRIBE:
		return Reply{Code: 489, ToTag: tag}, true
	case sip.INVITE, sip.CANCEL, sip.BYE, sip.ACK, sip.UPDATE, sip.INFO, sip.PRACK:
		return Reply{}, false
	case sip.MESSAGE:
		return textReply(req, tag), true
	case sip.REGISTER, sip.REFER, sip.PUBLISH:
		// RFC 3261, Section 8.2.1: a 405 MUST carry an Allow header field.
		return Reply{Code: 405, ToTag: tag, Extra: []Field{allow}}, true
	default:
		return Reply{Code: 501, ToTag: tag, Extra: []Field{allow}}, true
	}
}

// notice is the reply to a NOTIFY that we have not subscribed to. RFC 6665, Section
// 4.1.3: 481 where no subscription matches, 489 for an event that is not known.
// Unsolicited message-waiting notices (RFC 3842) are common, and an error would
// only have them repeated.
func notice(req *sip.Request, tag string) Reply {
	event, _, _ := strings.Cut(Value(req, "Event"), ";")
	switch strings.ToLower(strings.TrimSpace(event)) {
	case "message-summary":
		return Reply{Code: 200, ToTag: tag}
	case "refer":
		return Reply{Code: 481, ToTag: tag}
	}
	return Reply{Code: 489, ToTag: tag}
}

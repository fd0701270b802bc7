package registrar

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	// maxMessage is what fits into a UDP datagram; streams get no more.
	maxMessage = 65535
	// maxHeaders of one message. Phones send under 30.
	maxHeaders = 128
)

var errMessage = errors.New("registrar: not a SIP message")

// message is a request or a response. A proxy passes on what it does not
// understand, so header values stay as they came.
type message struct {
	method, uri string // of a request
	code        int    // of a response, else 0
	reason      string
	headers     []header
	body        []byte
}

type header struct{ name, value string }

// compact forms of RFC 3261, Section 7.3.3, and those of names that differ in
// case only.
var compact = map[string]string{
	"v": "Via", "f": "From", "t": "To", "m": "Contact", "i": "Call-ID", "l": "Content-Length",
	"via": "Via", "from": "From", "to": "To", "contact": "Contact", "call-id": "Call-ID", "content-length": "Content-Length",
	"cseq": "CSeq", "route": "Route", "record-route": "Record-Route", "max-forwards": "Max-Forwards", "expires": "Expires",
	"authorization": "Authorization", "proxy-authorization": "Proxy-Authorization",
}

// parse reads a message whose end is the end of b, or that of its
// Content-Length.
func parse(b []byte) (*message, error) {
	head, body, found := bytes.Cut(b, []byte("\r\n\r\n"))
	if !found || len(b) > maxMessage {
		return nil, errMessage
	}
	m, err := parseHead(string(head))
	if err != nil {
		return nil, err
	}
	if v := m.get("Content-Length"); v != "" {
		n, err := strconv.ParseUint(v, 10, 16)
		if err != nil || int(n) > len(body) {
			return nil, errMessage
		}
		body = body[:n]
	}
	m.body = bytes.Clone(body)
	return m, nil
}

func parseHead(head string) (*message, error) {
	lines := strings.Split(unfold(head), "\r\n")
	if len(lines) > maxHeaders {
		return nil, errMessage
	}
	m, err := parseStart(lines[0])
	if err != nil {
		return nil, err
	}
	for _, line := range lines[1:] {
		name, value, found := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !found || !isToken(name) || strings.ContainsAny(value, "\r\n\x00") {
			return nil, errMessage
		}
		if long, ok := compact[strings.ToLower(name)]; ok {
			name = long
		}
		m.headers = append(m.headers, header{name, value})
	}
	return m, nil
}

// unfold joins lines that begin with white space to the one before
// (RFC 3261, Section 7.3.1).
func unfold(head string) string {
	return strings.NewReplacer("\r\n ", " ", "\r\n\t", " ").Replace(head)
}

func parseStart(line string) (*message, error) {
	f := strings.SplitN(line, " ", 3)
	if len(f) != 3 || strings.ContainsAny(line, "\r\n\x00") {
		return nil, errMessage
	}
	if f[0] == "SIP/2.0" {
		code, err := strconv.Atoi(f[1])
		if err != nil || code < 100 || code > 699 {
			return nil, errMessage
		}
		return &message{code: code, reason: f[2]}, nil
	}
	if f[2] != "SIP/2.0" || !isToken(f[0]) || f[1] == "" {
		return nil, errMessage
	}
	return &message{method: f[0], uri: f[1]}, nil
}

// isToken: RFC 3261, Section 25.1.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("-.!%*_+`'~", rune(c)) {
			return false
		}
	}
	return s != ""
}

// bytes writes the message with the Content-Length that it has.
func (m *message) bytes() []byte {
	var b bytes.Buffer
	if m.code != 0 {
		fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", m.code, m.reason)
	} else {
		fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", m.method, m.uri)
	}
	for _, h := range m.headers {
		if h.name != "Content-Length" {
			fmt.Fprintf(&b, "%s: %s\r\n", h.name, h.value)
		}
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(m.body))
	b.Write(m.body)
	return b.Bytes()
}

func (m *message) clone() *message {
	c := *m
	c.headers = append([]header(nil), m.headers...)
	return &c
}

// get is the first value of a header, "" without one.
func (m *message) get(name string) string {
	for _, h := range m.headers {
		if h.name == name {
			return h.value
		}
	}
	return ""
}

// all are the values of a header, lists taken apart.
func (m *message) all(name string) (values []string) {
	for _, h := range m.headers {
		if h.name == name {
			values = append(values, splitList(h.value, ',')...)
		}
	}
	return values
}

// lines are the values of a header as they stand: those of Authorization
// contain commas that separate no values.
func (m *message) lines(name string) (values []string) {
	for _, h := range m.headers {
		if h.name == name {
			values = append(values, h.value)
		}
	}
	return values
}

// replace removes a header and puts these values where it first stood, or in
// front.
func (m *message) replace(name string, values ...string) {
	var out []header
	at := -1
	for _, h := range m.headers {
		if h.name == name {
			if at < 0 {
				at = len(out)
			}
			continue
		}
		out = append(out, h)
	}
	at = max(at, 0)
	var in []header
	for _, v := range values {
		in = append(in, header{name, v})
	}
	m.headers = append(append(append([]header(nil), out[:at]...), in...), out[at:]...)
}

// push puts a value before all others of its name.
func (m *message) push(name, value string) {
	m.replace(name, append([]string{value}, m.all(name)...)...)
}

// pop removes the first value of a name.
func (m *message) pop(name string) {
	if all := m.all(name); len(all) > 0 {
		m.replace(name, all[1:]...)
	}
}

// add appends a header.
func (m *message) add(name, value string) { m.headers = append(m.headers, header{name, value}) }

// splitList splits at a separator outside of quotes and angle brackets.
func splitList(s string, sep byte) (parts []string) {
	quoted, angle, start := false, false, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == sep && !angle:
			parts = append(parts, strings.TrimSpace(s[start:i]))
			start = i + 1
		}
	}
	return append(parts, strings.TrimSpace(s[start:]))
}

// params are ";name=value" in the order they came.
type params []header

func parseParams(parts []string) (ps params) {
	for _, p := range parts {
		if name, value, _ := strings.Cut(p, "="); strings.TrimSpace(name) != "" {
			ps = append(ps, header{strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)})
		}
	}
	return ps
}

func (ps params) get(name string) (string, bool) {
	for _, p := range ps {
		if p.name == name {
			return p.value, true
		}
	}
	return "", false
}

func (ps *params) set(name, value string) {
	for i, p := range *ps {
		if p.name == name {
			(*ps)[i].value = value
			return
		}
	}
	*ps = append(*ps, header{name, value})
}

func (ps params) String() string {
	var b strings.Builder
	for _, p := range ps {
		b.WriteString(";" + p.name)
		if p.value != "" {
			b.WriteString("=" + p.value)
		}
	}
	return b.String()
}

// via is one Via value.
type via struct {
	transport, sentBy string
	params            params
}

// parseVia reads "SIP/2.0/UDP 192.0.2.1:5060;branch=…;rport".
func parseVia(s string) (via, bool) {
	parts := splitList(s, ';')
	f := strings.Fields(parts[0])
	if len(f) != 2 || !strings.HasPrefix(f[0], "SIP/2.0/") {
		return via{}, false
	}
	return via{strings.TrimPrefix(f[0], "SIP/2.0/"), f[1], parseParams(parts[1:])}, true
}

func (v via) String() string { return "SIP/2.0/" + v.transport + " " + v.sentBy + v.params.String() }

func (v via) branch() string {
	b, _ := v.params.get("branch")
	return b
}

// address is a To, From, Contact, Route or Record-Route value.
type address struct {
	uri    string
	params params // the header's, not the URI's
}

// parseAddress reads `"Alice" <sip:alice@example.org>;tag=1` and
// "sip:alice@example.org;tag=1".
func parseAddress(s string) address {
	parts := splitList(s, ';')
	name := parts[0]
	if i := strings.LastIndexByte(name, '<'); i >= 0 {
		name = strings.TrimSuffix(strings.TrimSpace(name[i+1:]), ">")
	}
	return address{strings.TrimSpace(name), parseParams(parts[1:])}
}

// tag of a To or From.
func (m *message) tag(name string) string {
	t, _ := parseAddress(m.get(name)).params.get("tag")
	return t
}

// uri is a SIP URI taken apart.
type uri struct {
	user, hostPort string
	params         params
}

// parseURI reads "sip:alice@192.0.2.1:5060;transport=udp"; false: not SIP.
func parseURI(s string) (uri, bool) {
	scheme, rest, found := strings.Cut(s, ":")
	if scheme = strings.ToLower(scheme); !found || scheme != "sip" && scheme != "sips" {
		return uri{}, false
	}
	rest, _, _ = strings.Cut(rest, "?")
	var u uri
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		u.user, rest = rest[:i], rest[i+1:]
		u.user, _, _ = strings.Cut(u.user, ":") // a password
	}
	parts := strings.Split(rest, ";")
	u.hostPort, u.params = strings.ToLower(parts[0]), parseParams(parts[1:])
	return u, u.hostPort != ""
}

// cseq reads "1 INVITE".
func (m *message) cseq() (uint32, string, bool) {
	f := strings.Fields(m.get("CSeq"))
	if len(f) != 2 {
		return 0, "", false
	}
	n, err := strconv.ParseUint(f[0], 10, 32)
	return uint32(n), f[1], err == nil
}

// complete tells whether the headers that everything else leans on are there
// (RFC 3261, Section 8.1.1).
func (m *message) complete() bool {
	_, method, ok := m.cseq()
	return ok && (m.code != 0 || method == m.method) &&
		m.get("From") != "" && m.get("To") != "" && m.get("Call-ID") != ""
}

package dialog

import (
	"bytes"
	"encoding/hex"
	"mime"
	"mime/multipart"
	"net/netip"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// SourceHeader carries the address that a message came from, "ip:port". It is
// put into each message by whoever reads it from a socket, before any header of
// the message itself, and never leaves this machine.
const SourceHeader = "Karat-Source"

// Values returns the values of a header field that may be a list, in order of
// appearance, commas resolved. A comma inside quotes or angle brackets does not
// separate.
func Values(msg sip.Message, name string) []string {
	var all []string
	for _, h := range msg.GetHeaders(name) {
		all = append(all, SplitList(h.Value())...)
	}
	return all
}

// Value returns the first value of a header field that is no list, "" if there
// is none.
func Value(msg sip.Message, name string) string {
	if hs := msg.GetHeaders(name); len(hs) > 0 {
		return hs[0].Value()
	}
	return ""
}

// SplitList splits at commas outside of quotes and angle brackets. Empty
// elements are left out.
func SplitList(s string) []string {
	var list []string
	for _, part := range splitOutside(s, ',') {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// splitOutside splits s at sep where it stands neither in quotes nor in angle
// brackets.
func splitOutside(s string, sep byte) []string {
	var parts []string
	var quoted, angled bool
	start := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			angled = true
		case c == '>':
			angled = false
		case c == sep && !angled:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// Address is a name-addr or addr-spec with its header parameters:
//
//	"Bob" <sip:bob@example.org;transport=tls>;tag=1928
type Address struct {
	Display string
	URI     string
	Params  []string // name or name=value, as written
}

// ParseAddress reads the value of From, To, Contact, Route or Record-Route. It
// takes what it is given: an address without a URI has an empty one.
func ParseAddress(s string) Address {
	var a Address
	open := strings.IndexByte(afterQuotes(s), '<')
	if open < 0 {
		// RFC 3261, Section 20: without angle brackets, parameters after the URI
		// are header parameters.
		parts := splitOutside(s, ';')
		a.URI = strings.TrimSpace(parts[0])
		a.Params = trimAll(parts[1:])
		return a
	}
	open += len(s) - len(afterQuotes(s))
	a.Display = Unquote(strings.TrimSpace(s[:open]))
	rest := s[open+1:]
	uri, rest, _ := strings.Cut(rest, ">")
	a.URI = strings.TrimSpace(uri)
	if _, params, ok := strings.Cut(rest, ";"); ok {
		a.Params = trimAll(splitOutside(params, ';'))
	}
	return a
}

// afterQuotes is s from behind a leading quoted string.
func afterQuotes(s string) string {
	t := strings.TrimLeft(s, " \t")
	if !strings.HasPrefix(t, `"`) {
		return s
	}
	for i := 1; i < len(t); i++ {
		switch t[i] {
		case '\\':
			i++
		case '"':
			return t[i+1:]
		}
	}
	return s
}

// Unquote removes the quotes of a quoted string and the backslashes within.
func Unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	var b strings.Builder
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '\\' && i+1 < len(s)-1 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func trimAll(parts []string) []string {
	var out []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// Param returns the value of a header parameter and whether it is there. Names
// compare without case (RFC 3261, Section 7.3.1).
func (a Address) Param(name string) (string, bool) { return param(a.Params, name) }

func param(params []string, name string) (string, bool) {
	for _, p := range params {
		k, v, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(k), name) {
			return Unquote(strings.TrimSpace(v)), true
		}
	}
	return "", false
}

// Tag is the tag of a From or To value, "" if there is none.
func Tag(value string) string {
	tag, _ := ParseAddress(value).Param("tag")
	return tag
}

// FromTag, ToTag: the tags of a message.
func FromTag(msg sip.Message) string { return Tag(Value(msg, "From")) }

// ToTag is the tag of the To field, "" if there is none.
func ToTag(msg sip.Message) string { return Tag(Value(msg, "To")) }

// CallID of a message.
func CallID(msg sip.Message) string { return Value(msg, "Call-ID") }

// Seq returns number and method of the CSeq field; ok is false if there is no
// valid one.
func Seq(msg sip.Message) (n uint32, method string, ok bool) {
	number, method, found := strings.Cut(strings.TrimSpace(Value(msg, "CSeq")), " ")
	v, err := strconv.ParseUint(number, 10, 32)
	// RFC 3261, Section 8.1.1.5: the sequence number MUST be less than 2**31.
	if !found || err != nil || v >= 1<<31 {
		return 0, "", false
	}
	return uint32(v), strings.TrimSpace(method), true
}

// Branch is the branch parameter of the top Via.
func Branch(msg sip.Message) string {
	vias := Values(msg, "Via")
	if len(vias) == 0 {
		return ""
	}
	b, _ := param(trimAll(splitOutside(vias[0], ';')[1:]), "branch")
	return b
}

// OldBranch begins the branches that stand in for those that a request of RFC
// 2543 has not, or has in another form.
const OldBranch = "z9hG4bK2543."

// ReplaceBranch gives a Via value without a branch of RFC 3261 another one; what
// stood there is kept within it. Any other value it returns as it is.
func ReplaceBranch(via, branch string) string {
	parts := trimAll(splitOutside(via, ';'))
	old := ""
	var kept []string
	for i, p := range parts {
		name, value, _ := strings.Cut(p, "=")
		if i > 0 && strings.EqualFold(strings.TrimSpace(name), "branch") {
			value = strings.TrimSpace(value)
			if strings.HasPrefix(value, branchCookie) && len(value) > len(branchCookie) {
				return via
			}
			old = p
			continue
		}
		kept = append(kept, p)
	}
	return strings.Join(append(kept, "branch="+branch+"."+hex.EncodeToString([]byte(old))), ";")
}

// ValidVia tells whether a Via value is one: protocol, version and transport, a
// host, and parameters that are there.
func ValidVia(via string) bool {
	parts := splitOutside(via, ';')
	protocol := strings.SplitN(parts[0], "/", 3)
	if len(protocol) != 3 || !strings.EqualFold(strings.TrimSpace(protocol[0]), "SIP") || len(strings.Fields(protocol[2])) < 2 {
		return false
	}
	return len(trimAll(parts[1:])) == len(parts)-1
}

// restoreBranch undoes ReplaceBranch in a parameter of Via: what stood there,
// empty for nothing.
func restoreBranch(param string) string {
	_, rest, found := strings.Cut(param, OldBranch)
	_, old, whole := strings.Cut(rest, ".")
	b, err := hex.DecodeString(old)
	if !found || !whole || err != nil {
		return param
	}
	return string(b)
}

// Source is where a received message came from (see [SourceHeader]); the zero
// value if that was not noted.
func Source(msg sip.Message) netip.AddrPort {
	a, _ := netip.ParseAddrPort(Value(msg, SourceHeader))
	return a
}

// SDP returns the session description of a message, nil if it has none.
func SDP(msg sip.Message) []byte {
	if len(msg.Body()) == 0 {
		return nil
	}
	value := Value(msg, "Content-Type")
	kind, _, _ := strings.Cut(value, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	switch {
	case kind == sdpType:
		return msg.Body()
	case strings.HasPrefix(kind, "multipart/"):
		return sdpPart(value, msg.Body())
	}
	return nil
}

// maxParts bounds the parts of a body that are looked at; gateways send two.
const maxParts = 8

// sdpPart is the session description among the parts of a body (RFC 5621,
// Section 3), nil if there is none.
func sdpPart(kind string, body []byte) []byte {
	_, params, err := mime.ParseMediaType(kind)
	if err != nil || params["boundary"] == "" {
		return nil
	}
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for range maxParts {
		part, err := parts.NextRawPart()
		if err != nil {
			return nil
		}
		kind, _, _ := strings.Cut(part.Header.Get("Content-Type"), ";")
		if !strings.EqualFold(strings.TrimSpace(kind), sdpType) {
			continue
		}
		var text bytes.Buffer
		if _, err := text.ReadFrom(part); err != nil {
			return nil
		}
		return text.Bytes()
	}
	return nil
}

// uriParam tells whether a URI has a parameter.
func uriParam(uri, name string) bool {
	uri, _, _ = strings.Cut(uri, "?")
	parts := strings.Split(uri, ";")
	_, ok := param(parts[1:], name)
	return ok
}

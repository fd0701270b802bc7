package sip

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"

	"karat/sip/dialog"
)

// Everything that comes from the network passes the guard before sipgo sees it:
// one message at a time, whole, within these limits, in one canonical spelling
// (long field names, no folding, one Via a line), and known to parse.
const (
	// maxMessage bounds a message; ours stay below 2 KiB, long ones that people
	// meet (many Vias, ICE, video) below 8 KiB. sipgo reads 32 KiB at most.
	maxMessage = 16 << 10
	// maxHeaders bounds the header fields; a call through five proxies has 40.
	maxHeaders = 128
)

var errMessage = errors.New("sip: malformed message")

// compact maps the compact forms of header fields (RFC 3261, Section 7.3.3).
var compact = map[string]string{
	"c": "Content-Type", "e": "Content-Encoding", "f": "From", "i": "Call-ID",
	"k": "Supported", "l": "Content-Length", "m": "Contact", "o": "Event",
	"r": "Refer-To", "s": "Subject", "t": "To", "v": "Via",
}

// spelled maps lower case to the spelling of the fields that we look at.
var spelled = func() map[string]string {
	m := map[string]string{}
	for _, name := range []string{
		"Call-ID", "Contact", "Content-Length", "Content-Type", "CSeq", "Event", "Expires",
		"From", "Min-Expires", "Proxy-Authenticate", "Record-Route", "Require",
		"Retry-After", "Route", "Service-Route", "To", "Via", "WWW-Authenticate",
	} {
		m[strings.ToLower(name)] = name
	}
	return m
}()

// only are the fields that a message must have exactly once.
var only = []string{"From", "To", "Call-ID", "CSeq"}

// newParser makes the parser that sipgo and the guard use: it leaves all fields
// as they were written, but for the one that frames messages.
func newParser() *sip.Parser {
	length := sip.DefaultHeadersParser()["content-length"]
	return sip.NewParser(sip.WithHeadersParsers(sip.HeadersParser{"content-length": length}))
}

// canonical checks one whole message and writes it anew, with where it came
// from in a field of ours.
func canonical(parser *sip.Parser, raw []byte, src netip.AddrPort) ([]byte, error) {
	if len(raw) > maxMessage {
		return nil, fmt.Errorf("%w: %d bytes", errMessage, len(raw))
	}
	head, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		return nil, fmt.Errorf("%w: no end of header", errMessage)
	}
	start, rest, _ := strings.Cut(string(head), "\r\n")
	method, start, err := startLine(start)
	if err != nil {
		return nil, err
	}
	fields, err := headerFields(rest)
	if err != nil {
		return nil, err
	}
	if method != "" {
		_, uri, _ := strings.Cut(start, " ")
		withBranch(fields, uri)
	}
	if body, err = cutBody(fields, body); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString(start + "\r\n" + dialog.SourceHeader + ": " + src.String() + "\r\n")
	for _, f := range fields {
		if f.Name != "Content-Length" && !strings.EqualFold(f.Name, dialog.SourceHeader) {
			out.WriteString(f.Name + ": " + f.Value + "\r\n")
		}
	}
	out.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n")
	out.Write(body)
	if err := check(parser, out.Bytes(), method); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// startLine checks the first line; method is empty for a response.
func startLine(line string) (method, canonical string, err error) {
	if !printable(line) {
		return "", "", fmt.Errorf("%w: control characters", errMessage)
	}
	first, rest, _ := strings.Cut(line, " ")
	if strings.EqualFold(first, "SIP/2.0") {
		digits, reason, _ := strings.Cut(rest, " ")
		code, err := strconv.Atoi(digits)
		if err != nil || code < 100 || code > 699 || len(digits) != 3 {
			return "", "", fmt.Errorf("%w: status line", errMessage)
		}
		return "", "SIP/2.0 " + digits + " " + reason, nil
	}
	uri, version, _ := strings.Cut(rest, " ")
	if !token(first) || uri == "" || !strings.EqualFold(version, "SIP/2.0") {
		return "", "", fmt.Errorf("%w: request line", errMessage)
	}
	// RFC 3261, Section 7.1: methods are case-sensitive.
	if first != strings.ToUpper(first) {
		return "", "", fmt.Errorf("%w: method", errMessage)
	}
	return first, first + " " + uri + " SIP/2.0", nil
}

// headerFields reads the header fields, unfolded, and checks what all messages
// have in common.
func headerFields(s string) ([]dialog.Field, error) {
	fields, err := splitFields(s)
	if err != nil {
		return nil, err
	}
	return oneViaALine(fields)
}

func splitFields(s string) ([]dialog.Field, error) {
	var fields []dialog.Field
	for len(s) > 0 {
		var line string
		line, s, _ = strings.Cut(s, "\r\n")
		if line != "" && (line[0] == ' ' || line[0] == '\t') {
			if len(fields) == 0 {
				return nil, fmt.Errorf("%w: folded start line", errMessage)
			}
			last := &fields[len(fields)-1]
			last.Value = strings.TrimSpace(last.Value + " " + strings.TrimSpace(line))
			continue
		}
		if len(fields) >= maxHeaders {
			return nil, fmt.Errorf("%w: more than %d header fields", errMessage, maxHeaders)
		}
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimRight(name, " \t")
		if !ok || !token(name) {
			return nil, fmt.Errorf("%w: header field", errMessage)
		}
		fields = append(fields, dialog.Field{Name: spell(name), Value: strings.TrimSpace(value)})
	}
	return fields, nil
}

// spell returns the long name of a field, in the usual spelling.
func spell(name string) string {
	lower := strings.ToLower(name)
	if long, ok := compact[lower]; ok {
		return long
	}
	if usual, ok := spelled[lower]; ok {
		return usual
	}
	return name
}

// oneViaALine splits lists of Via and checks what all fields have in common.
func oneViaALine(fields []dialog.Field) ([]dialog.Field, error) {
	out := make([]dialog.Field, 0, len(fields)+4)
	count := map[string]int{}
	for _, f := range fields {
		if !printable(f.Value) {
			return nil, fmt.Errorf("%w: control characters", errMessage)
		}
		count[f.Name]++
		if f.Name != "Via" {
			out = append(out, f)
			continue
		}
		for _, v := range dialog.SplitList(f.Value) {
			if !dialog.ValidVia(v) {
				return nil, fmt.Errorf("%w: Via", errMessage)
			}
			out = append(out, dialog.Field{Name: "Via", Value: v})
		}
	}
	for _, name := range only {
		if count[name] != 1 {
			return nil, fmt.Errorf("%w: %d fields %s", errMessage, count[name], name)
		}
	}
	if count["Via"] == 0 || len(out) > 2*maxHeaders {
		return nil, fmt.Errorf("%w: Via", errMessage)
	}
	return out, nil
}

// cutBody cuts the body to its Content-Length. RFC 3261, Section 18.3: bytes
// beyond it are discarded; if there are fewer, the message is.
func cutBody(fields []dialog.Field, body []byte) ([]byte, error) {
	n, err := contentLength(fields)
	switch {
	case err != nil:
		return nil, err
	case n < 0:
		return body, nil
	case n > len(body):
		return nil, fmt.Errorf("%w: body cut short", errMessage)
	}
	return body[:n], nil
}

// contentLength is -1 where there is no such field.
func contentLength(fields []dialog.Field) (int, error) {
	length := -1
	for _, f := range fields {
		if f.Name != "Content-Length" {
			continue
		}
		n, err := strconv.ParseUint(f.Value, 10, 31)
		if err != nil || n > maxMessage || length >= 0 && int(n) != length {
			return 0, fmt.Errorf("%w: Content-Length", errMessage)
		}
		length = int(n)
	}
	return length, nil
}

// check lets sipgo parse a message, and all that it parses later on, here where
// a panic does no harm.
func check(parser *sip.Parser, raw []byte, method string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: the parser panicked: %v", errMessage, r)
		}
	}()
	msg, err := parser.ParseSIP(raw)
	if err != nil {
		return fmt.Errorf("%w: %w", errMessage, err)
	}
	if msg.Via() == nil || msg.CSeq() == nil || msg.From() == nil || msg.To() == nil || msg.CallID() == nil {
		return fmt.Errorf("%w: Via, CSeq, From, To or Call-ID", errMessage)
	}
	if req, ok := msg.(*sip.Request); ok {
		_, _, _ = req.Contact(), req.Route(), req.RecordRoute()
	}
	_, named, ok := dialog.Seq(msg)
	if !ok || method != "" && named != method {
		return fmt.Errorf("%w: CSeq", errMessage)
	}
	if b := dialog.Branch(msg); len(b) <= len(sip.RFC3261BranchMagicCookie) ||
		!strings.HasPrefix(b, sip.RFC3261BranchMagicCookie) {
		return fmt.Errorf("%w: branch", errMessage)
	}
	if b, _ := msg.Via().Params.Get("branch"); b != dialog.Branch(msg) {
		return fmt.Errorf("%w: branch", errMessage)
	}
	return nil
}

// frame finds the first whole message in a stream: its length, 0 if more bytes
// are needed. RFC 3261, Section 18.3: Content-Length MUST be used with streams.
func frame(buf []byte) (int, error) {
	end := bytes.Index(buf, []byte("\r\n\r\n"))
	if end < 0 {
		if len(buf) >= maxMessage {
			return 0, fmt.Errorf("%w: header larger than %d bytes", errMessage, maxMessage)
		}
		return 0, nil
	}
	_, rest, _ := strings.Cut(string(buf[:end]), "\r\n")
	fields, err := headerFields(rest)
	if err != nil {
		return 0, err
	}
	n, err := contentLength(fields)
	if err != nil {
		return 0, err
	}
	total := end + 4 + max(n, 0)
	if total > maxMessage {
		return 0, fmt.Errorf("%w: larger than %d bytes", errMessage, maxMessage)
	}
	if total > len(buf) {
		return 0, nil
	}
	return total, nil
}

// token tells whether s is a token (RFC 3261, Section 25.1).
func token(s string) bool {
	return s != "" && !slices.ContainsFunc([]byte(s), func(c byte) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			strings.IndexByte("-.!%*_+`'~", c) >= 0)
	})
}

// printable tells whether s has no control characters but tabs.
func printable(s string) bool {
	return !slices.ContainsFunc([]byte(s), func(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f })
}

package hostile

import (
	"fmt"
	"slices"
	"strings"
)

// field is a header field.
type field struct{ name, value string }

// message is one of the server's before it is written.
type message struct {
	start  string
	fields []field
	body   string
}

// bytes is how it travels. Its length is that of the body unless it says another.
func (m message) bytes() []byte {
	var b strings.Builder
	b.WriteString(m.start + "\r\n")
	for _, f := range m.fields {
		fmt.Fprintf(&b, "%s: %s\r\n", f.name, f.value)
	}
	if m.get("Content-Length") == "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(m.body))
	}
	b.WriteString("\r\n" + m.body)
	return []byte(b.String())
}

func (m message) get(name string) string {
	for _, f := range m.fields {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// set replaces a field, or adds it.
func (m message) set(name, value string) message {
	m.fields = slices.Clone(m.fields)
	for i := range m.fields {
		if m.fields[i].name == name {
			m.fields[i].value = value
			return m
		}
	}
	m.fields = append(m.fields, field{name, value})
	return m
}

// without leaves fields of that name out.
func (m message) without(name string) message {
	m.fields = slices.DeleteFunc(slices.Clone(m.fields), func(f field) bool { return f.name == name })
	return m
}

// with adds fields.
func (m message) with(fields ...field) message {
	m.fields = append(slices.Clone(m.fields), fields...)
	return m
}

// Request is one of the phone's, as far as it has to be understood.
type Request struct {
	method string
	uri    string
	fields []field
}

// parse reads a request of the phone; what it sends is known to be well-formed.
func parse(b []byte) (r Request, ok bool) {
	head, _, _ := strings.Cut(string(b), "\r\n\r\n")
	start, rest, _ := strings.Cut(head, "\r\n")
	words := strings.Fields(start)
	if len(words) != 3 || words[2] != "SIP/2.0" {
		return r, false
	}
	r.method, r.uri = words[0], words[1]
	for line := range strings.SplitSeq(rest, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		r.fields = append(r.fields, field{name, strings.TrimSpace(value)})
	}
	return r, true
}

func (r Request) get(name string) string { return message{fields: r.fields}.get(name) }

// theirTag is the server's in all dialogs.
const theirTag = "hostile"

// answer is an honest one.
func (r Request) answer(code int, reason string, fields ...field) message {
	m := message{start: fmt.Sprintf("SIP/2.0 %d %s", code, reason)}
	for _, f := range r.fields {
		switch f.name {
		case "Via", "From", "Call-ID", "CSeq":
			m.fields = append(m.fields, f)
		case "To":
			if code > 100 && !strings.Contains(f.value, "tag=") {
				f.value += ";tag=" + theirTag
			}
			m.fields = append(m.fields, f)
		}
	}
	return m.with(fields...)
}

// sdp is a description that a phone could use.
const sdp = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n"

func (m message) withSDP() message {
	m = m.with(field{"Content-Type", "application/sdp"})
	m.body = sdp
	return m
}

// address is the URI of a Contact.
func address(contact string) string {
	_, rest, _ := strings.Cut(contact, "<")
	uri, _, _ := strings.Cut(rest, ">")
	return uri
}

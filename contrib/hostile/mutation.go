package hostile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// mutation is something done to a message; more than one datagram may come of it.
type mutation struct {
	name string
	make func(m message) [][]byte
}

// change is a mutation of the fields.
func change(name string, f func(m message) message) mutation {
	return mutation{name, func(m message) [][]byte { return [][]byte{f(m).bytes()} }}
}

// rewrite is one of the bytes.
func rewrite(name string, f func(b []byte) []byte) mutation {
	return mutation{name, func(m message) [][]byte { return [][]byte{f(m.bytes())} }}
}

// value replaces a field's.
func value(what, name, v string) mutation {
	return change(name+": "+what, func(m message) message { return m.set(name, v) })
}

const (
	// tooMany header fields: seventy times what is taken.
	tooMany = 10_000
	// tooLong a value: half of the largest datagram.
	tooLong = 30_000
)

// mutations are done to each message.
func mutations() []mutation {
	var all []mutation
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		all = append(all,
			change("no "+name, func(m message) message { return m.without(name) }),
			change("two "+name, func(m message) message { return m.with(field{name, m.get(name)}) }),
			value("empty", name, ""),
			value("NUL", name, "a\x00b"),
			value("30,000 bytes", name, strings.Repeat("x", tooLong)),
		)
	}
	all = append(all, lies()...)
	return append(all, floods()...)
}

// lies are in one field, or about the length.
func lies() []mutation {
	return []mutation{
		change("no To-tag", func(m message) message { return m.set("To", strings.Split(m.get("To"), ";tag=")[0]) }),
		change("another From-tag", func(m message) message { return m.set("From", strings.Split(m.get("From"), ";tag=")[0]+";tag=other") }),
		change("another branch", func(m message) message {
			return m.set("Via", strings.Split(m.get("Via"), ";branch=")[0]+";branch=z9hG4bKother")
		}),
		value("another", "Call-ID", "another"),
		change("CSeq with another number", func(m message) message { return m.set("CSeq", "77"+m.get("CSeq")) }),
		change("CSeq with another method", func(m message) message { return m.set("CSeq", strings.Fields(m.get("CSeq"))[0]+" NOTIFY") }),
		value("beyond 32 bits", "CSeq", "4294967296 INVITE"),
		value("negative", "CSeq", "-1 INVITE"),
		change("no Contact", func(m message) message { return m.without("Contact") }),
		value("a star", "Contact", "*"),
		value("of another scheme", "Contact", "<mailto:root@10.0.0.1>"),
		value("no address", "Contact", "<<<>>>;;;,,,"),
		value("to nowhere", "Contact", "<sip:nobody@[::]:0>"),
		value("control characters", "Contact", "<sip:\x01\x07\x1b[2J@10.0.0.1>"),
		value("no address", "Record-Route", "<sip:;lr>,<>,;;"),
		value("a hundred", "Record-Route", strings.TrimSuffix(strings.Repeat("<sip:10.0.0.1;lr>, ", 100), ", ")),
		value("unknown", "Require", "magic, 100rel, more-magic"),
		value("too long for the body", "Content-Length", "60000"),
		value("shorter than the body", "Content-Length", "1"),
		value("negative", "Content-Length", "-5"),
		value("beyond 64 bits", "Content-Length", "99999999999999999999999"),
		value("no number", "Content-Length", "many"),
		change("two Content-Length that differ", func(m message) message {
			return m.with(field{"Content-Length", "0"}, field{"Content-Length", "7"})
		}),
		value("of a kind that nobody knows", "Content-Type", "x/\x7f;;boundary="),
		change("a body that is none", func(m message) message {
			m = m.set("Content-Type", "application/sdp")
			m.body = "\x00\xff\xfe v=0 m=audio 999999 IP9"
			return m
		}),
		change("an empty body of SDP", func(m message) message { m.body = ""; return m.set("Content-Type", "application/sdp") }),
		change("parts without end", func(m message) message {
			m = m.set("Content-Type", "multipart/mixed;boundary=b")
			m.body = strings.Repeat("--b\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n", 100)
			return m
		}),
		change("a version of its own", func(m message) message { m.start = strings.Replace(m.start, "SIP/2.0", "SIP/9.7", 1); return m }),
		change("a start line of NUL", func(m message) message { m.start = strings.Repeat("\x00", 40); return m }),
		change("an empty start line", func(m message) message { m.start = ""; return m }),
		change("a code of four digits", func(m message) message { m.start = strings.Replace(m.start, "SIP/2.0 ", "SIP/2.0 9", 1); return m }),
		change("fields that are not UTF-8", func(m message) message { return m.with(field{"Subject", "\xff\xfe\xc3\x28"}) }),
		rewrite("cut in the middle", func(b []byte) []byte { return b[:len(b)/2] }),
		rewrite("cut before its end", func(b []byte) []byte { return b[:len(b)-3] }),
		rewrite("without an empty line", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n\r\n"), []byte("\r\n")) }),
		rewrite("bare line feeds", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }),
		rewrite("bare carriage returns", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\r")) }),
		rewrite("no colons", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(": "), []byte(" ")) }),
		rewrite("folded without end", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\r\n ")) }),
	}
}

// floods are too much of something.
func floods() []mutation {
	return []mutation{
		change("10,000 header fields", func(m message) message {
			return m.with(slices.Repeat([]field{{"X", "y"}}, tooMany)...)
		}),
		change("300 Vias", func(m message) message {
			return m.with(slices.Repeat([]field{{"Via", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx"}}, 300)...)
		}),
		change("a field name of 30,000 bytes", func(m message) message { return m.with(field{strings.Repeat("N", tooLong), "v"}) }),
		change("a reason of 30,000 bytes", func(m message) message { m.start += strings.Repeat("!", tooLong); return m }),
		change("a body of 30,000 bytes", func(m message) message { m.body = strings.Repeat("\x00", tooLong); return m }),
		{"a hundred times", func(m message) [][]byte { return slices.Repeat([][]byte{m.bytes()}, 100) }},
		{"a hundred times, each of another tag", func(m message) (all [][]byte) {
			for i := range 100 {
				all = append(all, m.set("To", fmt.Sprintf("%s%d", m.get("To"), i)).bytes())
			}
			return all
		}},
		{"nothing at all", func(message) [][]byte { return nil }},
		{"empty datagrams", func(m message) [][]byte { return slices.Repeat([][]byte{{}}, 50) }},
	}
}

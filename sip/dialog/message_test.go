package dialog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

func TestParseAddress(t *testing.T) {
	cases := []struct{ in, display, uri, tag string }{
		{"<sip:a@b>;tag=1", "", "sip:a@b", "1"},
		{"sip:a@b;tag=2", "", "sip:a@b", "2"},
		{`Bob <sip:a@b;tag=no>;x;TAG = 3`, "Bob", "sip:a@b;tag=no", "3"},
		{`"a \"<sip:evil>\" b" <sip:a@b>;tag="4;5"`, `a "<sip:evil>" b`, "sip:a@b", "4;5"},
		{`"never closed <sip:a@b>`, `"never closed`, "sip:a@b", ""},
		{"<sip:a@b", "", "sip:a@b", ""},
		{"", "", "", ""},
		{"<>", "", "", ""},
		{"*", "", "*", ""},
	}
	for _, tc := range cases {
		a := ParseAddress(tc.in)
		tag, _ := a.Param("tag")
		if a.Display != tc.display || a.URI != tc.uri || tag != tc.tag {
			t.Errorf("%q: got %+v with tag %q", tc.in, a, tag)
		}
	}
}

func TestSplitList(t *testing.T) {
	got := SplitList(`<sip:a,b>, "x,\",y" <sip:c>;p="1,2",, <sip:d;lr>`)
	want := `[<sip:a,b> "x,\",y" <sip:c>;p="1,2" <sip:d;lr>]`
	if fmt.Sprint(got) != want || len(got) != 3 {
		t.Errorf("got %q", got)
	}
}

// RFC 3581, Section 4, and RFC 3261, Section 18.2.1.
func TestStampVia(t *testing.T) {
	cases := []struct{ via, source, want, to string }{
		{"SIP/2.0/UDP 192.0.2.1:6000;branch=b", "192.0.2.1:5070", "SIP/2.0/UDP 192.0.2.1:6000;branch=b", "192.0.2.1:6000"},
		{"SIP/2.0/UDP 192.0.2.1;branch=b", "192.0.2.9:5070", "SIP/2.0/UDP 192.0.2.1;branch=b;received=192.0.2.9", "192.0.2.9:5060"},
		{"SIP/2.0/UDP host;rport;branch=b", "192.0.2.9:5070", "SIP/2.0/UDP host;branch=b;received=192.0.2.9;rport=5070", "192.0.2.9:5070"},
		{"SIP/2.0/UDP host;received=6.6.6.6;branch=b", "192.0.2.9:5070", "SIP/2.0/UDP host;branch=b;received=192.0.2.9", "192.0.2.9:5060"},
		{"SIP/2.0/UDP [2001:db8::1]:5061;branch=b;rport", "[2001:db8::1]:7", "SIP/2.0/UDP [2001:db8::1]:5061;branch=b;received=2001:db8::1;rport=7", "[2001:db8::1]:7"},
	}
	for _, tc := range cases {
		req := request(t, "OPTIONS", "Via: "+tc.via, SourceHeader+": "+tc.source)
		if got := Value(Reply{Code: 200}.Build(req), "Via"); got != tc.want {
			t.Errorf("got  %s\nwant %s", got, tc.want)
		}
		if got := replyAddress(req).String(); got != tc.to {
			t.Errorf("%s: the reply goes to %s, want %s", tc.via, got, tc.to)
		}
	}
}

// request makes a request of the peer; given fields take the place of the usual
// ones.
func request(t *testing.T, method string, fields ...string) *sip.Request {
	t.Helper()
	req := sip.NewRequest(sip.RequestMethod(method), sip.Uri{Scheme: "sip", User: "alice", Host: "example.org"})
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		req.AppendHeader(sip.NewHeader(name, value))
	}
	for _, f := range []Field{
		{"Via", "SIP/2.0/UDP h;branch=z9hG4bK1"},
		{"From", `"Bob" <sip:bob@example.org>;tag=bob`},
		{"To", "<sip:alice@example.org>"},
		{"Call-ID", "id"},
		{"CSeq", "1 " + method},
		{"Contact", "<sip:bob@192.0.2.1>"},
	} {
		if Value(req, f.Name) == "" {
			req.AppendHeader(sip.NewHeader(f.Name, f.Value))
		}
	}
	return req
}

func FuzzAddress(f *testing.F) {
	f.Add(`"a \"<sip:evil>\" b" <sip:a@b>;tag="4;5", <sip:c;lr>`)
	f.Add(`sip:a@b;tag=2`)
	f.Fuzz(func(t *testing.T, s string) {
		for _, one := range SplitList(s) {
			a := ParseAddress(one)
			if len(a.URI)+len(a.Display) > len(one) {
				t.Fatalf("%q grew to %+v", one, a)
			}
			// What we write back into From and To reads the same.
			if strings.ContainsAny(a.URI, "<>\"") || strings.ContainsAny(a.Display, "<>\"\\") {
				continue
			}
			if b := ParseAddress(bare(one)); b.URI != a.URI || b.Display != a.Display {
				t.Fatalf("%q: %+v, written %q, read %+v", one, a, bare(one), b)
			}
		}
	})
}

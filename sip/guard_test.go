package sip

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"

	"karat/internal/simnet"
	"karat/sip/dialog"
)

var from = netip.MustParseAddrPort("192.0.2.1:5060")

const plain = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n" +
	"From: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 7 OPTIONS\r\n\r\n"

// RFC 4475 and worse: what is to be read, and what is not.
func TestCanonical(t *testing.T) {
	cases := []struct{ name, in, want string }{
		{
			"compact, folded, odd spacing", "OPTIONS sip:a@b SIP/2.0\r\nv:SIP/2.0/UDP  h1;branch=z9hG4bK1 ,SIP/2.0/TCP h2;branch=z9hG4bK2\r\n" +
				"f : \"a, \\\"b\"\r\n <sip:c@d>\r\n\t;tag=1\r\nt: <sip:a@b>\r\ni: x\r\ncseq:   7   OPTIONS\r\nKarat-Source: 1.2.3.4:5\r\nl:2\r\n\r\nhi, more",
			"OPTIONS sip:a@b SIP/2.0\r\nKarat-Source: 192.0.2.1:5060\r\nVia: SIP/2.0/UDP  h1;branch=z9hG4bK1\r\nVia: SIP/2.0/TCP h2;branch=z9hG4bK2\r\n" +
				"From: \"a, \\\"b\" <sip:c@d> ;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 7   OPTIONS\r\nContent-Length: 2\r\n\r\nhi",
		},
		{
			"response without reason", strings.Replace(plain, "OPTIONS sip:a@b SIP/2.0", "SIP/2.0 200", 1),
			strings.Replace(strings.Replace(plain, "OPTIONS sip:a@b SIP/2.0\r\n", "SIP/2.0 200 \r\nKarat-Source: 192.0.2.1:5060\r\n", 1), "\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n", 1),
		},
		{"no header", "OPTIONS sip:a SIP/2.0\r\n\r\n", ""},
		{"two From", strings.Replace(plain, "To:", "From: <sip:x@y>\r\nTo:", 1), ""},
		{"CSeq of another method", strings.Replace(plain, "7 OPTIONS", "7 INVITE", 1), ""},
		{"CSeq too large", strings.Replace(plain, "7 OPTIONS", "2147483648 OPTIONS", 1), ""},
		{"no branch in a response", strings.Replace(strings.Replace(plain, ";branch=z9hG4bK1", "", 1), "OPTIONS sip:a@b SIP/2.0", "SIP/2.0 200 OK", 1), ""},
		{"a Via of another protocol", strings.Replace(plain, "SIP/2.0/UDP h", "HTTP/1.1/TCP h", 1), ""},
		{"a Via without a host", strings.Replace(plain, "SIP/2.0/UDP h", "SIP/2.0/UDP", 1), ""},
		{"empty parameters in Via", strings.Replace(plain, ";branch", ";;branch", 1), ""},
		{"body cut short", strings.Replace(plain, "\r\n\r\n", "\r\nContent-Length: 5\r\n\r\nhi", 1), ""},
		{"two lengths", strings.Replace(plain, "\r\n\r\n", "\r\nContent-Length: 1\r\nl: 2\r\n\r\nhi", 1), ""},
		{"lower case method", strings.ReplaceAll(plain, "OPTIONS", "options"), ""},
		{"another version", strings.Replace(plain, "SIP/2.0\r\nVia", "SIP/7.0\r\nVia", 1), ""},
		{"zero byte", strings.Replace(plain, "Call-ID: x", "Call-ID: \x00", 1), ""},
		{"bare line feed", strings.Replace(plain, "Call-ID: x", "Call-ID: x\nX: y", 1), ""},
		{"status 1000", strings.Replace(plain, "OPTIONS sip:a@b SIP/2.0", "SIP/2.0 1000 x", 1), ""},
		{"wildcard", strings.Replace(plain, "sip:a@b SIP", "* SIP", 1), ""},
		{"many fields", strings.Replace(plain, "To:", strings.Repeat("X: y\r\n", maxHeaders)+"To:", 1), ""},
		{"too long", strings.Replace(plain, "To:", "X: "+strings.Repeat("y", maxMessage)+"\r\nTo:", 1), ""},
	}
	for _, tc := range cases {
		got, err := canonical(newParser(), []byte(tc.in), from)
		if string(got) != tc.want || (err != nil) != (tc.want == "") {
			t.Errorf("%s: got %q, %v\nwant %q", tc.name, got, err, tc.want)
		}
	}
}

// What passes the guard passes it again unchanged, and sipgo reads it.
func FuzzCanonical(f *testing.F) {
	f.Add([]byte(plain))
	f.Add([]byte(strings.ReplaceAll(inviteText("x", withSDP...), "\n", "\r\n")))
	f.Add([]byte("SIP/2.0 200 OK\r\nv: SIP/2.0/UDP [::1]:5060;branch=z9hG4bK1;received=[::1], SIP/2.0/UDP b;branch=\"z9\"\r\nf: \"x\" <sip:a@b;c?d=e>;tag=1\r\nt: <tel:+1>\r\ni: 1\r\nCSeq: 1 INVITE\r\nRecord-Route: <sip:p;lr>,<sip:q>\r\nm: *\r\n\r\n"))
	parser := newParser()
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, _ := frame(raw)
		if n < 0 || n > len(raw) || n > maxMessage {
			t.Fatalf("frame of %d in %d bytes", n, len(raw))
		}
		once, err := canonical(parser, raw, from)
		if err != nil {
			return
		}
		twice, err := canonical(parser, once, from)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("not stable: %v\n%q\n%q", err, once, twice)
		}
		if n, err := frame(once); err != nil || n != len(once) {
			t.Fatalf("a frame of %d in %d, %v", n, len(once), err)
		}
		msg, err := parser.ParseSIP(once)
		if err != nil {
			t.Fatal(err)
		}
		if dialog.Source(msg) != from {
			t.Fatalf("source %v in %q", dialog.Source(msg), once)
		}
		exercise(msg)
	})
}

// exercise does to a message what is done to messages from the network.
func exercise(msg sip.Message) {
	local := dialog.Local{URI: "sip:a@b", Contact: "<sip:c@d>", Via: "SIP/2.0/UDP e", Identifier: newID}
	switch m := msg.(type) {
	case *sip.Request:
		_ = dialog.Reply{Code: 200, ToTag: "t", SDP: []byte("v=0")}.Build(m).String()
		dialog.Standing(m, "t")
		dialog.Inadmissible(m, "t")
		c, err := dialog.Receive(time.Unix(0, 0), local, m, "tag")
		if err != nil {
			return
		}
		_ = c.Answer(time.Unix(1, 0), []byte("v=0"))
		c.Request(time.Unix(2, 0), m)
		c.Hangup(time.Unix(3, 0))
		c.Advance(time.Unix(100, 0))
		for _, a := range c.Actions() {
			if s, ok := a.(dialog.Send); ok {
				_ = s.Request.String()
				_, _ = parseHop(dialog.NextHop(s.Request))
			}
		}
	case *sip.Response:
		k := &keyring{user: "a", domain: "b"}
		c, err := dialog.Place(dialog.Local{URI: "sip:a@b", Contact: "<sip:c@d>", Via: "SIP/2.0/UDP e", Identifier: newID, Authorize: k.authorize}, "sip:x@y", nil)
		if err != nil {
			return
		}
		send := c.Actions()[0].(dialog.Send)
		c.Response(time.Unix(1, 0), send.Request, m)
		c.Hangup(time.Unix(2, 0))
		c.Actions()
	}
}

func FuzzChallenge(f *testing.F) {
	f.Add(`Digest realm="a, b", nonce="n", qop="auth,auth-int", algorithm=SHA-256, opaque="\"", stale=true`)
	f.Add(`Digest realm=x,nonce=y, Digest realm="z", nonce="\`)
	f.Add(`Basic realm="x", DIGEST NONCE=1,,=,"`)
	f.Fuzz(func(t *testing.T, value string) {
		k := &keyring{user: "alice", domain: "a, b", weak: true}
		req, err := dialog.Outgoing{
			Method: "REGISTER", URI: "sip:b", Via: "SIP/2.0/UDP e", Branch: "1",
			From: "<sip:a@b>;tag=1", To: "<sip:a@b>", CallID: "1", Seq: 1,
		}.Build()
		if err != nil {
			t.Fatal(err)
		}
		res := sip.NewResponse(401, "x")
		res.AppendHeader(sip.NewHeader("WWW-Authenticate", value))
		fields, err := k.authorize(req, res, dialog.Tries{})
		for _, field := range fields {
			if err == nil && printable(value) && !printable(field.Value) {
				t.Fatalf("%q makes %q", value, field.Value)
			}
		}
		if len(fields) > maxRealms {
			t.Fatalf("%q makes %d fields", value, len(fields))
		}
	})
}

// Any datagrams at all: no crash, no answer to what is no request, and the next
// good request is answered.
func FuzzPort(f *testing.F) {
	f.Add([]byte(plain), []byte(strings.ReplaceAll(inviteText("x", withSDP...), "\n", "\r\n")))
	f.Add([]byte("\r\n\r\n"), []byte(strings.Repeat("\x00", 100)))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		synctest.Test(t, func(t *testing.T) {
			n := simnet.New(simnet.Config{})
			defer n.Close()
			p, a := newPeer(t, n.Host("10.0.0.1")), directAgent(t, n.Host("10.0.0.2"))
			for _, raw := range [][]byte{one, two, one} {
				if len(raw) > 60000 {
					return
				}
				_, _ = p.conn.WriteTo(raw, p.to)
				synctest.Wait()
			}
			p.send(strings.ReplaceAll(inviteText("alive"), "INVITE", "OPTIONS"))
			for {
				m, ok := p.within(time.Minute)
				if !ok {
					t.Fatal("no answer any more")
				}
				if dialog.CallID(m) == "alive" {
					break
				}
			}
			shut(a)
		})
	})
}

// A flood of INVITEs leaves bounded state behind.
func TestFlood(t *testing.T) {
	bubble(t, func(t *testing.T, n *simnet.Network, _, us *simnet.Host) {
		a := directAgent(t, us)
		for i := range 3 * maxCalls {
			text := strings.ReplaceAll(inviteText(fmt.Sprint("f", i), "Content-Length: 0"), "\n", "\r\n") + "\r\n\r\n"
			src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 5060)
			n.Inject(src, netip.MustParseAddrPort(agentAddr), []byte(text))
			if i%100 == 0 {
				time.Sleep(time.Second)
			}
		}
		synctest.Wait()
		a.mu.Lock()
		calls, ringing := len(a.calls), a.ringing
		a.mu.Unlock()
		if calls > maxCalls || ringing > maxRinging {
			t.Errorf("%d calls, %d told of", calls, ringing)
		}
		if size := a.stack.transport.Pool("udp").Size(); size > 2 {
			t.Errorf("sipgo remembers %d peers", size)
		}
		time.Sleep(5 * time.Minute)
		a.mu.Lock()
		calls, ringing = len(a.calls)+len(a.invites)+len(a.merged), a.ringing
		a.mu.Unlock()
		if calls != 0 || ringing != 0 {
			t.Errorf("%d calls are left, %d told of", calls, ringing)
		}
	})
}

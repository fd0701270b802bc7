package sip

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"karat/internal/simnet"
	"karat/sip/dialog"
)

var update = flag.Bool("update", false, "write testdata/shape")

// golden compares what went out with a file, byte by byte but for identifiers.
func golden(t *testing.T, name string, messages []heard) {
	t.Helper()
	var all []string
	for _, m := range messages {
		if !strings.Contains(m.raw, "\r\n\r\n") || strings.Contains(strings.ReplaceAll(m.raw, "\r\n", ""), "\n") {
			t.Errorf("a line end that is none:\n%q", m.raw)
		}
		all = append(all, m.shape())
	}
	got := strings.Join(all, "----\n")
	file := filepath.Join("testdata", "shape", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\ngot\n%s\nwant\n%s", name, got, want)
	}
	// Nothing of this machine or of the programs on it.
	host, _ := os.Hostname()
	for _, never := range []string{"User-Agent", "Server:", "sipgo", "karat", "Karat", host} {
		if never != "" && strings.Contains(got, never) {
			t.Errorf("%q in\n%s", never, got)
		}
	}
}

// All that an account's phone sends in a registration and two calls. Its
// address, 10.0.0.2, is in none of it but for what the proxy put into Via.
//
// Items: 14, 21, 52.
func TestShapeWithAccount(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), accountAgent(t, us)
		var sent []heard
		take := func(m heard) heard { sent = append(sent, m); return m }
		const asks = `Authenticate: Digest realm="example.org", nonce="n", algorithm=SHA-256, qop="auth"`
		p.answer(take(p.wantRequest("REGISTER")), 401, "r", "WWW-"+asks)
		m := take(p.wantRequest("REGISTER"))
		p.answer(m, 200, "r", "Contact: "+dialog.Value(m, "Contact")+";expires=3600")
		<-a.Events()

		c, err := a.Invite(t.Context(), "sip:bob@example.org", offer)
		if err != nil {
			t.Fatal(err)
		}
		p.answer(take(p.wantRequest("INVITE")), 407, "b", "Proxy-"+asks)
		take(p.wantRequest("ACK"))
		p.answer(take(p.wantRequest("INVITE")), 200, "b", "Record-Route: <sip:10.0.0.1;lr>", "Contact: <sip:bob@192.0.2.9>")
		take(p.wantRequest("ACK"))
		c.Hangup()
		p.answer(take(p.wantRequest("BYE")), 200, "b")

		c, err = a.Invite(t.Context(), "sip:bob@example.org", offer)
		if err != nil {
			t.Fatal(err)
		}
		m = p.wantRequest("INVITE")
		p.answer(m, 180, "b", bobContact)
		wantEvent[Progress](t, c)
		c.Hangup()
		p.answer(take(p.wantRequest("CANCEL")), 200, "b")
		p.answer(m, 487, "b")
		take(p.wantRequest("ACK"))

		p.invite("in", withSDP...)
		c = wantIncoming(t, a)
		take(p.wantResponse(100))
		take(p.wantResponse(180))
		if err := c.Answer(offer); err != nil {
			t.Fatal(err)
		}
		ok := take(p.wantResponse(200))
		p.inDialog(ok, "ACK", 1, "ack")
		p.inDialog(ok, "BYE", 2, "bye")
		take(p.wantResponse(200))
		golden(t, "account", sent)
		for _, m := range sent {
			if i := strings.Index(m.raw, "10.0.0.2"); i >= 0 && !strings.Contains(m.raw, "sip:alice@10.0.0.2") {
				t.Errorf("our address in\n%s", m.raw)
			}
		}
	})
}

// Every error answer.
func TestShapeOfErrors(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), directAgent(t, us)
		var sent []heard
		for i, method := range []string{"OPTIONS", "SUBSCRIBE", "NOTIFY", "REFER", "FOO", "BYE", "CANCEL"} {
			p.send(strings.ReplaceAll(inviteText(method+string(rune('a'+i))), "INVITE", method))
			sent = append(sent, p.next())
		}
		p.send(strings.ReplaceAll(inviteText("nocontact"), "Contact:", "X:"))
		sent = append(sent, p.wantResponse(400))
		p.inDialog(sent[len(sent)-1], "ACK", 1, "nocontact")
		p.invite("ext", "Require: 100rel, precondition, timer")
		sent = append(sent, p.wantResponse(420))
		p.inDialog(sent[len(sent)-1], "ACK", 1, "ext")
		p.invite("short", "Supported: timer", "Session-Expires: 60")
		sent = append(sent, p.wantResponse(422))
		p.inDialog(sent[len(sent)-1], "ACK", 1, "short")
		p.invite("replaces", "Replaces: nobody;to-tag=a;from-tag=b")
		sent = append(sent, p.wantResponse(481))
		p.inDialog(sent[len(sent)-1], "ACK", 1, "replaces")
		p.invite("once", withSDP...)
		p.wantResponse(100)
		wantIncoming(t, a)
		p.send(strings.ReplaceAll(inviteText("once"), "z9hG4bKonce", "z9hG4bKtwice"))
		sent = append(sent, p.wantResponse(482))
		p.send(strings.ReplaceAll(inviteText("once"), "INVITE", "CANCEL"))
		p.wantResponse(200)
		sent = append(sent, p.wantResponse(487))
		golden(t, "errors", sent)
	})
}

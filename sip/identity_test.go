package sip

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"karat/internal/secret"
	"karat/internal/simnet"
	"karat/sip/dialog"
)

// registered is an agent with an account at the peer, registered, and its REGISTER.
func registered(t *testing.T, us *simnet.Host, p *peer, change func(*Account)) (*Agent, heard) {
	t.Helper()
	acc := &Account{AOR: "sip:alice@example.org", Registrar: "sip:" + peerAddr + ";transport=udp", Password: secret.Copy([]byte("wonderland"))}
	change(acc)
	a, err := NewAgent(Config{Network: us, Account: acc})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(a) })
	m := p.wantRequest("REGISTER")
	p.answer(m, 200, "r", "Contact: "+dialog.Value(m, "Contact")+";expires=3600")
	<-a.Events()
	return a, m
}

// An anonymous call names nobody in From, asks for privacy in every request, and
// has a Contact of its own; over a way that others can read it names nobody to the
// provider either. The account's other calls say who calls.
func TestItem48_Anonymous(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p := newPeer(t, ph)
		a, register := registered(t, us, p, func(*Account) {})
		c, err := a.InviteAs(t.Context(), "sip:bob@example.org", Manner{Anonymous: true}, offer)
		if err != nil {
			t.Fatal(err)
		}
		m := p.wantRequest("INVITE")
		p.answer(m, 200, "b", bobContact)
		sent := []heard{m, p.wantRequest("ACK")}
		if err := c.Change([]byte("v=3\r\n")); err != nil {
			t.Fatal(err)
		}
		re := p.wantRequest("INVITE")
		p.answer(re, 200, "b", append([]string{bobContact}, withSDP...)...)
		sent = append(sent, re, p.wantRequest("ACK"))
		c.Hangup()
		bye := p.wantRequest("BYE")
		p.answer(bye, 200, "b")
		user := dialog.ParseAddress(dialog.Value(register, "Contact")).URI
		for _, m := range append(sent, bye) {
			if !strings.HasPrefix(dialog.Value(m, "From"), `"Anonymous" <sip:anonymous@anonymous.invalid>;tag=`) || dialog.Value(m, "Privacy") != "id;user;header" {
				t.Errorf("got\n%s", m.raw)
			}
			for _, never := range []string{"alice", "P-Preferred", "P-Asserted", user, "10.0.0.2"} {
				if strings.Contains(m.raw, never) {
					t.Errorf("%q in\n%s", never, m.raw)
				}
			}
		}
		if a, b := dialog.Value(m, "Contact"), dialog.Value(re, "Contact"); a != b {
			t.Errorf("the Contact of one call is %s and %s", a, b)
		}
		if _, err := a.Invite(t.Context(), "sip:bob@example.org", offer); err != nil {
			t.Fatal(err)
		}
		if m := p.wantRequest("INVITE"); !strings.Contains(m.raw, "From: <sip:alice@example.org>") || strings.Contains(m.raw, "Privacy") {
			t.Errorf("a call that is not anonymous:\n%s", m.raw)
		}
	})
}

// To the provider whom the account is registered with, over TLS, an anonymous call
// says whose it is; over UDP or to anybody else it does not.
func TestItem48_PreferredIdentity(t *testing.T) {
	for _, tc := range []struct {
		kind    transport
		account bool
		want    string
	}{{overTLS, true, "<sip:alice@example.org>"}, {tcp, true, ""}, {udp, true, ""}, {overTLS, false, ""}} {
		a, err := NewAgent(Config{Account: &Account{AOR: "sip:alice@example.org", Registrar: "sip:192.0.2.1;transport=tls"}})
		if err != nil {
			t.Fatal(err)
		}
		f := newFlow(tc.kind, 1, netip.AddrPort{}, netip.AddrPort{})
		f.account = tc.account
		var l dialog.Local
		var got strings.Builder
		for _, field := range a.anonymous(f, &l) {
			got.WriteString(field.Name + ": " + field.Value)
		}
		if tc.want != "" {
			tc.want = "P-Preferred-Identity: " + tc.want
		}
		if got.String() != tc.want || l.URI != "sip:anonymous@anonymous.invalid" {
			t.Errorf("%v, account %v: %q, %+v", tc.kind, tc.account, got.String(), l)
		}
	}
}

// What the own provider asserts about a caller is known, unless it asks to keep it;
// it is in nothing that we send, and what others assert is not believed.
func TestItem49_AssertedIdentity(t *testing.T) {
	const pai = `P-Asserted-Identity: "Bob B." <sip:+4930123@example.org>, <tel:+4930123>`
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p := newPeer(t, ph)
		a, _ := registered(t, us, p, func(*Account) {})
		for i, tc := range []struct {
			lines []string
			want  string
		}{
			{[]string{pai}, "Bob B. <sip:+4930123@example.org>"},
			{[]string{"P-Asserted-Identity: <tel:+4930123>", "Privacy: none"}, "tel:+4930123"},
			{[]string{pai, "Privacy: user; ID"}, ""},
			{[]string{"P-Asserted-Identity: <http://evil.example>"}, ""},
			{nil, ""},
		} {
			p.invite(fmt.Sprint("pai", i), append(tc.lines, withSDP...)...)
			c := wantIncoming(t, a)
			if c.Asserted() != tc.want {
				t.Errorf("%q: asserted %q, want %q", tc.lines, c.Asserted(), tc.want)
			}
			if err := c.Answer(offer); err != nil {
				t.Fatal(err)
			}
			p.wantResponse(100)
			ok := p.wantResponse(200)
			p.inDialog(ok, "ACK", 1, fmt.Sprint("ack", i))
			wantEvent[Answered](t, c)
			c.Hangup()
			bye := p.wantRequest("BYE")
			p.answer(bye, 200, "")
			for _, m := range []heard{ok, bye} {
				if strings.Contains(m.raw, "Asserted") || strings.Contains(m.raw, "4930123") {
					t.Errorf("sent on:\n%s", m.raw)
				}
			}
		}
	})
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), directAgent(t, us)
		p.invite("one", append([]string{pai}, withSDP...)...)
		if c := wantIncoming(t, a); c.Asserted() != "" {
			t.Errorf("believed a stranger: %q", c.Asserted())
		}
	})
}

// Requests name a program only where the account demands it, and then all do;
// responses never. No Call-ID, tag or branch holds an address or a name.
func TestItem52_UserAgent(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p := newPeer(t, ph)
		a, m := registered(t, us, p, func(acc *Account) { acc.UserAgent = "Phone 1" })
		c, err := a.Invite(t.Context(), "sip:bob@example.org", offer)
		if err != nil {
			t.Fatal(err)
		}
		invite := p.wantRequest("INVITE")
		p.answer(invite, 200, "b", bobContact)
		ack := p.wantRequest("ACK")
		c.Hangup()
		bye := p.wantRequest("BYE")
		p.answer(bye, 200, "b")
		for _, m := range []heard{m, invite, ack, bye} {
			if dialog.Value(m, "User-Agent") != "Phone 1" {
				t.Errorf("got\n%s", m.raw)
			}
		}
		random := regexp.MustCompile(`^[0-9a-f]{32}$`)
		for _, id := range []string{dialog.CallID(m), dialog.CallID(invite), dialog.FromTag(invite), strings.TrimPrefix(dialog.Branch(invite), "z9hG4bK")} {
			if !random.MatchString(id) {
				t.Errorf("the identifier %q", id)
			}
		}
		p.invite("one", withSDP...)
		for _, code := range []int{100, 180} {
			if r := p.wantResponse(code); strings.Contains(r.raw, "Phone 1") || dialog.Value(r, "Server") != "" {
				t.Errorf("got\n%s", r.raw)
			}
		}
	})
	for _, bad := range []string{"a\r\nEvil: 1", "a\x00"} {
		if err := CheckAccount(Account{AOR: "sip:alice@example.org", UserAgent: bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// What the provider says of the mailbox is told, and answered at once; nobody else
// is believed, and nothing is asked for: no presence, no subscription.
func TestItem30_MessagesWaiting(t *testing.T) {
	notify := func(id, event, kind, body string) string {
		return strings.ReplaceAll(inviteText(id, "Event: "+event, "Content-Type: "+kind, "", body), "INVITE", "NOTIFY")
	}
	const summary = "application/simple-message-summary"
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p := newPeer(t, ph)
		a, _ := registered(t, us, p, func(*Account) {})
		for i, tc := range []struct {
			event, kind, body string
			want              Event
		}{
			{"message-summary", summary, "Messages-Waiting: yes\r\nMessage-Account: sip:a@b\r\nVoice-Message: 2/8 (0/2)\r\n", MessagesWaiting{true, 2, 8}},
			{"Message-Summary;id=1", summary + ";x=y", "messages-waiting: no\nvoice-message: 0/1\n", MessagesWaiting{false, 0, 1}},
			{"message-summary", summary, "Messages-Waiting: yes\r\nVoice-Message: 99999999999999999999/-1\r\n", MessagesWaiting{true, 0, 0}},
			{"message-summary", summary, "Messages-Waiting: yes\r\nVoice-Message: 1000000/7\r\n", MessagesWaiting{true, 9999, 7}},
			{"message-summary", summary, "nonsense", nil},
			{"message-summary", "text/plain", "Messages-Waiting: yes\r\n", nil},
			{"presence", summary, "Messages-Waiting: yes\r\n", nil},
		} {
			p.send(notify(fmt.Sprint("n", i), tc.event, tc.kind, tc.body))
			if tc.event == "presence" {
				p.wantResponse(489)
			} else {
				p.wantResponse(200)
			}
			synctest.Wait()
			var got Event
			select {
			case got = <-a.Events():
			default:
			}
			if got != tc.want {
				t.Errorf("%+v: told %+v", tc, got)
			}
		}
		p.send(strings.ReplaceAll(inviteText("presence"), "INVITE", "SUBSCRIBE"))
		p.wantResponse(489)
		p.wantSilence(20 * 60e9) // nothing is asked for
	})
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), directAgent(t, us)
		p.send(notify("n", "message-summary", summary, "Messages-Waiting: yes\r\n"))
		p.wantResponse(200)
		synctest.Wait()
		if len(a.Events()) > 0 {
			t.Errorf("believed a stranger: %+v", <-a.Events())
		}
	})
}

// A message in writing outside of a call is taken, whatever goes on; what nobody
// could read is refused with what could.
func TestItem30_MessageOutsideOfACall(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), directAgent(t, us)
		send := func(id, kind string) {
			p.send(strings.ReplaceAll(inviteText(id, "Content-Type: "+kind, "", "hello"), "INVITE", "MESSAGE"))
		}
		send("one", "text/plain;charset=utf-8")
		p.wantResponse(200)
		if m, ok := (<-a.Events()).(Message); !ok || m.Body != "hello" || !strings.Contains(m.From, "sip:bob@example.org") {
			t.Errorf("%+v", m)
		}
		send("two", "text/html")
		r := p.wantResponse(415)
		synctest.Wait()
		if dialog.Value(r, "Accept") != "text/plain" || len(a.Events()) > 0 {
			t.Errorf("got\n%s", r.raw)
		}
	})
}

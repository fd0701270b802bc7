package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"karat/internal/simnet"
	"karat/sip/dialog"
)

// flexisip is a registrar as phones met it at sip.linphone.org: it answered 200 to all
// of them, and 404 to who called some.
//
//   - The lifetime is that of the Expires field. A phone that says it in the expires
//     parameter of Contact alone is registered for no time at all.
//   - It asks for the password by SHA-256 first, then by MD5.
//   - It puts the address that a request came from into the Contact, and its answer
//     lists the bindings of the account's other phones, too.
//
// Sources: flexisip#11, flexisip#95, flexisip#186, baresip#974, re#7; the challenges
// pjproject#2408.
type flexisip struct {
	*peer
	binding string // where calls go; empty: the user is not found
	until   time.Time
}

// register takes a REGISTER.
func (f *flexisip) register() *sip.Request {
	f.t.Helper()
	m := f.wantRequest("REGISTER")
	if dialog.Value(m, "Authorization") == "" {
		f.answer(m, 401, "f",
			`WWW-Authenticate: Digest realm="example.org", nonce="n1", opaque="o+1", algorithm=SHA-256, qop="auth"`,
			`WWW-Authenticate: Digest realm="example.org", nonce="n1", opaque="o+1", algorithm=MD5, qop="auth"`)
		m = f.wantRequest("REGISTER")
	}
	if !strings.Contains(dialog.Value(m, "Authorization"), "SHA-256") {
		f.t.Errorf("the stronger way was not taken: %s", dialog.Value(m, "Authorization"))
	}
	contacts := dialog.Values(m, "Contact")
	if len(contacts) != 1 {
		f.t.Fatalf("%d contacts in REGISTER", len(contacts))
	}
	var seconds int // none where there is no such field
	_, _ = fmt.Sscan(dialog.Value(m, "Expires"), &seconds)
	own := dialog.ParseAddress(contacts[0])
	u, err := parseURI(own.URI)
	if err != nil {
		f.t.Fatal(err)
	}
	// Corrected, as a NAT makes it necessary.
	u.Host, u.Port = "10.0.0.2", portOf(f.to.String())
	f.binding, f.until = u.String(), time.Now().Add(time.Duration(seconds)*time.Second)
	fields := []string{"Contact: <sip:alice@192.0.2.77:5060;transport=tls>;+sip.instance=\"<urn:uuid:0>\";expires=86399"}
	if seconds > 0 {
		_, params, _ := strings.Cut(contacts[0], ">")
		fields = append(fields, fmt.Sprintf("Contact: <%s>%s;expires=%d", f.binding, params, seconds))
	}
	f.answer(m, 200, "f", append(fields, "Date: Thu, 26 Nov 2026 07:00:00 GMT", "Supported: outbound")...)
	return m.Message.(*sip.Request)
}

func portOf(address string) int {
	var port int
	_, _ = fmt.Sscan(address[strings.LastIndex(address, ":")+1:], &port)
	return port
}

// found tells whether a call finds the user.
func (f *flexisip) found() bool { return f.binding != "" && time.Now().Before(f.until) }

// call calls the user, as the registrar has him.
func (f *flexisip) call(id string) {
	f.t.Helper()
	if !f.found() {
		f.t.Fatal("404: the registrar has no binding, though it answered 200")
	}
	f.send(strings.Replace(inviteText(id, withSDP...), "sip:alice@10.0.0.2", f.binding, 1))
}

// Calls come from Flexisip, after the first registration and after each refresh; and
// none come when we are gone.
func TestItem26_CallsComeFromFlexisip(t *testing.T) {
	for name, change := range map[string]func(*Account){
		"plain":    func(*Account) {},
		"instance": func(a *Account) { a.Instance = true },
		"user":     func(a *Account) { a.ContactUser = "alice" },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
				f := &flexisip{peer: newPeer(t, ph)}
				a := accountAgent(t, us, change)
				for round := range 3 {
					m := f.register()
					if contact := dialog.ParseAddress(dialog.Value(m, "Contact")); dialog.Value(m, "Expires") != "1800" {
						t.Errorf("Expires: %q", dialog.Value(m, "Expires"))
					} else if param, there := contact.Param("expires"); there {
						t.Errorf("a second lifetime in Contact: %s", param) // which counts is not to be asked
					}
					if e := wantRegistered(t, a); e.Expires != 30*time.Minute {
						t.Errorf("registered for %v, which is another phone's time", e.Expires)
					}
					id := fmt.Sprintf("call%d", round)
					f.call(id)
					in := wantIncoming(t, a)
					f.wantResponse(100)
					if err := in.Answer([]byte("v=0\r\n")); err != nil {
						t.Fatal(err)
					}
					res := f.wantResponse(200)
					if dialog.Value(res, "Contact") == "" {
						t.Error("the answer has no Contact")
					}
					f.inDialog(res, "ACK", 1, id+"a")
					wantEvent[Answered](t, in)
					f.inDialog(res, "BYE", 2, id+"b")
					f.wantResponse(200)
					wantEvent[Ended](t, in)
				}
				go func() { _ = a.Close(t.Context()) }()
				if m := f.register(); dialog.Value(m, "Expires") != "0" || f.found() {
					t.Errorf("we left with Expires: %s, and are found: %v", dialog.Value(m, "Expires"), f.found())
				}
			})
		})
	}
}

// The registrar of these tests is one that a phone fails at: without the Expires field
// it answers 200 and nobody is found.
func TestItem26_TheFaultIsThere(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		f := &flexisip{peer: newPeer(t, ph)}
		conn, err := us.ListenPacket(t.Context(), "udp", agentAddr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		text := "REGISTER sip:example.org SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKx;rport\nMax-Forwards: 70\n" +
			"From: <sip:alice@example.org>;tag=a\nTo: <sip:alice@example.org>\nCall-ID: x\nCSeq: 1 REGISTER\n" +
			"Contact: <sip:alice-0x1@10.0.0.2:5060>;expires=3600\nAuthorization: Digest algorithm=SHA-256\nContent-Length: 0\n\n"
		if _, err := conn.WriteTo([]byte(strings.ReplaceAll(text, "\n", "\r\n")), f.conn.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		f.register()
		if f.found() {
			t.Error("a lifetime in Contact alone is taken: this is no registrar to learn from")
		}
	})
}

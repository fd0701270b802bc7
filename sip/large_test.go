package sip

import (
	"strings"
	"testing"
	"time"

	"karat/internal/simnet"
	"karat/sip/dialog"
)

// longNonce makes any request with credentials too large for a datagram.
var longNonce = strings.Repeat("n", maxDatagram)

// growing registers over UDP and calls; the INVITE is challenged, and what comes next
// is large.
func growing(t *testing.T, ph, us *simnet.Host) (p *peer, a *Agent, call func() *Call) {
	t.Helper()
	p, a = newPeer(t, ph), accountAgent(t, us)
	p.register()
	wantRegistered(t, a)
	return p, a, func() *Call {
		t.Helper()
		c, err := a.Invite(t.Context(), "sip:bob@example.org", offer)
		if err != nil {
			t.Fatal(err)
		}
		p.answer(p.wantRequest("INVITE"), 407, "b", "Proxy-Authenticate: "+asks("example.org", longNonce, strong))
		p.wantRequest("ACK")
		return c
	}
}

// What is too large for a datagram goes by TCP to the same server, and the whole call
// after it; the registration stays where it is.
func TestItem10_LargeRequestsGoByTCP(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		ln, err := ph.Listen(t.Context(), "tcp", peerAddr)
		if err != nil {
			t.Fatal(err)
		}
		p, a, call := growing(t, ph, us)
		c := call()
		w := lines{t, ln}.accept()
		m := w.request("INVITE")
		if via, contact := dialog.Value(m, "Via"), dialog.Value(m, "Contact"); !strings.HasPrefix(via, "SIP/2.0/TCP "+nobody+";branch=") || !strings.HasSuffix(contact, ";transport=tcp>") {
			t.Errorf("got\n%s", m)
		}
		if len(m.String()) <= maxDatagram || parameter(dialog.Value(m, "Proxy-Authorization"), "nonce") != longNonce {
			t.Errorf("got\n%s", m)
		}
		w.respond(m, "SIP/2.0 200 OK", "b", bobContact)
		if ack := w.request("ACK"); !strings.HasPrefix(dialog.Value(ack, "Via"), "SIP/2.0/TCP ") {
			t.Errorf("got\n%s", ack)
		}
		wantEvent[Answered](t, c)
		c.Hangup()
		w.respond(w.request("BYE"), "SIP/2.0 200 OK", "")
		wantEvent[Ended](t, c)
		p.wantSilence(time.Second)
		if f := a.line.current(); f == nil || f.kind != udp {
			t.Error("the registration moved")
		}
	})
}

// A REGISTER that has become too large for a datagram goes by TCP to the same server,
// and all that is of the account from then on, its removal too.
func TestItem10_LargeRegistrationsGoByTCP(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		ln, err := ph.Listen(t.Context(), "tcp", peerAddr)
		if err != nil {
			t.Fatal(err)
		}
		p, a := newPeer(t, ph), accountAgent(t, us)
		p.answer(p.wantRequest("REGISTER"), 401, "r", "WWW-Authenticate: "+asks("example.org", longNonce, strong))
		w := lines{t, ln}.accept()
		m := w.request("REGISTER")
		if via, contact := dialog.Value(m, "Via"), dialog.Value(m, "Contact"); !strings.HasPrefix(via, "SIP/2.0/TCP "+nobody+";branch=") || !strings.HasSuffix(contact, ";transport=tcp>") {
			t.Errorf("got\n%s", m)
		}
		if len(m.String()) <= maxDatagram || parameter(dialog.Value(m, "Authorization"), "nonce") != longNonce {
			t.Errorf("got\n%s", m)
		}
		w.respond(m, "SIP/2.0 200 OK", "r", "Contact: "+dialog.Value(m, "Contact")+";expires=600")
		wantRegistered(t, a)
		if _, err := a.Invite(t.Context(), "sip:bob@example.org", offer); err != nil {
			t.Fatal(err)
		}
		if via := dialog.Value(w.request("INVITE"), "Via"); !strings.HasPrefix(via, "SIP/2.0/TCP ") {
			t.Errorf("a call went by %s", via)
		}
		p.wantSilence(time.Second)
		go a.Close(t.Context())
		for m = w.request("REGISTER"); dialog.Value(m, "Expires") != "0"; m = w.request("REGISTER") {
			w.respond(m, "SIP/2.0 200 OK", "r")
		}
		w.respond(m, "SIP/2.0 200 OK", "r")
	})
}

// Where the server has no TCP, it goes by UDP as large as it is.
func TestItem10_LargeRegistrationsWithoutTCP(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), accountAgent(t, us)
		p.answer(p.wantRequest("REGISTER"), 401, "r", "WWW-Authenticate: "+asks("example.org", longNonce, strong))
		m := p.wantRequest("REGISTER")
		if len(m.raw) <= maxDatagram || !strings.HasPrefix(dialog.Value(m, "Via"), "SIP/2.0/UDP ") {
			t.Errorf("got\n%s", m.raw)
		}
		p.answer(m, 200, "r", "Contact: "+dialog.Value(m, "Contact")+";expires=600")
		wantRegistered(t, a)
	})
}

// A server that takes no more registrations over TCP is not asked again over UDP.
func TestItem10_LargeRegistrationsAreRefusedOnce(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		ln, err := ph.Listen(t.Context(), "tcp", peerAddr)
		if err != nil {
			t.Fatal(err)
		}
		p, _ := newPeer(t, ph), accountAgent(t, us)
		p.answer(p.wantRequest("REGISTER"), 401, "r", "WWW-Authenticate: "+asks("example.org", longNonce, strong))
		w := lines{t, ln}.accept()
		w.respond(w.request("REGISTER"), "SIP/2.0 503 Later", "r", "Retry-After: 300")
		p.wantSilence(299 * time.Second)
	})
}

// Where there is no TCP, or what asks for it is swallowed, it goes by UDP as large as
// it is, and the next call waits for nothing.
func TestItem10_WithoutTCPByUDP(t *testing.T) {
	for name, swallowed := range map[string]bool{"refused": false, "swallowed": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *simnet.Network, ph, us *simnet.Host) {
				p, _, call := growing(t, ph, us)
				n.SetPlan(simnet.Drop(func(pk simnet.Packet) bool { return swallowed && pk.Network == "tcp" }, simnet.Delay(0)))
				for i := range 2 {
					c, start := call(), time.Now()
					m := p.wantRequest("INVITE")
					if len(m.raw) <= maxDatagram || !strings.HasPrefix(dialog.Value(m, "Via"), "SIP/2.0/UDP ") {
						t.Errorf("got\n%s", m.raw)
					}
					want := time.Duration(0)
					if swallowed && i == 0 {
						want = streamTime
					}
					if d := time.Since(start); d != want {
						t.Errorf("call %d: sent after %v", i, d)
					}
					p.answer(m, 486, "b")
					p.wantRequest("ACK")
					wantEvent[Failed](t, c)
				}
			})
		})
	}
}

// Who hangs up while TCP is asked for calls nobody.
func TestItem10_HungUpMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T, n *simnet.Network, ph, us *simnet.Host) {
		p, _, call := growing(t, ph, us)
		n.SetPlan(simnet.Drop(func(pk simnet.Packet) bool { return pk.Network == "tcp" }, simnet.Delay(0)))
		c := call()
		time.Sleep(time.Second)
		c.Hangup()
		wantEvent[Failed](t, c)
		p.wantSilence(20 * time.Second)
	})
}

package sip

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"karat/internal/simnet"
	"karat/sip/dialog"
)

// Each test here is named after the item of the interoperability list that it
// holds; contrib/interop/PROVIDERS.md is made of the names.

// took is how long after the peer was made something came, rounded to 10 ms.
func (m heard) took() time.Duration { return m.at.Round(10 * time.Millisecond) }

// Early dialogs of one call are told apart by their To-tags, and one without a
// tag is one too; the answer may come with another description than before.
func TestItem34_EachForkIsADialogOfItsOwn(t *testing.T) {
	calling(t, func(t *testing.T, p *peer, c *Call, m heard) {
		for i, tag := range []string{"", "x", "y"} {
			p.answer(m, 180, tag, append([]string{bobContact}, withSDP...)...)
			if e := wantEvent[Progress](t, c); e.Fork != i+1 || string(e.SDP) != "v=0\r\n" {
				t.Errorf("%q: %+v", tag, e)
			}
		}
		p.answer(m, 200, "y", bobContact, "Content-Type: application/sdp", "", "v=9\r\n")
		p.wantRequest("ACK")
		if e := wantEvent[Answered](t, c); e.Fork != 3 || string(e.SDP) != "v=9\r\n" {
			t.Errorf("%+v", e)
		}
	})
}

// A reliable provisional response is acknowledged within its own early dialog, in
// order, once; its description counts where the answer brings none.
func TestItem36_PrackAsCaller(t *testing.T) {
	calling(t, func(t *testing.T, p *peer, c *Call, m heard) {
		if dialog.Value(m, "Require") != "" || !strings.Contains(dialog.Value(m, "Supported"), "100rel") {
			t.Errorf("100rel is to be understood and not demanded:\n%s", m.raw)
		}
		rel := func(tag string, n int, lines ...string) {
			p.answer(m, 183, tag, append([]string{"Require: 100rel", fmt.Sprint("RSeq: ", n), "Contact: <sip:" + tag + "@10.0.0.1:5060>"}, lines...)...)
		}
		rel("x", 7, withSDP...)
		wantEvent[Progress](t, c)
		prack := p.wantRequest("PRACK")
		if dialog.Value(prack, "RAck") != "7 1 INVITE" || dialog.ToTag(prack) != "x" || !strings.HasPrefix(prack.raw, "PRACK sip:x@10.0.0.1:5060 ") {
			t.Errorf("got\n%s", prack.raw)
		}
		p.answer(prack, 200, "")
		rel("x", 7) // repeated
		rel("x", 9) // 8 is missing
		p.wantSilence(100 * time.Millisecond)
		rel("y", 100)
		wantEvent[Progress](t, c)
		other := p.wantRequest("PRACK")
		if dialog.Value(other, "RAck") != "100 1 INVITE" || dialog.ToTag(other) != "y" {
			t.Errorf("got\n%s", other.raw)
		}
		p.answer(other, 200, "")
		rel("x", 8)
		wantEvent[Progress](t, c)
		p.answer(p.wantRequest("PRACK"), 200, "")
		p.answer(m, 200, "x", bobContact)
		p.wantRequest("ACK")
		if e := wantEvent[Answered](t, c); string(e.SDP) != "v=0\r\n" {
			t.Errorf("the answer of the reliable response is lost: %+v", e)
		}
	})
}

// Who demands reliable responses gets them, repeated until the PRACK comes; who
// only understands them is not bothered.
func TestItem36_PrackAsCalled(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), directAgent(t, us)
		p.invite("one", append([]string{"Require: 100rel"}, withSDP...)...)
		c := wantIncoming(t, a)
		p.wantResponse(100)
		ringing := p.wantResponse(180)
		rseq := dialog.Value(ringing, "RSeq")
		if ringing.took() != 200*time.Millisecond || rseq == "" || dialog.Value(ringing, "Require") != "100rel" {
			t.Errorf("after %v\n%s", ringing.took(), ringing.raw)
		}
		if again := p.wantResponse(180); again.took() != 700*time.Millisecond || again.raw != ringing.raw {
			t.Errorf("after %v\n%s", again.took(), again.raw)
		}
		p.inDialog(ringing, "PRACK", 2, "wrong", "RAck: 1 1 INVITE")
		p.wantResponse(481)
		p.inDialog(ringing, "PRACK", 3, "prack", "RAck: "+rseq+" 1 INVITE")
		p.wantResponse(200)
		p.wantSilence(10 * time.Second)
		if err := c.Answer(offer); err != nil {
			t.Fatal(err)
		}
		p.wantResponse(200)
	})
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), directAgent(t, us)
		p.invite("one", append([]string{"Require: 100rel"}, withSDP...)...)
		wantIncoming(t, a)
		p.wantResponse(100)
		for _, at := range []time.Duration{200, 700, 1700, 3700, 7700, 15700, 31700} {
			if r := p.wantResponse(180); r.took() != at*time.Millisecond {
				t.Errorf("repeated after %v, want %v ms", r.took(), at)
			}
		}
		if r := p.wantResponse(504); r.took() != 32200*time.Millisecond {
			t.Errorf("given up after %v", r.took())
		}
	})
	called(t, func(t *testing.T, p *peer, c *Call) {
		if r := p.wantResponse(180); dialog.Value(r, "RSeq") != "" {
			t.Errorf("a reliable response that nobody asked for:\n%s", r.raw)
		}
	})
}

// A session timer that the caller wants is agreed to. Who refreshes is whom the
// request names; a session that is not refreshed ends.
func TestItem37_SessionTimerOfTheCaller(t *testing.T) {
	for _, tc := range []struct {
		name, supported, expires string
		want, require            string
		refresh, end             time.Duration // after the answer
	}{
		{"the caller refreshes", "timer", "1800;refresher=uac", "1800;refresher=uac", "timer", 0, 1768 * time.Second},
		{"nobody named", "timer", "120", "120;refresher=uac", "timer", 0, 88 * time.Second},
		{"we refresh", "timer", "120;refresher=uas", "120;refresher=uas", "", 60 * time.Second, 0},
		{"a proxy wants it", "x", "90", "90;refresher=uas", "", 45 * time.Second, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
				p, a := newPeer(t, ph), directAgent(t, us)
				p.invite("one", append([]string{"Allow: INVITE, UPDATE", "Supported: " + tc.supported, "Session-Expires: " + tc.expires}, withSDP...)...)
				c := wantIncoming(t, a)
				p.wantResponse(100)
				c.Answer(offer)
				ok := p.wantResponse(200)
				if dialog.Value(ok, "Session-Expires") != tc.want || dialog.Value(ok, "Require") != tc.require {
					t.Errorf("got\n%s", ok.raw)
				}
				p.inDialog(ok, "ACK", 1, "ack")
				wantEvent[Answered](t, c)
				m := p.next()
				if tc.refresh > 0 {
					if m.took() != tc.refresh || !strings.HasPrefix(m.raw, "UPDATE ") || len(m.Body()) > 0 || dialog.Value(m, "Session-Expires") == "" {
						t.Errorf("after %v, want %v\n%s", m.took(), tc.refresh, m.raw)
					}
					return
				}
				if m.took() != tc.end || !strings.HasPrefix(m.raw, "BYE ") {
					t.Errorf("after %v, want %v\n%s", m.took(), tc.end, m.raw)
				}
				p.answer(m, 200, "")
				if e := wantEvent[Ended](t, c); !errors.Is(e.Why, ErrExpired) {
					t.Errorf("%+v", e)
				}
			})
		})
	}
}

// A refresh of the peer, by re-INVITE of what it said before or by UPDATE, keeps
// the call alive.
func TestItem37_RefreshByThePeer(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), directAgent(t, us)
		timer := []string{"Supported: timer", "Session-Expires: 120;refresher=uac"}
		p.invite("one", append(timer, withSDP...)...)
		c := wantIncoming(t, a)
		p.wantResponse(100)
		c.Answer(offer)
		ok := p.wantResponse(200)
		p.inDialog(ok, "ACK", 1, "ack")
		wantEvent[Answered](t, c)
		for i := range 5 {
			time.Sleep(time.Minute)
			if i%2 == 0 {
				p.inDialog(ok, "UPDATE", 2+i, fmt.Sprint("u", i), timer...)
				if r := p.wantResponse(200); dialog.Value(r, "Session-Expires") != "120;refresher=uac" || len(r.Body()) > 0 {
					t.Errorf("got\n%s", r.raw)
				}
				continue
			}
			p.inDialog(ok, "INVITE", 2+i, fmt.Sprint("i", i), append(timer, withSDP...)...)
			p.wantResponse(100)
			wantEvent[Reoffered](t, c)
			c.Accept(offer)
			p.wantResponse(200)
			p.inDialog(ok, "ACK", 2+i, fmt.Sprint("a", i))
		}
		if m := p.wantRequest("BYE"); m.took() != 388*time.Second {
			t.Errorf("ended after %v", m.took())
		}
	})
}

// As the caller we ask for no timer; one that comes with the answer is kept, and
// a 422 is heeded. Where the peer knows no UPDATE, the same offer refreshes.
func TestItem37_SessionTimerAsCaller(t *testing.T) {
	calling(t, func(t *testing.T, p *peer, c *Call, m heard) {
		if dialog.Value(m, "Session-Expires") != "" || !strings.Contains(dialog.Value(m, "Supported"), "timer") {
			t.Errorf("got\n%s", m.raw)
		}
		p.answer(m, 422, "b", "Min-SE: 300")
		p.wantRequest("ACK")
		m = p.wantRequest("INVITE")
		if dialog.Value(m, "Session-Expires") != "300" || dialog.Value(m, "Min-SE") != "300" || string(m.Body()) != string(offer) {
			t.Errorf("got\n%s", m.raw)
		}
		p.answer(m, 200, "b", append([]string{bobContact, "Require: timer", "Session-Expires: 300;refresher=uac", "Allow: INVITE"}, withSDP...)...)
		p.wantRequest("ACK")
		wantEvent[Answered](t, c)
		re := p.wantRequest("INVITE")
		if re.took() != 150*time.Second || string(re.Body()) != string(offer) || dialog.Value(re, "Session-Expires") != "300;refresher=uac" {
			t.Errorf("after %v\n%s", re.took(), re.raw)
		}
		p.answer(re, 422, "", "Min-SE: 600")
		p.wantRequest("ACK")
		re = p.wantRequest("INVITE")
		if dialog.Value(re, "Session-Expires") != "600;refresher=uac" {
			t.Errorf("got\n%s", re.raw)
		}
		p.answer(re, 200, "", append([]string{"Session-Expires: 600;refresher=uac"}, withSDP...)...)
		p.wantRequest("ACK")
		if e := wantEvent[Reanswered](t, c); string(e.SDP) != "v=0\r\n" {
			t.Errorf("%+v", e)
		}
		if re = p.wantRequest("INVITE"); re.took() != 450*time.Second {
			t.Errorf("after %v", re.took())
		}
		p.answer(re, 481, "")
		p.wantRequest("ACK")
		p.answer(p.wantRequest("BYE"), 481, "")
		if e := wantEvent[Ended](t, c); e.Why == nil {
			t.Errorf("%+v", e)
		}
	})
	calling(t, func(t *testing.T, p *peer, c *Call, m heard) {
		for range 2 { // a server that asks for more each time is no server to follow
			p.answer(m, 422, "b", "Min-SE: 300")
			p.wantRequest("ACK")
			if next, ok := p.within(time.Second); ok {
				m = next
				continue
			}
		}
		if e := wantEvent[Failed](t, c); e.Code != 422 {
			t.Errorf("%+v", e)
		}
	})
}

// A change that meets the peer's is offered again, at a time that depends on who
// made the call; hanging up does not wait for it.
func TestItem42_Glare(t *testing.T) {
	glare := func(t *testing.T, p *peer, c *Call, least, most time.Duration) {
		if err := c.Change([]byte("v=3\r\n")); err != nil {
			t.Fatal(err)
		}
		m := p.wantRequest("INVITE")
		p.answer(m, 491, "")
		p.wantRequest("ACK")
		again := p.wantRequest("INVITE")
		if d := again.took() - m.took(); d < least || d > most || string(again.Body()) != "v=3\r\n" {
			t.Errorf("again after %v, want %v to %v", d, least, most)
		}
		p.answer(again, 200, "", append([]string{bobContact}, withSDP...)...)
		p.wantRequest("ACK")
		if e := wantEvent[Changed](t, c); e.Err != nil || string(e.SDP) != "v=0\r\n" {
			t.Errorf("%+v", e)
		}
		// The second time the peer's comes while ours waits, and is answered.
		if err := c.Change([]byte("v=4\r\n")); err != nil {
			t.Fatal(err)
		}
		p.answer(p.wantRequest("INVITE"), 491, "")
		p.wantRequest("ACK")
		c.Hangup()
		bye := p.next()
		for range 2 {
			switch {
			case strings.HasPrefix(bye.raw, "INVITE "): // the random wait was none
				p.answer(bye, 491, "")
				fallthrough
			case strings.HasPrefix(bye.raw, "ACK "):
				bye = p.next()
			}
		}
		if !strings.HasPrefix(bye.raw, "BYE ") {
			t.Errorf("got\n%s\nwant BYE", bye.raw)
		}
		p.answer(bye, 200, "")
		if e := wantEvent[Changed](t, c); e.Err == nil {
			t.Errorf("%+v", e)
		}
		wantEvent[Ended](t, c)
	}
	talking(t, func(t *testing.T, p *peer, c *Call, ok heard) {
		glare(t, p, c, 0, 2*time.Second)
	})
	calling(t, func(t *testing.T, p *peer, c *Call, m heard) {
		p.answer(m, 200, "b", append([]string{bobContact}, withSDP...)...)
		p.wantRequest("ACK")
		wantEvent[Answered](t, c)
		glare(t, p, c, 2100*time.Millisecond, 4*time.Second)
	})
	talking(t, func(t *testing.T, p *peer, c *Call, ok heard) {
		c.Change([]byte("v=3\r\n"))
		m := p.wantRequest("INVITE")
		p.inDialog(ok, "UPDATE", 2, "cross", withSDP...) // RFC 3311, Section 5.2
		p.wantResponse(491)
		for range 6 {
			p.answer(m, 491, "")
			p.wantRequest("ACK")
			if next, more := p.within(5 * time.Second); more {
				m = next
			}
		}
		if e := wantEvent[Changed](t, c); !errors.Is(e.Err, ErrGlare) {
			t.Errorf("%+v", e)
		}
	})
}

// Who calls without an offer gets ours with the answer, and answers with the
// ACK; so within the call.
func TestItem40_LateOffer(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), directAgent(t, us)
		p.invite("one")
		c := wantIncoming(t, a)
		p.wantResponse(100)
		if c.Offer() != nil {
			t.Errorf("an offer out of nowhere: %q", c.Offer())
		}
		c.Answer(offer)
		ok := p.wantResponse(200)
		if string(ok.Body()) != string(offer) {
			t.Errorf("got\n%s", ok.raw)
		}
		p.inDialog(ok, "ACK", 1, "ack", withSDP...)
		if e := wantEvent[Answered](t, c); string(e.SDP) != "v=0\r\n" {
			t.Errorf("%+v", e)
		}
		p.inDialog(ok, "INVITE", 2, "again")
		p.wantResponse(100)
		if e := wantEvent[Reoffered](t, c); e.SDP != nil {
			t.Errorf("%+v", e)
		}
		c.Accept([]byte("v=5\r\n"))
		if r := p.wantResponse(200); string(r.Body()) != "v=5\r\n" {
			t.Errorf("got\n%s", r.raw)
		}
		// While our offer waits for its answer no other is taken (RFC 3261, Section 14.2).
		p.inDialog(ok, "INVITE", 3, "early", withSDP...)
		p.wantResponse(500)
		p.inDialog(ok, "ACK", 3, "early")
		p.inDialog(ok, "ACK", 2, "again", "Content-Type: application/sdp", "", "v=6\r\n")
		if e := wantEvent[Reanswered](t, c); string(e.SDP) != "v=6\r\n" {
			t.Errorf("%+v", e)
		}
	})
}

// An UPDATE of a phone that still rings is answered, and changes nothing.
func TestItem37_UpdateBeforeTheAnswer(t *testing.T) {
	calling(t, func(t *testing.T, p *peer, c *Call, m heard) {
		p.answer(m, 180, "b", bobContact)
		wantEvent[Progress](t, c)
		p.request(m, "b", "UPDATE", 1, "one")
		p.wantResponse(200)
		p.request(m, "b", "UPDATE", 2, "two", withSDP...)
		p.wantResponse(491)
		p.request(m, "b", "UPDATE", 1, "three")
		p.wantResponse(500)
		p.request(m, "x", "UPDATE", 1, "four")
		p.wantResponse(481)
	})
	called(t, func(t *testing.T, p *peer, c *Call) {
		ringing := p.wantResponse(180)
		p.inDialog(ringing, "UPDATE", 2, "one")
		p.wantResponse(200)
		p.inDialog(ringing, "UPDATE", 3, "two", withSDP...)
		if r := p.wantResponse(500); dialog.Value(r, "Retry-After") == "" {
			t.Errorf("got\n%s", r.raw)
		}
	})
}

// A redirection is told, the most wanted target first, and never followed.
func TestItem43_RedirectionIsNotFollowed(t *testing.T) {
	calling(t, func(t *testing.T, p *peer, c *Call, m heard) {
		p.answer(m, 302, "b", `Contact: <sip:low@192.0.2.7>;q=0.1, "Bob" <sip:high@192.0.2.8;transport=tcp>`, "Contact: <sip:mid@evil.example>;q=0.5")
		p.wantRequest("ACK")
		e := wantEvent[Failed](t, c)
		want := "[sip:high@192.0.2.8;transport=tcp sip:mid@evil.example sip:low@192.0.2.7]"
		if e.Code != 302 || fmt.Sprint(e.Contacts) != want {
			t.Errorf("%+v", e)
		}
		p.wantSilence(time.Minute)
	})
}

// An INFO without a body is 200 and not 415.
func TestItem51_InfoWithoutBody(t *testing.T) {
	talking(t, func(t *testing.T, p *peer, c *Call, ok heard) {
		p.inDialog(ok, "INFO", 2, "empty")
		p.wantResponse(200)
		p.inDialog(ok, "INFO", 3, "digit", "Content-Type: application/dtmf-relay", "", "Signal=1\r\n")
		p.wantResponse(200)
		c.Hangup()
		p.answer(p.wantRequest("BYE"), 200, "")
		p.inDialog(ok, "INFO", 4, "late")
		p.wantResponse(481)
	})
}

// A transfer that we ask for: REFER, and what the notices say.
func TestItem44_TransferByUs(t *testing.T) {
	talking(t, func(t *testing.T, p *peer, c *Call, ok heard) {
		if err := c.Transfer("sip:carol@example.org"); err != nil {
			t.Fatal(err)
		}
		m := p.wantRequest("REFER")
		if dialog.Value(m, "Refer-To") != "<sip:carol@example.org>" || dialog.Value(m, "Contact") == "" || dialog.Value(m, "Referred-By") != "" {
			t.Errorf("got\n%s", m.raw)
		}
		p.answer(m, 202, "")
		if e := wantEvent[Transferring](t, c); e != (Transferring{Code: 100}) {
			t.Errorf("%+v", e)
		}
		if err := c.Transfer("sip:dave@example.org"); !errors.Is(err, ErrState) {
			t.Errorf("two transfers at once: %v", err)
		}
		notice := func(seq int, state, line string) {
			p.inDialog(ok, "NOTIFY", seq, fmt.Sprint("n", seq), "Event: refer", "Subscription-State: "+state, "Content-Type: message/sipfrag;version=2.0", "", line)
			p.wantResponse(200)
		}
		notice(2, "active;expires=60", "SIP/2.0 180 Ringing\r\n")
		notice(3, "terminated;reason=noresource", "SIP/2.0 200 OK") // some leave CRLF out
		for _, want := range []Transferring{{Code: 180}, {Code: 200, Done: true}} {
			if e := wantEvent[Transferring](t, c); e != want {
				t.Errorf("%+v, want %+v", e, want)
			}
		}
		p.inDialog(ok, "NOTIFY", 4, "n4", "Event: refer", "Subscription-State: active")
		p.wantResponse(481)
		p.inDialog(ok, "NOTIFY", 5, "n5", "Event: conference", "Subscription-State: active")
		p.wantResponse(481)
	})
	for _, tc := range []struct {
		code  int
		lines []string
		want  Transferring
	}{
		{603, nil, Transferring{Code: 603, Done: true}},
		{202, []string{"Refer-Sub: false"}, Transferring{Code: 202, Done: true}},
	} {
		talking(t, func(t *testing.T, p *peer, c *Call, ok heard) {
			c.Transfer("sip:carol@example.org")
			p.answer(p.wantRequest("REFER"), tc.code, "", tc.lines...)
			if e := wantEvent[Transferring](t, c); e != tc.want {
				t.Errorf("%+v", e)
			}
		})
	}
	talking(t, func(t *testing.T, p *peer, c *Call, ok heard) {
		c.Transfer("sip:carol@example.org")
		m := p.wantRequest("REFER")
		p.answer(m, 202, "")
		wantEvent[Transferring](t, c)
		began := m.at
		if e := wantEvent[Transferring](t, c); !e.Done || time.Since(p.start)-began != 3*time.Minute {
			t.Errorf("%+v after %v", e, time.Since(p.start)-began)
		}
	})
}

// A transfer that the peer asks for is for the user to decide; the peer hears
// what becomes of it, in lines that end as they must.
func TestItem44_TransferByThePeer(t *testing.T) {
	talking(t, func(t *testing.T, p *peer, c *Call, ok heard) {
		p.inDialog(ok, "REFER", 2, "one", "Refer-To: <sip:carol@example.org?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2&Subject=x>")
		r := p.wantResponse(202)
		if dialog.Value(r, "Contact") == "" {
			t.Errorf("got\n%s", r.raw)
		}
		notice := func(event, state, body string) {
			t.Helper()
			m := p.wantRequest("NOTIFY")
			if dialog.Value(m, "Event") != event || dialog.Value(m, "Subscription-State") != state || string(m.Body()) != body || dialog.Value(m, "Content-Type") != "message/sipfrag" {
				t.Errorf("got\n%s", m.raw)
			}
			p.answer(m, 200, "")
		}
		notice("refer", "active;expires=180", "SIP/2.0 100 Trying\r\n")
		if e := wantEvent[TransferAsked](t, c); e != (TransferAsked{Target: "sip:carol@example.org", Replaces: "a@b;to-tag=1;from-tag=2"}) {
			t.Errorf("%+v", e)
		}
		p.inDialog(ok, "REFER", 3, "two", "Refer-To: <sip:dave@example.org>")
		p.wantResponse(491)
		c.TransferProgress(180)
		notice("refer", "active;expires=180", "SIP/2.0 180 Ringing\r\n")
		c.TransferProgress(603)
		notice("refer", "terminated;reason=noresource", "SIP/2.0 603 Decline\r\n")
		c.TransferProgress(200) // too late
		p.inDialog(ok, "REFER", 4, "three", "Refer-To: sip:dave@example.org", "Refer-Sub: false")
		if r := p.wantResponse(202); dialog.Value(r, "Refer-Sub") != "false" {
			t.Errorf("got\n%s", r.raw)
		}
		wantEvent[TransferAsked](t, c)
		c.TransferProgress(200)
		p.wantSilence(time.Second)
		p.inDialog(ok, "REFER", 5, "four", "Refer-To: <sip:dave@example.org>")
		p.wantResponse(202)
		notice("refer;id=5", "active;expires=180", "SIP/2.0 100 Trying\r\n")
		c.TransferProgress(603)
		notice("refer;id=5", "terminated;reason=noresource", "SIP/2.0 603 Decline\r\n")
	})
	talking(t, func(t *testing.T, p *peer, c *Call, ok heard) {
		for i, tc := range []struct {
			code int
			line string
		}{
			{400, "X: no Refer-To"},
			{400, "Refer-To: <sip:a@b>, <sip:c@d>"},
			{416, "Refer-To: <tel:+123>"},
			{416, "Refer-To: <http://example.org>"},
			{416, "Refer-To: <sip:a@b;method=BYE>"},
			{416, "Refer-To: <sip:a@b?Replaces=%zz>"},
			{416, "Refer-To: <sip:a@b?Replaces=x%0d%0aEvil:%201>"},
		} {
			p.inDialog(ok, "REFER", 2+i, fmt.Sprint("r", i), tc.line)
			if m := p.next(); !strings.HasPrefix(m.raw, fmt.Sprintf("SIP/2.0 %d ", tc.code)) {
				t.Errorf("%s: got\n%s", tc.line, m.raw)
			}
		}
		if len(c.Events()) > 0 {
			t.Errorf("%+v", <-c.Events())
		}
	})
}

// A call that is to take the place of one that we have comes in like any other,
// and says of which. Nothing is answered for it.
func TestItem44_Replaces(t *testing.T) {
	talking(t, func(t *testing.T, p *peer, c *Call, ok heard) {
		a := c.agent
		value := "one;to-tag=" + dialog.ToTag(ok) + ";from-tag="
		for id, tc := range map[string]struct {
			value string
			code  int
		}{
			"wrong": {value + "other", 481},
			"early": {value + "one;early-only", 486},
			"none":  {"two;to-tag=x;from-tag=one", 481},
		} {
			p.invite(id, append([]string{"Replaces: " + tc.value}, withSDP...)...)
			r := p.wantResponse(tc.code)
			p.inDialog(r, "ACK", 1, id)
		}
		p.invite("good", append([]string{"Require: replaces", "Replaces: " + value + "one"}, withSDP...)...)
		p.wantResponse(100)
		in := wantIncoming(t, a)
		if in.Replaces() != c.ID() {
			t.Errorf("it replaces %q, want %q", in.Replaces(), c.ID())
		}
		p.wantResponse(180)
	})
}

// An attended transfer names the dialog that is to be taken over, with the tags
// as its peer knows them.
func TestItem44_AttendedTransfer(t *testing.T) {
	talking(t, func(t *testing.T, p *peer, c *Call, ok heard) {
		other, err := c.agent.Invite(t.Context(), "sip:carol@"+peerAddr, offer)
		if err != nil {
			t.Fatal(err)
		}
		m := p.wantRequest("INVITE")
		p.answer(m, 200, "carol", append([]string{"Contact: <sip:c@10.0.0.1:5060>"}, withSDP...)...)
		p.wantRequest("ACK")
		wantEvent[Answered](t, other)
		if err := c.TransferTo(other); err != nil {
			t.Fatal(err)
		}
		refer := p.wantRequest("REFER")
		want := "<sip:c@10.0.0.1:5060?Replaces=" + dialog.CallID(m) + "%3Bto-tag%3Dcarol%3Bfrom-tag%3D" + dialog.FromTag(m) + ">"
		if dialog.Value(refer, "Refer-To") != want || dialog.CallID(refer) != "one" {
			t.Errorf("got\n%s", refer.raw)
		}
	})
	// Whoever was sent to us by that, says so in its INVITE.
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), directAgent(t, us)
		if _, err := a.InviteAs(t.Context(), "sip:carol@"+peerAddr, Manner{Replaces: "a@b;to-tag=1;from-tag=2"}, offer); err != nil {
			t.Fatal(err)
		}
		if m := p.wantRequest("INVITE"); dialog.Value(m, "Replaces") != "a@b;to-tag=1;from-tag=2" {
			t.Errorf("got\n%s", m.raw)
		}
	})
}

// A message in writing within a call is taken, if it is text.
func TestMessageWithinCall(t *testing.T) {
	talking(t, func(t *testing.T, p *peer, c *Call, ok heard) {
		p.inDialog(ok, "MESSAGE", 2, "m", "Content-Type: text/plain;charset=utf-8", "", "hello")
		p.wantResponse(200)
		if e := wantEvent[Text](t, c); e.Body != "hello" {
			t.Errorf("%+v", e)
		}
		p.inDialog(ok, "MESSAGE", 3, "n", "Content-Type: text/html", "", "<b>")
		if r := p.wantResponse(415); dialog.Value(r, "Accept") != "text/plain" {
			t.Errorf("got\n%s", r.raw)
		}
	})
}

// Keys of the telephone go in the signalling only where somebody asks for it.
func TestDigitsInSignalling(t *testing.T) {
	talking(t, func(t *testing.T, p *peer, c *Call, ok heard) {
		if err := c.Digit('x'); !errors.Is(err, ErrDigit) {
			t.Errorf("x: %v", err)
		}
		if err := c.Digit('#'); err != nil {
			t.Fatal(err)
		}
		m := p.wantRequest("INFO")
		if string(m.Body()) != "Signal=#\r\nDuration=160\r\n" || dialog.Value(m, "Content-Type") != "application/dtmf-relay" {
			t.Errorf("got\n%s", m.raw)
		}
		p.answer(m, 415, "")
		if e := wantEvent[Rejected](t, c); e.Method != "INFO" || e.Code != 415 {
			t.Errorf("%+v", e)
		}
	})
}

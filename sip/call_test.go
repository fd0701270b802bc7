package sip

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"karat/internal/simnet"
	"karat/sip/dialog"
)

var offer = []byte("v=0\r\noffer")

// calling runs a test with a call that we have just placed, its INVITE being m.
func calling(t *testing.T, f func(t *testing.T, p *peer, c *Call, m heard)) {
	t.Helper()
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), directAgent(t, us)
		c, err := a.Invite(t.Context(), "sip:bob@"+peerAddr, offer)
		if err != nil {
			t.Fatal(err)
		}
		f(t, p, c, p.wantRequest("INVITE"))
	})
}

// called runs a test with a call that has just come in.
func called(t *testing.T, f func(t *testing.T, p *peer, c *Call)) {
	t.Helper()
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), directAgent(t, us)
		p.invite("one", withSDP...)
		c := wantIncoming(t, a)
		p.wantResponse(100)
		f(t, p, c)
	})
}

// talking runs a test with a call that came in and was answered by ok.
func talking(t *testing.T, f func(t *testing.T, p *peer, c *Call, ok heard)) {
	t.Helper()
	called(t, func(t *testing.T, p *peer, c *Call) {
		if err := c.Answer([]byte("v=0\r\nanswer")); err != nil {
			t.Fatal(err)
		}
		ok := p.wantResponse(200)
		p.inDialog(ok, "ACK", 1, "ack")
		wantEvent[Answered](t, c)
		f(t, p, c, ok)
	})
}

const bobContact = "Contact: <sip:bob@10.0.0.1:5060>"

// RFC 3261, Section 13.2.2.4: each 2xx is acknowledged, a repeated one again.
func TestItem31_AckRepeated(t *testing.T) {
	calling(t, func(t *testing.T, p *peer, c *Call, m heard) {
		p.answer(m, 180, "b", bobContact)
		if e := wantEvent[Progress](t, c); e.Fork != 1 || e.Code != 180 || e.SDP != nil {
			t.Errorf("got %+v", e)
		}
		p.answer(m, 200, "b", append([]string{bobContact}, withSDP...)...)
		first := p.wantRequest("ACK")
		if e := wantEvent[Answered](t, c); e.Fork != 1 || string(e.SDP) != "v=0\r\n" {
			t.Errorf("got %+v", e)
		}
		time.Sleep(time.Second)
		p.answer(m, 200, "b", append([]string{bobContact}, withSDP...)...)
		if again := p.wantRequest("ACK"); again.raw != first.raw {
			t.Errorf("another ACK:\n%s\nfirst\n%s", again.raw, first.raw)
		}
		c.Hangup()
		bye := p.wantRequest("BYE")
		p.answer(bye, 200, "")
		if e := wantEvent[Ended](t, c); e.ByPeer || e.Why != nil {
			t.Errorf("got %+v", e)
		}
		wantClosed(t, c)
	})
}

// Each To-tag is a dialog of its own; the second phone that answers is hung up.
func TestItem34_Forks(t *testing.T) {
	calling(t, func(t *testing.T, p *peer, c *Call, m heard) {
		for i, tag := range []string{"x", "y", "x", "z"} {
			p.answer(m, 183, tag, append([]string{bobContact}, withSDP...)...)
			if e := wantEvent[Progress](t, c); e.Fork != []int{1, 2, 1, 3}[i] || string(e.SDP) != "v=0\r\n" {
				t.Errorf("fork of %s: %+v", tag, e)
			}
		}
		p.answer(m, 200, "y", bobContact)
		if ack := p.wantRequest("ACK"); dialog.ToTag(ack) != "y" {
			t.Errorf("ACK to %s", ack.raw)
		}
		if e := wantEvent[Answered](t, c); e.Fork != 2 {
			t.Errorf("got %+v", e)
		}
		p.answer(m, 200, "z", "Contact: <sip:carol@10.0.0.1:5060>")
		if ack := p.wantRequest("ACK"); dialog.ToTag(ack) != "z" || !strings.HasPrefix(ack.raw, "ACK sip:carol@10.0.0.1:5060 ") {
			t.Errorf("got %s", ack.raw)
		}
		bye := p.wantRequest("BYE")
		if dialog.ToTag(bye) != "z" {
			t.Errorf("got %s", bye.raw)
		}
		p.answer(bye, 200, "")
		p.wantSilence(time.Minute)
		if len(c.Events()) != 0 {
			t.Errorf("the owner was told of the second answer: %+v", <-c.Events())
		}
	})
}

// RFC 3261, Section 9.1: a CANCEL waits for the first provisional response.
func TestItem33_CancelHeldBack(t *testing.T) {
	calling(t, func(t *testing.T, p *peer, c *Call, m heard) {
		c.Hangup()
		if e := wantEvent[Failed](t, c); !errors.Is(e.Why, ErrHungUp) {
			t.Errorf("got %+v", e)
		}
		wantClosed(t, c)
		if again := p.wantRequest("INVITE"); again.at != 500*time.Millisecond {
			t.Errorf("the INVITE was repeated after %v", again.at)
		}
		p.answer(m, 100, "")
		cancel := p.wantRequest("CANCEL")
		for _, name := range []string{"Via", "From", "To", "Call-ID"} {
			if dialog.Value(cancel, name) != dialog.Value(m, name) {
				t.Errorf("%s differs from that of the INVITE:\n%s", name, cancel.raw)
			}
		}
		p.answer(cancel, 200, "b")
		p.answer(m, 487, "b")
		p.wantRequest("ACK")
		p.wantSilence(time.Minute)
	})
}

// A CANCEL that crosses a 200 leads to ACK and BYE.
func TestItem33_CancelCrosses200(t *testing.T) {
	calling(t, func(t *testing.T, p *peer, c *Call, m heard) {
		p.answer(m, 180, "b", bobContact)
		wantEvent[Progress](t, c)
		c.Hangup()
		cancel := p.wantRequest("CANCEL")
		p.answer(m, 200, "b", append([]string{bobContact}, withSDP...)...)
		p.wantRequest("ACK")
		bye := p.wantRequest("BYE")
		p.answer(cancel, 481, "b")
		p.answer(bye, 200, "")
		if e := wantEvent[Failed](t, c); !errors.Is(e.Why, ErrHungUp) {
			t.Errorf("got %+v", e)
		}
		p.wantSilence(time.Minute)
	})
}

// The INVITE is repeated at 0.5, 1.5, 3.5 … seconds and given up after 32.
func TestNobodyThere(t *testing.T) {
	calling(t, func(t *testing.T, p *peer, c *Call, m heard) {
		for _, at := range []time.Duration{500, 1500, 3500, 7500, 15500, 31500} {
			if again := p.wantRequest("INVITE"); again.at != at*time.Millisecond || again.raw != m.raw {
				t.Errorf("repeated after %v, want %v", again.at, at*time.Millisecond)
			}
		}
		if e := wantEvent[Failed](t, c); e.Code != 0 || !errors.Is(e.Why, ErrNoResponse) || time.Since(p.start) != 32*time.Second {
			t.Errorf("got %+v after %v", e, time.Since(p.start))
		}
		wantClosed(t, c)
	})
}

// A refusal that is repeated is acknowledged again, at once, in the same bytes.
func TestRefusalRepeated(t *testing.T) {
	calling(t, func(t *testing.T, p *peer, c *Call, m heard) {
		p.answer(m, 486, "b")
		first := p.wantRequest("ACK")
		for range 3 {
			time.Sleep(T1)
			p.answer(m, 486, "b")
			again := p.wantRequest("ACK")
			if again.raw != first.raw || again.at != time.Since(p.start) {
				t.Errorf("after %v\n%s\nfirst\n%s", again.at, again.raw, first.raw)
			}
		}
		wantEvent[Failed](t, c)
		p.wantSilence(time.Minute)
	})
}

const T1 = 500 * time.Millisecond

func TestRefused(t *testing.T) {
	for _, code := range []int{302, 404, 486, 488, 500, 603, 699} {
		calling(t, func(t *testing.T, p *peer, c *Call, m heard) {
			p.answer(m, code, "b", "Contact: <sip:elsewhere@192.0.2.1>")
			p.wantRequest("ACK")
			e := wantEvent[Failed](t, c)
			var status *StatusError
			if e.Code != code || !errors.As(e.Why, &status) || status.Code != code || strings.Contains(e.Why.Error(), "Whatever") {
				t.Errorf("got %+v", e)
			}
			wantClosed(t, c)
			p.wantSilence(time.Minute)
		})
	}
}

// Routes are those of the 200, reversed; a strict router is put in front.
func TestItem32_RouteSet(t *testing.T) {
	cases := []struct {
		name, uri string
		record    []string
		route     []string
	}{
		{
			"loose", "sip:bob@10.0.0.1:5060",
			[]string{"<sip:10.0.0.1;lr;x=1>, <sip:p2.example;lr=on>", "<sip:p3.example;lr>"},
			[]string{"<sip:p3.example;lr>", "<sip:p2.example;lr=on>", "<sip:10.0.0.1;lr;x=1>"},
		},
		{
			"strict", "sip:10.0.0.1:5060",
			[]string{"<sip:p1.example;lr>", "<sip:10.0.0.1:5060>"},
			[]string{"<sip:p1.example;lr>", "<sip:bob@10.0.0.1:5060>"},
		},
	}
	for _, tc := range cases {
		calling(t, func(t *testing.T, p *peer, c *Call, m heard) {
			lines := []string{bobContact}
			for _, r := range tc.record {
				lines = append(lines, "Record-Route: "+r)
			}
			p.answer(m, 200, "b", lines...)
			ack := p.wantRequest("ACK")
			c.Hangup()
			bye := p.wantRequest("BYE")
			for _, req := range []heard{ack, bye} {
				if uri := strings.Fields(req.raw)[1]; uri != tc.uri {
					t.Errorf("%s: Request-URI %s, want %s", tc.name, uri, tc.uri)
				}
				if got := dialog.Values(req, "Route"); fmt.Sprint(got) != fmt.Sprint(tc.route) {
					t.Errorf("%s: Route %v, want %v", tc.name, got, tc.route)
				}
			}
			p.answer(bye, 200, "")
		})
	}
}

// RFC 3261, Section 13.3.1.4: the 200 is repeated until the ACK comes; without
// one for 64*T1 the call is ended.
func TestAnswerRepeated(t *testing.T) {
	called(t, func(t *testing.T, p *peer, c *Call) {
		p.wantResponse(180)
		if err := c.Answer([]byte("v=0\r\n")); err != nil {
			t.Fatal(err)
		}
		ok := p.wantResponse(200)
		for _, ms := range []int{500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500} {
			again := p.wantResponse(200)
			if at := again.at - ok.at; at != time.Duration(ms)*time.Millisecond || again.raw != ok.raw {
				t.Errorf("repeated after %v, want %d ms", at, ms)
			}
		}
		bye := p.wantRequest("BYE")
		if bye.at-ok.at != 32*time.Second {
			t.Errorf("BYE after %v", bye.at-ok.at)
		}
		p.answer(bye, 200, "")
		if e := wantEvent[Ended](t, c); !errors.Is(e.Why, ErrNoAck) {
			t.Errorf("got %+v", e)
		}
	})
}

// A callee must not send BYE before the ACK (RFC 3261, Section 15).
func TestHangupBeforeAck(t *testing.T) {
	called(t, func(t *testing.T, p *peer, c *Call) {
		if err := c.Answer([]byte("v=0\r\n")); err != nil {
			t.Fatal(err)
		}
		ok := p.wantResponse(200)
		c.Hangup()
		wantEvent[Ended](t, c)
		p.wantSilence(400 * time.Millisecond)
		p.inDialog(ok, "ACK", 1, "ack")
		p.answer(p.wantRequest("BYE"), 200, "")
	})
}

func TestCancelled(t *testing.T) {
	called(t, func(t *testing.T, p *peer, c *Call) {
		p.wantResponse(180)
		c.Decline()
		cancel := strings.ReplaceAll(inviteText("one"), "INVITE", "CANCEL")
		p.send(cancel)
		ok := p.wantResponse(200)
		terminated := p.wantResponse(487)
		if dialog.ToTag(ok) != dialog.ToTag(terminated) || !strings.Contains(ok.raw, "CSeq: 1 CANCEL") {
			t.Errorf("got\n%s\n%s", ok.raw, terminated.raw)
		}
		p.send(cancel) // it got lost, or so the caller thinks
		p.wantResponse(200)
		p.inDialog(terminated, "ACK", 1, "one")
		if e := wantEvent[Ended](t, c); !e.ByPeer || !errors.Is(e.Why, ErrCancelled) {
			t.Errorf("got %+v", e)
		}
		p.wantSilence(time.Minute)
	})
}

func TestReoffered(t *testing.T) {
	talking(t, func(t *testing.T, p *peer, c *Call, ok heard) {
		p.inDialog(ok, "INVITE", 2, "re1", withSDP...)
		p.wantResponse(100)
		if e := wantEvent[Reoffered](t, c); string(e.SDP) != "v=0\r\n" {
			t.Errorf("got %+v", e)
		}
		// Another one before the first is answered (RFC 3261, Section 14.2).
		p.inDialog(ok, "INVITE", 3, "re2", withSDP...)
		p.wantResponse(500)
		p.inDialog(ok, "ACK", 3, "re2")
		if err := c.Accept([]byte("v=1\r\n")); err != nil {
			t.Fatal(err)
		}
		yes := p.wantResponse(200)
		if string(yes.Body()) != "v=1\r\n" {
			t.Errorf("got\n%s", yes.raw)
		}
		p.inDialog(ok, "ACK", 2, "ack2")

		p.inDialog(ok, "INVITE", 4, "re3", withSDP...)
		p.wantResponse(100)
		wantEvent[Reoffered](t, c)
		if err := c.Refuse(); err != nil {
			t.Fatal(err)
		}
		p.wantResponse(488)
		p.inDialog(ok, "ACK", 4, "re3")

		p.inDialog(ok, "UPDATE", 5, "up1", withSDP...)
		wantEvent[Reoffered](t, c)
		if err := c.Accept([]byte("v=2\r\n")); err != nil {
			t.Fatal(err)
		}
		p.wantResponse(200)

		// An owner that does not decide refuses.
		p.inDialog(ok, "UPDATE", 6, "up2", withSDP...)
		asked := time.Since(p.start)
		if m := p.wantResponse(488); m.at-asked != 10*time.Second {
			t.Errorf("refused after %v", m.at-asked)
		}
		wantEvent[Reoffered](t, c)
		if err := c.Accept(nil); !errors.Is(err, ErrState) {
			t.Errorf("accepted too late: %v", err)
		}
		p.inDialog(ok, "UPDATE", 7, "up3") // a session timer's
		p.wantResponse(200)
		p.inDialog(ok, "INFO", 6, "old") // out of order
		p.wantResponse(500)
		p.inDialog(ok, "BYE", 8, "bye")
		p.wantResponse(200)
		if e := wantEvent[Ended](t, c); !e.ByPeer || e.Why != nil {
			t.Errorf("got %+v", e)
		}
		wantClosed(t, c)
	})
}

func TestReinvite(t *testing.T) {
	cases := []struct {
		name  string
		code  int
		lines []string
		want  error
		ended bool
	}{
		{"accepted", 200, append([]string{"Contact: <sip:moved@10.0.0.1:5060>"}, withSDP...), nil, false},
		{"refused", 488, nil, ErrRejected, false},
		{"gone", 481, nil, &StatusError{Code: 481}, true},
	}
	for _, tc := range cases {
		talking(t, func(t *testing.T, p *peer, c *Call, ok heard) {
			type result struct {
				sdp []byte
				err error
			}
			done := make(chan result, 1)
			go func() {
				sdp, err := c.Reinvite(t.Context(), []byte("v=3\r\n"))
				done <- result{sdp, err}
			}()
			m := p.wantRequest("INVITE")
			if string(m.Body()) != "v=3\r\n" || dialog.CallID(m) != "one" {
				t.Errorf("%s: got\n%s", tc.name, m.raw)
			}
			// Theirs crosses ours (RFC 3261, Section 14.2).
			p.inDialog(ok, "INVITE", 2, "glare", withSDP...)
			p.wantResponse(491)
			p.inDialog(ok, "ACK", 2, "glare")
			p.answer(m, tc.code, "", tc.lines...)
			ack := p.wantRequest("ACK")
			r := <-done
			if tc.want == nil && (r.err != nil || string(r.sdp) != "v=0\r\n") {
				t.Errorf("%s: got %q, %v", tc.name, r.sdp, r.err)
			}
			if tc.want != nil && (r.err == nil || r.err.Error() != tc.want.Error()) {
				t.Errorf("%s: got %v, want %v", tc.name, r.err, tc.want)
			}
			if tc.code == 200 && !strings.HasPrefix(ack.raw, "ACK sip:moved@10.0.0.1:5060 ") {
				t.Errorf("the target was not refreshed:\n%s", ack.raw)
			}
			if tc.ended {
				p.answer(p.wantRequest("BYE"), 481, "")
				wantEvent[Ended](t, c)
				return
			}
			c.Hangup()
			p.answer(p.wantRequest("BYE"), 200, "")
			wantEvent[Ended](t, c)
		})
	}
}

// Every request may be challenged, BYE and re-INVITE included.
func TestItem15_DigestOnEveryRequest(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), accountAgent(t, us)
		p.register()
		<-a.Events()
		nonce := 0
		challenged := func(method string) heard {
			first := p.wantRequest(method)
			nonce++
			p.answer(first, 407, "b", fmt.Sprintf(`Proxy-Authenticate: Digest realm="example.org", nonce="n%d", algorithm=SHA-256, qop="auth"`, nonce))
			if method == "INVITE" {
				p.wantRequest("ACK")
			}
			m := p.wantRequest(method)
			checkDigest(t, m, "Proxy-Authorization", sha256.New, fmt.Sprint("n", nonce), "auth", "00000001")
			one, _, _ := dialog.Seq(first)
			if two, _, _ := dialog.Seq(m); two != one+1 || dialog.Branch(m) == dialog.Branch(first) {
				t.Errorf("no request of its own:\n%s", m.raw)
			}
			return m
		}
		c, err := a.Invite(t.Context(), "sip:bob@example.org", offer)
		if err != nil {
			t.Fatal(err)
		}
		p.answer(challenged("INVITE"), 200, "b", bobContact)
		if ack := p.wantRequest("ACK"); dialog.Value(ack, "Proxy-Authorization") == "" {
			t.Errorf("the ACK lacks the credentials of the INVITE:\n%s", ack.raw)
		}
		wantEvent[Answered](t, c)
		done := make(chan error, 1)
		go func() { _, err := c.Reinvite(t.Context(), offer); done <- err }()
		p.answer(challenged("INVITE"), 200, "b", bobContact)
		p.wantRequest("ACK")
		if err := <-done; err != nil {
			t.Error(err)
		}
		c.Hangup()
		p.answer(challenged("BYE"), 200, "b")
	})
}

// An owner who does not read loses Progress, never the end, and holds nothing up.
func TestOwnerAsleep(t *testing.T) {
	calling(t, func(t *testing.T, p *peer, c *Call, m heard) {
		for i := range 3 * callEvents {
			p.answer(m, 180, fmt.Sprint("b", i%4), bobContact)
			time.Sleep(time.Millisecond)
		}
		p.answer(m, 200, "b1", bobContact)
		p.wantRequest("ACK")
		synctest.Wait() // Answered follows the ACK
		for i := range 2 * callEvents {
			room := len(c.Events()) < callEvents-keptForEnd
			p.request(m, "b1", "UPDATE", 10+i, fmt.Sprint("u", i), withSDP...)
			time.Sleep(time.Millisecond)
			if err := c.Refuse(); room != (err == nil) {
				t.Errorf("room %v, Refuse %v", room, err)
			}
			p.wantResponse(488)
		}
		p.request(m, "b1", "BYE", 1000, "bye")
		p.wantResponse(200)
		var last CallEvent
		answered := false
		for e := range c.Events() {
			last = e
			if _, ok := e.(Answered); ok {
				answered = true
			}
		}
		if e, ok := last.(Ended); !ok || !e.ByPeer || !answered {
			t.Errorf("last event %+v, answered %v", last, answered)
		}
	})
}

// What the methods of a call say once it is over.
func TestAfterTheEnd(t *testing.T) {
	talking(t, func(t *testing.T, p *peer, c *Call, ok heard) {
		p.inDialog(ok, "BYE", 2, "bye")
		p.wantResponse(200)
		wantEvent[Ended](t, c)
		_, err := c.Reinvite(context.Background(), nil)
		for _, err := range []error{c.Answer(nil), c.Accept(nil), c.Refuse(), err} {
			if !errors.Is(err, ErrState) {
				t.Errorf("got %v", err)
			}
		}
		c.Hangup()
		c.Decline()
		p.inDialog(ok, "INVITE", 3, "late", withSDP...)
		p.wantResponse(481)
	})
}

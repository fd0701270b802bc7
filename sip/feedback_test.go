package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"karat/internal/simnet"
	"karat/sip/dialog"
)

// What a caller sees must not depend on what became of the call here: the same
// bytes at the same times.
func TestItem45_NoFeedback(t *testing.T) {
	decline := func(c *Call) { c.Decline() }
	cases := []struct {
		name  string
		after time.Duration
		do    func(*Call)
		lines []string
	}{
		{"unanswered", 0, func(*Call) {}, withSDP},
		{"declined at once", 0, decline, withSDP},
		{"declined before 180", 100 * time.Millisecond, decline, withSDP},
		{"declined later", 10 * time.Second, decline, withSDP},
		{"declined at the end", RefuseAfter - time.Millisecond, decline, withSDP},
		{"hung up", 3 * time.Second, func(c *Call) { c.Hangup() }, withSDP},
		{"no offer", 0, decline, nil},
	}
	var first string
	for _, tc := range cases {
		bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
			p, a := newPeer(t, ph), directAgent(t, us)
			p.invite("one", tc.lines...)
			c := wantIncoming(t, a)
			time.AfterFunc(tc.after, func() { tc.do(c) })
			var seen strings.Builder
			for _, code := range []int{100, 180, 480} {
				m := p.wantResponse(code)
				fmt.Fprintf(&seen, "%v\n%s", m.at, m.shape())
				if code == 480 {
					p.inDialog(m, "ACK", 1, "one")
				}
			}
			p.wantSilence(time.Minute)
			wantEvent[Ended](t, c)
			wantClosed(t, c)
			if first == "" {
				first = seen.String()
			}
			if seen.String() != first {
				t.Errorf("%s: the caller sees\n%s\nand else\n%s", tc.name, seen.String(), first)
			}
		})
	}
	for _, at := range []string{"0s\nSIP/2.0 100 ", "200ms\nSIP/2.0 180 ", "45s\nSIP/2.0 480 "} {
		if !strings.Contains(first, at) {
			t.Errorf("no %q in\n%s", at, first)
		}
	}
}

// RefuseAfter is what privacy promises; the test says it again on purpose.
const RefuseAfter = 45 * time.Second

// More calls than the owner is told of are answered like all others.
func TestItem46_NoFeedbackWhenBusy(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), directAgent(t, us)
		const many = maxRinging + 20
		for i := range many {
			p.invite(fmt.Sprintf("call%03d", i), withSDP...)
		}
		count := map[string]int{}
		for range 3 * many {
			m := p.next()
			count[fmt.Sprint(m.at, " ", strings.SplitN(m.raw, "\r\n", 2)[0])]++
			if strings.HasPrefix(m.raw, "SIP/2.0 480") {
				p.inDialog(m, "ACK", 1, dialog.CallID(m.Message))
			}
		}
		want := map[string]int{
			"0s SIP/2.0 100 Trying": many, "200ms SIP/2.0 180 Ringing": many,
			"45s SIP/2.0 480 Temporarily Unavailable": many,
		}
		if fmt.Sprint(count) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", count, want)
		}
		told := 0
		for len(a.Events()) > 0 {
			<-a.Events()
			told++
		}
		if told != maxRinging {
			t.Errorf("the owner was told of %d calls, want %d", told, maxRinging)
		}
	})
}

// OPTIONS and the like are answered the same in every state.
//
// Items: 29, 30.
func TestItem29_OneAnswerInEveryState(t *testing.T) {
	ask := func(t *testing.T, p *peer, id string) string {
		var all strings.Builder
		for i, method := range []string{"OPTIONS", "SUBSCRIBE", "NOTIFY", "MESSAGE", "REFER", "PUBLISH", "FOO", "BYE", "INFO"} {
			text := strings.ReplaceAll(inviteText(fmt.Sprint(id, i)), "INVITE", method)
			p.send(text)
			all.WriteString(strings.ReplaceAll(p.next().shape(), fmt.Sprint(id, i), "X"))
		}
		return all.String()
	}
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), directAgent(t, us)
		idle := ask(t, p, "idle")
		p.invite("one", withSDP...)
		p.wantResponse(100)
		p.wantResponse(180)
		ringing := ask(t, p, "ring")
		c := wantIncoming(t, a)
		if err := c.Answer([]byte("v=0\r\n")); err != nil {
			t.Fatal(err)
		}
		ok := p.wantResponse(200)
		p.inDialog(ok, "ACK", 1, "ack")
		wantEvent[Answered](t, c)
		talking := ask(t, p, "talk")
		if idle != ringing || idle != talking {
			t.Errorf("idle:\n%s\nringing:\n%s\ntalking:\n%s", idle, ringing, talking)
		}
		for _, line := range []string{
			"SIP/2.0 200 OK", "SIP/2.0 489 Bad Event", "SIP/2.0 405 Method Not Allowed",
			"SIP/2.0 501 Not Implemented", "SIP/2.0 481 ",
		} {
			if !strings.Contains(idle, line) {
				t.Errorf("no %q in\n%s", line, idle)
			}
		}
	})
}

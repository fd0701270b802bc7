package sip

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"karat/internal/secret"
	"karat/internal/simnet"
	"karat/sip/dialog"
)

// next returns the next message on a stream, nil if there is a ping instead.
func (w *wire) next() *sip.Request {
	w.t.Helper()
	for len(w.buf) < 4 {
		w.buf = append(w.buf, w.until("\r\n\r\n")...)
	}
	if strings.HasPrefix(string(w.buf), "\r\n\r\n") {
		w.buf = w.buf[4:]
		return nil
	}
	text := w.until("\r\n\r\n")
	msg, err := sip.ParseMessage([]byte(text))
	req, ok := msg.(*sip.Request)
	if err != nil || !ok {
		w.t.Fatalf("got %q", text)
	}
	return req
}

// wantPing waits for a ping.
func (w *wire) wantPing() {
	w.t.Helper()
	if req := w.next(); req != nil {
		w.t.Fatalf("got %s, want a ping", req.Method)
	}
}

// want waits for a request.
func (w *wire) want(method sip.RequestMethod) *sip.Request {
	w.t.Helper()
	req := w.next()
	if req == nil || req.Method != method {
		w.t.Fatalf("got %v, want %s", req, method)
	}
	return req
}

// answer responds to a request; lines are further fields.
func (w *wire) answer(req *sip.Request, code int, lines ...string) {
	w.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d Whatever\r\n", code)
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		fmt.Fprintf(&b, "%s: %s\r\n", name, dialog.Value(req, name))
	}
	for _, line := range lines {
		b.WriteString(line + "\r\n")
	}
	w.write(b.String() + "Content-Length: 0\r\n\r\n")
}

// A server that has once answered a ping, and then does not for 10 s, is gone:
// the connection is made anew and registered on within 5 s of that.
func TestItem09_NoPong(t *testing.T) {
	overTCP(t, func(t *testing.T, l lines, a *Agent, w *wire) {
		for range 3 {
			w.wantPing()
			w.write("\r\n")
		}
		w.wantPing()
		silent := time.Now()
		lost := wantLost(t, a)
		if d := time.Since(silent); d != pongTime || !errors.Is(lost.Why, ErrUnreachable) {
			t.Errorf("after %v: %v", d, lost.Why)
		}
		noticed := time.Now()
		l.accept().register()
		wantRegistered(t, a)
		if d := time.Since(noticed); d > 5*time.Second {
			t.Errorf("registered again after %v", d)
		}
	})
}

// A server that ignores pings and answers OPTIONS is asked by these from then on,
// whatever it answers; when it does not any more it is gone. (SIP.js#1061)
func TestItem09_OptionsWherePingsAreIgnored(t *testing.T) {
	overTCP(t, func(t *testing.T, l lines, a *Agent, w *wire) {
		w.wantPing()
		pinged := time.Now()
		first := w.want("OPTIONS")
		if d := time.Since(pinged); d != pongTime {
			t.Errorf("asked after %v", d)
		}
		if to := dialog.Value(first, "To"); to != "<sip:example.org>" || dialog.ToTag(first) != "" {
			t.Errorf("asked %s", to)
		}
		w.answer(first, 404)
		for range 3 {
			before := time.Now()
			w.answer(w.want("OPTIONS"), 200)
			if d := time.Since(before); d < leastKeepAlive || d > mostKeepAlive {
				t.Errorf("asked after %v", d)
			}
		}
		w.want("OPTIONS")
		silent := time.Now()
		wantLost(t, a)
		if d := time.Since(silent); d != pongTime {
			t.Errorf("given up after %v", d)
		}
		w = l.accept() // and it is remembered
		w.register()
		wantRegistered(t, a)
		w.answer(w.want("OPTIONS"), 200)
	})
}

// A server that answers neither is left alone, after the registration was found
// to be well.
func TestItem09_ServerThatAnswersNothing(t *testing.T) {
	overTCP(t, func(t *testing.T, _ lines, a *Agent, w *wire) {
		w.wantPing()
		w.want("OPTIONS")
		w.register()
		wantRegistered(t, a)
		for range 10 {
			w.wantPing()
		}
	})
}

// Line ends at any time are no harm: before messages, alone, and many.
func TestItem09_UnsolicitedLineEnds(t *testing.T) {
	overTCP(t, func(t *testing.T, _ lines, a *Agent, w *wire) {
		for range 200 {
			w.write("\r\n")
			time.Sleep(time.Millisecond)
		}
		w.wantPing()
		w.write("\r\n")
		w.wantPing()
		select {
		case e := <-a.Events():
			t.Errorf("got %+v", e)
		default:
		}
	})
}

// Over UDP a NAT that has forgotten us shows in the answer to OPTIONS: the
// registrar is told of the new address at once.
func TestItem09_NATForgets(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), accountAgent(t, us)
		p.asked = true
		seen := func(m heard, code, port int) {
			text := m.raw
			m.Message, _ = sip.ParseMessage([]byte(strings.Replace(text, ";rport", fmt.Sprintf(";rport=%d;received=192.0.2.7", port), 1)))
			p.answer(m, code, "r", "Contact: "+dialog.Value(m, "Contact")+";expires=3600")
		}
		seen(p.wantRequest("REGISTER"), 200, 1111)
		wantRegistered(t, a)
		seen(p.wantRequest("OPTIONS"), 200, 1111)
		m := p.wantRequest("OPTIONS")
		seen(m, 200, 2222)
		again := p.wantRequest("REGISTER")
		if again.at != m.at {
			t.Errorf("registered %v later", again.at-m.at)
		}
		seen(again, 200, 2222)
		wantRegistered(t, a)
		seen(p.wantRequest("OPTIONS"), 200, 2222)
		p.wantRequest("OPTIONS") // and nothing between
	})
}

// Without a network the phone starts all the same, says so, and registers when
// there is one.
func TestItem13_StartWithoutNetwork(t *testing.T) {
	bubble(t, func(t *testing.T, n *simnet.Network, ph, us *simnet.Host) {
		a, err := NewAgent(Config{Network: us, Account: &Account{
			AOR: "sip:alice@example.org", Registrar: "sip:10.0.0.1;transport=tcp", Password: secret.Copy([]byte("x")),
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Start(t.Context()); err != nil {
			t.Fatalf("it does not start: %v", err)
		}
		defer shut(a)
		for range 3 {
			if lost := wantLost(t, a); !errors.Is(lost.Why, ErrUnreachable) || lost.Retry <= 0 {
				t.Errorf("got %+v", lost)
			}
		}
		ln, err := ph.Listen(t.Context(), "tcp", "10.0.0.1:5060")
		if err != nil {
			t.Fatal(err)
		}
		back := time.Now()
		lines{t, ln}.accept().register()
		wantRegistered(t, a)
		if d := time.Since(back); d > 5*time.Second {
			t.Errorf("registered after %v", d)
		}
	})
}

// A server's Retry-After counts, a 403 ends all attempts.
func TestItem28_RetryAfter(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), accountAgent(t, us)
		m := p.wantRequest("REGISTER")
		p.answer(m, 500, "r", "Retry-After: 120 (we restart);duration=5")
		if lost := wantLost(t, a); lost.Retry < 2*time.Minute || lost.Retry > 4*time.Minute {
			t.Errorf("again in %v", lost.Retry)
		}
		next := p.wantRequest("REGISTER")
		if d := next.at - m.at; d < 2*time.Minute {
			t.Errorf("again after %v", d)
		}
		p.answer(next, 403, "r")
		if lost := wantLost(t, a); lost.Retry != 0 {
			t.Errorf("again in %v after a 403", lost.Retry)
		}
		p.wantSilence(2 * time.Hour) // but for keep-alives
	})
}

// A server that wants to be asked again at once, for ever, is not.
func TestRetryAfterNothing(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, _ := newPeer(t, ph), accountAgent(t, us)
		for range 3 {
			p.answer(p.wantRequest("REGISTER"), 503, "r", "Retry-After: 0")
			p.wantSilence(3 * time.Second)
		}
	})
}

// Nor is one that takes each registration and hangs up at once.
func TestHangsUpAtOnce(t *testing.T) {
	overTCP(t, func(t *testing.T, l lines, a *Agent, w *wire) {
		const watched, most = 10 * time.Minute, 20
		began, times := time.Now(), 0
		for ; time.Since(began) < watched; times++ {
			_ = w.conn.Close()
			w = l.accept()
			w.register()
			for len(a.Events()) > 0 {
				<-a.Events()
			}
		}
		if times > most {
			t.Errorf("it registered %d times in %v", times, watched)
		}
	})
}

// After a restart of their server a thousand phones do not come back at once.
func TestItem28_NoStormAfterARestart(t *testing.T) {
	const phones = 1000
	var waits []time.Duration
	for range phones {
		var b backOff
		waits = append(waits, b.next(errBroke))
	}
	var slots [10]int
	for _, w := range waits {
		if w <= 0 || w > soon {
			t.Fatalf("waits %v", w)
		}
		slots[min(int(w*10/soon), 9)]++
	}
	for i, n := range slots {
		if n < phones/20 || n > phones/5 {
			t.Errorf("%d of %d phones come back in the %d. tenth", n, phones, i+1)
		}
	}
	b := backOff{}
	b.next(errBroke)
	total, tries := time.Duration(0), 0
	for total < time.Hour {
		total += b.next(ErrUnreachable)
		tries++
	}
	if tries > 35 {
		t.Errorf("%d attempts in an hour without a server", tries)
	}
}

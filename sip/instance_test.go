package sip

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"karat/internal/simnet"
	"karat/sip/dialog"
)

var instanceParam = regexp.MustCompile(`;\+sip\.instance="<(urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12})>"(;reg-id=1)?$`)

// wantRegister is the next REGISTER; options is what it supports, reg whether it
// numbers its flow. It returns the instance.
func wantRegister(t *testing.T, p *peer, options string, reg bool) (m heard, instance string) {
	t.Helper()
	m = p.wantRequest("REGISTER")
	if got := dialog.Value(m, "Supported"); got != options {
		t.Errorf("it supports %q, want %q", got, options)
	}
	found := instanceParam.FindStringSubmatch(dialog.Value(m, "Contact"))
	if found == nil || found[2] != "" != reg {
		t.Fatalf("Contact: %s, numbered: %v", dialog.Value(m, "Contact"), reg)
	}
	return m, found[1]
}

func withInstance(acc *Account) { acc.Instance = true }

// calls is the Contact of a call that is refused.
func calls(t *testing.T, p *peer, a *Agent) string {
	t.Helper()
	c, err := a.Invite(t.Context(), "sip:bob@example.org", offer)
	if err != nil {
		t.Fatal(err)
	}
	m := p.wantRequest("INVITE")
	p.answer(m, 480, "b")
	p.wantRequest("ACK")
	wantEvent[Failed](t, c)
	return dialog.Value(m, "Contact")
}

// again has the account registered once more.
func again(a *Agent) { a.line.renew <- struct{}{} }

// Outbound is asked for where the account says so, and used where the provider
// confirms it; the instance is another with each start.
func TestItem23_Outbound(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), accountAgent(t, us, withInstance)
		const all = "path, outbound, gruu"
		m, first := wantRegister(t, p, all, true)
		bare, _, _ := strings.Cut(dialog.Value(m, "Contact"), ";+")
		p.answer(m, 200, "r", "Require: outbound", "Contact: "+dialog.Value(m, "Contact")+";expires=3600")
		<-a.Events()
		if got, want := calls(t, p, a), strings.TrimSuffix(bare, ">")+";ob>"; got != want {
			t.Errorf("Contact: %s, want %s", got, want)
		}

		again(a)
		m, same := wantRegister(t, p, all, true)
		if same != first {
			t.Errorf("one phone is %s, then %s", first, same)
		}
		// What is not confirmed is not asked for again.
		p.answer(m, 200, "r", "Contact: "+bare+";expires=3600")
		time.Sleep(time.Second)
		if got := calls(t, p, a); got != bare {
			t.Errorf("Contact: %s, want %s", got, bare)
		}
		again(a)
		m, _ = wantRegister(t, p, "path, gruu", false)
		p.answer(m, 200, "r", "Contact: "+bare+";expires=3600")

		if other := newInstance(); other.urn == first {
			t.Error("two starts have one instance")
		}
	})
}

// 439: the first proxy cannot keep flows. The phone registers without.
func TestItem23_FirstHopLacksOutbound(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), accountAgent(t, us, withInstance)
		m, _ := wantRegister(t, p, "path, outbound, gruu", true)
		p.answer(m, 439, "r")
		m, _ = wantRegister(t, p, "path, gruu", false)
		p.answer(m, 439, "r") // it is not asked without end
		if ev, ok := (<-a.Events()).(RegistrationLost); !ok {
			t.Errorf("%+v", ev)
		}
	})
}

// Without the account's word there is no instance: it would tell one phone from
// another.
func TestItem23_NoInstanceUnasked(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p := newPeer(t, ph)
		accountAgent(t, us)
		m := p.wantRequest("REGISTER")
		if strings.Contains(m.raw, "instance") || strings.Contains(m.raw, "reg-id") || strings.Contains(m.raw, "outbound") {
			t.Error(m.raw)
		}
		p.answer(m, 200, "r", "Contact: "+dialog.Value(m, "Contact")+";expires=3600")
	})
}

// A GRUU is the Contact of calls, to the letter; the temporary one goes first.
func TestItem25_GRUU(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), accountAgent(t, us, withInstance)
		m, _ := wantRegister(t, p, "path, outbound, gruu", true)
		own := dialog.Value(m, "Contact")
		const (
			public    = "sip:Alice@example.org;gr=urn:uuid:F81D"
			temporary = "sip:tgruu.7hs==jd7vNzga5w7fAJSC7@example.org;gr"
			others    = `<sip:other@anonymous.invalid>;expires=9;pub-gruu="sip:bob@example.org;gr=x"`
		)
		for i, tc := range []struct{ params, want string }{
			{`;pub-gruu="` + public + `";temp-gruu="` + temporary + `"`, "<" + temporary + ">"},
			{`;pub-gruu="` + public + `"`, "<" + public + ">"},
			{`;temp-gruu="` + temporary + `"`, "<" + temporary + ">"},
			{``, ""},
			{`;temp-gruu="sip:x@example.org> , <sip:y"`, ""},
			{`;pub-gruu="tel:+4930123"`, ""},
			{`;pub-gruu="sip:` + strings.Repeat("a", maxGRUU) + `@example.org;gr"`, ""},
		} {
			if i > 0 {
				again(a)
				m = p.wantRequest("REGISTER")
			}
			p.answer(m, 200, "r", "Contact: "+others, "Contact: "+own+";expires=3600"+tc.params)
			if i == 0 {
				<-a.Events()
			}
			time.Sleep(time.Second)
			if tc.want == "" {
				tc.want, _, _ = strings.Cut(own, ";+")
			}
			if got := calls(t, p, a); got != tc.want {
				t.Errorf("%q: Contact is %s, want %s", tc.params, got, tc.want)
			}
		}
	})
}

package sip

import (
	"slices"
	"strings"
	"testing"
	"time"

	"karat/internal/simnet"
	"karat/sip/dialog"
)

// Calls begin with the way that the registrar named last, in each try and in what
// belongs to it; a dialog has the way of its own that the answer brought.
func TestItem24_ServiceRoute(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), accountAgent(t, us)
		register := func(lines ...string) {
			t.Helper()
			m := p.wantRequest("REGISTER")
			if got := dialog.Value(m, "Supported"); got != "path" {
				t.Errorf("REGISTER supports %q", got)
			}
			if got := dialog.Values(m, "Route"); got != nil {
				t.Errorf("REGISTER takes the way of calls: %q", got)
			}
			p.answer(m, 200, "r", append(lines, "Contact: "+dialog.Value(m, "Contact")+";expires=3600")...)
		}
		want := func(m heard, routes ...string) heard {
			t.Helper()
			if got := dialog.Values(m, "Route"); !slices.Equal(got, routes) {
				t.Errorf("%s goes by %q, want %q", m.raw[:strings.IndexByte(m.raw, ' ')], got, routes)
			}
			return m
		}
		const orig, serving = "<sip:orig@10.0.0.1;lr>", "<sip:10.0.0.9;transport=tcp;lr>"
		register("Service-Route: "+orig+", "+serving, "Path: <sip:edge@10.0.0.8;lr>")
		<-a.Events()

		c, err := a.Invite(t.Context(), "sip:bob@example.org", offer)
		if err != nil {
			t.Fatal(err)
		}
		p.answer(want(p.wantRequest("INVITE"), orig, serving), 407, "b",
			`Proxy-Authenticate: Digest realm="example.org", nonce="n", algorithm=SHA-256, qop="auth"`)
		want(p.wantRequest("ACK"), orig, serving)
		p.answer(want(p.wantRequest("INVITE"), orig, serving), 200, "b", "Record-Route: <sip:10.0.0.1;lr>", bobContact)
		want(p.wantRequest("ACK"), "<sip:10.0.0.1;lr>")
		c.Hangup()
		p.answer(want(p.wantRequest("BYE"), "<sip:10.0.0.1;lr>"), 200, "b")

		c, err = a.Invite(t.Context(), "sip:bob@example.org", offer)
		if err != nil {
			t.Fatal(err)
		}
		m := want(p.wantRequest("INVITE"), orig, serving)
		p.answer(m, 180, "b", bobContact)
		wantEvent[Progress](t, c)
		c.Hangup()
		p.answer(want(p.wantRequest("CANCEL"), orig, serving), 200, "b")
		p.answer(m, 487, "b")
		want(p.wantRequest("ACK"), orig, serving)

		for _, tc := range []struct {
			named string
			want  []string
		}{
			{"Service-Route: <sip:other@10.0.0.1;lr>", []string{"<sip:other@10.0.0.1;lr>"}},
			{"Path: <sip:edge@10.0.0.8;lr>", nil},
			{"Service-Route: " + orig + ", <sip:strict@10.0.0.7>", nil},
			{"Service-Route: " + strings.Repeat(orig+",", 40) + orig, nil},
			{"Service-Route: <nonsense", nil},
			{"Service-Route: " + orig, []string{orig}},
		} {
			a.line.renew <- struct{}{}
			register(tc.named)
			time.Sleep(time.Second)
			c, err := a.Invite(t.Context(), "sip:bob@example.org", offer)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(tc.named)
			p.answer(want(p.wantRequest("INVITE"), tc.want...), 480, "b")
			want(p.wantRequest("ACK"), tc.want...)
			wantEvent[Failed](t, c)
		}
	})
}

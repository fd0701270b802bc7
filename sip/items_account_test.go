package sip

import (
	"crypto/md5"
	"crypto/sha256"
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

// withAccount runs a test with an account at a scripted registrar.
func withAccount(t *testing.T, change func(*Account), f func(t *testing.T, p *peer, a *Agent)) {
	t.Helper()
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p := newPeer(t, ph)
		if change == nil {
			change = func(*Account) {}
		}
		f(t, p, accountAgent(t, us, change))
	})
}

// wantRegistered returns the next event, which must be that we are registered.
func wantRegistered(t *testing.T, a *Agent) Registered {
	t.Helper()
	e := <-a.Events()
	r, ok := e.(Registered)
	if !ok {
		t.Fatalf("got %T %+v", e, e)
	}
	return r
}

// wantLost returns the next event, which must be that we are not registered.
func wantLost(t *testing.T, a *Agent) RegistrationLost {
	t.Helper()
	e := <-a.Events()
	r, ok := e.(RegistrationLost)
	if !ok {
		t.Fatalf("got %T %+v", e, e)
	}
	return r
}

// asks is a challenge, as both kinds of fields hold it.
func asks(realm, nonce string, more ...string) string {
	return strings.Join(append([]string{fmt.Sprintf(`Digest realm="%s", nonce="%s"`, realm, nonce)}, more...), ", ")
}

const strong = `algorithm=SHA-256, qop="auth"`

// credentialsOf are the realms that a request carries credentials for, by field.
func credentialsOf(m heard) string {
	var all []string
	for _, field := range []string{"Authorization", "Proxy-Authorization"} {
		for _, h := range m.GetHeaders(field) {
			all = append(all, field+" "+parameter(h.Value(), "realm")+" "+parameter(h.Value(), "nonce")+" "+parameter(h.Value(), "nc"))
		}
	}
	return strings.Join(all, "; ")
}

// A proxy on the way asks for a password of its own before the registrar does:
// what the first wants is sent on with what the second wants, also when nonces
// have become stale since, and in calls.
func TestItem15_ChainedRealms(t *testing.T) {
	withAccount(t, nil, func(t *testing.T, p *peer, a *Agent) {
		want := func(m heard, credentials string) heard {
			t.Helper()
			if got := credentialsOf(m); got != credentials {
				t.Errorf("credentials are\n%s\nwant\n%s", got, credentials)
			}
			return m
		}
		p.answer(want(p.wantRequest("REGISTER"), ""), 407, "r", "Proxy-Authenticate: "+asks("edge", "e1", strong))
		p.answer(want(p.wantRequest("REGISTER"), "Proxy-Authorization edge e1 00000001"), 401, "r", "WWW-Authenticate: "+asks("example.org", "r1", strong))
		m := want(p.wantRequest("REGISTER"), "Authorization example.org r1 00000001; Proxy-Authorization edge e1 00000002")
		p.answer(m, 200, "r", "Contact: "+dialog.Value(m, "Contact")+";expires=100")
		wantRegistered(t, a)
		// The refresh carries both, and both have become stale.
		p.answer(want(p.wantRequest("REGISTER"), "Authorization example.org r1 00000002; Proxy-Authorization edge e1 00000003"), 407, "r", "Proxy-Authenticate: "+asks("edge", "e2", strong))
		p.answer(want(p.wantRequest("REGISTER"), "Authorization example.org r1 00000003; Proxy-Authorization edge e2 00000001"), 401, "r", "WWW-Authenticate: "+asks("example.org", "r2", strong))
		m = want(p.wantRequest("REGISTER"), "Authorization example.org r2 00000001; Proxy-Authorization edge e2 00000002")
		p.answer(m, 200, "r", "Contact: "+dialog.Value(m, "Contact")+";expires=10000")
		wantRegistered(t, a)

		c, err := a.Invite(t.Context(), "sip:bob@example.org", offer)
		if err != nil {
			t.Fatal(err)
		}
		p.answer(p.wantRequest("INVITE"), 407, "b", "Proxy-Authenticate: "+asks("edge", "e3", strong))
		p.wantRequest("ACK")
		p.answer(want(p.wantRequest("INVITE"), "Proxy-Authorization edge e3 00000001"), 407, "b", "Proxy-Authenticate: "+asks("example.org", "r3", strong))
		p.wantRequest("ACK")
		p.answer(want(p.wantRequest("INVITE"), "Proxy-Authorization example.org r3 00000001; Proxy-Authorization edge e3 00000002"), 200, "b", bobContact)
		p.wantRequest("ACK")
		wantEvent[Answered](t, c)
	})
}

// A proxy that asked several servers passes on all their challenges in one
// response: those of our provider are answered, in one request.
func TestItem15_SeveralChallengesInOneResponse(t *testing.T) {
	withAccount(t, nil, func(t *testing.T, p *peer, a *Agent) {
		p.answer(p.wantRequest("REGISTER"), 401, "r",
			"Proxy-Authenticate: "+asks("edge", "e1", strong),
			"WWW-Authenticate: "+asks("example.org", "r0", `qop="auth"`), "WWW-Authenticate: "+asks("example.org", "r1", strong))
		m := p.wantRequest("REGISTER")
		if got := credentialsOf(m); got != "Authorization example.org r1 00000001; Proxy-Authorization edge e1 00000001" {
			t.Errorf("credentials are %s", got)
		}
		p.answer(m, 200, "r", "Expires: 3600")
		wantRegistered(t, a)
		c, err := a.Invite(t.Context(), "sip:bob@example.org", offer)
		if err != nil {
			t.Fatal(err)
		}
		p.answer(p.wantRequest("INVITE"), 401, "b",
			"WWW-Authenticate: "+asks("evil.example", "x", strong),
			"Proxy-Authenticate: "+asks("example.org", "r2", strong), "Proxy-Authenticate: "+asks("edge", "e2", strong))
		p.wantRequest("ACK")
		m = p.wantRequest("INVITE")
		if got := credentialsOf(m); got != "Proxy-Authorization example.org r2 00000001; Proxy-Authorization edge e2 00000001" {
			t.Errorf("credentials are %s", got)
		}
		p.answer(m, 200, "b", bobContact)
		p.wantRequest("ACK")
		wantEvent[Answered](t, c)
	})
}

// Realms without end are not answered without end.
func TestItem15_RealmsAreBounded(t *testing.T) {
	withAccount(t, nil, func(t *testing.T, p *peer, a *Agent) {
		requests := 0
		for {
			m, ok := p.within(time.Hour)
			if !ok {
				break
			}
			requests++
			p.answer(m, 401, "r", "WWW-Authenticate: "+asks(fmt.Sprint("realm", requests), "n", strong))
		}
		if requests != maxRealms+1 {
			t.Errorf("%d requests", requests)
		}
		if lost := wantLost(t, a); !errors.Is(lost.Why, ErrAuth) || lost.Retry != 0 {
			t.Errorf("got %+v", lost)
		}
	})
}

// Outside of TLS a weak challenge is answered only where the account allows it,
// and the reason says what can be done.
func TestItem17_WeakDigest(t *testing.T) {
	for _, challenge := range []string{asks("example.org", "n"), asks("example.org", "n", `algorithm=MD5, qop="auth"`), asks("example.org", "n", "algorithm=SHA-256")} {
		withAccount(t, nil, func(t *testing.T, p *peer, a *Agent) {
			p.answer(p.wantRequest("REGISTER"), 401, "r", "WWW-Authenticate: "+challenge)
			lost := wantLost(t, a)
			if !errors.Is(lost.Why, ErrAuth) || lost.Retry != 0 || !strings.Contains(lost.Why.Error(), "--weak-digest") {
				t.Errorf("%s: %+v", challenge, lost)
			}
			p.wantSilence(time.Hour)
		})
		withAccount(t, weakDigest, func(t *testing.T, p *peer, a *Agent) {
			p.answer(p.wantRequest("REGISTER"), 401, "r", "WWW-Authenticate: "+challenge)
			m := p.wantRequest("REGISTER")
			if parameter(dialog.Value(m, "Authorization"), "nonce") != "n" {
				t.Errorf("got\n%s", m.raw)
			}
		})
	}
}

// Whoever is called can ask for the password, too, in the name of the provider's
// realm. It gets nothing that is easier to try passwords against than what the
// provider itself asks for.
func TestItem17_NoWeakerThanTheRegistrar(t *testing.T) {
	withAccount(t, nil, func(t *testing.T, p *peer, a *Agent) {
		p.answer(p.wantRequest("REGISTER"), 401, "r", "WWW-Authenticate: "+asks("example.org", "n", strong))
		p.answer(p.wantRequest("REGISTER"), 200, "r", "Expires: 3600")
		wantRegistered(t, a)
		a.line.keys.weak = true // as over TLS
		for _, weak := range []string{`qop="auth"`, `algorithm=SHA-256`} {
			c, err := a.Invite(t.Context(), "sip:bob@example.org", offer)
			if err != nil {
				t.Fatal(err)
			}
			p.answer(p.wantRequest("INVITE"), 407, "b", "Proxy-Authenticate: "+asks("example.org", "n2", weak))
			p.wantRequest("ACK")
			if e := wantEvent[Failed](t, c); !errors.Is(e.Why, ErrAuth) {
				t.Errorf("%s: %+v", weak, e)
			}
			p.wantSilence(time.Minute)
		}
	})
}

// A realm that asks only once we are registered is none of the provider's.
func TestItem17_RealmsOfTheRegistrationOnly(t *testing.T) {
	withAccount(t, nil, func(t *testing.T, p *peer, a *Agent) {
		p.answer(p.wantRequest("REGISTER"), 401, "r", "WWW-Authenticate: "+asks("asterisk", "n", strong))
		p.answer(p.wantRequest("REGISTER"), 200, "r", "Expires: 100")
		wantRegistered(t, a)
		p.answer(p.wantRequest("REGISTER"), 401, "r", "WWW-Authenticate: "+asks("evil.example", "n", strong))
		if lost := wantLost(t, a); !errors.Is(lost.Why, ErrAuth) {
			t.Errorf("%+v", lost)
		}
		p.wantSilence(time.Hour)
	})
}

// Nonces are any text; their uses are counted, and our own number is new each time.
func TestItem18_NoncesAsTheyAre(t *testing.T) {
	withAccount(t, nil, func(t *testing.T, p *peer, a *Agent) {
		const nonce = `a+b/c==,\"=d`
		p.answer(p.wantRequest("REGISTER"), 401, "r", "WWW-Authenticate: "+asks("example.org", nonce, strong))
		seen := map[string]bool{}
		for i := range 3 {
			m := p.wantRequest("REGISTER")
			cred := dialog.Value(m, "Authorization")
			if !strings.Contains(cred, `nonce="`+nonce+`"`) || parameter(cred, "nc") != fmt.Sprintf("%08x", i+1) {
				t.Errorf("%d: got %s", i, cred)
			}
			if c := parameter(cred, "cnonce"); seen[c] || len(c) != 2*identifierSize {
				t.Errorf("cnonce %q again", c)
			}
			seen[parameter(cred, "cnonce")] = true
			p.answer(m, 200, "r", "Expires: 100")
			wantRegistered(t, a)
		}
	})
}

// With qop="auth,auth-int" it is auth: auth-int breaks where anything on the way
// touches bodies.
func TestItem19_AuthBeforeAuthInt(t *testing.T) {
	for _, qop := range []string{`qop="auth,auth-int"`, `qop="auth-int, auth"`, `qop=auth`} {
		withAccount(t, nil, func(t *testing.T, p *peer, a *Agent) {
			p.register()
			wantRegistered(t, a)
			if _, err := a.Invite(t.Context(), "sip:bob@example.org", offer); err != nil {
				t.Fatal(err)
			}
			p.answer(p.wantRequest("INVITE"), 407, "b", "Proxy-Authenticate: "+asks("example.org", "n", "algorithm=SHA-256", qop))
			p.wantRequest("ACK")
			checkDigest(t, p.wantRequest("INVITE"), "Proxy-Authorization", sha256.New, "n", "auth", "00000001")
		})
	}
	withAccount(t, weakDigest, func(t *testing.T, p *peer, _ *Agent) {
		p.answer(p.wantRequest("REGISTER"), 401, "r", "WWW-Authenticate: "+asks("example.org", "a", `algorithm=SHA-256, qop="auth-int"`), "WWW-Authenticate: "+asks("example.org", "b", `qop="auth"`))
		checkDigest(t, p.wantRequest("REGISTER"), "Authorization", md5.New, "b", "auth", "00000001")
	})
}

// What the registrar grants counts: first what it says of our Contact, then of
// all, then what we asked for. It is not lengthened.
func TestItem20_WhatIsGranted(t *testing.T) {
	for _, tc := range []struct {
		name  string
		lines func(contact string) []string
		want  time.Duration
	}{
		{"of our Contact", func(c string) []string {
			return []string{"Expires: 600", "Contact: <sip:x@y>;expires=900, " + c + ";expires=30"}
		}, 30 * time.Second},
		{"of all", func(c string) []string { return []string{"Expires: 40", "Contact: " + c} }, 40 * time.Second},
		{"of nothing", func(c string) []string { return []string{"Contact: " + c} }, registerFor},
		{"not even a Contact", func(string) []string { return nil }, registerFor},
		{"no number", func(c string) []string { return []string{"Expires: soon", "Contact: " + c + ";expires=x"} }, registerFor},
	} {
		withAccount(t, nil, func(t *testing.T, p *peer, a *Agent) {
			m := p.wantRequest("REGISTER")
			p.answer(m, 200, "r", tc.lines(dialog.Value(m, "Contact"))...)
			if e := wantRegistered(t, a); e.Expires != tc.want {
				t.Errorf("%s: %v, want %v", tc.name, e.Expires, tc.want)
			}
			if again := p.wantRequest("REGISTER"); again.took() != tc.want*3/4 {
				t.Errorf("%s: refreshed after %v", tc.name, again.took())
			}
		})
	}
}

// The user part of Contact is random and new with each start, or what the account
// sets: some providers want it to be the number.
func TestItem21_ContactUser(t *testing.T) {
	users := map[string]bool{}
	for range 2 {
		withAccount(t, nil, func(t *testing.T, p *peer, _ *Agent) {
			contact := dialog.ParseAddress(dialog.Value(p.wantRequest("REGISTER"), "Contact")).URI
			user, host, _ := strings.Cut(strings.TrimPrefix(contact, "sip:"), "@")
			if len(user) != 2*identifierSize || users[user] || host != nobody {
				t.Errorf("Contact is %s", contact)
			}
			users[user] = true
		})
	}
	withAccount(t, func(acc *Account) { acc.ContactUser = "4930123456" }, func(t *testing.T, p *peer, a *Agent) {
		const want = "<sip:4930123456@" + nobody + ">"
		m := p.wantRequest("REGISTER")
		p.answer(m, 200, "r", "Contact: "+want+";expires=3600")
		wantRegistered(t, a)
		if _, err := a.Invite(t.Context(), "sip:bob@example.org", offer); err != nil {
			t.Fatal(err)
		}
		invite := p.wantRequest("INVITE")
		if dialog.Value(m, "Contact") != want || dialog.Value(invite, "Contact") != want {
			t.Errorf("Contacts are %s and %s", dialog.Value(m, "Contact"), dialog.Value(invite, "Contact"))
		}
	})
}

// Our Contact in the answer is known by its user, whatever became of the rest.
func TestItem22_OwnContactIsRecognised(t *testing.T) {
	withAccount(t, nil, func(t *testing.T, p *peer, a *Agent) {
		m := p.wantRequest("REGISTER")
		user, _, _ := strings.Cut(strings.TrimPrefix(dialog.ParseAddress(dialog.Value(m, "Contact")).URI, "sip:"), "@")
		p.answer(m, 200, "r", "Expires: 3600", "Contact: <sip:other@192.0.2.1>;expires=77",
			`Contact: "x" <sip:`+user+`@192.0.2.9:4711;transport=udp;ob;x-y=z>;q=0.5;expires=50;pub-gruu="sip:alice@example.org;gr=1"`)
		if e := wantRegistered(t, a); e.Expires != 50*time.Second {
			t.Errorf("%v", e.Expires)
		}
	})
}

// Who is not allowed is told so once; nothing is tried again.
func TestItem28_NoStormAfterRefusal(t *testing.T) {
	for _, code := range []int{403, 404} {
		withAccount(t, nil, func(t *testing.T, p *peer, a *Agent) {
			p.answer(p.wantRequest("REGISTER"), code, "r")
			var status *StatusError
			if lost := wantLost(t, a); lost.Retry != 0 || !errors.As(lost.Why, &status) || status.Code != code {
				t.Errorf("%d: %+v", code, lost)
			}
			p.wantSilence(24 * time.Hour)
		})
	}
	withAccount(t, nil, func(t *testing.T, p *peer, a *Agent) {
		requests, start := 0, time.Now()
		for time.Since(start) < time.Hour {
			p.answer(p.wantRequest("REGISTER"), 500, "r")
			requests++
			wantLost(t, a)
		}
		if requests > 30 {
			t.Errorf("%d requests in an hour of 500", requests)
		}
	})
}

// OPTIONS to any user, or none, in a call or not, gets 200.
func TestItem29_OptionsToAnyUser(t *testing.T) {
	talking(t, func(t *testing.T, p *peer, c *Call, ok heard) {
		for i, uri := range []string{"sip:10.0.0.2", "sip:alice@10.0.0.2", "sip:nobody@other.example;transport=udp", "sips:x@y"} {
			text := strings.ReplaceAll(inviteText(fmt.Sprint("o", i)), "INVITE", "OPTIONS")
			p.send(strings.Replace(text, "sip:alice@10.0.0.2", uri, 1))
			p.wantResponse(200)
		}
		p.inDialog(ok, "OPTIONS", 2, "inside")
		p.wantResponse(200)
	})
}

// Notices about mail that nobody asked for are taken quietly, others refused at
// once, and nothing can be subscribed to.
func TestItem30_NoticesAndSubscriptions(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), directAgent(t, us)
		for i, tc := range []struct {
			method, event string
			code          int
		}{
			{"NOTIFY", "Event: message-summary", 200},
			{"NOTIFY", "o: Message-Summary;id=1", 200},
			{"NOTIFY", "Event: keep-alive", 489},
			{"NOTIFY", "Event: dialog", 489},
			{"NOTIFY", "Event: refer", 481},
			{"NOTIFY", "X: y", 489},
			{"SUBSCRIBE", "Event: presence", 489},
			{"SUBSCRIBE", "Event: dialog", 489},
		} {
			p.send(strings.ReplaceAll(inviteText(fmt.Sprint("n", i), tc.event, "Subscription-State: active", "Content-Type: application/simple-message-summary", "", "Messages-Waiting: yes\r\n"), "INVITE", tc.method))
			if r := p.wantResponse(tc.code); r.took() > 10*time.Millisecond {
				t.Errorf("%s %s: after %v", tc.method, tc.event, r.took())
			}
		}
		if len(a.Events()) > 0 {
			t.Errorf("the owner was told: %+v", <-a.Events())
		}
	})
}

// An account that names no transport is reached over TLS, at the port of TLS
// unless it names one; others only where they are named.
func TestItem02_TLSUnlessAnotherIsNamed(t *testing.T) {
	for uri, want := range map[string]hop{
		"sip:example.org":                    {kind: overTLS, host: "example.org", port: 5061, said: true},
		"sip:example.org:5060":               {kind: overTLS, host: "example.org", port: 5060, said: true, ported: true},
		"sips:example.org":                   {kind: overTLS, host: "example.org", port: 5061, said: true},
		"sip:example.org;transport=udp":      {kind: udp, host: "example.org", port: 5060, said: true},
		"sip:example.org:5070;transport=tcp": {kind: tcp, host: "example.org", port: 5070, said: true, ported: true},
	} {
		for _, acc := range []Account{{AOR: "sip:alice@example.org", Registrar: uri}, {AOR: strings.Replace(uri, ":", ":alice@", 1)}} {
			l, err := newLine(nil, &acc)
			if err != nil || l.hop != want {
				t.Errorf("%+v: %+v, %v; want %+v", acc, l.hop, err, want)
			}
		}
	}
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p := newPeer(t, ph) // UDP at the port of UDP, and nothing else
		a, err := NewAgent(Config{Network: us, Account: &Account{AOR: "sip:alice@10.0.0.1"}})
		if err != nil {
			t.Fatal(err)
		}
		defer shut(a)
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := wantLost(t, a).Why; !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "transport=udp") {
			t.Errorf("got %v", err)
		}
		p.wantSilence(time.Minute)
	})
}

// The port of TLS is 5061 unless another is named, which may be any.
func TestItem08_PortsOfTLS(t *testing.T) {
	for uri, want := range map[string]uint16{
		"sip:a.org;transport=tls": 5061, "sips:a.org": 5061, "sip:a.org:443;transport=TLS": 443,
		"sip:a.org:5060;transport=tls": 5060, "sips:a.org:65535": 65535, "sip:[2001:db8::1]:443;transport=tls": 443,
	} {
		if h, err := parseHop(uri); err != nil || h.port != want || h.kind != overTLS {
			t.Errorf("%s: %+v, %v", uri, h, err)
		}
	}
	for _, uri := range []string{"sips:a.org:65536", "sip:a.org:0x50", "sip:a.org:-1"} {
		if h, err := parseHop(uri); err == nil {
			t.Errorf("%s: %+v", uri, h)
		}
	}
}

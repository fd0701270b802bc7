package sip

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"regexp"
	"strings"
	"testing"
	"time"

	"karat/internal/secret"
	"karat/internal/simnet"
	"karat/sip/dialog"
)

// parameter reads one from the credentials in a request.
func parameter(credentials, name string) string {
	m := regexp.MustCompile(`\b` + name + `=("[^"]*"|[^, ]*)`).FindStringSubmatch(credentials)
	if m == nil {
		return ""
	}
	return strings.Trim(m[1], `"`)
}

// digestOf computes a response as RFC 7616, Section 3.4.1, independently of the
// code that is tested.
func digestOf(h func() hash.Hash, user, realm, password, method, uri, nonce, nc, cnonce, qop string) string {
	sum := func(parts ...string) string {
		x := h()
		x.Write([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(x.Sum(nil))
	}
	a1, a2 := sum(user, realm, password), sum(method, uri)
	if qop == "" {
		return sum(a1, nonce, a2)
	}
	return sum(a1, nonce, nc, cnonce, qop, a2)
}

// checkDigest verifies the credentials of alice in a request.
func checkDigest(t *testing.T, m heard, field string, h func() hash.Hash, nonce, qop, nc string) {
	t.Helper()
	cred := dialog.Value(m, field)
	want := digestOf(h, "alice", "example.org", "wonderland",
		strings.Fields(m.raw)[0], strings.Fields(m.raw)[1], nonce, nc, parameter(cred, "cnonce"), qop)
	if got := parameter(cred, "response"); got != want {
		t.Errorf("response is %s, want %s in\n%s", got, want, cred)
	}
	if parameter(cred, "nc") != nc || parameter(cred, "qop") != qop || parameter(cred, "nonce") != nonce {
		t.Errorf("want nonce %s, qop %s, nc %s in %s", nonce, qop, nc, cred)
	}
	if qop != "" && len(parameter(cred, "cnonce")) != 2*identifierSize {
		t.Errorf("cnonce of another length in %s", cred)
	}
}

func weakDigest(acc *Account) { acc.WeakDigest = true }

// Items: 15, 16, 19.
func TestItem16_TheStrongestChallenge(t *testing.T) {
	cases := []struct {
		name       string
		challenges []string
		hash       func() hash.Hash
		qop, nc    string
		algorithm  string
	}{
		{"MD5 as in RFC 2069", []string{`Digest realm="example.org", nonce="n1"`}, md5.New, "", "", ""},
		{"MD5 with qop", []string{`Digest realm="example.org",nonce="n1",algorithm=md5,qop="auth-int, auth"`}, md5.New, "auth", "00000001", "md5"},
		{"SHA-256 first", []string{
			`Digest realm="example.org", nonce="n1", algorithm=SHA-256, qop="auth"`,
			`Digest realm="example.org", nonce="n0", algorithm=MD5, qop="auth"`,
		}, sha256.New, "auth", "00000001", "SHA-256"},
		{"the strongest last, unknown ones between, in one field", []string{
			`Digest realm="example.org", nonce="n0", algorithm=MD5, qop="auth", ` +
				`Digest realm="example.org", nonce="n9", algorithm=AKAv1-MD5, qop="auth", ` +
				`Digest realm="example.org", nonce="n1", algorithm=SHA-256, qop="auth"`,
			`Bearer realm="example.org"`, `Basic realm="example.org"`,
		}, sha256.New, "auth", "00000001", "SHA-256"},
		{"upper case names, only auth-int skipped", []string{
			`DIGEST REALM="example.org", NONCE="n0", ALGORITHM=SHA-256, QOP="auth-int"`,
			`DIGEST REALM="example.org", NONCE="n1", QOP="auth"`,
		}, md5.New, "auth", "00000001", ""},
	}
	for _, tc := range cases {
		bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
			p, a := newPeer(t, ph), accountAgent(t, us, weakDigest)
			var lines []string
			for _, c := range tc.challenges {
				lines = append(lines, "WWW-Authenticate: "+c)
			}
			p.answer(p.wantRequest("REGISTER"), 401, "r", lines...)
			m := p.wantRequest("REGISTER")
			checkDigest(t, m, "Authorization", tc.hash, "n1", tc.qop, tc.nc)
			if got := parameter(dialog.Value(m, "Authorization"), "algorithm"); got != tc.algorithm {
				t.Errorf("%s: algorithm %q, want %q", tc.name, got, tc.algorithm)
			}
			p.answer(m, 200, "r", "Contact: "+dialog.Value(m, "Contact"), "Expires: 600")
			if e := <-a.Events(); e != (Registered{Expires: 10 * time.Minute}) {
				t.Errorf("%s: got %#v", tc.name, e)
			}
		})
	}
}

// The refresh comes after three quarters of what was granted, with the nonce at
// hand, counted on; a new nonce without stale=true is no wrong password.
//
// Items: 18, 20, 22.
func TestItem18_NewNonceIsNoWrongPassword(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), accountAgent(t, us)
		challenge := func(nonce string) string {
			return `WWW-Authenticate: Digest realm="example.org", nonce="` + nonce + `", algorithm=SHA-256, qop="auth"`
		}
		first := p.wantRequest("REGISTER")
		p.answer(first, 401, "r", challenge("n1"))
		m := p.wantRequest("REGISTER")
		p.answer(m, 200, "r", "Contact: <sip:other@192.0.2.1>;expires=9999, "+dialog.Value(m, "Contact")+";expires=100")
		if e := <-a.Events(); e != (Registered{Expires: 100 * time.Second}) {
			t.Fatalf("got %#v", e)
		}
		m = p.wantRequest("REGISTER")
		if m.at != 75*time.Second {
			t.Errorf("refreshed after %v", m.at)
		}
		checkDigest(t, m, "Authorization", sha256.New, "n1", "auth", "00000002")
		if dialog.Value(m, "Contact") != dialog.Value(first, "Contact") || dialog.CallID(m) != dialog.CallID(first) {
			t.Errorf("another binding:\n%s", m.raw)
		}
		p.answer(m, 401, "r", challenge("n2"))
		m = p.wantRequest("REGISTER")
		checkDigest(t, m, "Authorization", sha256.New, "n2", "auth", "00000001")
		p.answer(m, 200, "r", "Contact: "+dialog.Value(m, "Contact")+";expires=100")
	})
}

// A wrong password is said once, in a sentence, and not tried again.
//
// Items: 18, 28.
func TestItem28_WrongPassword(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
			p, a := newPeer(t, ph), accountAgent(t, us)
			requests := 0
			for {
				m, ok := p.within(24 * time.Hour)
				if !ok {
					break
				}
				requests++
				nonce := "n"
				if fresh {
					nonce += fmt.Sprint(requests)
				}
				p.answer(m, 401, "r", `WWW-Authenticate: Digest realm="example.org", nonce="`+nonce+`", algorithm=SHA-256, qop="auth"`)
			}
			if want := map[bool]int{false: 2, true: 3}[fresh]; requests != want {
				t.Errorf("%d requests, want %d", requests, want)
			}
			lost, _ := (<-a.Events()).(RegistrationLost)
			if !errors.Is(lost.Why, ErrAuth) || lost.Retry != 0 {
				t.Errorf("got %v, retry %v", lost.Why, lost.Retry)
			}
		})
	}
}

// Only the provider's realm gets an answer: another one's challenge, relayed by
// the proxy, would be something to try passwords against.
//
// Items: 17.
func TestItem17_ForeignRealm(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), accountAgent(t, us)
		p.register()
		<-a.Events()
		c, err := a.Invite(t.Context(), "sip:bob@example.org", []byte("v=0\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		p.answer(p.wantRequest("INVITE"), 407, "b", `Proxy-Authenticate: Digest realm="evil.example", nonce="n", algorithm=SHA-256, qop="auth"`)
		p.wantRequest("ACK")
		if f := wantEvent[Failed](t, c); !errors.Is(f.Why, ErrAuth) || f.Code != 407 {
			t.Errorf("got %+v", f)
		}
		p.wantSilence(time.Minute)
	})
}

// Items: 20.
func TestItem20_IntervalTooBrief(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), accountAgent(t, us)
		p.answer(p.wantRequest("REGISTER"), 423, "r", "Min-Expires: 7200")
		m := p.wantRequest("REGISTER")
		if got := dialog.Value(m, "Expires"); got != "7200" {
			t.Errorf("Expires is %s", got)
		}
		p.answer(m, 200, "r") // neither Contact nor Expires: what was asked for
		if e := <-a.Events(); e != (Registered{Expires: 2 * time.Hour}) {
			t.Errorf("got %#v", e)
		}
	})
}

// Who grants a second, or nothing, is asked again after a while and not at once.
func TestShortGrant(t *testing.T) {
	for _, granted := range []string{"0", "1"} {
		bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
			p := newPeer(t, ph)
			accountAgent(t, us)
			for range 3 {
				m := p.wantRequest("REGISTER")
				p.answer(m, 200, "r", "Contact: "+dialog.Value(m, "Contact")+";expires="+granted)
				p.wantSilence(7 * time.Second)
			}
		})
	}
}

// Close removes the binding, and does not wait longer than it may.
//
// Items: 28.
func TestItem28_Unregister(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), accountAgent(t, us)
		p.register()
		<-a.Events()
		closed := make(chan struct{})
		go func() { _ = a.Close(t.Context()); close(closed) }()
		m := p.wantRequest("REGISTER")
		if dialog.Value(m, "Expires") != "0" {
			t.Errorf("got\n%s", m.raw)
		}
		p.answer(m, 200, "r")
		<-closed
		if _, open := <-a.Events(); open {
			t.Error("Events is open after Close")
		}
	})
}

// A registrar that does not answer is tried again, later and later, never in
// step with others.
//
// Items: 28.
func TestItem28_BackOff(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		_, a := newPeer(t, ph), accountAgent(t, us)
		for i := range 15 {
			want := quickly
			if i >= quickTries {
				want = min(firstBackOff<<(i-quickTries), longestBackOff)
			}
			lost, ok := (<-a.Events()).(RegistrationLost)
			if !ok || !errors.Is(lost.Why, ErrUnreachable) {
				t.Fatalf("got %+v", lost)
			}
			if lost.Retry < want/2 || lost.Retry >= want+want/2 {
				t.Errorf("retry in %v, want about %v", lost.Retry, want)
			}
		}
	})
}

func TestAccountAddresses(t *testing.T) {
	for _, tc := range []struct{ aor, registrar string }{
		{"", ""},
		{"alice", ""},
		{"sip:example.org", ""},
		{"sip:alice@example.org\r\nX: y", ""},
		{"sip:alice@example.org", "sip:a b"},
		{"sip:alice@example.org", "sip:pbx;transport=sctp"},
		{"sips:alice@example.org", "sips:pbx;transport=udp"},
		{"mailto:alice@example.org", ""},
	} {
		_, err := NewAgent(Config{Account: &Account{AOR: tc.aor, Registrar: tc.registrar, Password: secret.Copy([]byte("x"))}})
		if !errors.Is(err, ErrAddress) {
			t.Errorf("%q at %q: got %v, want ErrAddress", tc.aor, tc.registrar, err)
		}
	}
}

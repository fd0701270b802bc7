package registrar

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRegister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, nil)
		defer p.close()
		bob := p.phone("bob", "10.0.0.3")
		m := bob.request("REGISTER", "sip:sip.test", "sip:bob@sip.test")
		bob.send(m)
		challenge := bob.want("SIP/2.0 401")
		offered := challenge.lines("WWW-Authenticate")
		if len(offered) != 2 || !strings.Contains(offered[0], "SHA-256") || !strings.Contains(offered[1], "MD5") {
			t.Errorf("challenges %q", offered)
		}
		v, _ := parseVia(challenge.get("Via"))
		received, _ := v.params.get("received")
		rport, _ := v.params.get("rport")
		if received != "10.0.0.3" || rport != "5070" {
			t.Errorf("Via of the answer: %s", v)
		}
		bob.send(bob.again(m, challenge, "MD5"))
		if got := bob.want("SIP/2.0 200").get("Contact"); got != "<sip:bob@anonymous.invalid>;expires=3600" {
			t.Errorf("Contact: %s", got)
		}
		time.Sleep(time.Minute)
		bob.register(120)
		bob.register(0)
		p.wantEvents("bob registered over UDP for 1h0m0s", "bob registered over UDP for 2m0s", "a phone of bob is gone")
	})
}

func TestRegisterRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, func(c *Config) { c.MinExpires = time.Minute })
		defer p.close()
		bob := p.phone("bob", "10.0.0.3")
		try := func(change func(*message), password, want string) {
			t.Helper()
			bob.password = password
			m := bob.request("REGISTER", "sip:sip.test", "sip:bob@sip.test")
			change(m)
			bob.send(m)
			bob.send(bob.again(m, bob.want("SIP/2.0 401"), "SHA-256"))
			if r := bob.want(want); r.code == 423 && r.get("Min-Expires") != "60" {
				t.Errorf("423 without Min-Expires:\n%s", r.bytes())
			}
		}
		try(func(*message) {}, "guessed", "SIP/2.0 401")
		try(func(m *message) { m.add("Expires", "59") }, "bobpw", "SIP/2.0 423")
		try(func(m *message) { m.add("Expires", "soon") }, "bobpw", "SIP/2.0 400")
		try(func(m *message) { m.replace("Contact", "mailto:bob") }, "bobpw", "SIP/2.0 400")
		try(func(m *message) { m.replace("Contact", "*") }, "bobpw", "SIP/2.0 400")
		try(func(m *message) { m.replace("To", "<sip:alice@sip.test>") }, "bobpw", "SIP/2.0 403")
		try(func(m *message) { m.replace("Contact", "<sip:a@x>;expires=9999999") }, "bobpw", "SIP/2.0 200")
		p.wantEvents("somebody gave a wrong password for bob", "bob registered over UDP for 1h0m0s")
	})
}

func TestNonces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, nil)
		defer p.close()
		bob := p.phone("bob", "10.0.0.3")
		m := bob.request("REGISTER", "sip:sip.test", "sip:bob@sip.test")
		bob.send(m)
		challenge := bob.want("SIP/2.0 401")
		answered := bob.again(m, challenge, "SHA-256")
		bob.send(answered)
		bob.want("SIP/2.0 200")
		stale := func(m *message, when string) {
			t.Helper()
			bob.send(m)
			if v := bob.want("SIP/2.0 401").get("WWW-Authenticate"); !strings.HasSuffix(v, "stale=true") {
				t.Errorf("%s: %s", when, v)
			}
		}
		stale(bob.with(answered), "the same nonce and count again")
		bob.send(m.clone()) // the answer to it is repeated
		bob.want("SIP/2.0 401")
		old := bob.again(m, challenge, "MD5") // another nonce
		time.Sleep(5*time.Minute + time.Second)
		stale(old, "an old nonce")
		foreign := challenge.clone() // right password, but a nonce that we never gave
		foreign.replace("WWW-Authenticate", strings.Replace(offered(challenge), `nonce="`, `nonce="0`, 1))
		stale(bob.again(m, foreign, "SHA-256"), "a foreign nonce")
	})
}

// offered is the first challenge.
func offered(m *message) string { return m.lines("WWW-Authenticate")[0] }

func TestBindingsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, nil)
		defer p.close()
		alice, bob := p.phone("alice", "10.0.0.2"), p.phone("bob", "10.0.0.3")
		bob.register(60)
		bob.contact = "sip:other@anonymous.invalid"
		if all := bob.register(60).all("Contact"); len(all) != 1 {
			t.Errorf("a phone with a new Contact has two bindings: %q", all)
		}
		time.Sleep(60 * time.Second)
		m := alice.request("INVITE", "sip:bob@sip.test", "sip:bob@sip.test")
		alice.send(m)
		challenge := alice.want("SIP/2.0 407")
		alice.send(ackOf(m, challenge))
		m = alice.again(m, challenge, "SHA-256")
		alice.send(m)
		alice.send(ackOf(m, alice.want("SIP/2.0 480")))
		bob.wantNothing(time.Hour)
		p.wantEvents("bob registered over UDP for 1m0s", "bob registered over UDP for 1m0s", "a phone of bob is gone",
			"alice calls bob", "the call of alice to bob was not answered (480)")
	})
}

// TestOlderRegister: RFC 3261, Section 10.3, step 7.
func TestOlderRegister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, nil)
		defer p.close()
		bob := p.phone("bob", "10.0.0.3")
		bob.register(60)
		bob.cseq = 0
		m := bob.request("REGISTER", "sip:sip.test", "sip:bob@sip.test")
		m.add("Expires", "0")
		bob.send(m)
		late := bob.again(m, bob.want("SIP/2.0 401"), "SHA-256")
		late.replace("CSeq", "1 REGISTER")
		bob.send(late)
		bob.want("SIP/2.0 500")
	})
}

func TestManyBindings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, nil)
		defer p.close()
		var last *message
		for i := range maxBindings + 3 {
			bob := p.phone("bob", fmt.Sprintf("10.0.1.%d", i+1))
			bob.contact = fmt.Sprintf("sip:bob%d@anonymous.invalid", i)
			last = bob.register(60)
		}
		if n := len(last.all("Contact")); n != maxBindings {
			t.Errorf("%d bindings, at most %d wanted", n, maxBindings)
		}
	})
}

package registrar

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestCall: a whole call between phones whose Contacts name no address.
func TestCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, nil)
		defer p.close()
		alice, bob := p.phone("alice", "10.0.0.2"), p.phone("bob", "10.0.0.3")
		bob.register(3600)
		invite := alice.call("bob")

		in := bob.want("INVITE sip:bob@anonymous.invalid SIP/2.0\r\n")
		if len(in.all("Via")) != 2 || len(in.all("Record-Route")) != 1 || in.get("Max-Forwards") != "69" || in.get("Proxy-Authorization") != "" {
			t.Errorf("bob received\n%s", in.bytes())
		}
		bob.reply(in, 180, "Ringing")
		ringing := alice.want("SIP/2.0 180")
		if len(ringing.all("Via")) != 1 {
			t.Errorf("alice received\n%s", ringing.bytes())
		}
		bob.reply(in, 200, "OK")
		ok := alice.want("SIP/2.0 200")
		alice.send(alice.inDialog("ACK", invite, ok))
		ack := bob.want("ACK sip:bob@anonymous.invalid")
		if ack.get("Route") != "" {
			t.Errorf("bob received\n%s", ack.bytes())
		}

		again := alice.inDialog("INVITE", invite, ok)
		alice.send(again)
		alice.want("SIP/2.0 100")
		re := bob.want("INVITE")
		bob.reply(re, 488, "Not Acceptable Here")
		bob.want("ACK")
		alice.send(ackOf(again, alice.want("SIP/2.0 488")))

		bye := bob.fromCallee("BYE", in)
		bob.send(bye)
		alice.reply(alice.want("BYE sip:alice@anonymous.invalid"), 200, "OK")
		bob.want("SIP/2.0 200")
		alice.wantNothing(time.Hour)
		bob.wantNothing(time.Hour)
		p.wantEvents("bob registered over UDP for 1h0m0s", "alice calls bob", "the phone of bob rings",
			"bob answered the call of alice", "bob ended the call with alice", "a phone of bob is gone")
	})
}

// TestForking: all phones ring, one answers, the others stop.
func TestForking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, nil)
		defer p.close()
		alice := p.phone("alice", "10.0.0.2")
		desk, mobile, mute := p.phone("bob", "10.0.0.3"), p.phone("bob", "10.0.0.4"), p.phone("bob", "10.0.0.5")
		for i, f := range []*phone{desk, mobile, mute} {
			f.contact = "sip:bob" + string(rune('0'+i)) + "@anonymous.invalid"
			f.register(3600)
		}
		invite := alice.call("bob")
		atDesk, atMobile := desk.want("INVITE sip:bob0@"), mobile.want("INVITE sip:bob1@")
		mute.want("INVITE sip:bob2@") // and says nothing yet
		desk.reply(atDesk, 180, "Ringing")
		alice.want("SIP/2.0 180")
		mobile.reply(atMobile, 180, "Ringing")
		alice.want("SIP/2.0 180")
		mobile.reply(atMobile, 200, "OK")
		ok := alice.want("SIP/2.0 200")

		cancel := desk.want("CANCEL sip:bob0@")
		if cancel.get("Via") != atDesk.all("Via")[0] || cancel.get("CSeq") != strings.Replace(atDesk.get("CSeq"), "INVITE", "CANCEL", 1) {
			t.Errorf("CANCEL does not match:\n%s\n%s", cancel.bytes(), atDesk.bytes())
		}
		desk.reply(cancel, 200, "OK")
		desk.reply(atDesk, 487, "Request Terminated")
		desk.want("ACK sip:bob0@")

		// RFC 3261, Section 9.1: no CANCEL before a provisional answer.
		late := mute.want("INVITE")
		mute.reply(late, 180, "Ringing")
		mute.reply(mute.want("CANCEL"), 200, "OK")
		mute.reply(late, 487, "Request Terminated")
		mute.want("ACK")

		alice.send(alice.inDialog("ACK", invite, ok))
		mobile.want("ACK")
		alice.send(alice.inDialog("BYE", invite, ok))
		mobile.reply(mobile.want("BYE"), 200, "OK")
		alice.want("SIP/2.0 200")
		for _, f := range []*phone{alice, desk, mobile, mute} {
			f.wantNothing(time.Minute)
		}
	})
}

func TestBestOfRefusals(t *testing.T) {
	for want, codes := range map[string][2]int{"SIP/2.0 404": {404, 503}, "SIP/2.0 603": {486, 603}, "SIP/2.0 302": {486, 302}} {
		synctest.Test(t, func(t *testing.T) {
			p := newProvider(t, nil)
			defer p.close()
			alice, one, two := p.phone("alice", "10.0.0.2"), p.phone("bob", "10.0.0.3"), p.phone("bob", "10.0.0.4")
			two.contact = "sip:two@anonymous.invalid"
			one.register(3600)
			two.register(3600)
			invite := alice.call("bob")
			one.reply(one.want("INVITE"), codes[0], "No")
			one.want("ACK")
			two.reply(two.want("INVITE"), codes[1], "No")
			two.want("ACK")
			alice.send(ackOf(invite, alice.want(want)))
			alice.wantNothing(time.Minute)
		})
	}
}

func TestCallerCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, nil)
		defer p.close()
		alice, bob := p.phone("alice", "10.0.0.2"), p.phone("bob", "10.0.0.3")
		bob.register(3600)
		invite := alice.call("bob")
		in := bob.want("INVITE")
		bob.reply(in, 180, "Ringing")
		alice.want("SIP/2.0 180")
		cancel := ackOf(invite, invite)
		cancel.method = "CANCEL"
		cancel.replace("CSeq", strings.Replace(invite.get("CSeq"), "INVITE", "CANCEL", 1))
		stranger := p.phone("mallory", "10.0.0.9") // has seen the INVITE somewhere
		stranger.send(cancel)
		stranger.want("SIP/2.0 481")
		alice.send(cancel)
		alice.want("SIP/2.0 200")
		atBob := bob.want("CANCEL")
		alice.send(cancel) // repeated: answered again, sent on once
		alice.want("SIP/2.0 200")
		bob.reply(atBob, 200, "OK")
		bob.reply(in, 487, "Request Terminated")
		bob.want("ACK")
		alice.send(ackOf(invite, alice.want("SIP/2.0 487")))
		alice.wantNothing(time.Minute)
		bob.wantNothing(time.Minute)
		alice.branches++
		alice.send(alice.with(cancel))
		alice.want("SIP/2.0 481")
	})
}

// TestSilentPhone: repetitions at the times of RFC 3261, then 408; and the 408
// is repeated until it is acknowledged.
func TestSilentPhone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, nil)
		defer p.close()
		alice, bob := p.phone("alice", "10.0.0.2"), p.phone("bob", "10.0.0.3")
		bob.register(3600)
		start := time.Now()
		invite := alice.call("bob")
		var at []time.Duration
		for {
			if _, err := bob.read(33 * time.Second); err != nil {
				break
			}
			at = append(at, time.Since(start))
		}
		ms := time.Millisecond
		if want := []time.Duration{0, 500 * ms, 1500 * ms, 3500 * ms, 7500 * ms, 15500 * ms, 31500 * ms}; !slices.Equal(at, want) {
			t.Errorf("INVITE at %v, want %v", at, want)
		}
		timeoutAnswer := alice.want("SIP/2.0 408")
		for range 3 {
			alice.want("SIP/2.0 408")
		}
		alice.send(ackOf(invite, timeoutAnswer))
		synctest.Wait()
		for { // what was on its way while we did not read
			if _, err := alice.read(time.Millisecond); err != nil {
				break
			}
		}
		alice.wantNothing(time.Minute)
	})
}

func TestRepetitionsAreAbsorbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, nil)
		defer p.close()
		alice, bob := p.phone("alice", "10.0.0.2"), p.phone("bob", "10.0.0.3")
		bob.register(3600)
		invite := alice.call("bob")
		in := bob.want("INVITE")
		alice.send(invite)
		alice.want("SIP/2.0 100")
		bob.reply(in, 180, "Ringing")
		alice.want("SIP/2.0 180")
		alice.send(invite)
		alice.want("SIP/2.0 180")
		bob.wantNothing(30 * time.Second)
		for range 2 { // RFC 6026: a repeated 2xx goes through
			bob.reply(in, 200, "OK")
			alice.want("SIP/2.0 200")
		}
	})
}

func TestRefusedRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, nil)
		defer p.close()
		alice := p.phone("alice", "10.0.0.2")
		for name, c := range map[string]struct {
			uri    string
			change func(*message)
			want   string
		}{
			"no hops left":     {"sip:bob@sip.test", func(m *message) { m.replace("Max-Forwards", "0") }, "SIP/2.0 483"},
			"odd hops":         {"sip:bob@sip.test", func(m *message) { m.replace("Max-Forwards", "x") }, "SIP/2.0 483"},
			"another domain":   {"sip:bob@example.org", func(*message) {}, "SIP/2.0 404"},
			"no SIP URI":       {"tel:1", func(*message) {}, "SIP/2.0 404"},
			"a foreign route":  {"sip:bob@sip.test", func(m *message) { m.add("Route", "<sip:10.9.9.9;lr>") }, "SIP/2.0 404"},
			"a dialog unknown": {"sip:bob@sip.test", func(m *message) { m.replace("To", "<sip:bob@sip.test>;tag=x") }, "SIP/2.0 481"},
			"our own route":    {"sip:bob@sip.test", func(m *message) { m.add("Route", "<sip:"+serverAddress+";lr>") }, "SIP/2.0 407"},
			"OPTIONS for us":   {"sip:sip.test", func(*message) {}, "SIP/2.0 200"},
			"from elsewhere":   {"sip:bob@sip.test", func(m *message) { m.replace("From", "<sip:carol@example.org>;tag=1") }, "SIP/2.0 480"},
		} {
			m := alice.request("OPTIONS", c.uri, c.uri)
			c.change(m)
			alice.send(m)
			if r, err := alice.read(time.Second); err != nil || !strings.HasPrefix(string(r.bytes()), c.want) {
				t.Errorf("%s: %v %v, want %s", name, r, err, c.want)
			}
		}
	})
}

// TestOtherUserCannotCallAsAlice: credentials of one do not serve for another.
func TestOtherUserCannotCallAsAlice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, nil)
		defer p.close()
		mallory := p.phone("bob", "10.0.0.2")
		m := mallory.request("INVITE", "sip:bob@sip.test", "sip:bob@sip.test")
		m.replace("From", "<sip:alice@sip.test>;tag=1")
		mallory.send(m)
		challenge := mallory.want("SIP/2.0 407")
		mallory.send(ackOf(m, challenge))
		mallory.send(mallory.again(m, challenge, "SHA-256"))
		mallory.want("SIP/2.0 403")
	})
}

func TestChallengeInDialog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, func(c *Config) { c.ChallengeInDialog = true })
		defer p.close()
		alice, bob := p.phone("alice", "10.0.0.2"), p.phone("bob", "10.0.0.3")
		bob.register(3600)
		invite := alice.call("bob")
		bob.reply(bob.want("INVITE"), 200, "OK")
		ok := alice.want("SIP/2.0 200")
		alice.send(alice.inDialog("ACK", invite, ok))
		bob.want("ACK")
		bye := alice.inDialog("BYE", invite, ok)
		alice.send(bye)
		alice.send(alice.again(bye, alice.want("SIP/2.0 407"), "MD5"))
		bob.reply(bob.want("BYE"), 200, "OK")
		alice.want("SIP/2.0 200")
	})
}

// TestPhoneMoves: after a new registration from elsewhere, requests of a
// running call go there.
func TestPhoneMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, nil)
		defer p.close()
		alice, bob, moved := p.phone("alice", "10.0.0.2"), p.phone("bob", "10.0.0.3"), p.phone("bob", "10.0.0.4")
		bob.register(3600)
		invite := alice.call("bob")
		bob.reply(bob.want("INVITE"), 200, "OK")
		ok := alice.want("SIP/2.0 200")
		moved.register(3600)
		alice.send(alice.inDialog("ACK", invite, ok))
		moved.want("ACK")
		bob.wantNothing(time.Minute)
	})
}

package spec

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"karat/contrib/zrtpspec/keys"
	"karat/zrtp/wire"
)

// commits is Section 5.4.
func commits() []Case {
	cases := []Case{{
		ID: "5.4/1", Rows: "119", Level: Must,
		Rule: "the ZID MUST have the same value as was used in the Hello message",
		Sent: "a Commit with another ZID", Expected: "the end of the exchange, no DHPart1",
		Run: func(t *T) {
			t.choice = func(c *wire.Commit) { c.ZID[0] ^= 1 }
			t.SendCommit()
			t.WantEnd(wire.CodeHelloMismatch, wire.TypeDHPart1)
		},
	}}
	for i, choice := range []struct {
		what   string
		code   wire.ErrorCode
		change func(c *wire.Commit)
	}{
		{"hash", wire.CodeHash, func(c *wire.Commit) { c.Hash = "XXXX" }},
		{"cipher", wire.CodeCipher, func(c *wire.Commit) { c.Cipher = "XXXX" }},
		{"key agreement", wire.CodeKeyAgreement, func(c *wire.Commit) { c.KeyAgreement = "XXXX" }},
		{"auth tag", wire.CodeAuthTag, func(c *wire.Commit) { c.AuthTag = "XXXX" }},
		{"SAS type", wire.CodeSAS, func(c *wire.Commit) { c.SAS = "XXXX" }},
		{"key agreement: DH2k, if P does not list it,", wire.CodeKeyAgreement, func(c *wire.Commit) { c.KeyAgreement = "DH2k" }},
	} {
		cases = append(cases, Case{
			ID: fmt.Sprintf("5.4/%d", i+2), Rows: "120 A19", Level: Text,
			Rule: fmt.Sprintf("an algorithm that was not offered ends the exchange (Table 8: 0x%x)", uint32(choice.code)),
			Sent: "a Commit with a " + choice.what + " that P did not offer", Expected: fmt.Sprintf("Error 0x%x", uint32(choice.code)),
			Run: func(t *T) {
				t.Meet()
				for _, a := range t.peer.hello.KeyAgreements {
					if c := (wire.Commit{}); a == "DH2k" {
						if choice.change(&c); c.KeyAgreement == a {
							t.NotApplicable("P offers DH2k")
						}
					}
				}
				t.choice = choice.change
				t.SendCommit()
				t.WantEnd(choice.code, wire.TypeDHPart1)
			},
		})
	}
	return cases
}

// confirms is Section 5.7.
func confirms() []Case {
	return []Case{
		{
			ID: "5.7/1", Rows: "121", Level: Must,
			Rule: "the 15 unused bits MUST be ignored when received",
			Sent: "a Confirm2 with all of them set, and undefined flags", Expected: "an exchange as usual",
			Run: func(t *T) {
				t.confirmed.Unused, t.confirmed.UndefinedFlags = 0x7fff, 0xf
				t.SecureAsInitiator()
			},
		},
		{
			ID: "5.7/2", Rows: "121", Level: Should,
			Rule: "the 15 unused bits SHOULD be set to zero when sent; undefined flags are zero",
			Sent: "an exchange", Expected: "zeros",
			Run: func(t *T) {
				t.SecureAsResponder()
				t.Want(t.peer.confirmed.Unused == 0 && t.peer.confirmed.UndefinedFlags == 0, "they are not")
			},
		},
		{
			ID: "5.7/3", Rows: "A5", Level: Text,
			Rule: "the signature length bounds the message",
			Sent: "a Confirm2 whose signature length goes beyond its end", Expected: "no Conf2ACK",
			Run: func(t *T) {
				t.BecomeInitiator()
				t.SendDHPart2()
				t.AwaitConfirm1()
				plain := t.confirmed
				plain.H0 = t.chain.H0
				b := plain.Append(nil)
				b[34] = 0xff // 255 words that are not there
				c := wire.Confirm{Part: 2}
				c.IV, c.Encrypted, c.MAC = t.keys.Encrypt(t.role, b)
				t.send(c.Append(nil))
				t.WantNever(patience, wire.TypeConf2ACK, typeSRTP)
				t.WantNoKeys()
			},
		},
	}
}

// relays is Section 5.13, with the parts of Section 7.3 that a phone can show.
func relays() []Case {
	return []Case{
		{
			ID: "5.13/1", Rows: "96 124", Level: Must,
			Rule: "endpoints MUST support SASrelay and RelayACK; the 15 unused bits MUST be ignored",
			Sent: "M=1, and a SASrelay with all of them set", Expected: "RelayACK",
			Run: func(t *T) {
				t.hello.MiTM = true
				t.SecureAsResponder()
				t.sasRelay()
				t.await(patience, wire.TypeRelayACK)
			},
		},
		{
			ID: "5.13/2", Rows: "123 A14", Level: Should, Needs: Eyes,
			Rule: "If the receiver did not previously receive a Hello with the M flag set, the relayed SAS SHOULD NOT be rendered",
			Sent: "M=0, and a SASrelay", Expected: "the SAS of the call stays",
			Run: func(t *T) { t.relayShowsNothing(false) },
		},
		{
			ID: "5.13/3", Rows: "123", Level: Text,
			Rule: "A RelayACK is still sent, but no Error message is sent",
			Sent: "M=0, and a SASrelay", Expected: "RelayACK",
			Run: func(t *T) {
				t.SecureAsResponder()
				t.sasRelay()
				t.await(patience, wire.TypeRelayACK)
			},
		},
		{
			ID: "5.13/4", Rows: "122", Level: Must,
			Rule:         "who sends SASrelay MUST have declared itself with M",
			Inapplicable: "a rule for PBXs",
		},
		{
			ID: "7.3/1", Rows: "148 A14", Level: Must, Needs: Eyes,
			Rule: "The receiver absolutely MUST NOT render the relayed SAS of an endpoint that it does not trust as MiTM",
			Sent: "M=1 without a pbxsecret, and a SASrelay", Expected: "the SAS of the call stays",
			Run: func(t *T) { t.relayShowsNothing(true) },
		},
	}
}

// sasRelay relays a SAS of zeros.
func (t *T) sasRelay() {
	plain := make([]byte, 40)
	plain[0], plain[1] = 0xff, 0xfe // 15 unused bits
	copy(plain[4:], wire.B32)
	var s wire.SASRelay
	s.IV, s.Encrypted, s.MAC = t.keys.Encrypt(t.role, plain)
	t.send(s.Append(nil))
}

func (t *T) relayShowsNothing(mitm bool) {
	t.hello.MiTM = mitm
	t.SecureAsResponder()
	t.sasRelay()
	t.Idle(time.Second)
	for _, s := range t.call.Sights() {
		t.Want(s.Kind != SawSecure || s.SAS == keys.Base32(t.keys.SAS), "P shows another SAS than that of the call")
	}
}

// pings are Sections 5.15 and 5.16.
func pings() []Case {
	ping := func(t *T, version string) wire.PingACK {
		t.send(wire.Ping{Version: version, EndpointHash: [8]byte{1, 2, 3, 4}}.Append(nil))
		a, err := wire.ParsePingACK(t.await(patience, wire.TypePingACK).raw)
		t.Want(err == nil, "P's PingACK: %v", err)
		return a
	}
	return []Case{
		{
			ID: "5.15/1", Rows: "125 96", Level: Must,
			Rule: "every ZRTP endpoint MUST respond to a Ping message with a PingACK message",
			Sent: "a Ping before, and one after the exchange", Expected: "a PingACK with its hash and SSRC each time",
			Run: func(t *T) {
				t.await(patience, wire.TypeHello)
				a := ping(t, "1.10")
				t.Want(a.ReceivedHash == [8]byte{1, 2, 3, 4} && a.ReceivedSSRC == t.ssrc, "hash or SSRC are not those of the Ping")
				t.SecureAsResponder()
				ping(t, "1.10")
			},
		},
		{
			ID: "5.16/1", Rows: "126", Level: Must,
			Rule: "the PingACK MUST be of the Ping's version, if that is supported",
			Sent: "a Ping of version 1.10", Expected: "a PingACK of version 1.10",
			Run: func(t *T) {
				t.await(patience, wire.TypeHello)
				a := ping(t, "1.10")
				t.Want(strings.HasPrefix(a.Version, "1.1"), "it is %q", a.Version)
			},
		},
		{
			ID: "5.16/2", Rows: "127", Level: Should,
			Rule: "else it SHOULD be of the highest version known",
			Sent: "a Ping of version 9.90", Expected: "a PingACK of P's own version",
			Run: func(t *T) {
				t.await(patience, wire.TypeHello)
				a := ping(t, "9.90")
				own := t.peer.hello.Version // empty if its Hello cannot be read
				t.Want(own != "" && strings.HasPrefix(a.Version, own[:3]), "it is %q", a.Version)
			},
		},
		{
			ID: "5.16/3", Rows: "128 A33", Level: Text, Needs: Memory,
			Rule: "the EndpointHash is stable",
			Sent: "a Ping in two calls", Expected: "one EndpointHash",
			Run: func(t *T) {
				t.await(patience, wire.TypeHello)
				first := ping(t, "1.10")
				t.Recall()
				t.await(patience, wire.TypeHello)
				t.Want(ping(t, "1.10").EndpointHash == first.EndpointHash, "they differ")
			},
		},
		{
			ID: "5.15/2", Rows: "A20", Level: Text,
			Rule: "a Ping in the middle of an exchange does not disturb it",
			Sent: "a Ping between DHPart2 and Confirm1", Expected: "an exchange as usual",
			Run: func(t *T) {
				t.AwaitCommit()
				t.SendDHPart1()
				t.AwaitDHPart2()
				ping(t, "1.10")
				t.SendConfirm1()
				t.AwaitConfirm2()
			},
		},
	}
}

// stranger is a chain of somebody else's.
func stranger() keys.Chain {
	var h0 [32]byte
	_, _ = rand.Read(h0[:])
	return keys.ChainFrom(h0)
}

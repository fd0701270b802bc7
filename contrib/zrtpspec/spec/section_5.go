package spec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"time"

	"karat/contrib/zrtpspec/keys"
	"karat/zrtp/wire"
)

// packets is Section 5 itself, and Section 5.1.1.
func packets() []Case {
	return []Case{
		{
			ID: "5/1", Rows: "93", Level: Must,
			Rule: "the 12 unused bits of the header MUST be sent as zero",
			Sent: "an exchange", Expected: "zeros",
			Run: func(t *T) {
				t.SecureAsResponder()
				for _, m := range t.log {
					t.Want(m.packet.Unused == 0, "P's %s has %03x there", m.typ, m.packet.Unused)
				}
			},
		},
		{
			ID: "5/2", Rows: "93", Level: Must,
			Rule: "the 12 unused bits of the header MUST be ignored",
			Sent: "a Hello with all of them set", Expected: "HelloACK or Commit",
			Run: func(t *T) {
				t.await(patience, wire.TypeHello)
				t.sendPacket(wire.Packet{Unused: 0xfff, Message: t.helloRaw})
				t.await(patience, wire.TypeHelloACK, wire.TypeCommit)
			},
		},
		{
			ID: "5/3", Rows: "94", Level: Text,
			Rule: "If a ZRTP message fails the CRC check, it is silently discarded",
			Sent: "a Hello with a wrong CRC", Expected: "nothing",
			Run: func(t *T) {
				t.await(patience, wire.TypeHello)
				t.sendRaw(wire.AppendPacketCRC(nil, wire.Packet{SSRC: t.ssrc, Message: t.helloRaw}, 1), "Hello with a wrong CRC")
				t.WantNever(2*time.Second, wire.TypeHelloACK, wire.TypeCommit, wire.TypeError)
			},
		},
		{
			ID: "5/4", Rows: "95", Level: Text,
			Rule: "the sequence number is incremented by one for each packet sent",
			Sent: "an exchange", Expected: "numbers that follow each other",
			Run: func(t *T) {
				t.SecureAsResponder()
				var last *message
				for _, m := range t.log {
					if m.typ == typeRTP || m.typ == typeSRTP {
						continue
					}
					t.Want(last == nil || m.packet.Sequence == last.packet.Sequence+1, "after %d came %d", before(last), m.packet.Sequence)
					last = &m
				}
			},
		},
		{
			ID: "5/5", Rows: "95", Level: Text,
			Rule: "The count is initialized to a random value",
			Sent: "three calls", Expected: "different first numbers",
			Run: func(t *T) {
				first := map[uint16]bool{}
				for range 3 {
					t.await(patience, wire.TypeHello)
					first[t.log[0].packet.Sequence] = true
					t.Recall()
				}
				t.Want(len(first) > 1, "all three calls begin with one number")
			},
		},
		{
			ID: "5/6", Rows: "95", Level: Text,
			Rule: "the sequence number wraps",
			Sent: "packets numbered 65534, 65535, 0, 1", Expected: "an exchange as usual",
			Run: func(t *T) { t.sequence = 65534; t.SecureAsResponder() },
		},
		{
			ID: "5/7", Rows: "A5 A20", Level: Text,
			Rule: "what is no message of ZRTP's is ignored, and does no harm",
			Sent: "an unknown message, an empty one, a cut one, 1500 octets of noise", Expected: "an exchange as usual",
			Run: noise,
		},
		{
			ID: "5.1.1/1", Rows: "96", Level: Must,
			Rule: "endpoints MUST support Error and ErrorACK",
			Sent: "an Error before anything else", Expected: "ErrorACK",
			Run: func(t *T) {
				t.await(patience, wire.TypeHello)
				t.send(wire.Error{Code: wire.CodeSoftware}.Append(nil))
				t.await(patience, wire.TypeErrorACK)
			},
		},
	}
}

func before(m *message) uint16 {
	if m == nil {
		return 0
	}
	return m.packet.Sequence
}

// noise is sent while P waits for a Hello, and while it waits for an answer to
// its Commit.
func noise(t *T) {
	t.await(patience, wire.TypeHello)
	t.noise()
	t.AwaitCommit()
	t.noise()
	t.SendDHPart1()
	t.AwaitDHPart2()
	t.SendConfirm1()
	t.AwaitConfirm2()
	t.SendConf2ACK()
}

func (t *T) noise() {
	raw := wire.Raw{Preamble: 0x505a, Length: 4, Type: "Unknown1", Body: []byte("body")}
	t.send(raw.Append(nil))
	t.send(nil)
	raw.Length = 400
	t.send(raw.Append(nil))
	t.sendRaw(bytes.Repeat([]byte{0x10}, 1500), "noise")
	for _, typ := range []wire.Type{wire.TypeHelloACK, wire.TypePing, wire.TypeDHPart1, wire.TypeConfirm1, wire.TypeCommit} {
		t.send(wire.Raw{Preamble: 0x505a, Length: 4, Type: typ, Body: []byte("body")}.Append(nil))
	}
}

// algorithmBlocks are Sections 5.1.2 to 5.1.6.
func algorithmBlocks() []Case {
	return []Case{
		{
			ID: "5.1.2/1", Rows: "97 100 103", Level: Must,
			Rule: "SHA-256, AES-128, both auth tags, DH3k and base32 MUST be supported: what a Hello does not list is implied",
			Sent: "a Hello with empty lists", Expected: "an exchange with S256, AES1 and DH3k",
			Run: func(t *T) {
				t.hello.Hashes, t.hello.Ciphers, t.hello.AuthTags = nil, nil, nil
				t.hello.KeyAgreements, t.hello.SASTypes = nil, nil
				t.SecureAsResponder()
				t.Want(t.suite.Hash == wire.S256 && t.suite.Cipher == wire.AES1 && t.suite.KeyAgreement == wire.DH3k,
					"P chose %v", t.suite)
			},
		},
		{
			ID: "5.1.2/2", Rows: "98", Level: Should,
			Rule: "SHA-384 SHOULD be supported",
			Sent: "a Commit with S384", Expected: "an exchange with S384",
			Run: func(t *T) {
				t.hello.Hashes = []wire.Algorithm{wire.S384}
				t.SecureAsInitiator()
				t.Want(t.suite.Hash == wire.S384, "P does not offer it")
			},
		},
		{
			ID: "5.1.2.2/1", Rows: "99 155", Level: Must,
			Rule: "the hash chain and the MACs of messages use SHA-256, whatever hash was negotiated",
			Sent: "an exchange with S384", Expected: "chain and MACs as they ought to be",
			Run: func(t *T) {
				t.hello.Hashes = []wire.Algorithm{wire.S384}
				t.SecureAsInitiator()
				if t.suite.Hash != wire.S384 {
					t.NotApplicable("P does not offer S384")
				}
				t.wantMACs()
			},
		},
		{
			ID: "5.1.3/1", Rows: "100", Level: Must,
			Rule: "AES-128 MUST be supported",
			Sent: "a Hello with AES1 only", Expected: "an exchange with AES1",
			Run: func(t *T) {
				t.hello.Ciphers = []wire.Algorithm{wire.AES1}
				t.SecureAsResponder()
				t.Want(t.suite.Cipher == wire.AES1, "P chose %s", t.suite.Cipher)
			},
		},
		{
			ID: "5.1.4/1", Rows: "101", Level: Must,
			Rule: "HMAC-SHA1 with 32 bits MUST be supported",
			Sent: "a Hello with HS32 only, an unknown tag first", Expected: "an exchange with HS32 or HS80",
			Run: authTag(wire.HS32),
		},
		{
			ID: "5.1.4/2", Rows: "101", Level: Must,
			Rule: "HMAC-SHA1 with 80 bits MUST be supported",
			Sent: "a Hello with HS80 only, an unknown tag first", Expected: "an exchange with HS32 or HS80",
			Run: authTag(wire.HS80),
		},
		{
			ID: "5.1.4/3", Rows: "102", Level: Text,
			Rule:   "SRTCP always has 80 bits (RFC 3711, Section 5.2)",
			Manual: "record RTCP of a call with HS32, and measure",
		},
		{
			ID: "5.1.5/1", Rows: "103", Level: Must,
			Rule: "DH3k MUST be supported",
			Sent: "a Hello with DH3k only", Expected: "an exchange with DH3k",
			Run: func(t *T) { t.only(wire.DH3k); t.SecureAsResponder() },
		},
		{
			ID: "5.1.5/2", Rows: "105 106", Level: Must,
			Rule: "an endpoint with several streams, or with GoClear, supports Multistream",
			Sent: "nothing", Expected: "Mult in P's Hello",
			Run: func(t *T) {
				t.Meet()
				t.Want(slices.Contains(t.peer.hello.KeyAgreements, wire.Mult), "P's Hello does not list Mult")
			},
		},
		{
			ID: "5.1.5/3", Rows: "107", Level: Must,
			Rule: "the DH parameters of RFC 3526 MUST be used",
			Sent: "ten exchanges with DH3k only", Expected: "public values in the subgroup of 2",
			Run: subgroup,
		},
		{
			ID: "5.1.5/4", Rows: "108", Level: Should,
			Rule:   "the exponent SHOULD be twice as long as the AES key",
			Manual: "read the code",
		},
		{
			ID: "5.1.5/5", Rows: "109 A19", Level: Must,
			Rule: "If EC38 is chosen, the hash MUST be SHA-384 or its SHA-3 successor (Table 8: 0x51)",
			Sent: "a Commit with EC38 and S256", Expected: "Error 0x51",
			Run: func(t *T) {
				t.mustOffer("EC38")
				t.choice = func(c *wire.Commit) { c.Hash = wire.S256 }
				t.SendCommit()
				t.WantEnd(wire.CodeHash, wire.TypeDHPart1)
			},
		},
		{
			ID: "5.1.5/6", Rows: "110", Level: Should,
			Rule: "If EC38 is chosen, AES-256 SHOULD be used",
			Sent: "a Hello with EC38 and S384", Expected: "a Commit with AES3",
			Run: func(t *T) {
				t.mustOffer("EC38")
				if c := t.AwaitCommit(); c.KeyAgreement == "EC38" {
					t.Want(c.Cipher == wire.AES3 || c.Cipher == "AES2", "P chose %s", c.Cipher)
				}
			},
		},
		{
			ID: "5.1.5/7", Rows: "112", Level: Should,
			Rule: "ECDH-521 SHOULD NOT be used",
			Sent: "nothing", Expected: "no EC52 in P's Hello",
			Run: func(t *T) {
				t.Meet()
				t.Want(!slices.Contains(t.peer.hello.KeyAgreements, "EC52"), "P lists EC52")
			},
		},
		{
			ID: "5.1.5/8", Rows: "111 51 A19", Level: Should,
			Rule: "DH2k SHOULD use AES-128",
			Sent: "a Hello with DH2k first", Expected: "a Commit with AES1, or for something better than DH2k",
			Run: func(t *T) {
				t.hello.KeyAgreements = []wire.Algorithm{"DH2k", wire.DH3k}
				c := t.AwaitCommit()
				t.Want(c.KeyAgreement != "DH2k" || c.Cipher == wire.AES1, "P chose DH2k with %s", c.Cipher)
			},
		},
		{
			ID: "5.1.6/1", Rows: "113 136", Level: Must, Needs: Eyes,
			Rule: "base32 MUST be supported",
			Sent: "a Hello that lists no SAS type", Expected: "T's four characters on P's screen",
			Run: func(t *T) {
				t.hello.SASTypes = nil
				t.SecureAsResponder()
				t.wantSAS()
			},
		},
		{
			ID: "5.1.6/2", Rows: "113", Level: Must, Needs: Eyes,
			Rule: "base32 MUST be supported, P being responder",
			Sent: "a Commit with B32", Expected: "T's four characters on P's screen",
			Run: func(t *T) {
				t.SecureAsInitiator()
				t.wantSAS()
			},
		},
		{
			ID: "5.1.6/3", Rows: "114 A29 A30", Level: Text,
			Rule:   "B256 renders two octets as words of the PGP word list, the first from the list of even positions",
			Manual: "compare the words of a call with a phone that is known to have the list right",
		},
	}
}

// subgroup tells the generator by its public values: of another one's, half would
// be outside.
func subgroup(t *T) {
	q, one := new(big.Int).Rsh(keys.Prime(), 1), big.NewInt(1)
	for range 10 {
		t.only(wire.DH3k)
		t.AwaitCommit()
		t.SendDHPart1()
		pv := new(big.Int).SetBytes(t.AwaitDHPart2().PublicValue)
		t.Want(pv.Exp(pv, q, keys.Prime()).Cmp(one) == 0, "pv^q is not 1")
		t.Recall()
	}
}

// wantSAS compares what P shows.
func (t *T) wantSAS() {
	s := t.WantSight(SawSecure)
	t.Want(s.SAS == keys.Base32(t.keys.SAS), "P shows another SAS than T computes")
}

func authTag(a wire.Algorithm) func(t *T) {
	return func(t *T) {
		t.hello.AuthTags = []wire.Algorithm{"XXXX", a}
		t.SecureAsResponder()
		t.Want(t.suite.AuthTag == wire.HS32 || t.suite.AuthTag == wire.HS80, "P chose %s", t.suite.AuthTag)
		if t.can&Media != 0 {
			t.wantSRTP()
		}
	}
}

// wantMACs checks the MACs of all that P sent, with the keys it revealed.
func (t *T) wantMACs() {
	d, h0 := t.peer.dhPart, t.peer.confirmed.H0
	t.Want(keys.Links(h0, d.H1), "H1 is not the hash of H0")
	h2 := keys.Hash(d.H1[:])
	t.Want(keys.Links(h2, t.peer.hello.H3), "H3 is not the hash of H2")
	t.Want(keys.Sealed(t.peer.raw, h2), "the MAC of P's Hello is wrong")
	part := t.dhPart1
	if t.role == keys.Responder {
		t.Want(keys.Sealed(t.commit, d.H1), "the MAC of P's Commit is wrong")
		part = t.dhPart2
	}
	t.Want(keys.Sealed(part, h0), "the MAC of P's DHPart is wrong")
}

// hellos is Section 5.2.
func hellos() []Case {
	cases := []Case{
		{
			ID: "5.2/1", Rows: "115 138", Level: Must,
			Rule: "the S flag is set only by endpoints that support signatures",
			Sent: "a call", Expected: "S=0, or signatures that the user can switch on",
			Run: func(t *T) { t.Meet(); t.Want(!t.peer.hello.Signature, "P sets S: it says that it checks signatures") },
		},
		{
			ID: "5.2/2", Rows: "116", Level: Should,
			Rule: "the unused bits SHOULD be set to zero when sent",
			Sent: "a call", Expected: "zeros",
			Run: func(t *T) {
				t.Meet()
				t.Want(t.peer.hello.Unused == 0 && !t.peer.hello.Reserved, "they are %02x", t.peer.hello.Unused)
			},
		},
		{
			ID: "5.2/3", Rows: "116", Level: Must,
			Rule: "the unused bits MUST be ignored when received",
			Sent: "a Hello with all of them set", Expected: "an exchange as usual",
			Run: func(t *T) { t.hello.Unused, t.hello.Reserved = 0xff, true; t.SecureAsResponder() },
		},
		{
			ID: "5.2/4", Rows: "118 A21", Level: Text,
			Rule: "equal ZIDs end the exchange (Table 8: 0x90)",
			Sent: "P's ZID as T's", Expected: "Error 0x90",
			Run: func(t *T) {
				t.await(patience, wire.TypeHello)
				t.hello.H3, t.hello.ZID = t.chain.H3, t.peer.hello.ZID
				t.send(t.seal(t.hello.Append(nil), t.chain.H2))
				t.WantEnd(wire.CodeEqualZIDs, wire.TypeCommit)
			},
		},
	}
	broken := []struct {
		sent   string
		change func(msg []byte) []byte
	}{
		{"a Hello that says 8 hashes", func(m []byte) []byte { m[78] |= 8; return m }},
		{"a Hello that says 15 of each algorithm", func(m []byte) []byte { m[77] |= 15; m[78], m[79] = 0xff, 0xff; return m }},
		{"a Hello whose counts go beyond its end", func(m []byte) []byte { m[79] |= 7; return m }},
		{"a Hello cut after its ZID", func(m []byte) []byte { return resize(m[:76]) }},
		{"a Hello with 100 words behind it", func(m []byte) []byte { return resize(append(m, make([]byte, 400)...)) }},
		{"a Hello whose length field lies", func(m []byte) []byte { m[3]++; return m }},
	}
	for i, b := range broken {
		cases = append(cases, Case{
			ID: fmt.Sprintf("5.2/%d", 10+i), Rows: "117 A5", Level: Text,
			Rule: "at most seven algorithms of a type are listed, and the counts bound the length (Table 8: 0x10)",
			Sent: b.sent, Expected: "Error 0x10, or nothing; and a good call afterwards",
			Run: func(t *T) { t.brokenHello(b.change) },
		})
	}
	return cases
}

// resize makes the length field true again.
func resize(msg []byte) []byte {
	binary.BigEndian.PutUint16(msg[2:], uint16(len(msg)/4))
	return msg
}

// brokenHello sends a Hello that anyone could have made: whether P answers with
// Error is its own affair, but it must not go on, nor fall.
func (t *T) brokenHello(change func([]byte) []byte) {
	t.await(patience, wire.TypeHello)
	t.deaf = true
	t.send(change(bytes.Clone(t.helloRaw)))
	t.WantNever(2500*time.Millisecond, wire.TypeCommit, wire.TypeHelloACK)
	for _, m := range t.sent(wire.TypeError) {
		e, _ := wire.ParseError(m.raw)
		t.Want(e.Code == wire.CodeMalformed, "P sent %s", describe(m.raw))
	}
	t.Recall()
	t.SecureAsResponder()
}

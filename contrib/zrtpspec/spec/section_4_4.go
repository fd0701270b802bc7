package spec

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"math/big"
	"slices"

	"karat/contrib/zrtpspec/keys"
	"karat/zrtp/wire"
)

// dhMode are Sections 4.4.1 to 4.4.1.4.
func dhMode() []Case {
	cases := []Case{
		{
			ID: "4.4.1.1/1", Rows: "37", Level: Must,
			Rule: "pvi is fixed to the width of the prime: leading zeros MUST NOT be truncated",
			Sent: "four exchanges with DH3k", Expected: "384 octets in each DHPart2",
			Run: func(t *T) {
				for range 4 {
					t.only(wire.DH3k)
					t.AwaitCommit()
					t.SendDHPart1()
					t.Want(len(t.AwaitDHPart2().PublicValue) == 384, "pvi has %d octets", len(t.peer.dhPart.PublicValue))
					t.Recall()
				}
			},
		},
		{
			ID: "4.4.1.1/2", Rows: "38", Level: Text,
			Rule: "hvi = hash(initiator's DHPart2 message || responder's Hello message)",
			Sent: "a DHPart1", Expected: "the DHPart2 that P committed to",
			Run: func(t *T) { t.AwaitCommit(); t.SendDHPart1(); t.AwaitDHPart2() },
		},
		{
			ID: "4.4.1.2/1", Rows: "40 A1", Level: Must,
			Rule: "the responder computes its own value of hvi; if they are different, a MiTM attack is taking place and the user is alerted and the protocol exchange terminated",
			Sent: "another DHPart2 than the one committed to, with a good MAC", Expected: "Error 0x62, no Confirm1",
			Run: otherDHPart2(func(d *wire.DHPart) { d.PublicValue[7] ^= 1 }),
		},
		{
			ID: "4.4.1.2/2", Rows: "40 A1", Level: Must,
			Rule: "the commitment is to the whole DHPart2",
			Sent: "a DHPart2 with another pbxsecretID", Expected: "Error 0x62, no Confirm1",
			Run: otherDHPart2(func(d *wire.DHPart) { d.PBXID[0] ^= 1 }),
		},
		{
			ID: "4.4.1.2/3", Rows: "42 40", Level: Should, Needs: Eyes,
			Rule: "the user SHOULD be alerted of the attack",
			Sent: "another DHPart2 than the one committed to", Expected: "an alarm",
			Run: func(t *T) {
				otherDHPart2(func(d *wire.DHPart) { d.PublicValue[7] ^= 1 })(t)
				t.WantSight(SawFailed)
			},
		},
		{
			ID: "4.4.1.3/1", Rows: "44", Level: Should, Needs: Eyes,
			Rule: "the user SHOULD be alerted of the attack",
			Sent: "pvr = 1", Expected: "an alarm",
			Run: func(t *T) {
				t.weakResponder(wire.DH3k, wide(big.NewInt(1)))
				t.WantSight(SawFailed)
			},
		},
		{
			ID: "4.4.1.4/1", Rows: "39", Level: Must,
			Rule: "pvr is fixed to the width of the prime: leading zeros MUST NOT be truncated",
			Sent: "a pvr that begins with three zeros", Expected: "the same keys",
			Run: func(t *T) {
				t.only(wire.DH3k)
				t.half = keys.ShortHalf(3)
				t.SecureAsResponder()
			},
		},
		{
			ID: "4.4.1.4/2", Rows: "39 37", Level: Must,
			Rule: "pvi is fixed to the width of the prime: leading zeros MUST NOT be truncated",
			Sent: "a pvi that begins with two zeros", Expected: "the same keys",
			Run: func(t *T) {
				t.only(wire.DH3k)
				t.half = keys.ShortHalf(2)
				t.SecureAsInitiator()
			},
		},
		{
			ID: "4.4.1.4/3", Rows: "46", Level: Must,
			Rule:   "DHResult is fixed to the width of the prime",
			Manual: "one exchange in 256 has a DHResult that begins with a zero, and T cannot bring it about: run 4.4.1.1/1 a thousand times, or read the code",
		},
		{
			ID: "4.4.1.4/4", Rows: "47", Level: Must,
			Rule:   "DHResult, s1, s2 and s3 MUST be erased from memory immediately after s0 is computed",
			Manual: "scan the phone's memory (heap scan)",
		},
	}
	return append(cases, weakValues()...)
}

// only makes T offer one key agreement, beside what is mandatory.
func (t *T) only(a wire.Algorithm) {
	t.hello.KeyAgreements = []wire.Algorithm{a}
}

func otherDHPart2(change func(*wire.DHPart)) func(t *T) {
	return func(t *T) {
		t.BecomeInitiator()
		t.SendDHPart2(change)
		t.WantEnd(wire.CodeBadCommitment, wire.TypeConfirm1)
	}
}

// wide is a number as a public value of DH3k.
func wide(n *big.Int) []byte { return n.FillBytes(make([]byte, 384)) }

// weak is a public value that makes the result predictable.
type weak struct {
	name  string
	ka    wire.Algorithm
	value []byte
}

func weaklings() []weak {
	p, one := keys.Prime(), big.NewInt(1)
	list := []weak{
		{"1", wire.DH3k, wide(one)},
		{"p-1", wire.DH3k, wide(new(big.Int).Sub(p, one))},
		{"0", wire.DH3k, wide(new(big.Int))},
		{"p", wire.DH3k, wide(p)},
		{"p+1", wire.DH3k, wide(new(big.Int).Add(p, one))},
		{"2^3072-1", wire.DH3k, bytes.Repeat([]byte{0xff}, 384)},
		{"0", wire.X255, make([]byte, 32)},
		{"1", wire.X255, append([]byte{1}, make([]byte, 31)...)},
		// RFC 7748 reads it little-endian, and without the highest bit.
		{"p-1", wire.X255, little25519(-1)},
		{"p", wire.X255, little25519(0)},
		{"p+1", wire.X255, little25519(1)},
		{"a point off the curve", "EC25", slices.Concat(make([]byte, 63), []byte{7})},
		{"infinity", "EC25", make([]byte, 64)},
		{"a point off the curve", "EC38", slices.Concat(make([]byte, 95), []byte{7})},
	}
	return list
}

// little25519 is 2^255 - 19 + delta in the order of X25519.
func little25519(delta int64) []byte {
	n := new(big.Int).Lsh(big.NewInt(1), 255)
	n.Add(n, big.NewInt(delta-19))
	b := n.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

// weakValues sends each weakling in both roles: Section 4.4.1.2 is about pvi,
// 4.4.1.3 about pvr.
func weakValues() []Case {
	var cases []Case
	for i, w := range weaklings() {
		level, rule := Text, "a public value that makes the result predictable, or is none at all, is refused (Table 8: 0x61)"
		if w.ka == wire.DH3k && (w.name == "1" || w.name == "p-1") {
			level, rule = Must, "If the other side's public value is 1 or p-1, the protocol exchange MUST be terminated"
		}
		number := i + 10
		cases = append(cases, Case{
			ID: fmt.Sprintf("4.4.1.2/%d", number), Rows: "41 45 A2", Level: level, Rule: rule,
			Sent: fmt.Sprintf("%s: pvi = %s, with a commitment that fits", w.ka, w.name), Expected: "Error 0x61, no Confirm1",
			Run: func(t *T) { t.weakInitiator(w.ka, w.value) },
		}, Case{
			ID: fmt.Sprintf("4.4.1.3/%d", number), Rows: "43 45 A2", Level: level, Rule: rule,
			Sent: fmt.Sprintf("%s: pvr = %s", w.ka, w.name), Expected: "Error 0x61, no DHPart2",
			Run: func(t *T) { t.weakResponder(w.ka, w.value) },
		})
	}
	return cases
}

// weakInitiator commits to a weak value: T never learns the keys.
func (t *T) weakInitiator(ka wire.Algorithm, value []byte) {
	t.mustOffer(ka)
	t.draft = func(d *wire.DHPart) { d.PublicValue = value }
	t.BecomeInitiator()
	t.send(t.dhPart2)
	t.WantEnd(wire.CodeBadPublicValue, wire.TypeConfirm1)
}

func (t *T) weakResponder(ka wire.Algorithm, value []byte) {
	t.mustOffer(ka)
	t.draft = func(d *wire.DHPart) { d.PublicValue = value }
	t.AwaitCommit()
	t.SendDHPart1()
	t.WantEnd(wire.CodeBadPublicValue, wire.TypeDHPart2)
}

// mustOffer makes P use a key agreement, if it can.
func (t *T) mustOffer(ka wire.Algorithm) {
	t.only(ka)
	if ka == "EC38" {
		t.hello.Hashes = []wire.Algorithm{wire.S384}
	}
	t.Meet()
	if ka != wire.DH3k && !slices.Contains(t.peer.hello.KeyAgreements, ka) {
		t.NotApplicable("P does not offer %s", ka)
	}
}

// keySchedule are Sections 4.5.1 to 4.5.3.
func keySchedule() []Case {
	cases := []Case{
		{
			ID: "4.5.2/1", Rows: "64 65", Level: Must,
			Rule:   "ZRTPSess MUST NOT be carried over to another call, and MUST be destroyed at the end of the session",
			Manual: "scan the phone's memory (heap scan)",
		},
		{
			ID: "4.5.3/1", Rows: "66", Level: Text, Needs: Media,
			Rule: "the responder encrypts with srtpkeyr and srtpsaltr",
			Sent: "an exchange in which P is responder", Expected: "SRTP that authenticates",
			Run: func(t *T) { t.SecureAsInitiator(); t.wantSRTP() },
		},
		{
			ID: "4.5.3/2", Rows: "66 A34", Level: Text, Needs: Media,
			Rule: "the initiator encrypts with srtpkeyi and srtpsalti",
			Sent: "an exchange in which P is initiator", Expected: "SRTP that authenticates",
			Run: func(t *T) { t.SecureAsResponder(); t.wantSRTP() },
		},
	}
	number := 0
	for _, ka := range keys.Agreements() {
		for _, hash := range []wire.Algorithm{wire.S256, wire.S384} {
			if ka == "EC38" && hash == wire.S256 {
				continue // RFC 6189, Section 5.1.5
			}
			for _, cipher := range []wire.Algorithm{wire.AES1, wire.AES3} {
				number++
				cases = append(cases, derivationCase(number, ka, hash, cipher))
			}
		}
	}
	return cases
}

func (t *T) wantSRTP() {
	t.Want(t.media.authentic > 0, "no SRTP of P's authenticates")
	t.Want(t.count(typeRTP) == 0, "P sends RTP that is not this call's SRTP")
}

// derivationCase runs a suite in both roles with T's own derivation.
func derivationCase(number int, ka, hash, cipher wire.Algorithm) Case {
	return Case{
		ID: fmt.Sprintf("4.5.1/%d", number), Rows: "63 A37", Level: Text,
		Rule: "KDF(KI, Label, Context, L) = HMAC(KI, i || Label || 0x00 || Context || L)",
		Sent: fmt.Sprintf("exchanges with %s, %s and %s", ka, hash, cipher), Expected: "Confirms that T can open, in both roles",
		Run: func(t *T) {
			for _, run := range []func(*T){(*T).SecureAsResponder, (*T).SecureAsInitiator} {
				t.hello.Hashes, t.hello.Ciphers = []wire.Algorithm{hash}, []wire.Algorithm{cipher}
				t.mustOffer(ka)
				for _, offer := range []struct{ wanted, by wire.Algorithm }{{hash, wire.S256}, {cipher, wire.AES1}} {
					if offer.wanted != offer.by && !slices.Contains(slices.Concat(t.peer.hello.Hashes, t.peer.hello.Ciphers), offer.wanted) {
						t.NotApplicable("P does not offer %s", offer.wanted)
					}
				}
				run(t)
				if t.suite.Hash != hash || t.suite.Cipher != cipher || t.suite.KeyAgreement != ka {
					// The initiator may prefer what T did not list and still has to have.
					t.Want(t.role == keys.Responder, "the exchange ran with %v", t.suite)
					t.note = fmt.Sprintf("as responder; as initiator P preferred %v", t.suite)
				}
				t.Recall()
				_, _ = rand.Read(t.zid[:])
				t.hello.ZID, t.memory = t.zid, memory{}
			}
		},
	}
}

package spec

import (
	"crypto/rand"
	"slices"
	"time"

	"karat/contrib/zrtpspec/keys"
	"karat/zrtp/wire"
)

// confirmation are Sections 4.6 to 4.6.1.1.
func confirmation() []Case {
	return []Case{
		{
			ID: "4.6/1", Rows: "67", Level: Must, Needs: Media,
			Rule: "The initiator MUST treat the first valid SRTP media from the responder as equivalent to receiving a Conf2ACK",
			Sent: "SRTP instead of Conf2ACK", Expected: "no more Confirm2, and SRTP",
			Run: srtpForConf2ACK,
		},
		{
			ID: "4.6/2", Rows: "68 A23", Level: Text,
			Rule: "a wrong confirm_mac ends the exchange (Table 8: 0x70)",
			Sent: "a Confirm1 with one bit of its MAC changed", Expected: "Error 0x70, no Confirm2",
			Run: badConfirm1(func(c *wire.Confirm) { c.MAC[3] ^= 1 }),
		},
		{
			ID: "4.6/3", Rows: "68 A23", Level: Text,
			Rule: "a wrong confirm_mac ends the exchange (Table 8: 0x70)",
			Sent: "a Confirm2 with one bit of its MAC changed", Expected: "Error 0x70, no Conf2ACK",
			Run: badConfirm2(func(c *wire.Confirm) { c.MAC[3] ^= 1 }),
		},
		{
			ID: "4.6/4", Rows: "68 A23", Level: Text,
			Rule: "confirm_mac covers the whole encrypted part",
			Sent: "a Confirm1 with its V flag turned over", Expected: "Error 0x70, no Confirm2",
			Run: badConfirm1(func(c *wire.Confirm) { c.Encrypted[35] ^= 4 }),
		},
		{
			ID: "4.6/5", Rows: "68 A23", Level: Text,
			Rule: "confirm_mac covers the whole encrypted part",
			Sent: "a Confirm2 with another expiry", Expected: "Error 0x70, no Conf2ACK",
			Run: badConfirm2(func(c *wire.Confirm) { c.Encrypted[39] ^= 0x40 }),
		},
		{
			ID: "4.6/6", Rows: "68 A20", Level: Must, Needs: Eyes,
			Rule: "the responder is not done before Confirm2",
			Sent: "a Conf2ACK instead of Confirm2", Expected: "nothing",
			Run: func(t *T) {
				t.BecomeInitiator()
				t.SendDHPart2()
				t.AwaitConfirm1()
				t.send(wire.Conf2ACK{}.Append(nil))
				t.Idle(time.Second)
				t.WantNoKeys()
			},
		},
		{
			ID: "4.6.1/1", Rows: "69 A27", Level: Must, Needs: Memory,
			Rule: "the responder MUST NOT update its cache before it has received Confirm2",
			Sent: "no Confirm2; then a call with the old secrets", Expected: "they match",
			Run: brokenOff(func(t *T) {
				t.BecomeInitiator()
				t.SendDHPart2()
				t.AwaitConfirm1()
			}),
		},
		{
			ID: "4.6.1/2", Rows: "70 A27", Level: Must, Needs: Memory,
			Rule: "the initiator MUST NOT update its cache before it has received Conf2ACK or valid SRTP",
			Sent: "neither; then a call with the old secrets", Expected: "they match",
			Run: brokenOff(func(t *T) {
				t.AwaitCommit()
				t.SendDHPart1()
				t.AwaitDHPart2()
				t.SendConfirm1()
				t.AwaitConfirm2()
			}),
		},
		{
			ID: "4.6.1/3", Rows: "71", Level: Text, Needs: Memory,
			Rule: "the old rs1 becomes rs2, the new secret rs1",
			Sent: "a third call", Expected: "rs1ID and rs2ID of the second and of the first call",
			Run: func(t *T) {
				t.SecureAsResponder()
				t.Recall()
				t.SecureAsResponder()
				before := t.memory
				t.Recall()
				t.SecureAsResponder()
				d := t.peer.dhPart
				t.Want(d.RS1ID == t.suite.SecretID(before.rs1, keys.Initiator), "rs1ID is another")
				t.Want(d.RS2ID == t.suite.SecretID(before.rs2, keys.Initiator), "rs2ID is another")
			},
		},
		{
			ID: "4.6.1/4", Rows: "72", Level: Must,
			Rule:   "s0 MUST be erased when the cache has been updated",
			Manual: "scan the phone's memory (heap scan)",
		},
		{
			ID: "4.6.1.1/1", Rows: "73 A7", Level: Must, Needs: Memory,
			Rule: "after a cache mismatch the cache MUST NOT be updated until the user has verified the SAS",
			Sent: "a call with random secrets, whose SAS nobody compares; then one with the good ones", Expected: "the good ones match",
			Run: mismatchKeeps,
		},
		{
			ID: "4.6.1.1/2", Rows: "73 A7 A16", Level: Must, Needs: Memory | Eyes,
			Rule: "after a cache mismatch the cache MUST NOT be updated until the user has verified the SAS",
			Sent: "two calls with the secrets of an intruder", Expected: "a second alarm",
			Run: func(t *T) {
				secondCall(lose, (*T).SecureAsResponder)(t)
				t.WantSight(SawMismatch)
				t.Recall()
				t.SecureAsResponder()
				t.Want(!t.matched, "P took the secret of the intruder")
				t.WantSight(SawMismatch)
			},
		},
	}
}

func srtpForConf2ACK(t *T) {
	t.AwaitCommit()
	t.SendDHPart1()
	t.AwaitDHPart2()
	t.SendConfirm1()
	t.AwaitConfirm2()
	t.SendSRTP()
	t.Idle(300 * time.Millisecond)
	before := t.count(wire.TypeConfirm2)
	t.Idle(2 * time.Second)
	t.Want(t.count(wire.TypeConfirm2) == before, "P repeats Confirm2 although SRTP came")
	t.wantSRTP()
}

func badConfirm1(change func(*wire.Confirm)) func(t *T) {
	return func(t *T) {
		t.AwaitCommit()
		t.SendDHPart1()
		t.AwaitDHPart2()
		t.SendConfirm1(change)
		t.WantEnd(wire.CodeBadConfirmMAC, wire.TypeConfirm2)
	}
}

func badConfirm2(change func(*wire.Confirm)) func(t *T) {
	return func(t *T) {
		t.BecomeInitiator()
		t.SendDHPart2()
		t.AwaitConfirm1()
		t.SendConfirm2(change)
		t.WantEnd(wire.CodeBadConfirmMAC, wire.TypeConf2ACK)
	}
}

// brokenOff makes a good call, one that breaks off, and one with the secrets of
// the first.
func brokenOff(breakOff func(t *T)) func(t *T) {
	return func(t *T) {
		t.SecureAsResponder()
		t.Recall()
		breakOff(t)
		t.Recall()
		t.SecureAsResponder()
		t.Want(t.matched, "P has replaced the secrets of the first call")
		d := t.peer.dhPart
		t.Want(d.RS1ID == t.suite.SecretID(t.old(), keys.Initiator), "P's rs1 is not the secret of the first call")
		t.WantNoSight(SawMismatch)
	}
}

func mismatchKeeps(t *T) {
	t.SecureAsResponder()
	good := t.memory
	t.Recall()
	lose(t)
	t.SecureAsResponder()
	t.Recall()
	t.memory = good
	t.SecureAsResponder()
	t.Want(t.matched, "P has dropped the good secret")
	t.Want(t.peer.dhPart.RS1ID == t.suite.SecretID(good.rs1, keys.Initiator), "P's rs1 is not the good secret")
}

// termination are Sections 4.7.1 to 4.7.3.
func termination() []Case {
	return []Case{
		{
			ID: "4.7.1/1", Rows: "74 96", Level: Text,
			Rule: "an Error message ends the exchange, and is answered with ErrorACK",
			Sent: "an Error after DHPart1", Expected: "ErrorACK, and no call",
			Run: func(t *T) {
				t.BecomeInitiator()
				t.send(wire.Error{Code: wire.CodeSoftware}.Append(nil))
				t.await(patience, wire.TypeErrorACK)
				t.Idle(2 * time.Second)
				t.SendDHPart2()
				t.WantNever(time.Second, wire.TypeConfirm1)
			},
		},
		{
			ID: "4.7.1/2", Rows: "74", Level: Text, Needs: Memory,
			Rule: "The termination of a ZRTP key agreement exchange results in no updates to the cached shared secrets",
			Sent: "an Error in the middle; then a call with the old secrets", Expected: "they match",
			Run: brokenOff(func(t *T) {
				t.BecomeInitiator()
				t.SendDHPart2()
				t.AwaitConfirm1()
				t.send(wire.Error{Code: wire.CodeSoftware}.Append(nil))
				t.Idle(2 * time.Second)
			}),
		},
		{
			ID: "4.7.2/1", Rows: "75 A13", Level: Must,
			Rule: "if the clear_mac does not authenticate, ClearACK MUST NOT be sent, and nothing be done",
			Sent: "a GoClear with a random MAC", Expected: "no ClearACK, and the call stays secure",
			Run: func(t *T) {
				t.SecureAsResponder()
				t.goClear([8]byte{1, 2, 3})
			},
		},
		{
			ID: "4.7.2/2", Rows: "76 79 A13", Level: Must,
			Rule: "GoClear is accepted only if both A flags were set (Table 8: 0x100)",
			Sent: "a GoClear with a good MAC, T's A flag being 0", Expected: "Error 0x100, and the call stays secure",
			Run: func(t *T) {
				t.SecureAsResponder()
				t.goClear(t.keys.ClearMAC(t.role))
				t.Want(t.count(wire.TypeError) > 0, "GoClear was not refused with an Error")
			},
		},
		{
			ID: "4.7.2/3", Rows: "79 A13", Level: Text,
			Rule: "GoClear is accepted only if both A flags were set (Table 8: 0x100)",
			Sent: "A=1, and a GoClear with a good MAC, if P's A flag is 0", Expected: "Error 0x100, and the call stays secure",
			Run: func(t *T) {
				t.confirmed.AllowClear = true
				t.SecureAsInitiator()
				if t.peer.confirmed.AllowClear {
					t.NotApplicable("P allows GoClear")
				}
				t.goClear(t.keys.ClearMAC(t.role))
				t.Want(t.count(wire.TypeError) > 0, "GoClear was not refused with an Error")
			},
		},
		{
			ID: "4.7.2/4", Rows: "A13", Level: Text,
			Rule: "the MAC keys of the two sides differ, so that a GoClear can not be reflected",
			Sent: "a GoClear with P's own MAC", Expected: "no ClearACK, and the call stays secure",
			Run: func(t *T) {
				t.confirmed.AllowClear = true
				t.SecureAsInitiator()
				t.goClear(t.keys.ClearMAC(t.role.Other()))
			},
		},
		{
			ID: "4.7.2/5", Rows: "77 80", Level: Must,
			Rule:   "once GoClear is accepted all streams stop; GoClear is repeated until ClearACK",
			Manual: "only for phones that set A: press the button for clear mode in a call with two streams, and watch",
		},
		{
			ID: "4.7.2/6", Rows: "76 78", Level: Must, Needs: Media,
			Rule: "Until confirmation from the user is received, the ZRTP endpoint MUST NOT resume sending RTP packets",
			Sent: "A=1 in both Confirms, and a GoClear with a good MAC", Expected: "ClearACK, and then no media",
			Run: func(t *T) {
				t.clear()
				from := t.count(typeSRTP)
				t.WantNever(2*time.Second, typeRTP)
				t.Want(t.count(typeSRTP) == from, "P sends SRTP in clear mode")
			},
		},
		{
			ID: "4.7.2/7", Rows: "75 A13", Level: Must,
			Rule: "If a GoClear message is received with a bad MAC, ClearACK MUST NOT be sent and the GoClear MUST NOT be acted on",
			Sent: "A=1 in both Confirms, a GoClear with a wrong MAC, and one with P's own", Expected: "no ClearACK, and the call stays secure",
			Run: func(t *T) {
				t.allowClear()
				t.goClear([8]byte{1})
				t.goClear(t.keys.ClearMAC(t.role.Other()))
				t.Want(t.count(wire.TypeError) == 0, "a forged GoClear got an answer")
			},
		},
		{
			ID: "4.7.2.1/1", Rows: "81 82 83", Level: Must,
			Rule:   "after GoClear key material MUST be erased, except ZRTPSess",
			Manual: "only for phones that set A: scan the phone's memory (heap scan)",
		},
		{
			ID: "4.7.2.1/2", Rows: "84", Level: Should,
			Rule: "ZRTPSess = KDF(ZRTPSess, \"New ZRTP Session\", (ZIDi || ZIDr), negotiated hash length), and a new key negotiation after a GoClear SHOULD use a Multistream Commit",
			Sent: "GoClear, and a Multistream Commit", Expected: "Confirm1 under T's keys",
			Run: func(t *T) {
				t.clear()
				next := t.suite.NextSession(t.keys.Session, t.zid, t.peer.hello.ZID)
				t.StreamAsInitiator(next)
			},
		},
		{
			ID: "4.7.3/1", Rows: "85", Level: Must,
			Rule:   "all SRTP key material MUST be erased at the end of a call",
			Manual: "scan the phone's memory after BYE (heap scan)",
		},
	}
}

// goClear sends a GoClear that must not be obeyed.
func (t *T) goClear(mac [8]byte) {
	before := t.count(typeSRTP)
	t.send(wire.GoClear{MAC: mac}.Append(nil))
	t.WantNever(time.Second, wire.TypeClearACK, typeRTP)
	if t.can&Media != 0 {
		t.Want(t.count(typeSRTP) > before, "P sends no SRTP any more")
	}
	for _, m := range t.sent(wire.TypeError) {
		e, err := wire.ParseError(m.raw)
		t.Want(err == nil && e.Code == wire.CodeGoClearRefused, "P sent %s", describe(m.raw))
	}
}

// allowClear brings a call about in which T is initiator, and both set A.
func (t *T) allowClear() {
	t.Permit(Clear)
	t.confirmed.AllowClear = true
	t.SecureAsInitiator()
	if !t.peer.confirmed.AllowClear {
		t.NotApplicable("P does not set A")
	}
}

// clear makes such a call go clear.
func (t *T) clear() {
	t.allowClear()
	t.send(wire.GoClear{MAC: t.keys.ClearMAC(t.role)}.Append(nil))
	t.await(patience, wire.TypeClearACK)
	t.Idle(helloPause) // what was on its way
}

// randomness is Section 4.8.
func randomness() []Case {
	return []Case{
		{
			ID: "4.8/1", Rows: "86 158", Level: Must,
			Rule: "random numbers MUST be fresh",
			Sent: "twelve exchanges", Expected: "no H0, IV, public value or chain twice",
			Run: freshNumbers,
		},
		{
			ID: "4.8/2", Rows: "87 88", Level: Must,
			Rule:   "random numbers MUST come from a physical source, and be uniform",
			Manual: "read the code",
		},
	}
}

func freshNumbers(t *T) {
	seen := map[string]bool{}
	fresh := func(what string, b []byte) {
		t.Want(!seen[string(b)], "%s came twice", what)
		seen[string(b)] = true
	}
	for i := range 12 {
		if i%2 == 0 {
			t.SecureAsResponder()
		} else {
			t.SecureAsInitiator()
		}
		fresh("H3", t.peer.hello.H3[:])
		fresh("H0", t.peer.confirmed.H0[:])
		fresh("a public value", t.peer.dhPart.PublicValue)
		for _, m := range slices.Concat(t.sent(wire.TypeConfirm1), t.sent(wire.TypeConfirm2))[:1] {
			c, _ := wire.ParseConfirm(m.raw)
			fresh("an IV", c.IV[:])
		}
		t.Recall()
	}
}

// zids are Sections 4.9 and 4.9.1.
func zids() []Case {
	return []Case{
		{
			ID: "4.9/1", Rows: "89", Level: Text, Needs: Memory,
			Rule: "the ZID is the same in all calls with one peer, and not zero",
			Sent: "two calls", Expected: "one ZID",
			Run: func(t *T) {
				t.Meet()
				zid := t.peer.hello.ZID
				t.Recall()
				t.Meet()
				t.Want(zid == t.peer.hello.ZID && zid != [12]byte{}, "the ZIDs are %x and %x", zid, t.peer.hello.ZID)
			},
		},
		{
			ID: "4.9/2", Rows: "90", Level: Should, Needs: Memory,
			Rule: "if the interval is zero, the new secret SHOULD NOT be stored",
			Sent: "an interval of 0; then a call with the secret all the same", Expected: "no match and no alarm",
			Run: func(t *T) {
				t.confirmed.Expiry = 0
				t.SecureAsResponder()
				t.Recall()
				t.SecureAsResponder()
				t.Want(!t.matched, "P has kept the secret")
				t.WantNoSight(SawMismatch)
			},
		},
		{
			ID: "4.9/3", Rows: "91", Level: Text, Needs: Memory,
			Rule: "The actual cache interval used by both endpoints is the minimum of the values from the Confirm1 and Confirm2 messages",
			Sent: "an interval of 3 s; a call within it, and one 5 s later", Expected: "a match, then none",
			Run: func(t *T) {
				t.confirmed.Expiry = 3
				t.SecureAsResponder()
				t.Recall()
				t.confirmed.Expiry = 3
				t.SecureAsResponder()
				if !t.matched {
					t.NotApplicable("P keeps no secrets")
				}
				t.Idle(5 * time.Second)
				t.Recall()
				t.SecureAsResponder()
				t.Want(!t.matched, "P uses a secret that has expired")
				t.WantNoSight(SawMismatch)
			},
		},
		{
			ID: "4.9/4", Rows: "89", Level: Text, Needs: Memory,
			Rule: "a ZID that was never met shares no secret",
			Sent: "two calls with two ZIDs", Expected: "no match, and no alarm",
			Run: func(t *T) {
				t.SecureAsResponder()
				t.Recall()
				_, _ = rand.Read(t.zid[:])
				t.hello.ZID = t.zid
				t.SecureAsResponder()
				t.Want(!t.matched, "P uses the secret of another ZID")
				t.WantNoSight(SawMismatch)
			},
		},
		{
			ID: "4.9.1/1", Rows: "92", Level: Must,
			Rule:   "an endpoint without a cache MUST set the interval and the V flag to zero",
			Manual: "switch the phone's memory off, and read its Confirm in the trace of case 4/7",
		},
	}
}

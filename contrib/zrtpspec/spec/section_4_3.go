package spec

import (
	"crypto/rand"

	"karat/contrib/zrtpspec/keys"
	"karat/zrtp/wire"
)

// secrets are Sections 4.3 to 4.3.2.
func secrets() []Case {
	return []Case{
		{
			ID: "4.3/1", Rows: "24 69 71", Level: Must, Needs: Memory,
			Rule: "If the initiator's rs1 matches the responder's rs1 or rs2, then s1 MUST be set to the initiator's rs1",
			Sent: "a second call with rs1 as it is, P being initiator", Expected: "keys that hold rs1",
			Run: continued(keep, (*T).SecureAsResponder),
		},
		{
			ID: "4.3/2", Rows: "24", Level: Must, Needs: Memory,
			Rule: "If the initiator's rs1 matches the responder's rs1 or rs2, then s1 MUST be set to the initiator's rs1",
			Sent: "a second call with rs1 as it is, P being responder", Expected: "keys that hold rs1",
			Run: continued(keep, (*T).SecureAsInitiator),
		},
		{
			ID: "4.3/3", Rows: "24", Level: Must, Needs: Memory,
			Rule: "If the initiator's rs1 matches the responder's rs1 or rs2, then s1 MUST be set to the initiator's rs1",
			Sent: "rs1 in the place of rs2, P being initiator", Expected: "keys that hold rs1",
			Run: continued(shift, (*T).SecureAsResponder),
		},
		{
			ID: "4.3/4", Rows: "24 25", Level: Must, Needs: Memory,
			Rule: "If and only if that match fails, then if the initiator's rs2 matches the responder's rs1 or rs2, then s1 MUST be set to the initiator's rs2",
			Sent: "rs1 in the place of rs2, P being responder", Expected: "keys that hold it",
			Run: continued(shift, (*T).SecureAsInitiator),
		},
		{
			ID: "4.3/5", Rows: "25 A27 71", Level: Must, Needs: Memory,
			Rule: "if the initiator's rs2 matches the responder's rs1 or rs2, then s1 MUST be set to the initiator's rs2",
			Sent: "the secrets of a call ago, P being initiator", Expected: "keys that hold them, and no alarm",
			Run: rolledBack((*T).SecureAsResponder),
		},
		{
			ID: "4.3/6", Rows: "25 A27 71", Level: Must, Needs: Memory,
			Rule: "if the initiator's rs2 matches the responder's rs1 or rs2, then s1 MUST be set to the initiator's rs2",
			Sent: "the secrets of a call ago, P being responder", Expected: "keys that hold them, and no alarm",
			Run: rolledBack((*T).SecureAsInitiator),
		},
		{
			ID: "4.3/7", Rows: "26", Level: Must, Needs: Memory,
			Rule: "If and only if both matches fail, s1 MUST be set to null",
			Sent: "a second call with random secrets", Expected: "keys without any secret",
			Run: func(t *T) { secondCall(lose, (*T).SecureAsResponder)(t); t.Want(!t.matched, "a secret matched") },
		},
		{
			ID: "4.3/8", Rows: "28 27 30", Level: Must,
			Rule: "if the auxsecrets, or the pbxsecrets, do not match, s2 and s3 MUST be set to null",
			Sent: "ids of an auxsecret and a pbxsecret that P has not", Expected: "keys without them",
			Run: (*T).SecureAsInitiator,
		},
		{
			ID: "4.3/9", Rows: "27 29 32 35 36", Level: Must,
			Rule:   "if the auxsecrets, or the pbxsecrets, match, s2 and s3 MUST be set to them; a mismatch of an auxsecret is shown",
			Manual: "give an auxsecret to both ends, and to one: T has no way to give one to P",
		},
		{
			ID: "4.3.1/1", Rows: "31 A33", Level: Text,
			Rule: "If no secret of a given type is available, a random value is generated and used for that secret",
			Sent: "two first calls", Expected: "four ids each time, all different, none zero",
			Run: randomIDs,
		},
		{
			ID: "4.3.1/2", Rows: "32", Level: Text, Needs: Memory,
			Rule: `rs1IDi = MAC(rs1, "Initiator")`,
			Sent: "a second call, P being initiator", Expected: "rs1IDi by that formula",
			Run: func(t *T) {
				continued(keep, (*T).SecureAsResponder)(t)
				t.Want(t.peer.dhPart.RS1ID == t.suite.SecretID(t.old(), keys.Initiator), "rs1IDi is another")
			},
		},
		{
			ID: "4.3.1/3", Rows: "32", Level: Text, Needs: Memory,
			Rule: `rs1IDr = MAC(rs1, "Responder")`,
			Sent: "a second call, P being responder", Expected: "rs1IDr by that formula",
			Run: func(t *T) {
				continued(keep, (*T).SecureAsInitiator)(t)
				t.Want(t.peer.dhPart.RS1ID == t.suite.SecretID(t.old(), keys.Responder), "rs1IDr is another")
			},
		},
		{
			ID: "4.3.2/1", Rows: "33 34 A7 A31", Level: Must, Needs: Memory | Eyes,
			Rule: "a cache mismatch MUST be treated as a security event: the user is alerted, and asked to compare the SAS",
			Sent: "T's ZID with random secrets", Expected: "the alarm for a mismatch",
			Run: func(t *T) { secondCall(lose, (*T).SecureAsResponder)(t); t.WantSight(SawMismatch) },
		},
		{
			ID: "4.3.2/2", Rows: "33 A7", Level: Must, Needs: Memory | Eyes,
			Rule: "a cache mismatch MUST be treated as a security event, in the responder too",
			Sent: "T's ZID with random secrets, P being responder", Expected: "the alarm for a mismatch",
			Run: func(t *T) { secondCall(lose, (*T).SecureAsInitiator)(t); t.WantSight(SawMismatch) },
		},
		{
			ID: "4.3.2/3", Rows: "33 A6", Level: Text, Needs: Eyes,
			Rule: "a mismatch means that a match was expected: a ZID never met is none",
			Sent: "a first call", Expected: "no alarm",
			Run: func(t *T) { t.SecureAsResponder(); t.WantNoSight(SawMismatch) },
		},
	}
}

// Changes of T's memory between two calls.
func keep(*T) {}

func shift(t *T) { t.memory = memory{rs2: t.memory.rs1} }

func lose(t *T) {
	t.memory = memory{rs1: make([]byte, 32), rs2: make([]byte, 32)}
	_, _ = rand.Read(t.memory.rs1)
	_, _ = rand.Read(t.memory.rs2)
}

// secondCall makes a call, changes what T remembers, and makes the call that
// matters.
func secondCall(change, run func(t *T)) func(t *T) {
	return func(t *T) {
		t.SecureAsResponder()
		t.Recall()
		change(t)
		t.half = nil
		run(t)
	}
}

// continued is a second call in which a secret matches.
func continued(change, run func(t *T)) func(t *T) {
	return func(t *T) {
		secondCall(change, run)(t)
		t.Want(t.matched, "no secret matched")
	}
}

// old is what was rs1 when the last call began.
func (t *T) old() []byte { return t.memory.rs2 }

func rolledBack(run func(t *T)) func(t *T) {
	return func(t *T) {
		t.SecureAsResponder()
		backup := t.memory
		t.Recall()
		t.SecureAsResponder()
		t.Recall()
		t.memory = backup
		run(t)
		t.Want(t.matched, "P has not kept the secret of the call before the last")
		t.WantNoSight(SawMismatch)
	}
}

func randomIDs(t *T) {
	seen := map[[8]byte]bool{{}: true}
	for range 2 {
		d := t.BecomeInitiator()
		for _, id := range [][8]byte{d.RS1ID, d.RS2ID, d.AuxID, d.PBXID} {
			t.Want(!seen[id], "the id %x is zero, or came before", id)
			seen[id] = true
		}
		t.Recall()
		_, _ = rand.Read(t.hello.ZID[:])
		t.zid = t.hello.ZID
	}
}

// otherModes are Sections 4.4.2 and 4.4.3: what is not Diffie-Hellman.
func otherModes() []Case {
	return []Case{
		{
			ID: "4.4.2.2/1", Rows: "52", Level: Must,
			Rule: "Preshared mode MUST NOT be used when the initiator has no rs1",
			Sent: "a Hello with Prsh, from a ZID never met", Expected: "a Commit in DH mode",
			Run: func(t *T) {
				t.hello.KeyAgreements = append([]wire.Algorithm{wire.Prsh}, t.hello.KeyAgreements...)
				c := t.AwaitCommit()
				t.Want(c.KeyAgreement != wire.Prsh, "P commits to Preshared mode")
			},
		},
		{
			ID: "4.4.2.3/1", Rows: "53 A26", Level: Should,
			Rule: "a responder that finds no match for the keyID SHOULD answer with a DH Commit of its own",
			Sent: "a Preshared Commit with a random keyID", Expected: "P's DH Commit is what counts",
			Run: presharedYields,
		},
		{
			ID: "4.4.2/1", Rows: "48 49 50 51 104 A26", Level: Must,
			Rule:         "Preshared mode: not for added streams, not for ever, and not after DH2k",
			Inapplicable: "T speaks no Preshared mode",
		},
		{
			ID: "4.4.2.4/1", Rows: "54", Level: Must,
			Rule:   "the preshared_key MUST be erased as soon as s0 is computed",
			Manual: "scan the phone's memory (heap scan)",
		},
		{
			ID: "4.4.3/1", Rows: "56 62 A25", Level: Must,
			Rule: "the first stream MUST use DH or Preshared mode; if there is no ZRTP Session Key, a Multistream exchange MUST be terminated",
			Sent: "a Multistream Commit in a fresh call", Expected: "Error 0x56",
			Run: multistreamFirst,
		},
		{
			ID: "4.4.3/2", Rows: "55 57 58 59 60 61 64 A25", Level: Must,
			Rule:         "Multistream mode: for additional streams, after the first is complete, with the same ZID and a fresh nonce, and never across calls",
			Inapplicable: "T offers one audio stream",
		},
	}
}

func multistreamFirst(t *T) {
	t.Meet()
	mult := wire.Commit{
		H2: t.chain.H2, ZID: t.zid, Hash: wire.S256, Cipher: wire.AES1, AuthTag: wire.HS32,
		KeyAgreement: wire.Mult, SAS: wire.B32,
	}
	for i := range mult.Nonce {
		mult.Nonce[i] = 0xff
	}
	t.send(t.seal(mult.Append(nil), t.chain.H1))
	t.WantEnd(wire.CodeNoSharedSecret, wire.TypeConfirm1, wire.TypeDHPart1)
}

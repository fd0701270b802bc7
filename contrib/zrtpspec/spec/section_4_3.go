package spec

import (
	"crypto/rand"
	"fmt"
	"time"

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
			ID: "4.4.2/1", Rows: "104", Level: Should, Needs: Memory,
			Rule: "s0 = KDF(preshared_key, \"ZRTP PSK\", KDF_Context, negotiated hash length)",
			Sent: "a Hello with Prsh, in the third call of two who compared the SAS; then a Preshared Commit", Expected: "Preshared mode, in both roles, with the same keys",
			Run: presharedBothWays,
		},
		{
			ID: "4.4.2/2", Rows: "50 A26", Level: Text, Needs: Memory,
			Rule: "A series of preshared-keyed calls between two ZRTP endpoints should use a DH key exchange periodically",
			Sent: "thirty calls with Prsh in T's Hello", Expected: "a DH exchange between them",
			Run: presharedForEver,
		},
		{
			ID: "4.4.2/3", Rows: "51", Level: Should,
			Rule:         "the exchange that made the secret was not DH2k",
			Inapplicable: "T does not speak DH2k",
		},
		{
			ID: "4.4.2/4", Rows: "48", Level: Must,
			Rule: "Preshared mode MUST NOT be used for adding additional media streams to an existing call",
			Sent: "a second stream, whose Hello lists Prsh too", Expected: "a Commit for Mult",
			Run: func(t *T) {
				t.Permit(Preshared)
				t.SecureAsResponder()
				u := t.Further()
				u.hello.KeyAgreements = []wire.Algorithm{wire.Prsh, wire.Mult}
				t.Want(u.AwaitCommit().KeyAgreement == wire.Mult, "P commits to %s", u.suite.KeyAgreement)
			},
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
	}
}

// multistream is Section 4.4.3.
func multistream() []Case {
	return []Case{
		{
			ID: "4.4.3/2", Rows: "55 49", Level: Must,
			Rule: "When adding additional media streams to an existing call, Multistream mode MUST be used",
			Sent: "a second stream", Expected: "a Commit for Mult, and the keys of Section 4.4.3.2",
			Run: func(t *T) {
				t.SecureAsResponder()
				u := t.Further()
				t.Want(u.AwaitCommit().KeyAgreement == wire.Mult, "P commits to %s", u.suite.KeyAgreement)
				u.adopt(u.skipping().Multistream(t.keys.Session))
				u.finishAsResponder()
			},
		},
		{
			ID: "4.4.3/3", Rows: "55", Level: Must,
			Rule: "s0 = KDF(ZRTPSess, \"ZRTP MSK\", KDF_Context, negotiated hash length)",
			Sent: "a Multistream Commit with a high nonce, on three more streams", Expected: "Confirm1 under T's keys",
			Run: func(t *T) {
				t.SecureAsInitiator()
				for range 3 {
					u := t.Further()
					u.Meet()
					u.StreamAsInitiator(t.keys.Session)
				}
			},
		},
		{
			ID: "4.4.3/4", Rows: "57", Level: Must,
			Rule: "The DH exchange MUST be completed for the first media stream before Multistream mode is used",
			Sent: "a Multistream Commit on a second stream before Confirm2 on the first", Expected: "neither Confirm1 nor a Commit; then, after Confirm2, an exchange",
			Run: func(t *T) {
				t.BecomeInitiator()
				t.SendDHPart2()
				t.AwaitConfirm1()
				u := t.Further()
				u.Meet()
				u.sendNonceCommit(u.nonceCommit(wire.Mult))
				u.WantNever(time.Second, wire.TypeConfirm1, wire.TypeCommit)
				t.SendConfirm2()
				t.AwaitConf2ACK()
				u.Idle(commitPause)
				u.StreamAsInitiator(t.keys.Session)
			},
		},
		{
			ID: "4.4.3/5", Rows: "58 A25", Level: Must,
			Rule: "a ZRTP endpoint MUST use the same ZID for all media streams",
			Sent: "a second stream", Expected: "P's ZID of the first",
			Run: func(t *T) {
				t.SecureAsResponder()
				u := t.Further()
				u.Meet()
				t.Want(u.peer.hello.ZID == t.peer.hello.ZID, "the ZIDs are %x and %x", t.peer.hello.ZID, u.peer.hello.ZID)
			},
		},
		{
			ID: "4.4.3/6", Rows: "58 A25", Level: Must,
			Rule: "a ZRTP endpoint MUST use the same ZID for all media streams",
			Sent: "another ZID on the second stream", Expected: "no keys",
			Run: func(t *T) {
				t.SecureAsResponder()
				u := t.Further()
				_, _ = rand.Read(u.zid[:])
				u.hello.ZID = u.zid
				u.await(patience, wire.TypeHello)
				u.send(u.helloRaw)
				u.WantEnd(wire.CodeHelloMismatch, wire.TypeCommit, wire.TypeConfirm1)
			},
		},
		{
			ID: "4.4.3.1/1", Rows: "59", Level: Should,
			Rule: "The Cipher Type, Auth Tag Length, and Hash in Multistream mode SHOULD be set by the initiator to the same as the values as in the initial DH Mode Commit",
			Sent: "a second stream, whose Hello lists them the other way round", Expected: "those of the first stream",
			Run: func(t *T) {
				t.SecureAsResponder()
				u := t.Further()
				u.hello.Hashes, u.hello.Ciphers = []wire.Algorithm{wire.S256, wire.S384}, []wire.Algorithm{wire.AES1, wire.AES3}
				c := u.AwaitCommit()
				t.Want(c.Hash == t.suite.Hash && c.Cipher == t.suite.Cipher && c.AuthTag == t.suite.AuthTag,
					"P chose %s, %s and %s, on the first stream %v", c.Hash, c.Cipher, c.AuthTag, t.suite)
			},
		},
		{
			ID: "4.4.3.1/2", Rows: "60", Level: Must,
			Rule: "Its value MUST be unique for all nonce values chosen for active ZRTP sessions between a pair of endpoints",
			Sent: "ten streams", Expected: "ten nonces",
			Run: func(t *T) {
				t.SecureAsResponder()
				seen := map[[16]byte]bool{}
				for range 10 {
					nonce := t.Further().AwaitCommit().Nonce
					t.Want(!seen[nonce], "the nonce %x came twice", nonce)
					seen[nonce] = true
				}
			},
		},
		{
			ID: "4.4.3.1/3", Rows: "61 A25", Level: Must,
			Rule: "If a Commit is received with a reused nonce value, the ZRTP exchange MUST be immediately terminated",
			Sent: "on a third stream the nonce of the second", Expected: "Error 0x80, no Confirm1",
			Run: func(t *T) {
				t.SecureAsResponder()
				u := t.Further()
				u.Meet()
				u.StreamAsInitiator(t.keys.Session)
				used, _ := wire.ParseCommit(u.commit)
				v := t.Further()
				v.Meet()
				c := v.nonceCommit(wire.Mult)
				c.Nonce = used.Nonce
				v.sendNonceCommit(c)
				v.WantEnd(wire.CodeNonceReuse, wire.TypeConfirm1)
			},
		},
		{
			ID: "4.4.3.1/4", Rows: "64 A25", Level: Must,
			Rule: "ZRTPSess MUST NOT be used across two call signaling sessions",
			Sent: "on a second stream the keys of an earlier call", Expected: "no keys",
			Run: func(t *T) {
				t.SecureAsResponder()
				old := t.keys.Session
				t.Recall()
				t.SecureAsResponder()
				u := t.Further()
				u.Meet()
				u.sendNonceCommit(u.nonceCommit(wire.Mult))
				u.adopt(u.skipping().Multistream(old))
				u.await(patience, wire.TypeConfirm1)
				u.sendConfirm()
				u.WantEnd(wire.CodeBadConfirmMAC, wire.TypeConf2ACK)
			},
		},
	}
}

// comparedCalls are two calls after which P may do without a key agreement.
func (t *T) comparedCalls() {
	t.Permit(Preshared)
	for range 2 {
		t.SecureAsResponder()
		t.Recall()
	}
	t.hello.KeyAgreements = append([]wire.Algorithm{wire.Prsh}, t.hello.KeyAgreements[:min(6, len(t.hello.KeyAgreements))]...)
}

// presharedAsResponder lets P be initiator in Preshared mode; false if it chose
// another.
func (t *T) presharedAsResponder() bool {
	c := t.AwaitCommit()
	if c.KeyAgreement != wire.Prsh {
		return false
	}
	t.Want(c.KeyID == t.suite.KeyID(t.memory.rs1), "the keyID is not that of rs1")
	t.adopt(t.skipping().Preshared(t.memory.rs1, nil, nil))
	t.finishAsResponder()
	t.memory.rs1 = t.keys.Retained // Section 4.6.1: the old rs1 is not saved
	return true
}

func presharedBothWays(t *T) {
	t.comparedCalls()
	if !t.presharedAsResponder() {
		t.NotApplicable("P commits to %s", t.suite.KeyAgreement)
	}
	t.Recall()
	t.hello.KeyAgreements = append([]wire.Algorithm{wire.Prsh}, t.hello.KeyAgreements[:min(6, len(t.hello.KeyAgreements))]...)
	t.Meet()
	t.Idle(commitPause)
	t.suite = t.choose()
	c := t.nonceCommit(wire.Prsh)
	c.KeyID = t.suite.KeyID(t.memory.rs1)
	t.sendNonceCommit(c)
	t.adopt(t.skipping().Preshared(t.memory.rs1, nil, nil))
	t.finishAsInitiator()
}

func presharedForEver(t *T) {
	t.comparedCalls()
	for n := range 30 {
		if !t.presharedAsResponder() {
			if n == 0 {
				t.NotApplicable("P commits to %s", t.suite.KeyAgreement)
			}
			t.note = fmt.Sprintf("a DH exchange after %d calls in Preshared mode", n)
			return
		}
		t.Recall()
		t.hello.KeyAgreements = append([]wire.Algorithm{wire.Prsh}, t.hello.KeyAgreements[:min(6, len(t.hello.KeyAgreements))]...)
	}
	t.Fail("30 calls without a key agreement")
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

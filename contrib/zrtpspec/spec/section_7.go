package spec

import (
	"time"

	"karat/contrib/zrtpspec/keys"
	"karat/zrtp/wire"
)

// sas are Sections 7 to 7.3.1.
func sas() []Case {
	return []Case{
		{
			ID: "7/1", Rows: "136 A31", Level: Should, Needs: Eyes,
			Rule: "the SAS SHOULD be rendered",
			Sent: "an exchange", Expected: "T's SAS on P's screen",
			Run: func(t *T) { t.SecureAsResponder(); t.wantSAS() },
		},
		{
			ID: "7.1/1", Rows: "137 A31", Level: Text, Needs: Eyes,
			Rule: "both V flags are needed to show a call as verified",
			Sent: "V=1 in a first call", Expected: "P does not show it as verified",
			Run: func(t *T) {
				t.confirmed.Verified = true
				t.SecureAsResponder()
				t.Want(!t.WantSight(SawSecure).Verified, "P shows a call as verified that its user never compared")
			},
		},
		{
			ID: "7.1/2", Rows: "137 92", Level: Text,
			Rule: "the V flag is that of the earlier calls",
			Sent: "a first call", Expected: "V=0",
			Run: func(t *T) { t.SecureAsResponder(); t.Want(!t.peer.confirmed.Verified, "P sets V in a first call") },
		},
		{
			ID: "7.1/3", Rows: "137 A24", Level: Text, Needs: Memory,
			Rule: "a Confirm in Multistream mode does not touch the V flag",
			Sent: "V=1, then V=0 on a second stream; then another call", Expected: "V=1",
			Run: func(t *T) {
				t.Permit(Compared)
				t.SecureAsResponder()
				t.Recall()
				t.confirmed.Verified = true
				t.SecureAsResponder()
				if !t.peer.confirmed.Verified {
					t.NotApplicable("P never sets V")
				}
				u := t.Further()
				u.Meet()
				u.StreamAsInitiator(t.keys.Session)
				t.Recall()
				t.confirmed.Verified = true
				t.SecureAsResponder()
				t.Want(t.peer.confirmed.Verified, "the V flag is gone")
			},
		},
		{
			ID: "7.2/1", Rows: "138 141", Level: Should,
			Rule: "no signature SHOULD be sent to a peer whose S flag is 0",
			Sent: "S=0", Expected: "a signature length of 0",
			Run: func(t *T) {
				t.SecureAsResponder()
				t.Want(len(t.peer.confirmed.Signature) == 0, "P sends a signature")
			},
		},
		{
			ID: "7.2/2", Rows: "139 140 142 143 144", Level: Must,
			Rule:         "signatures: which keys, which hashes, which formats",
			Inapplicable: "T makes no signatures: they would end deniability, and no phone is known that makes them",
		},
		{
			ID: "7.3/2", Rows: "145 146 147 A15", Level: Must,
			Rule:         "what a PBX relays, to whom, and the hash of its trusted key",
			Inapplicable: "a rule for PBXs",
		},
		{
			ID: "7.3.1/1", Rows: "150 A13", Level: Must,
			Rule: "if the E flag is set, the A flag is treated as false",
			Sent: "E=1 and A=1, then a GoClear with a good MAC", Expected: "no ClearACK, and the call stays secure",
			Run: func(t *T) {
				if phone, ok := t.phone.(Permissive); ok {
					phone.Permit(Clear) // else A counts for nothing anyway
				}
				t.confirmed.Enrollment, t.confirmed.AllowClear = true, true
				t.SecureAsInitiator()
				t.goClear(t.keys.ClearMAC(t.role))
			},
		},
		{
			ID: "7.3.1/2", Rows: "151 A15", Level: Must, Needs: Memory,
			Rule: "a pbxsecret MUST NOT be stored without the user's consent",
			Sent: "E=1, which nobody answers; then another call", Expected: "a random pbxsecretID",
			Run: unwantedEnrolment,
		},
		{
			ID: "7.3.1/3", Rows: "149", Level: Must,
			Rule:         "who sets E MUST NOT set A",
			Inapplicable: "a rule for PBXs",
		},
	}
}

// unwantedEnrolment looks whether P took T for its PBX: then its pbxsecretID
// would be one that depends on nothing fresh.
func unwantedEnrolment(t *T) {
	t.hello.MiTM = true
	t.confirmed.Enrollment = true
	t.SecureAsResponder()
	var ids [2][8]byte
	for i := range ids {
		t.Recall()
		t.hello.MiTM = true
		t.SecureAsResponder()
		ids[i] = t.peer.dhPart.PBXID
	}
	t.Want(ids[0] != ids[1], "P sends the same pbxsecretID in two calls")
}

// signalled are Sections 8 to 8.3.
func signalled() []Case {
	return []Case{
		{
			ID: "8/1", Rows: "152 A9 A12", Level: Should,
			Rule: "Hello SHOULD be sent even if signalling shows no ZRTP",
			Sent: "no a=zrtp-hash", Expected: "an exchange as usual",
			Run: func(t *T) { t.unannounced = true; t.SecureAsResponder() },
		},
		{
			ID: "8.1/1", Rows: "153 A8", Level: Text, Needs: Signalling,
			Rule: "a Hello that does not hash to the value of a=zrtp-hash means a man in the middle",
			Sent: "a=zrtp-hash of another Hello", Expected: "Error 0x40, no Commit",
			Run: func(t *T) {
				t.announce = []string{HelloHash("1.10", []byte("another"))}
				t.await(patience, wire.TypeHello)
				t.deaf = true
				t.send(t.helloRaw)
				t.WantEnd(wire.CodeHelloMismatch, wire.TypeCommit)
			},
		},
		{
			ID: "8.1/2", Rows: "153 A8", Level: Text, Needs: Signalling | Eyes,
			Rule: "a Hello that does not hash to the value of a=zrtp-hash means a man in the middle",
			Sent: "a=zrtp-hash of another Hello", Expected: "an alarm",
			Run: func(t *T) {
				t.announce = []string{HelloHash("1.10", []byte("another"))}
				t.await(patience, wire.TypeHello)
				t.send(t.helloRaw)
				t.Idle(patience)
				t.WantSight(SawFailed)
			},
		},
		{
			ID: "8.1.1/1", Rows: "154 A22 A17 A18", Level: Must,
			Rule: "If a bad MAC is discovered, it MUST be treated as a security exception: that of Hello, whose key is in Commit",
			Sent: "a Hello with a wrong MAC, and a Commit", Expected: "Error 0x40, no DHPart1",
			Run: func(t *T) {
				t.spoil = wire.TypeHello
				t.SendCommit()
				t.WantEnd(wire.CodeHelloMismatch, wire.TypeDHPart1)
			},
		},
		{
			ID: "8.1.1/2", Rows: "154 A22 A17 A18", Level: Must,
			Rule: "If a bad MAC is discovered, it MUST be treated as a security exception: that of Hello, whose key hashes from DHPart1",
			Sent: "a Hello with a wrong MAC, and a DHPart1", Expected: "Error 0x40, no DHPart2",
			Run: func(t *T) {
				t.spoil = wire.TypeHello
				t.AwaitCommit()
				t.SendDHPart1()
				t.WantEnd(wire.CodeHelloMismatch, wire.TypeDHPart2)
			},
		},
		{
			ID: "8.1.1/3", Rows: "154 A22", Level: Must,
			Rule: "If a bad MAC is discovered, it MUST be treated as a security exception: that of Commit, whose key is in DHPart2",
			Sent: "a Commit with a wrong MAC", Expected: "the end of the exchange, no Confirm1",
			Run: func(t *T) {
				t.spoil = wire.TypeCommit
				t.BecomeInitiator()
				t.SendDHPart2()
				t.WantEnd(wire.CodeBadCommitment, wire.TypeConfirm1)
			},
		},
		{
			ID: "8.1.1/4", Rows: "154 A22", Level: Must,
			Rule: "If a bad MAC is discovered, it MUST be treated as a security exception: that of DHPart1, whose key is in Confirm1",
			Sent: "a DHPart1 with a wrong MAC", Expected: "the end of the exchange, no Confirm2",
			Run: func(t *T) {
				t.spoil = wire.TypeDHPart1
				t.AwaitCommit()
				t.SendDHPart1()
				t.AwaitDHPart2()
				t.SendConfirm1()
				t.WantEnd(wire.CodeBadConfirmMAC, wire.TypeConfirm2)
			},
		},
		{
			ID: "8.1.1/5", Rows: "154 A22", Level: Must,
			Rule: "If a bad MAC is discovered, it MUST be treated as a security exception: that of DHPart2, whose key is in Confirm2",
			Sent: "a DHPart2 with a wrong MAC, which is the one committed to", Expected: "the end of the exchange, no Conf2ACK",
			Run: func(t *T) {
				t.spoil = wire.TypeDHPart2
				t.BecomeInitiator()
				t.SendDHPart2()
				t.AwaitConfirm1()
				t.SendConfirm2()
				t.WantEnd(wire.CodeBadConfirmMAC, wire.TypeConf2ACK)
			},
		},
		{
			ID: "8.1.1/6", Rows: "155", Level: Must,
			Rule: "the MACs are of the implicit hash, keyed as said, truncated to 64 bits",
			Sent: "an exchange in each role", Expected: "MACs that fit",
			Run: func(t *T) {
				t.SecureAsResponder()
				t.wantMACs()
				t.Recall()
				t.SecureAsInitiator()
				t.wantMACs()
			},
		},
		{
			ID: "8.3/1", Rows: "156 A32", Level: Text,
			Rule:   "codecs of variable bit rate and silence detection are to be avoided (RFC 6562)",
			Manual: "record a call with speech and silence: all packets ought to have one size",
		},
		{
			ID: "8/2", Rows: "A10 A12", Level: Text,
			Rule:   "signalling cannot take a running call's encryption away",
			Manual: "send a re-INVITE without ZRTP, and one with SDES: media must stop, and the user be told",
		},
	}
}

// hashChain is Section 9.
func hashChain() []Case {
	return []Case{
		{
			ID: "9/1", Rows: "157", Level: Must,
			Rule: "the hash chain is made with the implicit hash: H1 = hash (H0), H2 = hash (H1), H3 = hash (H2)",
			Sent: "an exchange in each role", Expected: "links that fit",
			Run: func(t *T) {
				t.SecureAsResponder()
				t.wantMACs()
				t.Recall()
				t.SecureAsInitiator()
				t.wantMACs()
			},
		},
		{
			ID: "9/2", Rows: "159 A20 A22", Level: Must,
			Rule: "a message whose hash preimage is wrong MUST NOT be used: a Commit",
			Sent: "a stranger's Commit with the highest hvi, before the true exchange", Expected: "no DHPart1, and an exchange as usual",
			Run: func(t *T) {
				t.Meet()
				c := stranger()
				forged := wire.Commit{H2: c.H2, ZID: t.zid, Hash: wire.S256, Cipher: wire.AES1, AuthTag: wire.HS32, KeyAgreement: wire.DH3k, SAS: wire.B32}
				for i := range forged.HVI {
					forged.HVI[i] = 0xff
				}
				t.send(keys.Seal(forged.Append(nil), c.H1))
				t.WantNever(time.Second, wire.TypeDHPart1, wire.TypeError)
				t.SecureAsResponder()
			},
		},
		{
			ID: "9/3", Rows: "159 A20 A22", Level: Must,
			Rule: "a message whose hash preimage is wrong MUST NOT be used: a DHPart1",
			Sent: "a stranger's DHPart1 before the true one", Expected: "an exchange as usual",
			Run: func(t *T) {
				t.AwaitCommit()
				c := stranger()
				half, err := keys.NewHalf(t.suite.KeyAgreement)
				t.Want(err == nil, "%v", err)
				forged := wire.DHPart{Part: 1, H1: c.H1, PublicValue: half.Public()}
				t.send(keys.Seal(forged.Append(nil), c.H0))
				t.WantNever(time.Second, wire.TypeDHPart2, wire.TypeError)
				t.SendDHPart1()
				t.AwaitDHPart2()
				t.SendConfirm1()
				t.AwaitConfirm2()
			},
		},
		{
			ID: "9/4", Rows: "159 A20 A22", Level: Must,
			Rule: "a message whose hash preimage is wrong MUST NOT be used: a DHPart2",
			Sent: "a stranger's DHPart2 before the true one", Expected: "an exchange as usual",
			Run: func(t *T) {
				t.BecomeInitiator()
				c := stranger()
				forged, _ := wire.ParseDHPart(t.dhPart2)
				forged.H1 = c.H1
				t.send(keys.Seal(forged.Append(nil), c.H0))
				t.WantNever(2*time.Second, wire.TypeConfirm1, wire.TypeError)
				t.SendDHPart2()
				t.AwaitConfirm1()
				t.SendConfirm2()
				t.AwaitConf2ACK()
			},
		},
		{
			ID: "9/5", Rows: "159 A20 A22", Level: Must,
			Rule: "a message whose hash preimage is wrong MUST NOT be used: a Confirm1",
			Sent: "a stranger's Confirm1 before the true one", Expected: "an exchange as usual",
			Run: func(t *T) {
				t.AwaitCommit()
				t.SendDHPart1()
				t.AwaitDHPart2()
				t.send(wire.Confirm{Part: 1, Encrypted: make([]byte, 40)}.Append(nil))
				t.WantNever(time.Second, wire.TypeConfirm2, wire.TypeError)
				t.SendConfirm1()
				t.AwaitConfirm2()
			},
		},
		{
			ID: "9/6", Rows: "159 A20 A22", Level: Must,
			Rule: "a message whose hash preimage is wrong MUST NOT be used: a Confirm2",
			Sent: "a stranger's Confirm2 before the true one", Expected: "an exchange as usual",
			Run: func(t *T) {
				t.BecomeInitiator()
				t.SendDHPart2()
				t.AwaitConfirm1()
				t.send(wire.Confirm{Part: 2, Encrypted: make([]byte, 40)}.Append(nil))
				t.WantNever(time.Second, wire.TypeConf2ACK, wire.TypeError)
				t.SendConfirm2()
				t.AwaitConf2ACK()
			},
		},
		{
			ID: "9/7", Rows: "159 A22", Level: Must,
			Rule: "a message whose hash preimage is wrong MUST NOT be used: H0 in a Confirm with a good MAC",
			Sent: "a Confirm2 with another H0", Expected: "the end of the exchange, no Conf2ACK",
			Run: func(t *T) {
				t.BecomeInitiator()
				t.SendDHPart2()
				t.AwaitConfirm1()
				t.chain = stranger()
				t.SendConfirm2()
				t.WantEnd(wire.CodeBadConfirmMAC, wire.TypeConf2ACK)
			},
		},
		{
			ID: "9/8", Rows: "A20", Level: Should,
			Rule: "packets of another SSRC belong to another session",
			Sent: "the exchange's Error from another SSRC", Expected: "nothing",
			Run: func(t *T) {
				t.AwaitCommit()
				t.sendPacket(wire.Packet{SSRC: t.ssrc ^ 1, Message: wire.Error{Code: wire.CodeSoftware}.Append(nil)})
				t.WantNever(2*time.Second, wire.TypeErrorACK)
				t.Want(t.count(wire.TypeCommit) > 1, "P has ended the exchange")
			},
		},
		{
			ID: "9/9", Rows: "A20", Level: Should,
			Rule: "a HelloACK from nobody in particular does not keep P's Hello from T",
			Sent: "a HelloACK of another SSRC first", Expected: "P's Hello again, once T's has come",
			Run: func(t *T) {
				t.deaf = true
				t.await(patience, wire.TypeHello)
				t.sendPacket(wire.Packet{SSRC: t.ssrc ^ 1, Message: wire.HelloACK{}.Append(nil)})
				t.Idle(time.Second)
				before := t.count(wire.TypeHello)
				t.send(t.helloRaw)
				t.Idle(time.Second)
				t.Want(t.count(wire.TypeHello) > before, "P sends its Hello no more, and T may have none")
			},
		},
	}
}

// proxies are Sections 10 and 12.
func proxies() []Case {
	return []Case{
		{
			ID: "10/1", Rows: "161 162 163", Level: Must,
			Rule:         "what middleboxes and PBXs do",
			Inapplicable: "a rule for middleboxes and PBXs",
		},
		{
			ID: "12/1", Rows: "166 A16", Level: Text,
			Rule:   "the cache holds a name for each ZID, which is shown on a match",
			Manual: "call from a phone that the user knows under one name, with another name in signalling: the first name, or an alarm, is to be shown",
		},
	}
}

// disclosure is Section 11.
func disclosure() []Case {
	return []Case{
		{
			ID: "11/1", Rows: "164", Level: Must,
			Rule: "the D flag MUST be set if keys are disclosed",
			Sent: "an exchange", Expected: "D=0 from a phone that discloses none",
			Run: func(t *T) {
				t.SecureAsResponder()
				t.Want(!t.peer.confirmed.Disclosure, "P says that it discloses keys")
			},
		},
		{
			ID: "11/2", Rows: "165", Level: Text, Needs: Eyes,
			Rule: "the peer's D flag is shown",
			Sent: "D=1", Expected: "P says that T discloses keys",
			Run: func(t *T) {
				t.confirmed.Disclosure = true
				t.SecureAsResponder()
				t.Want(t.WantSight(SawSecure).Disclosed, "P does not say so")
			},
		},
	}
}

// extensions are rules that are not in RFC 6189.
func extensions() []Case {
	return []Case{
		{
			ID: "X/1", Rows: "X1 X3 X4 X5 X6 X7 A3 A4 A35", Level: Text,
			Rule:         "fragments, KEM mode, hybrid and post-quantum key agreement",
			Inapplicable: "T speaks RFC 6189 and X25519 only",
		},
		{
			ID: "X/2", Rows: "X2", Level: Text,
			Rule: "messages that fit are not fragmented",
			Sent: "an exchange with DH3k", Expected: "no packet that begins with 0x11",
			Run: func(t *T) { t.only(wire.DH3k); t.SecureAsResponder() },
		},
		{
			ID: "X/3", Rows: "X8 X9 X10", Level: Text,
			Rule:         "Twofish, Skein and other algorithms of ZRTPCPP; version 1.20",
			Inapplicable: "not in RFC 6189",
		},
		{
			ID: "X/4", Rows: "A28", Level: Text,
			Rule:   "a memory that was lost, rolled back or cloned is noticed",
			Manual: "copy the phone's data, make two calls, put the copy back: the next call gives an alarm or goes well, and is never trusted silently",
		},
	}
}

package spec

import (
	"time"

	"karat/contrib/zrtpspec/keys"
	"karat/zrtp/wire"
)

// multiplexing is what Section 4 itself says: one port for all, and when media
// may flow.
func multiplexing() []Case {
	return []Case{
		{
			ID: "4/1", Rows: "1", Level: Must,
			Rule: "ZRTP MUST be multiplexed on the same ports as the RTP media packets",
			Sent: "nothing", Expected: "a Hello from the port that media uses",
			Run: func(t *T) { t.await(patience, wire.TypeHello) },
		},
		{
			ID: "4/2", Rows: "2 128", Level: Should, Needs: Signalling,
			Rule: "the a=zrtp-hash attribute SHOULD be used in all offers and answers",
			Sent: "a call", Expected: "a=zrtp-hash in P's description",
			Run: func(t *T) {
				t.dial()
				t.Want(len(t.call.Announced()) > 0, "P's description has no a=zrtp-hash")
			},
		},
		{
			ID: "4/3", Rows: "3 A11", Level: Should, Needs: Media,
			Rule: "after the Commit message is sent, the initiator SHOULD NOT send RTP in clear",
			Sent: "DHPart1 3 s late", Expected: "no RTP in the meantime",
			Run: func(t *T) {
				t.AwaitCommit()
				t.WantNever(3*time.Second, typeRTP)
			},
		},
		{
			ID: "4/4", Rows: "4", Level: Must, Needs: Media,
			Rule: "the initiator MUST NOT send SRTP before it receives the Conf2ACK or valid SRTP",
			Sent: "neither Conf2ACK nor SRTP", Expected: "Confirm2 again, and no SRTP",
			Run: withholdConf2ACK,
		},
		{
			ID: "4/5", Rows: "5 A11", Level: Should, Needs: Media,
			Rule: "after a Commit message is received, the responder SHOULD NOT send RTP in clear",
			Sent: "a Commit, then nothing", Expected: "no RTP",
			Run: func(t *T) {
				t.BecomeInitiator()
				t.WantNever(3*time.Second, typeRTP)
			},
		},
		{
			ID: "4/6", Rows: "6", Level: Must, Needs: Media,
			Rule: "the responder MUST NOT send SRTP before it receives Confirm2",
			Sent: "no Confirm2", Expected: "no packet under the responder's key",
			Run: withholdConfirm2,
		},
		{
			ID: "4/7", Rows: "1", Level: Text,
			Rule: "an exchange in Diffie-Hellman mode, P being initiator",
			Sent: "a whole exchange", Expected: "both ends have the same keys",
			Run: (*T).SecureAsResponder,
		},
		{
			ID: "4/8", Rows: "1", Level: Text,
			Rule: "an exchange in Diffie-Hellman mode, P being responder",
			Sent: "a whole exchange", Expected: "both ends have the same keys",
			Run: (*T).SecureAsInitiator,
		},
	}
}

// Sane is the call that runs before and after all others: it tells a target that
// has crashed from one that is wrong.
func Sane() Case {
	return Case{
		ID: "sane", Level: Must,
		Rule: "an exchange without any fault ends well",
		Sent: "a whole exchange", Expected: "both ends have the same keys",
		Run: (*T).SecureAsResponder,
	}
}

func withholdConf2ACK(t *T) {
	t.AwaitCommit()
	t.SendDHPart1()
	t.AwaitDHPart2()
	t.SendConfirm1()
	t.AwaitConfirm2()
	t.WantNever(2*time.Second, typeSRTP, typeRTP)
	t.Want(t.count(wire.TypeConfirm2) > 1, "Confirm2 was not sent again")
	t.WantNoSight(SawSecure)
}

func withholdConfirm2(t *T) {
	t.BecomeInitiator()
	t.SendDHPart2()
	t.AwaitConfirm1()
	t.WantNever(2*time.Second, typeSRTP, typeRTP)
	t.WantNoSight(SawSecure)
}

// ssrc is Section 4.1.
func ssrc() []Case {
	return []Case{
		{
			ID: "4.1/1", Rows: "7 A21", Level: Must,
			Rule: "If a Hello message [...] indicates that there is [an SSRC] collision, an Error message (0x91) MUST be sent, and the ZRTP negotiation MUST be terminated",
			Sent: "a Hello with P's own SSRC", Expected: "Error 0x91",
			Run: func(t *T) {
				t.await(patience, wire.TypeHello)
				t.sendPacket(wire.Packet{SSRC: t.peer.ssrc, Message: t.helloRaw})
				t.WantEnd(wire.CodeSSRCCollision, wire.TypeCommit)
			},
		},
		{
			ID: "4.1/2", Rows: "8", Level: Should,
			Rule:   "after an SSRC collision the procedures of RFC 3550, Section 8.2 SHOULD be followed, and ZRTP be negotiated anew",
			Manual: "watch for an RTCP BYE, a new SSRC and a new Hello after case 4.1/1",
		},
	}
}

// versions is Section 4.1.1.
func versions() []Case {
	return []Case{
		{
			ID: "4.1.1/1", Rows: "9", Level: Should, Needs: Signalling,
			Rule: "all supported versions SHOULD be listed with separate a=zrtp-hash attributes",
			Sent: "a call", Expected: "a hash of each Hello that P sends",
			Run: announcedMatches,
		},
		{
			ID: "4.1.1/2", Rows: "10", Level: Should, Needs: Signalling,
			Rule: "the highest version that both lists of a=zrtp-hash have SHOULD be used",
			Sent: "a=zrtp-hash for 1.10 and 2.00", Expected: "a Hello of version 1.10",
			Run: func(t *T) {
				t.hello.H3 = t.chain.H3
				hello := t.seal(t.hello.Append(nil), t.chain.H2)
				t.announce = []string{HelloHash("2.00", []byte("none")), HelloHash("1.10", hello)}
				t.SecureAsResponder()
				t.Want(t.peer.hello.Version[:3] == "1.1", "P's Hello says %q", t.peer.hello.Version)
			},
		},
		{
			ID: "4.1.1/3", Rows: "11", Level: Must,
			Rule: "Hello messages of the same version MUST be both sent and received before the key agreement",
			Sent: "only a Hello of version 2.00", Expected: "no Commit",
			Run: func(t *T) { t.strange("2.00"); t.WantNever(2*time.Second, wire.TypeCommit) },
		},
		{
			ID: "4.1.1/4", Rows: "12", Level: Must,
			Rule: "an endpoint MUST begin with a Hello of the highest version that it supports",
			Sent: "nothing", Expected: "a Hello of version 1.10 or above",
			Run: func(t *T) {
				t.unannounced = true
				t.await(patience, wire.TypeHello)
				t.Want(t.peer.hello.Version[:3] >= "1.1", "P's Hello says %q", t.peer.hello.Version)
			},
		},
		{
			ID: "4.1.1/5", Rows: "13", Level: Must,
			Rule: "a Hello of an unsupported version that is higher MUST be ignored",
			Sent: "a Hello of version 9.90", Expected: "no HelloACK, no Error, more Hellos",
			Run: func(t *T) {
				t.strange("9.90")
				t.deaf = true
				before := t.count(wire.TypeHello)
				t.WantNever(2*time.Second, wire.TypeHelloACK, wire.TypeError, wire.TypeCommit)
				t.Want(t.count(wire.TypeHello) > before, "P sends no Hello any more")
			},
		},
		{
			ID: "4.1.1/6", Rows: "14 A18", Level: Must,
			Rule:         "on a Hello of a lower supported version, an endpoint MUST stop its own and send the lower one",
			Inapplicable: "there is but one version",
		},
		{
			ID: "4.1.1/7", Rows: "15 A18", Level: Must,
			Rule: "on a Hello of an unsupported version that is lower, an endpoint MUST send an Error message (0x30)",
			Sent: "a Hello of version 0.90", Expected: "Error 0x30",
			Run: func(t *T) { t.strange("0.90"); t.WantEnd(wire.CodeVersion, wire.TypeCommit) },
		},
		{
			ID: "4.1.1/8", Rows: "16", Level: Must,
			Rule: "When comparing protocol versions, a ZRTP endpoint MUST include only the first three octets",
			Sent: "a Hello of version 1.1Z", Expected: "an exchange as usual",
			Run: func(t *T) {
				t.hello.Version = "1.1Z"
				t.SecureAsResponder()
			},
		},
		{
			ID: "4.1.1/9", Rows: "17 A18", Level: Should,
			Rule: "versions before 1.10 SHOULD NOT be supported",
			Sent: "a Hello of version 1.00", Expected: "Error 0x30",
			Run: func(t *T) { t.strange("1.00"); t.WantEnd(wire.CodeVersion, wire.TypeCommit) },
		},
	}
}

// strange sends a Hello of another version, which nothing announced.
func (t *T) strange(version string) {
	t.unannounced = true
	t.hello.Version = version
	t.deaf = true
	t.dial()
	t.await(patience, wire.TypeHello)
	t.send(t.helloRaw)
}

func announcedMatches(t *T) {
	t.Meet()
	for _, value := range t.call.Announced() {
		if value == HelloHash(t.peer.hello.Version, t.peer.raw) {
			return
		}
	}
	t.Fail("P's Hello hashes to none of the %d values that it signalled", len(t.call.Announced()))
}

// algorithmChoice is Section 4.1.2.
func algorithmChoice() []Case {
	prefers := func(first, second wire.Algorithm) func(t *T) {
		return func(t *T) {
			t.hello.KeyAgreements = []wire.Algorithm{first, second}
			c := t.AwaitCommit()
			offered := false
			for _, a := range t.peer.hello.KeyAgreements {
				offered = offered || a == wire.X255
			}
			if !offered {
				t.NotApplicable("P does not offer X255")
			}
			t.Want(c.KeyAgreement == wire.X255, "P chose %s", c.KeyAgreement)
		}
	}
	return []Case{
		{
			ID: "4.1.2/1", Rows: "18", Level: Should,
			Rule: "both parties SHOULD use the faster of the two first-listed key agreements",
			Sent: "DH3k listed before X255", Expected: "a Commit for X255",
			Run: prefers(wire.DH3k, wire.X255),
		},
		{
			ID: "4.1.2/2", Rows: "18", Level: Should,
			Rule: "both parties SHOULD use the faster of the two first-listed key agreements",
			Sent: "X255 listed before DH3k", Expected: "a Commit for X255",
			Run: prefers(wire.X255, wire.DH3k),
		},
	}
}

// contention is Section 4.2.
func contention() []Case {
	return []Case{
		{
			ID: "4.2/1", Rows: "19 53", Level: Must,
			Rule: "if one Commit is for a DH mode while the other is for Preshared mode, then the Preshared Commit MUST be discarded",
			Sent: "a Preshared Commit with a high nonce", Expected: "P stays initiator in DH mode",
			Run: presharedYields,
		},
		{
			ID: "4.2/2", Rows: "20", Level: Must, Needs: Memory,
			Rule: "of two Preshared Commits that of the side with the M flag MUST be discarded",
			Sent: "M=1, and a Preshared Commit with the highest nonce", Expected: "P stays initiator",
			Run: func(t *T) {
				t.comparedCalls()
				t.hello.MiTM = true
				c := t.AwaitCommit()
				if c.KeyAgreement != wire.Prsh {
					t.NotApplicable("P commits to %s", c.KeyAgreement)
				}
				theirs := t.commit
				mine := t.nonceCommit(wire.Prsh)
				mine.KeyID = t.suite.KeyID(t.memory.rs1)
				t.sendNonceCommit(mine)
				t.WantNever(time.Second, wire.TypeConfirm1, wire.TypeError)
				t.role, t.commit = keys.Responder, theirs
				t.adopt(t.skipping().Preshared(t.memory.rs1, nil, nil))
				t.finishAsResponder()
			},
		},
		{
			ID: "4.2/3", Rows: "21", Level: Must,
			Rule: "the Commit with the lowest hvi value MUST be discarded; the other side is initiator",
			Sent: "a Commit with the lower hvi", Expected: "P stays initiator",
			Run: func(t *T) {
				t.lower = true
				t.SendCommit()
				if t.peer.ours == nil {
					t.NotApplicable("P does not commit by itself, so nothing contends")
				}
				t.WantNever(time.Second, wire.TypeDHPart1, wire.TypeError)
				t.half, t.dhPart2 = nil, nil
				t.AwaitCommit()
				t.SendDHPart1()
				t.AwaitDHPart2()
			},
		},
		{
			ID: "4.2/4", Rows: "21", Level: Must,
			Rule: "the Commit with the lowest hvi value MUST be discarded; the other side is initiator",
			Sent: "a Commit with the higher hvi", Expected: "P answers with DHPart1",
			Run: func(t *T) { t.SecureAsInitiator() },
		},
		{
			ID: "4.2/5", Rows: "22", Level: Text,
			Rule: "If one Commit is for Multistream mode while the other is for non-Multistream mode, a software error has occurred and the ZRTP negotiation should be terminated",
			Sent: "a DH Commit on a second stream", Expected: "Error 0x20, no DHPart1",
			Run: func(t *T) {
				t.SecureAsResponder()
				u := t.Further()
				u.AwaitCommit()
				c := u.nonceCommit(wire.DH3k)
				c.HVI = [32]byte{0xff}
				u.sendNonceCommit(c)
				u.WantEnd(wire.CodeSoftware, wire.TypeDHPart1)
			},
		},
		{
			ID: "4.2/6", Rows: "23", Level: Text,
			Rule:   "Commits of two first streams: only one DH exchange at a time",
			Manual: "offer two streams to a phone that keys each by itself, and watch that one of them waits",
		},
	}
}

func presharedYields(t *T) {
	t.hello.KeyAgreements = append(t.hello.KeyAgreements, wire.Prsh)
	t.Meet()
	prsh := wire.Commit{
		H2: t.chain.H2, ZID: t.zid, Hash: wire.S256, Cipher: wire.AES1, AuthTag: wire.HS32,
		KeyAgreement: wire.Prsh, SAS: wire.B32,
	}
	for i := range prsh.Nonce {
		prsh.Nonce[i] = 0xff
	}
	t.send(t.seal(prsh.Append(nil), t.chain.H1))
	t.AwaitCommit()
	t.SendDHPart1()
	t.AwaitDHPart2()
}

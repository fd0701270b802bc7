package main

// mutant is the engine, or the phone that this test makes of it, with one rule
// taken out.
type mutant struct {
	// rule is what is taken out.
	rule string
	// file holds old exactly once, and new in its place.
	file, old, new string
	// cases must fail then; others may too.
	cases []string
}

// mutants show that the cases bite. An old text that the engine has no more must
// be brought up to date with it.
var mutants = []mutant{
	{
		rule:  "a DHPart2 other than the one committed to",
		file:  "zrtp/dhpart.go",
		old:   "if commitment(s.x.suite, msg, s.hello) != s.x.hvi {",
		new:   "if false {",
		cases: []string{"4.4.1.2/1"},
	},
	{
		rule:  "public values 0, 1 and p-1",
		file:  "zrtp/dh.go",
		old:   "if theirs.IsZero()|theirs.IsOne()|theirs.IsMinusOne(d.modulus) == 1 {",
		new:   "if false {",
		cases: []string{"4.4.1.2/10"},
	},
	{
		rule:  "the public value p-1",
		file:  "zrtp/dh.go",
		old:   "|theirs.IsMinusOne(d.modulus) == 1",
		new:   "== 1",
		cases: []string{"4.4.1.3/11"},
	},
	{
		rule:  "public values above the prime",
		file:  "zrtp/dh.go",
		old:   "bigmod.NewNat().SetBytes(peer, d.modulus)",
		new:   "bigmod.NewNat().SetOverflowingBytes(peer, d.modulus)",
		cases: []string{"4.4.1.2/15"},
	},
	{
		rule:  "an all-zero result of X25519",
		file:  "zrtp/dh.go",
		old:   `if !x25519.Shared(`,
		new:   `if false && !x25519.Shared(`,
		cases: []string{"4.4.1.3/16"},
	},
	{
		rule:  "a collision of SSRCs",
		file:  "zrtp/session.go",
		old:   "case p.SSRC == s.cfg.SSRC && s.state != stateFailed:",
		new:   "case false:",
		cases: []string{"4.1/1"},
	},
	{
		rule:  "a version that is too high",
		file:  "zrtp/hello.go",
		old:   "if hello.Version[:comparedVersion] > version[:comparedVersion] {",
		new:   "if false {",
		cases: []string{"4.1.1/5", "4.1.1/3"},
	},
	{
		rule:  "a version that is too low",
		file:  "zrtp/hello.go",
		old:   "case h.Version[:comparedVersion] < version[:comparedVersion]:",
		new:   "case false:",
		cases: []string{"4.1.1/7", "4.1.1/9"},
	},
	{
		rule:  "only three octets of the version count",
		file:  "zrtp/hello.go",
		old:   "const comparedVersion = 3",
		new:   "const comparedVersion = 4",
		cases: []string{"4.1.1/8"},
	},
	{
		rule:  "equal ZIDs",
		file:  "zrtp/hello.go",
		old:   "case ZID(h.ZID) == s.cfg.ZID:",
		new:   "case false:",
		cases: []string{"5.2/4"},
	},
	{
		rule:  "a Hello that was not announced",
		file:  "zrtp/hello.go",
		old:   "case len(s.cfg.PeerHelloHashes) > 0 && !bound:",
		new:   "case false:",
		cases: []string{"8.1/1", "8.1/2"},
	},
	{
		rule:  "the MAC of Hello, by Commit",
		file:  "zrtp/commit.go",
		old:   "case !isSealed(s.peer.raw, c.H2):",
		new:   "case false:",
		cases: []string{"8.1.1/1"},
	},
	{
		rule:  "the MAC of Hello, by DHPart1",
		file:  "zrtp/dhpart.go",
		old:   "if !isSealed(s.peer.raw, h2) {",
		new:   "if false {",
		cases: []string{"8.1.1/2"},
	},
	{
		rule:  "the MAC of Commit",
		file:  "zrtp/dhpart.go",
		old:   "if !isSealed(s.x.commit, d.H1) {",
		new:   "if false {",
		cases: []string{"8.1.1/3"},
	},
	{
		rule:  "the MAC of DHPart",
		file:  "zrtp/confirm.go",
		old:   "if !s.provesEarlier(h0) {",
		new:   "if false {",
		cases: []string{"8.1.1/4", "8.1.1/5"},
	},
	{
		rule:  "the ZID of Commit",
		file:  "zrtp/commit.go",
		old:   "case c.ZID != s.peer.hello.ZID:",
		new:   "case false:",
		cases: []string{"5.4/1"},
	},
	{
		rule:  "a Multistream Commit without a session key",
		file:  "zrtp/commit.go",
		old:   "return protocolError(wire.CodeNoSharedSecret, nil)",
		new:   "return protocolError(wire.CodeSoftware, nil)",
		cases: []string{"4.4.3/1"},
	},
	{
		rule:  "a stranger's Commit",
		file:  "zrtp/commit.go",
		old:   "if !isPreimage(c.H2, s.peer.hello.H3) {",
		new:   "if false {",
		cases: []string{"9/2"},
	},
	{
		rule:  "a stranger's DHPart1",
		file:  "zrtp/dhpart.go",
		old:   "if !isPreimage(h2, s.peer.hello.H3) {",
		new:   "if false {",
		cases: []string{"9/3"},
	},
	{
		rule:  "a stranger's DHPart2",
		file:  "zrtp/dhpart.go",
		old:   "if !isPreimage(d.H1, s.peer.h2) {",
		new:   "if false {",
		cases: []string{"9/4"},
	},
	{
		rule:  "a stranger's Confirm is doubted",
		file:  "zrtp/confirm.go",
		old:   "return wire.Confirmed{}, doubtful{protocolError(wire.CodeBadConfirmMAC, nil)}",
		new:   "return wire.Confirmed{}, protocolError(wire.CodeBadConfirmMAC, nil)",
		cases: []string{"9/5", "9/6"},
	},
	{
		rule:  "the MAC of Confirm",
		file:  "zrtp/confirm.go",
		old:   "mac := s.confirmMAC(peer.mac, c.Encrypted)",
		new:   "mac := c.MAC",
		cases: []string{"4.6/2", "4.6/3"},
	},
	{
		rule:  "the lower hvi yields",
		file:  "zrtp/commit.go",
		old:   "bytes.Compare(c.HVI[:], s.x.hvi[:]) > 0",
		new:   "bytes.Compare(c.HVI[:], s.x.hvi[:]) < 0",
		cases: []string{"4.2/3", "4.2/4"},
	},
	{
		rule:  "Preshared yields to DH",
		file:  "zrtp/commit.go",
		old:   "case ours != theirs:\n\t\treturn ours",
		new:   "case ours != theirs:\n\t\treturn theirs",
		cases: []string{"4.2/1", "4.4.2.3/1"},
	},
	{
		rule:  "a Hash that was not offered",
		file:  "zrtp/algorithms.go",
		old:   "{c.Hash, o.hashes, wire.CodeHash},",
		new:   "",
		cases: []string{"5.4/2"},
	},
	{
		rule:  "a Cipher that was not offered",
		file:  "zrtp/algorithms.go",
		old:   "{c.Cipher, o.ciphers, wire.CodeCipher},",
		new:   "",
		cases: []string{"5.4/3"},
	},
	{
		rule:  "a KeyAgreement that was not offered",
		file:  "zrtp/algorithms.go",
		old:   "{c.KeyAgreement, o.keyAgreements, wire.CodeKeyAgreement},",
		new:   "",
		cases: []string{"5.4/4"},
	},
	{
		rule:  "a AuthTag that was not offered",
		file:  "zrtp/algorithms.go",
		old:   "{c.AuthTag, o.authTags, wire.CodeAuthTag},",
		new:   "",
		cases: []string{"5.4/5"},
	},
	{
		rule:  "a SAS that was not offered",
		file:  "zrtp/algorithms.go",
		old:   "{c.SAS, o.sasTypes, wire.CodeSAS},",
		new:   "",
		cases: []string{"5.4/6"},
	},
	{
		rule: "SRTP counts as Conf2ACK",
		file: "zrtp/confirm.go",
		old: `func (s *Session) ReceivedSRTP(time.Time) {
	if s.state == stateConfirm2 {`,
		new: `func (s *Session) ReceivedSRTP(time.Time) {
	if false {`,
		cases: []string{"4.6/1"},
	},
	{
		rule: "the initiator waits for Conf2ACK",
		file: "zrtp/confirm.go",
		old: `s.request(now, confirm2)
	return stateConfirm2, nil`,
		new: `s.request(now, confirm2)
	s.secure()
	return stateSecure, nil`,
		cases: []string{"4/4", "4.6.1/2"},
	},
	{
		rule: "the responder waits for Confirm2",
		file: "zrtp/dhpart.go",
		old: `s.respond(now, msg, confirm1)
	return stateConfirm1, nil`,
		new: `s.respond(now, msg, confirm1)
	s.keysAgreed(now)
	s.secure()
	return stateSecure, nil`,
		cases: []string{"4/6", "4.6.1/1"},
	},
	{
		rule: "random ids for absent secrets",
		file: "zrtp/secrets.go",
		old: `rs1: [idLen]byte(random[0:]),
`,
		new:   "",
		cases: []string{"4.3.1/1"},
	},
	{
		rule: "a random pbxsecretID",
		file: "zrtp/secrets.go",
		old: `pbx: [idLen]byte(random[3*idLen:]),
`,
		new:   "",
		cases: []string{"4.3.1/1", "7.3.1/2"},
	},
	{
		rule:  "the responder's label of ids",
		file:  "zrtp/dhpart.go",
		old:   "part, label := 1, labelResponder",
		new:   "part, label := 1, labelInitiator",
		cases: []string{"4.3.1/3"},
	},
	{
		rule:  "the initiator's label of ids",
		file:  "zrtp/dhpart.go",
		old:   "part, label = 2, labelInitiator",
		new:   "part, label = 2, labelResponder",
		cases: []string{"4.3.1/2"},
	},
	{
		rule:  "the initiator's rs2",
		file:  "zrtp/secrets.go",
		old:   "[]retainedSecret{m.rs1, m.rs2}, [][idLen]byte{peer.RS1ID, peer.RS2ID}, x, labelResponder)",
		new:   "[]retainedSecret{m.rs1}, [][idLen]byte{peer.RS1ID, peer.RS2ID}, x, labelResponder)",
		cases: []string{"4.3/5"},
	},
	{
		rule:  "the responder's rs2ID",
		file:  "zrtp/secrets.go",
		old:   "[]retainedSecret{m.rs1, m.rs2}, [][idLen]byte{peer.RS1ID, peer.RS2ID}, x, labelResponder)",
		new:   "[]retainedSecret{m.rs1, m.rs2}, [][idLen]byte{peer.RS1ID}, x, labelResponder)",
		cases: []string{"4.3/3"},
	},
	{
		rule:  "the initiator's rs2ID",
		file:  "zrtp/secrets.go",
		old:   "for _, id := range [][idLen]byte{peer.RS1ID, peer.RS2ID} {",
		new:   "for _, id := range [][idLen]byte{peer.RS1ID} {",
		cases: []string{"4.3/4"},
	},
	{
		rule:  "the responder's rs2",
		file:  "zrtp/secrets.go",
		old:   "firstMatch([]retainedSecret{m.rs1, m.rs2}, [][idLen]byte{id}",
		new:   "firstMatch([]retainedSecret{m.rs1}, [][idLen]byte{id}",
		cases: []string{"4.3/6"},
	},
	{
		rule:  "s1 is null without a match",
		file:  "zrtp/dhpart.go",
		old:   "s1:        s.x.matched.value,",
		new:   "s1:        s.memory.rs1.value,",
		cases: []string{"4.3/7"},
	},
	{
		rule: "the alarm for a mismatch",
		file: "zrtp/confirm.go",
		old: `if s.x.mismatched {
		s.emit(Mismatch{})`,
		new: `if false {
		s.emit(Mismatch{})`,
		cases: []string{"4.3.2/1", "4.3.2/2"},
	},
	{
		rule:  "no alarm for a new ZID",
		file:  "zrtp/dhpart.go",
		old:   "s.x.mismatched = s.memory.known() && ",
		new:   "s.x.mismatched = ",
		cases: []string{"4.3.2/3", "4.9/4"},
	},
	{
		rule:  "secrets expire",
		file:  "zrtp/secrets.go",
		old:   "if !expired(now, r.RS1Expires) {",
		new:   "if true {",
		cases: []string{"4.9/3"},
	},
	{
		rule:  "the lesser interval counts",
		file:  "zrtp/confirm.go",
		old:   "min(interval(s.cfg.Expiry), s.x.confirmed.Expiry)",
		new:   "max(interval(s.cfg.Expiry), s.x.confirmed.Expiry)",
		cases: []string{"4.9/2", "4.9/3"},
	},
	{
		rule:  "the old rs1 becomes rs2",
		file:  "zrtp/secrets.go",
		old:   "RS2:        previous.value.Clone(),",
		new:   "RS2:        fresh.Clone(),",
		cases: []string{"4.6.1/3"},
	},
	{
		rule:  "a mismatch delays the update",
		file:  "zrtp/confirm.go",
		old:   "Mismatched:   s.x.mismatched,",
		new:   "",
		cases: []string{"4.6.1.1/1", "4.6.1.1/2"},
	},
	{
		rule:  "the label of the SRTP salt",
		file:  "zrtp/keys.go",
		old:   `k.derive(role+" SRTP master salt"`,
		new:   `k.derive(role+" SRTP salt"`,
		cases: []string{"4.5.3/1", "4.5.3/2"},
	},
	{
		rule:  "the label of the SRTP key",
		file:  "zrtp/keys.go",
		old:   `k.derive(role+" SRTP master key"`,
		new:   `k.derive("SRTP master key"`,
		cases: []string{"4.5.3/1", "4.5.3/2"},
	},
	{
		rule:  "the label of mackey",
		file:  "zrtp/keys.go",
		old:   `k.derive(role+" HMAC key"`,
		new:   `k.derive(role+" MAC key"`,
		cases: []string{"4/7", "4/8"},
	},
	{
		rule:  "the label of zrtpkey",
		file:  "zrtp/keys.go",
		old:   `k.derive(role+" ZRTP key"`,
		new:   `k.derive(role+" key"`,
		cases: []string{"4/7", "4/8"},
	},
	{
		rule:  "the label of the SAS",
		file:  "zrtp/keys.go",
		old:   `k.derive("SAS", sasHashLen)`,
		new:   `k.derive("sas", sasHashLen)`,
		cases: []string{"5.1.6/1", "7/1"},
	},
	{
		rule:  "the label of the retained secret",
		file:  "zrtp/keys.go",
		old:   `k.derive("retained secret", retainedLen)`,
		new:   `k.derive("retained", retainedLen)`,
		cases: []string{"4.3/1"},
	},
	{
		rule:  "the order of ZIDs in s0",
		file:  "zrtp/keys.go",
		old:   "a.initiator[:], a.responder[:],",
		new:   "a.responder[:], a.initiator[:],",
		cases: []string{"4/7"},
	},
	{
		rule:  "s1 in s0",
		file:  "zrtp/keys.go",
		old:   "length(a.s1), a.s1.Expose(),",
		new:   "length(a.s1),",
		cases: []string{"4.3/1", "4.3/2"},
	},
	{
		rule:  "the zero octet in the KDF",
		file:  "zrtp/keys.go",
		old:   `input = append(input, 0)`,
		new:   "",
		cases: []string{"4.5.1/1"},
	},
	{
		rule:  "the length in the KDF",
		file:  "zrtp/keys.go",
		old:   "uint32(8*size)",
		new:   "uint32(size)",
		cases: []string{"4.5.1/1"},
	},
	{
		rule:  "SHA-384",
		file:  "zrtp/algorithms.go",
		old:   `return sha512.New384()`,
		new:   `return sha512.New()`,
		cases: []string{"4.5.1/3", "5.1.2/2"},
	},
	{
		rule: "the key length of AES-256",
		file: "zrtp/algorithms.go",
		old: `if s.cipher == wire.AES3 {
		return 32`,
		new: `if s.cipher == wire.AES3 {
		return 16`,
		cases: []string{"4.5.1/2"},
	},
	{
		rule:  "the length of the auth tag",
		file:  "zrtp/algorithms.go",
		old:   "if s.authTag == wire.HS80 {",
		new:   "if s.authTag == wire.HS32 {",
		cases: []string{"5.1.4/1", "5.1.4/2"},
	},
	{
		rule:  "which half of a MAC is sent",
		file:  "zrtp/chain.go",
		old:   "mac.Sum(nil)[:macLen]",
		new:   "mac.Sum(nil)[24:]",
		cases: []string{"8.1.1/6", "9/1", "5.1.2.2/1"},
	},
	{
		rule:  "a public value that begins with zeros",
		file:  "zrtp/dhpart.go",
		old:   `len(d.PublicValue) != want {`,
		new:   `len(d.PublicValue) != want || want == 384 && d.PublicValue[0] == 0 && d.PublicValue[383] == 0 {`,
		cases: []string{"4.4.1.4/1", "4.4.1.4/2"},
	},
	{
		rule:  "the width of a public value",
		file:  "zrtp/dh.go",
		old:   "&dh3k{modulus, exponent, pv.Bytes(modulus)}",
		new:   "&dh3k{modulus, exponent, pv.Bytes(modulus)[4:]}",
		cases: []string{"4.4.1.1/1"},
	},
	{
		rule:  "the generator",
		file:  "zrtp/dh.go",
		old:   "SetBytes([]byte{2}, modulus)",
		new:   "SetBytes([]byte{5}, modulus)",
		cases: []string{"5.1.5/3"},
	},
	{
		rule:  "T1",
		file:  "zrtp/retransmit.go",
		old:   "helloSchedule = schedule{50 *",
		new:   "helloSchedule = schedule{100 *",
		cases: []string{"6/3"},
	},
	{
		rule:  "the cap of T1",
		file:  "zrtp/retransmit.go",
		old:   "200 * time.Millisecond, 20}",
		new:   "400 * time.Millisecond, 20}",
		cases: []string{"6/3"},
	},
	{
		rule:  "T2",
		file:  "zrtp/retransmit.go",
		old:   "requestSchedule = schedule{150 *",
		new:   "requestSchedule = schedule{75 *",
		cases: []string{"6/4"},
	},
	{
		rule:  "the cap of T2",
		file:  "zrtp/retransmit.go",
		old:   "1200 * time.Millisecond, 10}",
		new:   "600 * time.Millisecond, 10}",
		cases: []string{"6/4"},
	},
	{
		rule:  "12 s of Hellos",
		file:  "zrtp/retransmit.go",
		old:   "extendedHellos = 62",
		new:   "extendedHellos = 40",
		cases: []string{"6/6"},
	},
	{
		rule:  "the CRC",
		file:  "zrtp/wire/packet.go",
		old:   "if crc(b[:end]) != binary.BigEndian.Uint32(b[end:]) {",
		new:   "if false {",
		cases: []string{"5/3"},
	},
	{
		rule:  "unused bits of the header, sent",
		file:  "zrtp/session.go",
		old:   "Unused:   unused,",
		new:   "Unused:   unused | 1,",
		cases: []string{"5/1"},
	},
	{
		rule:  "unused bits of the header, received",
		file:  "zrtp/wire/packet.go",
		old:   "b[0]>>4 == 1",
		new:   "b[0] == 0x10",
		cases: []string{"5/2"},
	},
	{
		rule:  "unused bits of Hello, sent",
		file:  "zrtp/hello.go",
		old:   "Version:       version,",
		new:   "Version:       version, Unused: 1,",
		cases: []string{"5.2/2"},
	},
	{
		rule: "unused bits of Hello, received",
		file: "zrtp/hello.go",
		old:  "bound := s.announced(msg)",
		new: `if hello.Unused != 0 {
		return errUnused
	}
	bound := s.announced(msg)`,
		cases: []string{"5.2/3"},
	},
	{
		rule:  "unused bits of Confirm, sent",
		file:  "zrtp/confirm.go",
		old:   "H0:         s.chain.h0,",
		new:   "H0:         s.chain.h0, Unused: 1,",
		cases: []string{"5.7/2"},
	},
	{
		rule: "unused bits of Confirm, received",
		file: "zrtp/confirm.go",
		old: `s.x.confirmed = confirmed
	s.keysAgreed(now)
	s.respond`,
		new: `if confirmed.Unused != 0 {
		return s.state, errUnused
	}
	s.x.confirmed = confirmed
	s.keysAgreed(now)
	s.respond`,
		cases: []string{"5.7/1"},
	},
	{
		rule:  "the S flag",
		file:  "zrtp/hello.go",
		old:   "Version:       version,",
		new:   "Version:       version, Signature: true,",
		cases: []string{"5.2/1"},
	},
	{
		rule:  "sequence numbers by one",
		file:  "zrtp/session.go",
		old:   `	s.sequence++`,
		new:   `	s.sequence += 2`,
		cases: []string{"5/4"},
	},
	{
		rule:  "a random first sequence number",
		file:  "zrtp/session.go",
		old:   `s.sequence = binary`,
		new:   `s.sequence = 0 * binary`,
		cases: []string{"5/5"},
	},
	{
		rule: "sequence numbers wrap",
		file: "zrtp/session.go",
		old: `case err != nil:
		return
`,
		new: `case err != nil || p.Sequence < 100:
		return
`,
		cases: []string{"5/6"},
	},
	{
		rule:  "a malformed message is doubted",
		file:  "zrtp/session.go",
		old:   "s.suspect(now, Failed{Err: protocolError(wire.CodeMalformed, err)})",
		new:   "s.fail(now, protocolError(wire.CodeMalformed, err))",
		cases: []string{"5/7"},
	},
	{
		rule:  "Ping is answered",
		file:  "zrtp/session.go",
		old:   "s.receivePing(ssrc, msg)",
		new:   "",
		cases: []string{"5.15/1", "5.15/2"},
	},
	{
		rule:  "the SSRC in PingACK",
		file:  "zrtp/failure.go",
		old:   "ReceivedSSRC: ssrc,",
		new:   "ReceivedSSRC: s.cfg.SSRC + 0*ssrc,",
		cases: []string{"5.15/1"},
	},
	{
		rule:  "the version of PingACK",
		file:  "zrtp/failure.go",
		old:   "Version:      version,",
		new:   "Version:      ping.Version,",
		cases: []string{"5.16/2"},
	},
	{
		rule:  "a supported version in PingACK",
		file:  "zrtp/failure.go",
		old:   "Version:      version,",
		new:   `Version:      "2.00",`,
		cases: []string{"5.16/1"},
	},
	{
		rule: "ErrorACK",
		file: "zrtp/failure.go",
		old: `s.transmit(wire.ErrorACK{}.Append(nil))
`,
		new:   "",
		cases: []string{"5.1.1/1", "4.7.1/1"},
	},
	{
		rule:  "an Error is doubted",
		file:  "zrtp/failure.go",
		old:   "s.suspect(now, Failed{Err: protocolError(e.Code, nil), ByPeer: true})",
		new:   "s.abandon(Failed{Err: protocolError(e.Code, nil), ByPeer: true})",
		cases: []string{"9/11"},
	},
	{
		rule:  "an Error ends the exchange",
		file:  "zrtp/failure.go",
		old:   "s.suspect(now, Failed{Err: protocolError(e.Code, nil), ByPeer: true})",
		new:   "_ = e",
		cases: []string{"4.7.1/1"},
	},
	{
		rule:  "GoClear is refused",
		file:  "zrtp/clear.go",
		old:   "s.transmit(wire.Error{Code: wire.CodeGoClearRefused}.Append(nil))",
		new:   "s.transmit(wire.ClearACK{}.Append(nil))",
		cases: []string{"4.7.2/1", "4.7.2/4", "7.3.1/1"},
	},
	{
		rule:  "GoClear is answered",
		file:  "zrtp/clear.go",
		old:   "s.transmit(wire.Error{Code: wire.CodeGoClearRefused}.Append(nil))",
		new:   "",
		cases: []string{"4.7.2/2", "4.7.2/3"},
	},
	{
		rule:  "RelayACK",
		file:  "zrtp/relay.go",
		old:   "return wire.RelayACK{}.Append(nil)",
		new:   "return wire.ClearACK{}.Append(nil)",
		cases: []string{"5.13/1"},
	},
	{
		rule:  "RelayACK for who is no PBX",
		file:  "zrtp/relay.go",
		old:   "s.transmit(wire.RelayACK{}.Append(nil))",
		new:   "",
		cases: []string{"5.13/3"},
	},
	{
		rule:  "a relayed SAS is not shown",
		file:  "zrtp/session.go",
		old:   "s.receiveSASRelay(msg)",
		new:   `s.emit(Secure{SAS: "yyyy"})`,
		cases: []string{"5.13/2", "7.3/1"},
	},
	{
		rule:  "the D flag is shown",
		file:  "zrtp/confirm.go",
		old:   "Disclosed:    s.x.confirmed.Disclosure,",
		new:   "",
		cases: []string{"11/2"},
	},
	{
		rule:  "the D flag is not set",
		file:  "zrtp/confirm.go",
		old:   "H0:         s.chain.h0,",
		new:   "H0:         s.chain.h0, Disclosure: true,",
		cases: []string{"11/1"},
	},
	{
		rule:  "verified by both",
		file:  "zrtp/confirm.go",
		old:   "Verified:     s.verified() && s.x.confirmed.Verified,",
		new:   "Verified:     s.x.confirmed.Verified,",
		cases: []string{"7.1/1"},
	},
	{
		rule:  "the V flag",
		file:  "zrtp/confirm.go",
		old:   "Verified:   s.verified(),",
		new:   "Verified:   true,",
		cases: []string{"7.1/2"},
	},
	{
		rule:  "no signature",
		file:  "zrtp/confirm.go",
		old:   "H0:         s.chain.h0,",
		new:   "H0:         s.chain.h0, Signature: make([]byte, 4),",
		cases: []string{"7.2/1"},
	},
	{
		rule:  "a HelloACK of a stranger",
		file:  "zrtp/hello.go",
		old:   "if s.acked.acked && s.acked.ssrc == p.ssrc {",
		new:   "if s.acked.acked {",
		cases: []string{"9/9"},
	},
	{
		rule:  "a repeated question is answered",
		file:  "zrtp/session.go",
		old:   "if s.x.answers(msg) {",
		new:   "if false {",
		cases: []string{"6/8", "6/9"},
	},
	{
		rule:  "one source, one session",
		file:  "zrtp/session.go",
		old:   "case s.peer.met && p.SSRC != s.peer.ssrc:",
		new:   "case false:",
		cases: []string{"9/8"},
	},
	{
		rule:  "mandatory algorithms are implied",
		file:  "zrtp/algorithms.go",
		old:   "complete(o.hashes, wire.S256)",
		new:   "complete(o.hashes, wire.S384)",
		cases: []string{"5.1.2/1"},
	},
	{
		rule:  "a fresh H0",
		file:  "zrtp/chain.go",
		old:   "io.ReadFull(rand, h0[:])",
		new:   "io.ReadFull(rand, make([]byte, len(h0)))",
		cases: []string{"4.8/1"},
	},
	{
		rule:  "a fresh IV",
		file:  "zrtp/confirm.go",
		old:   "io.ReadFull(s.cfg.Rand, c.IV[:])",
		new:   "io.ReadFull(s.cfg.Rand, make([]byte, len(c.IV)))",
		cases: []string{"4.8/1"},
	},
	{
		rule:  "what our hvi commits to",
		file:  "zrtp/commit.go",
		old:   "s.x.hvi = commitment(s.x.suite, dhPart2, s.peer.raw)",
		new:   "s.x.hvi = commitment(s.x.suite, dhPart2, s.hello)",
		cases: []string{"4.4.1.1/2"},
	},
	{
		rule:  "repetitions are identical",
		file:  "zrtp/session.go",
		old:   "s.transmit(s.timer.message)",
		new:   "s.transmit(append(bytes.Clone(s.timer.message[:len(s.timer.message)-1]), 0))",
		cases: []string{"6/1"},
	},
	{
		rule:  "the length of Hello",
		file:  "zrtp/wire/hello.go",
		old:   "if len(r.b) != algorithmLen*total+8 {",
		new:   "if len(r.b) < algorithmLen*total+8 {",
		cases: []string{"5.2/14"},
	},
	{
		rule:  "the length field",
		file:  "zrtp/wire/message.go",
		old:   "if 4*int(m.Length) != len(msg) {",
		new:   "if false {",
		cases: []string{"5.2/15"},
	},
	{
		rule:  "the signature length",
		file:  "zrtp/wire/confirm.go",
		old:   "if len(r.b) != 4*words {",
		new:   "if false {",
		cases: []string{"5.7/3"},
	},
	{
		rule:  "base32",
		file:  "zrtp/sas.go",
		old:   "value>>(27-5*i)&31",
		new:   "value>>(26-5*i)&31",
		cases: []string{"5.1.6/1", "5.1.6/2", "7/1"},
	},
	{
		rule: "Hello without an announcement",
		file: "zrtp/session.go",
		old: `if s.state != stateIdle {
		return`,
		new: `if s.state != stateIdle || len(s.cfg.PeerHelloHashes) == 0 {
		return`,
		cases: []string{"8/1", "4.1.1/4"},
	},
	{
		rule: "one HelloACK for a Hello",
		file: "zrtp/hello.go",
		old: `if bytes.Equal(msg, s.peer.raw) {
			s.transmit(wire.HelloACK{}.Append(nil))`,
		new: `if bytes.Equal(msg, s.peer.raw) {
			s.transmit(wire.HelloACK{}.Append(nil))
			s.transmit(wire.HelloACK{}.Append(nil))`,
		cases: []string{"6/2"},
	},
	{
		rule:  "the faster key agreement",
		file:  "zrtp/algorithms.go",
		old:   `for _, keyAgreement := range strongestFirst(o.keyAgreements) {`,
		new:   `for _, keyAgreement := range peer.keyAgreements {`,
		cases: []string{"4.1.2/1"},
	},
	{
		rule:  "no EC52",
		file:  "zrtp/hello.go",
		old:   "KeyAgreements: s.listed(),",
		new:   `KeyAgreements: append([]wire.Algorithm{"EC52"}, s.listed()...),`,
		cases: []string{"5.1.5/7"},
	},
	{
		rule: "no Preshared mode at first",
		file: "zrtp/commit.go",
		old: `KeyAgreement: s.x.suite.keyAgreement,
		SAS: `,
		new: `KeyAgreement: wire.Prsh,
		SAS: `,
		cases: []string{"4.4.2.2/1"},
	},
	{
		rule: "Conf2ACK is not for the responder",
		file: "zrtp/confirm.go",
		old: `if wire.TypeOf(msg) != wire.TypeConfirm2 {
		return s.state, errUnused`,
		new: `if wire.TypeOf(msg) != wire.TypeConfirm2 {
		s.keysAgreed(now)
		s.secure()
		return stateSecure, nil`,
		cases: []string{"4.6/6"},
	},
	{
		rule: "no RTP in clear",
		file: "contrib/zrtpspec/engine_test.go",
		old: `if !c.secure {
		return`,
		new: `if !c.secure {
		c.put(append([]byte{0x80, 96}, make([]byte, 50)...))
		return`,
		cases: []string{"4/3", "4/5"},
	},
	{
		rule:  "one ZID",
		file:  "contrib/zrtpspec/engine_test.go",
		old:   `ZID:             p.zid,`,
		new:   `ZID:             zrtp.ZID([]byte(rand.Text()[:12])),`,
		cases: []string{"4.9/1", "5.16/3"},
	},
	{
		rule:  "a=zrtp-hash in signalling",
		file:  "contrib/zrtpspec/engine_test.go",
		old:   "return []string{c.hash}",
		new:   "return nil",
		cases: []string{"4/2"},
	},
	{
		rule:  "the right a=zrtp-hash",
		file:  "contrib/zrtpspec/engine_test.go",
		old:   "return []string{c.hash}",
		new:   "return []string{c.hash[:20]}",
		cases: []string{"4.1.1/1"},
	},
	{
		rule: "secrets belong to a ZID",
		file: "contrib/zrtpspec/engine_test.go",
		old: `r, ok := p.known[zid]
	return r, ok`,
		new: `for _, r := range p.known {
		return r, true
	}
	return zrtp.Retained{}, false`,
		cases: []string{"4.9/4"},
	},
	{
		rule:  "a failure is shown",
		file:  "contrib/zrtpspec/engine_test.go",
		old:   "c.show(spec.Sight{Kind: spec.SawFailed, Why: e.Err.Error()})",
		new:   "",
		cases: []string{"4.4.1.2/3", "4.4.1.3/1", "8.1/2"},
	},
	{
		rule: "Hello is sent",
		file: "zrtp/session.go",
		old: `if s.state != stateIdle {
		return`,
		new: `if true {
		return`,
		cases: []string{"4/1"},
	},
	{
		rule:  "AES-256 with EC38",
		file:  "zrtp/algorithms.go",
		old:   "first(o.ciphers, peer.ciphers)",
		new:   "first(peer.ciphers, []wire.Algorithm{wire.AES1, wire.AES3})",
		cases: []string{"5.1.5/6"},
	},
	{
		rule: "a prompt HelloACK",
		file: "contrib/zrtpspec/engine_test.go",
		old:  "c.session.Receive(time.Now(), b)",
		new: `time.Sleep(300 * time.Millisecond)
		c.session.Receive(time.Now(), b)`,
		cases: []string{"6/5"},
	},
}

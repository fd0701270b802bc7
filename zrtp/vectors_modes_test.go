package zrtp

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// vectorSession is what the first stream left for the further ones of the files, to
// one end; that stream's initiator was a.
func vectorSession(a Algorithms, own ZID) *SessionKey {
	named := func(list []string) wire.Algorithm { return wire.Named(list[0]) }
	zidA, zidB := ZID{1, 'a'}, ZID{2, 'b'}
	k := &SessionKey{
		own: own, peer: zidB, initiator: zidA, responder: zidB,
		suite: suite{
			keyAgreement: named(a.KeyAgreements), hash: named(a.Hashes), cipher: named(a.Ciphers),
			authTag: named(a.AuthTags), sas: named(a.SASTypes),
		},
		nonces: map[[nonceLen]byte]bool{},
	}
	if own == zidB {
		k.peer = zidA
	}
	k.value = secret.Own(bytes.Repeat([]byte{0x5e}, k.suite.hashLen()))
	return k
}

// joinVector gives both ends of a further stream their key.
func joinVector(t *testing.T, l *link) {
	t.Helper()
	for _, e := range []*end{l.a, l.b} {
		if err := e.Join(l.now, vectorSession(e.cfg.Algorithms, e.cfg.ZID)); err != nil {
			t.Fatal(err)
		}
	}
}

// skippingDH is each hash, cipher and auth tag in the two modes without a key
// agreement.
func skippingDH() (cases []vectorCase) {
	all := usableAlgorithms()
	for _, hash := range all.Hashes {
		for _, cipher := range all.Ciphers {
			for i, tag := range all.AuthTags {
				a := Algorithms{[]string{"X255"}, []string{hash}, []string{cipher}, []string{tag}, []string{all.SASTypes[i]}}
				name := strings.Join([]string{hash, cipher, tag}, "-")
				cases = append(cases, vectorCase{
					name:  "preshared-" + name + "-" + all.SASTypes[i],
					about: "Preshared mode: the two share a retained secret, and have compared their SAS", algorithms: a, preshared: true,
				}, vectorCase{
					name:  "multistream-" + name,
					about: "Multistream mode: a further stream, from the ZRTPSess of the first", algorithms: a, further: true,
				})
			}
		}
	}
	return cases
}

// usedNonce is the nonce of a stream that was.
var usedNonce = [nonceLen]byte{0: 0xff, 15: 1}

// skippingDHFaults are those of Multistream mode.
func skippingDHFaults(t *testing.T) (cases []vectorCase) {
	add := func(name, about string, typ wire.Type, code wire.ErrorCode, fault func(*end, []byte) []byte) {
		cases = append(cases, vectorCase{
			name: "fault-multistream-" + name, about: "Multistream mode: " + about, algorithms: classicVector("X255"), further: true,
			typ: typ, fault: fault, code: code,
		})
	}
	fromB := func(change func(c *wire.Commit)) func(*end, []byte) []byte {
		return func(from *end, msg []byte) []byte {
			if from.name == "a" {
				return msg
			}
			return changeCommit(t, func(c *wire.Commit) { c.Nonce[0] = 0xff; change(c) })(from, msg)
		}
	}
	add("nonce", "a Commit with the nonce of an earlier stream", wire.TypeCommit, wire.CodeNonceReuse, fromB(func(c *wire.Commit) { c.Nonce = usedNonce }))
	cases[0].prepare = func(l *link) { l.a.key.spend(usedNonce) }
	add("hash", "a Commit with another hash than the first stream's", wire.TypeCommit, wire.CodeHash, fromB(func(c *wire.Commit) { c.Hash = wire.S384 }))
	add("cipher", "a Commit with another cipher than the first stream's", wire.TypeCommit, wire.CodeCipher, fromB(func(c *wire.Commit) { c.Cipher = wire.AES3 }))
	add("auth-tag", "a Commit with another auth tag than the first stream's", wire.TypeCommit, wire.CodeAuthTag, fromB(func(c *wire.Commit) { c.AuthTag = wire.HS80 }))
	add("zid", "a Hello with another ZID than the first stream's", wire.TypeHello, wire.CodeHelloMismatch, func(from *end, msg []byte) []byte {
		h, err := wire.ParseHello(msg)
		if err != nil {
			t.Fatal(err)
		}
		h.ZID[11] ^= 1
		return seal(h.Append(nil), from.chain.h2)
	})
	add("commit-mac", "a Commit with a wrong MAC", wire.TypeCommit, wire.CodeBadConfirmMAC, flipLast)
	add("confirm1-mac", "a wrong confirm_mac", wire.TypeConfirm1, wire.CodeBadConfirmMAC, flipConfirmMAC)
	return cases
}

// deriveStreamVector writes down the derivation of an exchange in Multistream mode.
func deriveStreamVector(t *testing.T, v *vector, initiator *end, session secret.Bytes, prefix string) {
	t.Helper()
	s, context := initiator.x.suite, initiator.nonceContext()
	v.setHex(prefix+"total_hash", context[2*len(ZID{}):])
	s0 := deriveOnce(s, session, context, "ZRTP MSK", s.hashLen())
	setStreamKeys(t, v, newKDF(s, s0, context), initiator, prefix)
}

// later is when something happens in a call that is secure.
func later(l *link, at time.Duration) { l.run(epoch.Add(at).Sub(l.now)) }

// clearCases leave the secure state, or are to stay in it.
func clearCases(t *testing.T) (cases []vectorCase) {
	for _, a := range []Algorithms{classicVector("X255"), strongVector()} {
		cases = append(cases, vectorCase{
			name:  "goclear-" + a.KeyAgreements[0],
			about: "a asks to go on without encryption, and b to encrypt again", algorithms: a, allowClear: true, after: goClearAndBack,
		})
	}
	forged := func(name, about string, allow bool, mac func(v *vector, own, peer string) []byte, answer string) {
		cases = append(cases, vectorCase{
			name: "fault-goclear-" + name, about: about, algorithms: classicVector("X255"), allowClear: allow,
			after: func(t *testing.T, _ vectorCase, v *vector, l *link) {
				own, peer := "Initiator", "Responder"
				if v.get("initiator") != "a" {
					own, peer = peer, own
				}
				l.receives(v, packet(l.b.cfg.SSRC, wire.GoClear{MAC: [macLen]byte(mac(v, own, peer))}))
				v.set("victim", "a")
				v.set("answer", answer)
				if count[Cleared](l.a) > 0 {
					t.Error("a leaves the secure state")
				}
			},
		})
	}
	clearMAC := func(v *vector, role string) []byte {
		key, s := v.bytes(t, role+" HMAC key"), suite{hash: wire.S256}
		return macOnce(s.newHash, key, []byte(wire.TypeGoClear))[:macLen]
	}
	forged("mac", "a GoClear with a wrong MAC", true, func(v *vector, _, peer string) []byte {
		mac := clearMAC(v, peer)
		mac[0] ^= 1
		return mac
	}, "none")
	forged("reflected", "a GoClear with the MAC of a's own", true, func(v *vector, own, _ string) []byte { return clearMAC(v, own) }, "none")
	forged("not-allowed", "a GoClear that both A flags forbid, with a good MAC", false,
		func(v *vector, _, peer string) []byte { return clearMAC(v, peer) }, "Error 0x100")
	return cases
}

// receives lets a get a packet, two seconds after the start.
func (l *link) receives(v *vector, pkt []byte) {
	l.t.Helper()
	later(l, 2*time.Second)
	v.lines = append(v.lines, vectorLine{from: "b", at: l.now.Sub(epoch), packet: pkt})
	l.a.Receive(l.now, pkt)
	l.drain(l.a)
}

// goClearAndBack goes clear, and secure again.
func goClearAndBack(t *testing.T, c vectorCase, v *vector, l *link) {
	t.Helper()
	first := l.a
	if v.get("initiator") == "b" {
		first = l.b
	}
	s := first.x.suite
	for _, role := range []string{"Initiator", "Responder"} {
		v.setHex(role+" clear_mac", macOnce(s.newHash, v.bytes(t, role+" HMAC key"), []byte(wire.TypeGoClear))[:macLen])
	}
	zids := kdfContext(first.cfg.ZID, l.other(first).cfg.ZID, nil)
	session := deriveOnce(s, secret.Own(v.bytes(t, "ZRTP Session Key")), zids, "New ZRTP Session", s.hashLen())
	later(l, 2*time.Second)
	v.act(l, l.a, askGoClear)
	l.goClear(l.a)
	later(l, 3*time.Second)
	l.wantCleared(l.a, false)
	l.wantCleared(l.b, true)
	v.act(l, l.b, askGoSecure)
	if err := l.b.GoSecure(l.now); err != nil {
		t.Fatal(err)
	}
	l.drain(l.b)
	l.run(time.Second)
	l.wantStream()
	v.setHex("New ZRTP Session", session.Expose())
	v.set("again initiator", "b")
	deriveStreamVector(t, v, l.b, session, "again ")
}

// pbxCases are calls with a PBX, which is b: a hears what it relays.
func pbxCases(t *testing.T) (cases []vectorCase) {
	var side sideKeys // the PBX's, once its Confirm1 is out
	confirm1 := func(change func(c *wire.Confirmed)) func(*end, []byte) []byte {
		return func(from *end, msg []byte) []byte {
			own, _ := from.x.keys.of(Responder)
			side = sideKeys{mac: own.mac.Clone(), zrtp: own.zrtp.Clone()}
			return changeConfirm(t, from, side, msg, change)
		}
	}
	unchanged := confirm1(func(*wire.Confirmed) {})
	add := func(name, about string, enrolled, mitm bool, sas wire.Relayed, spoil func(*wire.SASRelay), answer string) {
		cases = append(cases, vectorCase{
			name: name, about: about, algorithms: classicVector("X255"), pbx: enrolled, role: Initiator,
			typ: wire.TypeConfirm1, fault: unchanged,
			prepare: func(l *link) {
				if mitm {
					l.b.withMFlag(t)
				}
			},
			after: func(t *testing.T, _ vectorCase, v *vector, l *link) {
				m := wire.SASRelay{IV: [16]byte{1}}
				m.Encrypted, _ = cfb(side.zrtp, m.IV, sas.Append(nil), true)
				m.MAC = l.b.confirmMAC(side.mac, m.Encrypted)
				if spoil != nil {
					spoil(&m)
				}
				l.receives(v, packet(l.b.cfg.SSRC, m))
				v.set("victim", "a")
				v.setHex("relayed sashash", sas.SASHash[:])
				v.set("answer", answer)
				shown, _ := find[RelayedSAS](l.a)
				v.set("shows", shown.SAS)
			},
		})
	}
	for _, scheme := range []wire.Algorithm{wire.B32, wire.B256} {
		name := strings.TrimSpace(string(scheme))
		add("sasrelay-"+name, "b is a PBX that a has enrolled with, and relays a SAS", true, true, relayed(scheme), nil, "RelayACK")
		add("sasrelay-rendering-"+name, "b is a PBX that a does not know, and asks for a rendering of a's own SAS: an all-zero sashash",
			false, true, wire.Relayed{SAS: scheme}, nil, "RelayACK")
	}
	add("fault-sasrelay-mac", "a SASrelay with a wrong MAC", true, true, relayed(wire.B32), func(m *wire.SASRelay) { m.MAC[0] ^= 1 }, "none")
	add("fault-sasrelay-stranger", "a SASrelay of a PBX that a has not enrolled with", false, true, relayed(wire.B32), nil, "Error 0x63")
	add("fault-sasrelay-no-pbx", "a SASrelay of who did not set the M flag in its Hello", true, false, relayed(wire.B32), nil, "RelayACK")
	return append(cases, vectorCase{
		name: "enrolment", about: "b is a PBX that asks to be enrolled with: the E flag, and the pbxsecret that a may keep if its user agrees",
		algorithms: classicVector("X255"), role: Initiator,
		typ: wire.TypeConfirm1, fault: confirm1(func(c *wire.Confirmed) { c.Enrollment = true }),
		prepare: func(l *link) { l.b.withMFlag(t) },
		after: func(t *testing.T, _ vectorCase, v *vector, l *link) {
			v.set("victim", "a")
			accepted, err := l.a.AcceptEnrolment()
			if err != nil {
				t.Fatal(err)
			}
			s, session := l.a.x.suite, secret.Own(v.bytes(t, "ZRTP Session Key"))
			zids := kdfContext(l.a.cfg.ZID, l.b.cfg.ZID, nil)
			if !deriveOnce(s, session, zids, "Trusted MiTM key", pbxSecretLen).Equal(accepted) {
				t.Error("the pbxsecret is another")
			}
			v.setHex("Trusted MiTM key", accepted.Expose())
		},
	})
}

// damagedCases have packets on their way that are to be thrown away: the exchange
// ends well with what comes after them. a is the one to notice.
func damagedCases(t *testing.T) (cases []vectorCase) {
	long := Algorithms{[]string{"X3K3"}, []string{"S384"}, []string{"AES3"}, []string{"HS80"}, []string{"B256"}}
	// The first time that b sends what begins a Commit, something else arrives.
	add := func(name, about string, a Algorithms, code wire.ErrorCode, instead func(pkt []byte) []arrival) {
		cases = append(cases, vectorCase{
			name: "fault-" + name, about: about, algorithms: a, role: Responder, code: code,
			damage: func(*link) func(*end, int, []byte) []arrival {
				done := false
				return func(from *end, _ int, pkt []byte) []arrival {
					if done || from.name != "b" || messageType(pkt) != wire.TypeCommit {
						return []arrival{{pkt: pkt}}
					}
					done = true
					return instead(bytes.Clone(pkt))
				}
			},
			after: func(_ *testing.T, _ vectorCase, v *vector, _ *link) {
				if v.get("victim") == "" {
					v.set("victim", "a")
				}
			},
		})
	}
	piece := func(pkt []byte, change func(f *wire.Fragment)) arrival {
		p, err := wire.ParsePacket(pkt)
		if err != nil {
			t.Fatal(err)
		}
		f, ok := p.Fragment()
		if !ok {
			t.Fatal("no fragment")
		}
		f.Data = bytes.Clone(f.Data)
		change(&f)
		p.Message = f.Append(nil)
		return arrival{pkt: wire.AppendPacket(nil, p)}
	}
	whole := func(*wire.Fragment) {}
	add("crc", "a Commit with a wrong CRC, which is as good as lost", classicVector("X255"), 0, func(pkt []byte) []arrival {
		pkt[len(pkt)-1] ^= 1
		return []arrival{{pkt: pkt}}
	})
	add("fragment-outside", "before the first fragment of Commit one that reaches beyond the message", long, 0, func(pkt []byte) []arrival {
		return []arrival{piece(pkt, func(f *wire.Fragment) { f.Offset = f.Total - 1 }), piece(pkt, whole)}
	})
	add("fragment-total", "before the first fragment of Commit one of a message longer than any", long, 0, func(pkt []byte) []arrival {
		return []arrival{piece(pkt, func(f *wire.Fragment) { f.Total = 0xffff }), piece(pkt, whole)}
	})
	add("fragment-overlap", "after the first fragment of Commit another that contradicts half of it: what there is of the message is forgotten, and its repetition serves",
		long, 0, func(pkt []byte) []arrival {
			return []arrival{piece(pkt, whole), piece(pkt, func(f *wire.Fragment) {
				f.Data = f.Data[:len(f.Data)/8*4]
				f.Data[20] ^= 1
			})}
		})
	add("fragment-other", "after the first fragment of Commit one with another id: what there is of the message is forgotten, and its repetition serves",
		long, 0, func(pkt []byte) []arrival {
			return []arrival{piece(pkt, whole), piece(pkt, func(f *wire.Fragment) { f.MessageID++ })}
		})
	add("fragment-lost", "the first fragment of Commit is lost; with the repetition come all", long, 0, func([]byte) []arrival { return nil })
	cases = append(cases, vectorCase{
		name: "fault-total-hash", about: "the responder computes total_hash over another DHPart1 than it sent: its Confirm1 is under other keys",
		algorithms: classicVector("X255"), code: wire.CodeBadConfirmMAC, typ: wire.TypeDHPart1,
		fault: func(from *end, msg []byte) []byte {
			from.x.dhPart1 = slices.Concat(from.x.dhPart1[:len(from.x.dhPart1)-1], []byte{from.x.dhPart1[len(from.x.dhPart1)-1] ^ 1})
			return msg
		},
	}, vectorCase{
		name: "fault-ssrc", about: "both ends have one SSRC", algorithms: classicVector("X255"), code: wire.CodeSSRCCollision,
		damage: func(l *link) func(*end, int, []byte) []arrival {
			return func(from *end, _ int, pkt []byte) []arrival {
				p, err := wire.ParsePacket(pkt)
				if err != nil {
					t.Fatal(err)
				}
				p.SSRC = l.other(from).cfg.SSRC
				return []arrival{{pkt: wire.AppendPacket(nil, p)}}
			}
		},
	})
	return cases
}

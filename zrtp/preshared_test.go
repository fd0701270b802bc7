package zrtp

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// verified is what two ends keep who have compared their SAS.
func verified() Retained { return Retained{RS1: rs(1), RS2: rs(2), Verified: true} }

// presharedConfigs are two ends that may go without a key agreement.
func presharedConfigs() (a, b Config) {
	a, b = classicalConfigs()
	a.Preshared, b.Preshared = true, true
	a.Retained, b.Retained = remembers(verified()), remembers(verified())
	return a, b
}

// modeOf is the key agreement of a call that went well.
func (l *link) modeOf() string {
	l.t.Helper()
	a, _ := l.wantSecure()
	return a.KeyAgreement
}

// call runs one.
func call(t *testing.T, a, b Config) *link {
	t.Helper()
	l := newLink(t, a, b)
	l.start()
	l.run(5 * time.Second)
	return l
}

// Section 4.4.2: no DHParts, and keys of the secret that both retained, in both
// roles.
func TestPreshared(t *testing.T) {
	roles := map[Role]bool{}
	for seed := range byte(8) {
		a, b := presharedConfigs()
		a.Rand = testRand(seed)
		l := call(t, a, b)
		sa, sb := l.wantSecure()
		roles[sa.Role] = true
		for e, s := range map[*end]Secure{l.a: sa, l.b: sb} {
			if s.KeyAgreement != "Prsh" || !s.Continuity || !s.Known || !s.Verified || s.Mismatched || s.Hash != "S384" {
				t.Errorf("%s: %+v", e.name, s)
			}
			if slices.Contains(e.types(), wire.TypeDHPart1) || slices.Contains(e.types(), wire.TypeDHPart2) {
				t.Error(e.story())
			}
			// Section 4.6.1: a new rs1, and the old one is not saved.
			r := s.Remember
			if !r.RS2.Equal(rs(2)) || r.RS1.Equal(rs(1)) || r.RS1.Len() != retainedLen || !r.Verified || r.Preshared != 1 {
				t.Errorf("%s remembers %+v", e.name, r)
			}
		}
	}
	if len(roles) != 2 {
		t.Errorf("roles of eight calls: %v", roles)
	}
}

// Sections 4.4.2.2 and 4.4.2.4 once more, from their definition, with all three
// secrets.
func TestPresharedKeys(t *testing.T) {
	a, b := presharedConfigs()
	r := verified()
	r.PBXSecret = rs(9)
	a.Retained, b.Retained = remembers(r), remembers(r)
	a.AuxSecret, b.AuxSecret = secret.Own([]byte("family")), secret.Own([]byte("family"))
	l := call(t, a, b)
	sa, _ := l.wantSecure()
	initiator, responder := l.a, l.b
	if sa.Role == Responder {
		initiator, responder = l.b, l.a
	}
	s := suite{hash: wire.S384, cipher: wire.AES3}
	key := s.sum([]byte{0, 0, 0, 32}, rs(1).Expose(), []byte{0, 0, 0, 6}, []byte("family"), []byte{0, 0, 0, 32}, rs(9).Expose())
	c, err := wire.ParseCommit(responder.x.commit)
	if err != nil {
		t.Fatal(err)
	}
	if want := hmacSHA384(key, []byte("Prsh"))[:8]; !bytes.Equal(c.KeyID[:], want) {
		t.Errorf("keyID %x, want %x", c.KeyID, want)
	}
	total := s.sum(responder.hello, responder.x.commit)
	context := slices.Concat(initiator.cfg.ZID[:], responder.cfg.ZID[:], total)
	kdf := func(key []byte, label string, bits int) []byte {
		return hmacSHA384(key, []byte{0, 0, 0, 1}, []byte(label), []byte{0}, context, []byte{0, 0, byte(bits >> 8), byte(bits)})[:bits/8]
	}
	s0 := kdf(key, "ZRTP PSK", 384)
	agreed, _ := find[KeysAgreed](initiator)
	if want := kdf(s0, "Initiator SRTP master key", 256); !bytes.Equal(agreed.Keys.Send.Key.Expose(), want) {
		t.Errorf("srtpkeyi %x, want %x", agreed.Keys.Send.Key.Expose(), want)
	}
	if want := kdf(s0, "retained secret", 256); !bytes.Equal(sa.Remember.RS1.Expose(), want) {
		t.Errorf("rs1 %x, want %x", sa.Remember.RS1.Expose(), want)
	}
	if !sa.AuxMatched || !l.a.x.pbxMatched {
		t.Errorf("aux matched: %v, pbx: %v", sa.AuxMatched, l.a.x.pbxMatched)
	}
}

// Section 4.4.2.3: the responder drops auxsecret, pbxsecret or both until the key
// fits, and says what it dropped.
func TestPresharedSubsets(t *testing.T) {
	for _, tc := range []struct{ auxA, pbxA, auxB, pbxB, preshared bool }{
		{true, true, true, true, true},
		{false, true, true, true, true}, // who has less has to be the initiator
		{true, false, true, true, true},
		{false, false, true, true, true},
		{true, true, false, false, false}, // as a responder it has what nobody asks for
	} {
		seen := map[Role]string{}
		for seed := byte(0); seed < 32 && len(seen) < 2; seed++ {
			a, b := presharedConfigs()
			a.Rand = testRand(seed)
			configure := func(c *Config, aux, pbx bool) {
				r := verified()
				if pbx {
					r.PBXSecret = rs(9)
				}
				if aux {
					c.AuxSecret = secret.Own([]byte("family"))
				}
				c.Retained = remembers(r)
			}
			configure(&a, tc.auxA, tc.pbxA)
			configure(&b, tc.auxB, tc.pbxB)
			l := newLink(t, a, b)
			first := map[*end]bool{} // only the first Commit of an end arrives
			l.filter = func(from *end, _ int, pkt []byte) []arrival {
				if messageType(pkt) == wire.TypeCommit && from == l.b && !first[l.b] {
					first[l.b] = true
					return nil
				}
				return []arrival{{pkt: pkt}}
			}
			l.start()
			l.run(5 * time.Second)
			sa, sb := l.wantSecure()
			seen[sa.Role] = sa.KeyAgreement
			if sa.Mismatched || sb.Mismatched || !sa.Continuity || !sb.Continuity {
				t.Errorf("%+v: a false alarm: %+v, %+v", tc, sa, sb)
			}
			if sa.KeyAgreement == "Prsh" && sa.AuxMatched != (tc.auxA && tc.auxB) {
				t.Errorf("%+v: aux matched: %v", tc, sa.AuxMatched)
			}
		}
		if got := seen[Initiator] == "Prsh"; got != tc.preshared {
			t.Errorf("%+v: a as initiator got %q", tc, seen[Initiator])
		}
	}
}

// Sections 4.4.2.1 and 4.4.2.2, and our own rules: when Preshared mode is not used,
// a key agreement is, and nobody is alarmed.
func TestPresharedIsNotUsed(t *testing.T) {
	with := func(change func(*Retained)) func(*Config) {
		return func(c *Config) {
			r := verified()
			change(&r)
			c.Retained = remembers(r)
		}
	}
	for name, change := range map[string]func(c *Config){
		"not allowed":            func(c *Config) { c.Preshared = false },
		"not verified":           with(func(r *Retained) { r.Verified = false }),
		"no rs1":                 with(func(r *Retained) { r.RS1 = secret.Bytes{} }),
		"no rs2":                 with(func(r *Retained) { r.RS2 = secret.Bytes{} }),
		"rs1 has expired":        with(func(r *Retained) { r.RS1Expires = epoch.Add(-1) }),
		"too many calls without": with(func(r *Retained) { r.Preshared = maxPreshared }),
	} {
		for _, both := range []bool{true, false} {
			a, b := presharedConfigs()
			change(&a)
			if both {
				change(&b)
			}
			l := call(t, a, b)
			sa, sb := l.wantSecure()
			if sa.KeyAgreement != "X255" || sa.Mismatched || sb.Mismatched {
				t.Errorf("%s, both %v: %+v, %+v", name, both, sa, sb)
			}
			if sa.Remember.Preshared != 0 || sb.Remember.Preshared != 0 {
				t.Errorf("%s: a key agreement does not begin the count anew", name)
			}
		}
	}
	// Strangers have nothing to share.
	a, b := presharedConfigs()
	a.Retained, b.Retained = keeps(0, 0), keeps(0, 0)
	if got := call(t, a, b).modeOf(); got != "X255" {
		t.Errorf("strangers: %s", got)
	}
}

// Never between two Karats, nor where both ends have other post-quantum keys, even
// if a Commit asks for it.
func TestPresharedIsClassical(t *testing.T) {
	for _, strong := range []string{"X2M2", "X1M1"} {
		a, b := presharedConfigs()
		a.Algorithms = Algorithms{KeyAgreements: []string{strong, "X255"}, Hashes: []string{"S384"}, Ciphers: []string{"AES3"}}
		b.Algorithms = a.Algorithms
		l := newLink(t, a, b)
		l.start()
		l.run(time.Second)
		if got := l.modeOf(); got != strong {
			t.Errorf("%s", got)
		}
		// A peer that commits all the same.
		l = newLink(t, a, b)
		l.tamper(wire.TypeCommit, func(from *end, msg []byte) []byte {
			if from == l.a {
				return nil
			}
			c, _ := wire.ParseCommit(msg)
			s := suite{keyAgreement: wire.Prsh, hash: wire.S384, cipher: wire.AES3}
			c.KeyAgreement, c.PublicKey, c.Nonce = wire.Prsh, nil, [nonceLen]byte{0xff}
			c.KeyID = keyID(s, presharedKey(s, rs(1), secret.Bytes{}, secret.Bytes{}))
			return seal(c.Append(nil), from.chain.h1)
		})
		l.start()
		l.run(time.Second)
		if slices.Contains(l.a.types(), wire.TypeConfirm1) || l.a.x.suite.keyAgreement != wire.Named(strong) {
			t.Errorf("%s: took it: %s", strong, l.a.story())
		}
	}
}

// Attack A26, Section 4.4.2: a series of calls has a key agreement every so often,
// whoever counts.
func TestPresharedIsNotForEver(t *testing.T) {
	for _, counts := range []string{"both", "a only", "b only"} {
		memA, memB := verified(), verified()
		var modes []string
		for n := range 3 * (maxPreshared + 1) {
			a, b := presharedConfigs()
			a.Rand, b.Rand = testRand(byte(n)), testRand(byte(100+n))
			a.Retained, b.Retained = remembers(memA), remembers(memB)
			l := call(t, a, b)
			sa, sb := l.wantSecure()
			if sa.Mismatched || sb.Mismatched || !sa.Verified {
				t.Fatalf("%s, call %d: %+v, %+v", counts, n, sa, sb)
			}
			modes = append(modes, sa.KeyAgreement)
			memA, memB = sa.Remember, sb.Remember
			if counts == "a only" {
				memB.Preshared = 0
			}
			if counts == "b only" {
				memA.Preshared = 0
			}
		}
		for n, mode := range modes {
			if want := n%(maxPreshared+1) == maxPreshared; (mode != "Prsh") != want {
				t.Errorf("%s: call %d is keyed by %s: %v", counts, n, mode, modes)
				break
			}
		}
	}
}

// Section 4.4.2.3 (row 53): a keyID that fits nothing is answered with a DH Commit,
// which prevails whatever the nonce.
func TestPresharedWithoutMatch(t *testing.T) {
	for seed := range byte(16) {
		a, b := presharedConfigs()
		a.Rand = testRand(seed)
		b.Retained = remembers(Retained{RS1: rs(3), RS2: rs(2), Verified: true}) // one update ahead
		l := call(t, a, b)
		sa, sb := l.wantSecure()
		if sa.KeyAgreement != "X255" || !sa.Continuity || sa.Mismatched || sb.Mismatched {
			t.Errorf("%+v, %+v", sa, sb)
		}
	}
}

// Section 4.3 in Preshared mode, the Two Generals: the call dies at every packet in
// turn; the next one finds a secret in common and raises no alarm.
func TestPresharedTwoGenerals(t *testing.T) {
	modes := map[string]int{}
	for lost := 1; lost <= 8; lost++ {
		memA, memB := verified(), verified()
		for n := range 8 {
			a, b := presharedConfigs()
			a.Rand, b.Rand = testRand(byte(10*lost+n)), testRand(byte(100+10*lost+n))
			a.Retained, b.Retained = remembers(memA), remembers(memB)
			l := newLink(t, a, b)
			if n%2 == 0 {
				l.filter = func(_ *end, k int, pkt []byte) []arrival {
					if k >= lost {
						return nil
					}
					return []arrival{{pkt: pkt}}
				}
			}
			l.start()
			l.run(30 * time.Second)
			for e, mem := range map[*end]*Retained{l.a: &memA, l.b: &memB} {
				if s, ok := find[Secure](e); ok {
					*mem = s.Remember
				}
				if count[Mismatch](e) > 0 {
					t.Errorf("dying at packet %d, call %d: false alarm at %s", lost, n, e.name)
				}
			}
			if n%2 == 1 {
				modes[l.modeOf()]++
			}
		}
	}
	if modes["Prsh"] == 0 || modes["X255"] == 0 {
		t.Errorf("modes %v", modes)
	}
}

// Section 4.2: of two Preshared Commits that of the one with the M flag is discarded,
// whatever the nonces.
func TestPresharedMFlag(t *testing.T) {
	for seed := range byte(8) {
		a, b := presharedConfigs()
		a.Rand = testRand(seed)
		l := newLink(t, a, b)
		h := parseHello(t, l.b.Session)
		h.MiTM = true
		l.b.hello = seal(h.Append(nil), l.b.chain.h2)
		// b yields too, as a PBX does.
		l.filter = func(from *end, _ int, pkt []byte) []arrival {
			if from == l.b && messageType(pkt) == wire.TypeCommit {
				l.b.x.nonce = [nonceLen]byte{}
			}
			return []arrival{{pkt: pkt}}
		}
		l.start()
		l.run(5 * time.Second)
		sa, _ := l.wantSecure()
		if sa.Role != Initiator || sa.KeyAgreement != "Prsh" {
			t.Errorf("the phone is %v in %s", sa.Role, sa.KeyAgreement)
		}
	}
}

// Section 4.2: DH against Preshared; the DH Commit proceeds.
func TestPresharedAgainstDH(t *testing.T) {
	for seed := range byte(8) {
		a, b := presharedConfigs()
		a.Rand = testRand(seed)
		l := newLink(t, a, b)
		l.b.cfg.Preshared = false // lists it, and does not use it
		l.start()
		l.run(5 * time.Second)
		sa, _ := l.wantSecure()
		if sa.Role != Responder || sa.KeyAgreement != "X255" || !slices.Contains(l.a.types(), wire.TypeCommit) {
			t.Errorf("%v in %s: %s", sa.Role, sa.KeyAgreement, l.a.story())
		}
	}
}

// Attack A26: who replays an earlier call's Hello and Preshared Commit gets a
// Confirm1 under other keys, and nothing comes of it.
func TestPresharedReplay(t *testing.T) {
	a, b := presharedConfigs()
	recorded := call(t, a, b)
	initiator := recorded.a
	if s, _ := find[Secure](recorded.a); s.Role == Responder {
		initiator = recorded.b
	}
	victimCfg := b
	if initiator == recorded.b {
		victimCfg = a
	}
	victimCfg.Rand = testRand(55)
	l := newLink(t, victimCfg, initiator.cfg)
	l.a.Start(l.now)
	l.drain(l.a)
	l.queue = nil
	for _, pkt := range initiator.sent {
		l.inject(l.a, pkt, 0)
		l.run(10 * ms)
		l.queue = nil
	}
	l.run(30 * time.Second)
	if count[KeysAgreed](l.a)+count[Secure](l.a) > 0 {
		t.Errorf("keyed by a replay: %s", l.a.story())
	}
	l.wantFailed(l.a)
}

// Section 4.4.2.4: the preshared_key is erased as soon as s0 is there; what was
// derived from it too, with a Commit that was discarded.
func TestPresharedKeyIsErased(t *testing.T) {
	s := suite{keyAgreement: wire.Prsh, hash: wire.S384, cipher: wire.AES3}
	a, b := presharedConfigs()
	l := newLink(t, a, b)
	l.start()
	l.until(l.a, stateCommit)
	key := presharedKey(s, rs(1), secret.Bytes{}, secret.Bytes{})
	memory := key.Expose()
	w := witness{}
	w.add("srtpkeyi", l.a.x.keys.initiator.srtp.Key)
	l.a.derivePreshared(key)
	if !bytes.Equal(memory, make([]byte, len(memory))) {
		t.Error("the preshared_key is still there")
	}
	w.wantWiped(t, "after another derivation")
}

// Section 5.1.5: Prsh is listed where it is allowed, and never for a further stream.
func TestPrshIsListed(t *testing.T) {
	for _, tc := range []struct{ preshared, multistream, further, want bool }{
		{false, false, false, false}, {true, false, false, true}, {true, true, false, true}, {true, false, true, false},
	} {
		cfg, _ := configs()
		cfg.Preshared, cfg.Multistream, cfg.Further = tc.preshared, tc.multistream, tc.further
		h := parseHello(t, newEnd(t, "a", cfg).Session)
		if got := slices.Contains(h.KeyAgreements, wire.Prsh); got != tc.want || len(h.KeyAgreements) > wire.MaxAlgorithms {
			t.Errorf("%+v: %v", tc, h.KeyAgreements)
		}
	}
}

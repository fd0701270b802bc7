package zrtp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// announced are configs whose Hellos are in signalling, as between Karats.
func (l *link) announced() *link {
	l.a.ExpectHello([]string{l.b.HelloHash()})
	l.b.ExpectHello([]string{l.a.HelloHash()})
	return l
}

// initiator returns who became initiator, and who responder.
func (l *link) roles() (initiator, responder *end) {
	l.t.Helper()
	if l.a.x.role == Responder || l.b.x.role == Initiator {
		return l.b, l.a
	}
	return l.a, l.b
}

// A quantum computer that comes later shall find no half of what is needed: all
// with SHA-384 and AES-256, or not at all.
func TestKEMNeedsStrength(t *testing.T) {
	for _, tc := range []Algorithms{
		{KeyAgreements: []string{"X2M2"}},
		{KeyAgreements: []string{"X2M2"}, Hashes: []string{"S384"}},
		{KeyAgreements: []string{"X2M2"}, Ciphers: []string{"AES3"}},
		{KeyAgreements: []string{"X255", "K255"}, Hashes: []string{"S256"}, Ciphers: []string{"AES3", "AES1"}},
	} {
		if _, err := newOffer(tc); err == nil {
			t.Errorf("offered: %v", tc)
		}
	}
	ours, err := newOffer(DefaultAlgorithms())
	if err != nil {
		t.Fatal(err)
	}
	for _, lacking := range []wire.Hello{
		{KeyAgreements: []wire.Algorithm{wire.X2M2, wire.X255}, Hashes: []wire.Algorithm{wire.S384}},
		{KeyAgreements: []wire.Algorithm{wire.X2M2, wire.X255}, Ciphers: []wire.Algorithm{wire.AES3}},
	} {
		if s := ours.choose(peerOffer(lacking)); s.keyAgreement != wire.X255 {
			t.Errorf("chose %s with %s and %s", s.keyAgreement, s.hash, s.cipher)
		}
	}
	for code, change := range map[wire.ErrorCode]func(*wire.Commit){
		wire.CodeHash:   func(c *wire.Commit) { c.Hash = wire.S256 },
		wire.CodeCipher: func(c *wire.Commit) { c.Cipher = wire.AES1 },
	} {
		a, b := configs()
		l := newLink(t, a, b)
		l.tamper(wire.TypeCommit, changeCommit(t, func(c *wire.Commit) { change(c); c.HVI[0] = 0xff }))
		l.start()
		l.run(time.Second)
		wantCode(t, l.wantFailed(l.a), code)
		wantCode(t, l.wantFailed(l.b), code)
	}
}

// The strongest that both have wins, whatever either would rather have.
func TestStrongestWins(t *testing.T) {
	for _, tc := range []struct {
		a, b []string
		want string
	}{
		{[]string{"X2M2", "X255"}, []string{"X2M2", "X255"}, "X2M2"},
		{[]string{"X255", "X2M2"}, []string{"DH3k", "X2M2"}, "X2M2"},
		{[]string{"X2M2", "X3M3", "X1M1", "X255"}, []string{"X255", "X1M1"}, "X1M1"},
		{[]string{"X2M2", "X3M3", "X255"}, []string{"X1M1", "X255"}, "X255"},
		{[]string{"K255", "X1K1"}, []string{"X1K1", "K255"}, "X1K1"},
		{[]string{"X2M2", "EC38"}, []string{"EC38"}, "EC38"},
	} {
		for _, role := range []Role{Initiator, Responder} {
			a, b := configs()
			a.Algorithms, b.Algorithms = DefaultAlgorithms(), DefaultAlgorithms()
			a.Algorithms.KeyAgreements, b.Algorithms.KeyAgreements = tc.a, tc.b
			if s, _ := handshakeAs(t, role, a, b).wantSecure(); s.KeyAgreement != tc.want {
				t.Errorf("%v and %v: %s, want %s", tc.a, tc.b, s.KeyAgreement, tc.want)
			}
		}
	}
	tooMany := usableAlgorithms()
	tooMany.KeyAgreements = tooMany.KeyAgreements[:8]
	if _, err := newOffer(tooMany); err == nil {
		t.Error("a Hello with more key agreements than it has room for")
	}
	tooMany.KeyAgreements = []string{"X2M2", "X3M3", "X1M1", "X448", "X255", "EC38", "EC25"}
	if _, err := newOffer(tooMany); err == nil {
		t.Error("a Hello that has no room for the DH3k that it must list")
	}
}

// Attack A35: both Hellos list a hybrid, and the Commit has none. In one class
// however the peer's choice is followed: see TestPreferences for DH3k where X255
// would do.
func TestWeakerCommit(t *testing.T) {
	for _, weak := range []wire.Algorithm{wire.X255, wire.EC38, wire.DH3k} {
		for _, hvi := range []byte{0x00, 0xff} { // whether it would prevail or not
			a, b := configs()
			l := newLink(t, a, b)
			l.tamper(wire.TypeCommit, func(from *end, msg []byte) []byte {
				if from != l.b {
					return msg
				}
				return changeCommit(t, func(c *wire.Commit) {
					c.KeyAgreement, c.PublicKey, c.HVI[0] = weak, nil, hvi
				})(from, msg)
			})
			l.start()
			l.run(5 * time.Second)
			f := l.wantFailed(l.a)
			wantCode(t, f, wire.CodeKeyAgreement)
			if !errors.Is(f.Err, ErrWeakerCommit) {
				t.Errorf("failed with %v", f.Err)
			}
			wantCode(t, l.wantFailed(l.b), wire.CodeKeyAgreement)
		}
	}
}

// Attack A35: values of the wrong length are malformed; a public key of the right
// length that is none is a bad public value.
func TestKEMValuesInMessages(t *testing.T) {
	bad := badPublicKeys(t)[wire.X2M2]
	for _, tc := range []struct {
		name   string
		typ    wire.Type
		change func(*end, []byte) []byte
		code   wire.ErrorCode
	}{
		{"short key", wire.TypeCommit, changeCommit(t, func(c *wire.Commit) { c.PublicKey, c.HVI[0] = c.PublicKey[4:], 0xff }), wire.CodeMalformed},
		{"long key", wire.TypeCommit, changeCommit(t, func(c *wire.Commit) { c.PublicKey, c.HVI[0] = append(c.PublicKey, 0, 0, 0, 0), 0xff }), wire.CodeMalformed},
		{"no key", wire.TypeCommit, changeCommit(t, func(c *wire.Commit) { c.PublicKey, c.HVI[0] = nil, 0xff }), wire.CodeMalformed},
		{"coefficient of q", wire.TypeCommit, changeCommit(t, func(c *wire.Commit) { c.PublicKey, c.HVI[0] = bad["a coefficient of q or more"], 0xff }), wire.CodeBadPublicValue},
		{"point of small order", wire.TypeCommit, changeCommit(t, func(c *wire.Commit) { c.PublicKey, c.HVI[0] = bad["a point of small order"], 0xff }), wire.CodeBadPublicValue},
		{"short ciphertext", wire.TypeDHPart1, changeDHPart(t, func(d *wire.DHPart) { d.PublicValue = d.PublicValue[4:] }), wire.CodeMalformed},
		{"long ciphertext", wire.TypeDHPart1, changeDHPart(t, func(d *wire.DHPart) { d.PublicValue = append(d.PublicValue, 0, 0, 0, 0) }), wire.CodeMalformed},
		{"zero X25519", wire.TypeDHPart1, changeDHPart(t, func(d *wire.DHPart) { clear(d.PublicValue[:32]) }), wire.CodeBadPublicValue},
	} {
		a, b := configs()
		l, _ := tampered(t, a, b, tc.typ, tc.change)
		for _, e := range []*end{l.a, l.b} {
			f, ok := find[Failed](e)
			if !ok || count[KeysAgreed](e) > 0 {
				t.Errorf("%s: %s", tc.name, e.story())
				continue
			}
			wantCode(t, f, tc.code)
			if slices.Contains(e.types(), wire.TypeDHPart2) {
				t.Errorf("%s: DHPart2 was sent", tc.name)
			}
		}
	}
}

// A nonce of another length, under a hvi that fits it.
func TestNonceLength(t *testing.T) {
	for _, n := range []int{12, 20, 32} {
		a, b := configs()
		l := newLink(t, a, b)
		for _, e := range []*end{l.a, l.b} {
			e.Start(l.now)
			l.drain(e)
		}
		l.tamper(wire.TypeCommit, func(from *end, msg []byte) []byte {
			from.x.ka.(*kemInitiator).nonce = make([]byte, n)
			dhPart2, err := from.newDHPart(Initiator)
			if err != nil {
				t.Fatal(err)
			}
			from.x.dhPart2, from.x.hvi = dhPart2, commitment(from.x.suite, dhPart2, from.peer.raw)
			return changeCommit(t, func(c *wire.Commit) { c.HVI = from.x.hvi })(from, msg)
		})
		l.run(30 * time.Second)
		_, responder := l.roles()
		wantCode(t, l.wantFailed(responder), wire.CodeMalformed)
	}
}

// Attack A35: the nonce is another than the one committed to: Error 0x62, and no
// Confirm1.
func TestNonceIsCommittedTo(t *testing.T) {
	a, b := configs()
	l, responder := tampered(t, a, b, wire.TypeDHPart2, changeDHPart(t, func(d *wire.DHPart) {
		if len(d.PublicValue) != wire.NonceLen {
			t.Errorf("a nonce of %d octets", len(d.PublicValue))
		}
		d.PublicValue[3] ^= 1
	}))
	wantCode(t, l.wantFailed(responder), wire.CodeBadCommitment)
	if slices.Contains(responder.types(), wire.TypeConfirm1) {
		t.Error("Confirm1 was sent")
	}
}

// Attack A35: a key of the attacker's in the Commit. Without H1 the Commit's MAC
// shows it; and who had H1 would still not have the same keys.
func TestKeySwap(t *testing.T) {
	theirs, err := mustKEM(t, wire.X2M2).generate(testRand(9))
	if err != nil {
		t.Fatal(err)
	}
	swap := func(c *wire.Commit) { c.PublicKey = theirs.public() }
	for code, change := range map[wire.ErrorCode]func(*end, []byte) []byte{
		wire.CodeBadConfirmMAC: changeCommit(t, swap),
		wire.CodeBadCommitment: func(_ *end, msg []byte) []byte {
			c, _ := wire.ParseCommit(msg)
			swap(&c)
			return c.Append(nil)
		},
	} {
		a, b := configs()
		l, _ := tampered(t, a, b, wire.TypeCommit, change)
		for _, e := range []*end{l.a, l.b} {
			wantCode(t, l.wantFailed(e), code)
		}
	}
}

// Attack A35: a false ciphertext shows as a wrong confirm_mac and as nothing
// else: no message before the Confirms differs.
func TestFalseCiphertext(t *testing.T) {
	for _, at := range []int{0, 31, 32, 600, 1119} {
		a, b := configs()
		l, initiator := tampered(t, a, b, wire.TypeDHPart1, changeDHPart(t, func(d *wire.DHPart) { d.PublicValue[at] ^= 1 }))
		wantCode(t, l.wantFailed(initiator), wire.CodeBadConfirmMAC)
		if !slices.Contains(l.other(initiator).types(), wire.TypeConfirm1) {
			t.Errorf("octet %d: the exchange ended before Confirm1", at)
		}
	}
}

// Attack A36: no key is made for a peer that may not hear us. Its acknowledgement
// is what begins the work; signalling, or STUN, saves the wait.
// A peer that never acknowledges gets no Commit and, after the Hellos, an Error.
// A Commit in place of the acknowledgement, from a peer that needs none of ours.
// A Commit that cannot be followed acknowledges all the same. One of a stranger's
// does not.
// A session encapsulates once, whatever brings it to begin again.
// A second Commit that differs ends the call, before DHPart2 and after it; a
// repeated one brings the same answer, octet for octet; one of a stranger's brings
// nothing.
func TestSecondCommit(t *testing.T) {
	for _, when := range []wire.Type{wire.TypeDHPart1, wire.TypeConfirm1} {
		for _, offered := range []Algorithms{DefaultAlgorithms(), withoutKEM()} {
			a, b := configs()
			a.Algorithms, b.Algorithms = offered, offered
			l := newLink(t, a, b)
			var responder *end
			l.filter = func(from *end, _ int, pkt []byte) []arrival {
				if messageType(pkt) != when {
					return []arrival{{pkt: pkt}}
				}
				responder = from
				return nil // hold the exchange here
			}
			l.start()
			l.run(50 * ms)
			if responder == nil {
				t.Fatal("no responder")
			}
			l.filter = func(*end, int, []byte) []arrival { return nil }
			first := responder.x.commit
			answer := responder.x.answer
			deliver := func(msg []byte, id uint16) {
				for _, p := range inPackets(l.other(responder).cfg.SSRC, id, msg) {
					responder.Receive(l.now, p.pkt)
				}
				l.drain(responder)
			}
			before := len(responder.sent)
			deliver(first, 700)
			if again := len(responder.sent) > before; again != (when == wire.TypeDHPart1) {
				t.Errorf("%s: the repeated Commit was answered: %v", when, again)
			}
			if !bytes.Equal(responder.x.answer, answer) || responder.kemSpent > 1 {
				t.Errorf("%s: a repeated Commit brought another answer", when)
			}
			stranger, _ := wire.ParseCommit(first)
			stranger.H2[0] ^= 1
			deliver(stranger.Append(nil), 701)
			deliver(first[:len(first)-4], 702)
			if count[Failed](responder) > 0 {
				t.Errorf("%s: a stranger ended the call", when)
			}
			second, _ := wire.ParseCommit(first)
			second.HVI[9] ^= 1
			deliver(second.Append(nil), 703)
			f, ok := find[Failed](responder)
			if !ok || !errors.Is(f.Err, ErrSecondCommit) {
				t.Fatalf("%s: %s", when, responder.story())
			}
			wantCode(t, f, wire.CodeBadCommitment)
			deliver(first, 704)
			if responder.state != stateFailed || responder.kemSpent > 1 {
				t.Error("it began again after the failure")
			}
		}
	}
}

// Every Commit has a key pair of its own, and the one of a Commit that was
// discarded is never used.
func TestFreshKeys(t *testing.T) {
	seen := map[string]bool{}
	for seed := range byte(8) {
		a, b := configs()
		a.Rand, b.Rand = testRand(2*seed), testRand(2*seed+1)
		l := newLink(t, a, b)
		keys := map[*end]*kemInitiator{}
		l.tamper(wire.TypeCommit, func(from *end, msg []byte) []byte {
			c, _ := wire.ParseCommit(msg)
			if seen[string(c.PublicKey)] {
				t.Error("a public key came twice")
			}
			seen[string(c.PublicKey)] = true
			keys[from] = from.x.ka.(*kemInitiator)
			return msg
		})
		l.start()
		l.run(time.Second)
		l.wantSecure()
		for e, key := range keys {
			if key.key.(hybridKey).second.(*goKEMKey).key != nil {
				t.Errorf("the key pair of %s is kept", e.name)
			}
		}
	}
	if len(seen) != 16 {
		t.Errorf("%d public keys in 16 Commits", len(seen))
	}
}

// Attack A17: the initiator's Hello, changed on its way under a good MAC so that
// nothing else shows it: its SAS types are gone. Version 1.10 does not notice;
// with X2M2 the keys differ.
func TestInitiatorsHelloIsBound(t *testing.T) {
	for _, tc := range []struct {
		offered Algorithms
		noticed bool
	}{{DefaultAlgorithms(), true}, {withoutKEM(), false}} {
		seen := false
		for seed := range byte(32) {
			a, b := configs()
			a.Rand, a.Algorithms, b.Algorithms = testRand(seed), tc.offered, tc.offered
			l := newLink(t, a, b)
			l.tamper(wire.TypeHello, func(from *end, msg []byte) []byte {
				if from != l.a {
					return msg
				}
				h, _ := wire.ParseHello(msg)
				h.SASTypes = nil
				return seal(h.Append(nil), from.chain.h2)
			})
			l.start()
			l.run(5 * time.Second)
			if initiator, _ := l.roles(); initiator != l.a {
				continue // b committed on the false Hello: see TestStrippedHello
			}
			seen = true
			if !tc.noticed {
				l.wantSecure()
				continue
			}
			wantCode(t, l.wantFailed(l.a), wire.CodeBadConfirmMAC)
			l.wantFailed(l.b)
		}
		if !seen {
			t.Error("a never became initiator")
		}
	}
}

// The whole key schedule in KEM mode, once more from its definition: the combined
// secret in the place of DHResult, both Hellos in total_hash for X2M2, and only
// the responder's for others.
func TestKEMKeySchedule(t *testing.T) {
	for _, ka := range []string{"X2M2", "X1M1"} {
		a, b := configs()
		a.Algorithms = DefaultAlgorithms()
		a.Algorithms.KeyAgreements = []string{ka}
		b.Algorithms = a.Algorithms
		l := newLink(t, a, b)
		var shared []byte
		l.filter = func(from *end, _ int, pkt []byte) []arrival {
			if messageType(pkt) == wire.TypeDHPart1 {
				shared = bytes.Clone(from.x.ka.(*kemResponder).shared.Expose())
			}
			return []arrival{{pkt: pkt}}
		}
		l.start()
		l.run(time.Second)
		l.wantSecure()
		i, r := l.roles()
		sum := kemSuite("").newHash
		messages := [][]byte{r.hello, i.hello, i.x.commit, r.x.dhPart1, i.x.dhPart2}
		if ka != "X2M2" {
			messages = slices.Delete(messages, 1, 2)
		}
		h := sum()
		h.Write(slices.Concat(messages...))
		context := slices.Concat(i.cfg.ZID[:], r.cfg.ZID[:], h.Sum(nil))
		h = sum()
		h.Write(slices.Concat([]byte{0, 0, 0, 1}, shared, []byte("ZRTP-HMAC-KDF"), context, make([]byte, 12)))
		s0 := h.Sum(nil)
		key := slices.Concat([]byte{0, 0, 0, 1}, []byte("Initiator SRTP master key\x00"), context, binary.BigEndian.AppendUint32(nil, 256))
		want := secret.Own(hmacFromScratch(sum, s0, key)[:32])
		if keys, _ := find[KeysAgreed](i); !keys.Keys.Send.Key.Equal(want) {
			t.Errorf("%s: the SRTP keys are others", ka)
		}
	}
}

// Two Karats repeat every 100 ms, Hello too once they know each other; the RFC's
// schedule is for others.
func TestFlatSchedule(t *testing.T) {
	for _, tc := range []struct{ request, answer wire.Type }{
		{wire.TypeCommit, wire.TypeDHPart1},
		{wire.TypeDHPart2, wire.TypeConfirm1},
		{wire.TypeConfirm2, wire.TypeConf2ACK},
	} {
		a, b := configs()
		l := newLink(t, a, b).announced()
		l.filter = func(_ *end, _ int, pkt []byte) []arrival {
			if messageType(pkt) == tc.answer {
				return nil
			}
			return []arrival{{pkt: pkt}}
		}
		atA, atB := l.sentAt(l.a, tc.request), l.sentAt(l.b, tc.request)
		l.start()
		l.run(20 * time.Second)
		initiator, _ := l.roles()
		sent := atA
		if initiator == l.b || l.a.x.role == Responder || len(*atB) > len(*atA) {
			initiator, sent = l.b, atB
		}
		wantTimes(t, string(tc.request), *sent, times(100, 100, 120))
		if f, ok := find[Failed](initiator); !ok || !errors.Is(f.Err, ErrTimeout) {
			t.Errorf("%s: no timeout: %s", tc.request, initiator.story())
		}
	}
	for _, classical := range []bool{true, false} { // one of the two is no Karat
		a, b := configs()
		if a.Algorithms = withoutKEM(); !classical {
			a, b = b, a
		}
		l := newLink(t, a, b)
		l.start()
		l.run(time.Second)
		l.wantSecure()
		if l.a.bothKarat() || l.b.bothKarat() {
			t.Error("the flat schedule towards another make")
		}
	}
	a, b := configs()
	l := newLink(t, a, b)
	sent := l.sentAt(l.a, wire.TypeHello)
	l.a.Start(l.now)
	l.drain(l.a)
	l.run(60 * ms)
	l.inject(l.a, packet(b.SSRC, raw(l.b.hello)), 0)
	l.run(time.Second - 60*ms)
	wantTimes(t, "Hello", *sent, []int{0, 50, 60, 160, 260, 360, 460, 560, 660, 760, 860, 960})
}

// Row X1: a peer that cuts its messages elsewhere, and a network that shuffles,
// doubles and loses the pieces.
// Rows X1 and X2: a fragment has the id of its message, which repetitions keep;
// nothing else is cut; and no datagram is longer than it may be.
// Attacks A3 and A4: nothing is put together for who has not said Hello, nor after
// the exchange.

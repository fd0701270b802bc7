package zrtp

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"errors"
	"slices"
	"testing"
	"time"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// multistreamConfigs are two ends whose calls may have further streams.
func multistreamConfigs() (a, b Config) {
	a, b = classicalConfigs()
	a.Multistream, b.Multistream = true, true
	return a, b
}

// firstStream runs a call's first stream.
func firstStream(t *testing.T, a, b Config) *link {
	t.Helper()
	l := newLink(t, a, b)
	l.start()
	l.run(time.Second)
	l.wantSecure()
	return l
}

// sessionKey is what the first stream left an end.
func sessionKey(t *testing.T, e *end) *SessionKey {
	t.Helper()
	s, ok := find[Secure](e)
	if !ok || !s.SessionKey.present() {
		t.Fatalf("no session key: %s", e.story())
	}
	return s.SessionKey
}

// furtherConfig is for another stream of the same call.
func furtherConfig(first Config, n byte) Config {
	return Config{ZID: first.ZID, SSRC: first.SSRC + uint32(n), Algorithms: first.Algorithms, Rand: testRand(100*first.ZID[0] + n), Further: true}
}

// furtherStream is another stream of a call, not yet joined.
func furtherStream(t *testing.T, first *link, n byte) *link {
	t.Helper()
	return newLink(t, furtherConfig(first.a.cfg, n), furtherConfig(first.b.cfg, n))
}

// join gives both ends of a further stream the key of the first.
func (l *link) join(first *link) {
	l.t.Helper()
	for e, of := range map[*end]*end{l.a: first.a, l.b: first.b} {
		if err := e.Join(l.now, sessionKey(l.t, of)); err != nil {
			l.t.Fatal(err)
		}
	}
	l.drain(l.a)
	l.drain(l.b)
}

// wantStream checks that both ends of a further stream have the same keys.
func (l *link) wantStream() (a, b StreamSecure) {
	l.t.Helper()
	a, okA := find[StreamSecure](l.a)
	b, okB := find[StreamSecure](l.b)
	if !okA || !okB || a.Role == b.Role {
		l.t.Fatalf("secure: a %v, b %v\na: %s\nb: %s", okA, okB, l.a.story(), l.b.story())
	}
	keysA, _ := find[KeysAgreed](l.a)
	keysB, _ := find[KeysAgreed](l.b)
	wantSame(l.t, "a to b", keysA.Keys.Send, keysB.Keys.Receive)
	wantSame(l.t, "b to a", keysB.Keys.Send, keysA.Keys.Receive)
	return a, b
}

// Section 4.4.3: further streams are keyed from the first one, without DHParts,
// each with keys of its own, and what is retained is neither looked at nor changed.
func TestMultistream(t *testing.T) {
	a, b := multistreamConfigs()
	first := firstStream(t, a, b)
	agreed, _ := find[KeysAgreed](first.a)
	keys := []secret.Bytes{agreed.Keys.Send.Key, agreed.Keys.Receive.Key}
	roles := map[Role]int{}
	for n := range byte(12) {
		l := furtherStream(t, first, n+1)
		l.join(first)
		l.start()
		l.run(time.Second)
		sa, _ := l.wantStream()
		roles[sa.Role]++
		for _, e := range []*end{l.a, l.b} {
			if slices.Contains(e.types(), wire.TypeDHPart1) || slices.Contains(e.types(), wire.TypeDHPart2) {
				t.Errorf("a DHPart was sent: %s", e.story())
			}
			if count[Secure](e) > 0 {
				t.Errorf("a further stream has a SAS: %s", e.story())
			}
		}
		agreed, _ := find[KeysAgreed](l.a)
		for _, key := range []secret.Bytes{agreed.Keys.Send.Key, agreed.Keys.Receive.Key} {
			if slices.ContainsFunc(keys, key.Equal) {
				t.Fatal("two streams have one key")
			}
			keys = append(keys, key)
		}
		if sa.Hash != "S384" || sa.Cipher != "AES3" || sa.AuthTag != "HS80" {
			t.Errorf("other algorithms than the first stream: %+v", sa)
		}
	}
	if roles[Initiator] == 0 || roles[Responder] == 0 {
		t.Errorf("roles of twelve streams: %v", roles)
	}
}

// The key schedule of Sections 4.4.3.2, 4.5.2 and 4.5.3 once more, from its
// definition.
func TestMultistreamKeys(t *testing.T) {
	a, b := multistreamConfigs()
	first := firstStream(t, a, b)
	l := furtherStream(t, first, 1)
	l.join(first)
	l.start()
	l.run(time.Second)
	sa, _ := l.wantStream()
	initiator, responder := l.a, l.b
	if sa.Role == Responder {
		initiator, responder = l.b, l.a
	}
	s := suite{hash: wire.S384, cipher: wire.AES3}
	total := s.sum(responder.hello, responder.x.commit)
	context := slices.Concat(initiator.cfg.ZID[:], responder.cfg.ZID[:], total)
	kdf := func(key []byte, label string, bits uint32) []byte {
		return hmacSHA384(key, []byte{0, 0, 0, 1}, []byte(label), []byte{0}, context, []byte{byte(bits >> 24), byte(bits >> 16), byte(bits >> 8), byte(bits)})[:bits/8]
	}
	s0 := kdf(sessionKey(t, first.a).value.Expose(), "ZRTP MSK", 384)
	agreed, _ := find[KeysAgreed](initiator)
	if want := kdf(s0, "Initiator SRTP master key", 256); !bytes.Equal(agreed.Keys.Send.Key.Expose(), want) {
		t.Errorf("srtpkeyi %x, want %x", agreed.Keys.Send.Key.Expose(), want)
	}
	if want := kdf(s0, "Responder SRTP master salt", 112); !bytes.Equal(agreed.Keys.Receive.Salt.Expose(), want) {
		t.Errorf("srtpsaltr %x, want %x", agreed.Keys.Receive.Salt.Expose(), want)
	}
}

func hmacSHA384(key []byte, parts ...[]byte) []byte {
	mac := hmac.New(sha512.New384, key)
	mac.Write(slices.Concat(parts...))
	return mac.Sum(nil)
}

// Section 4.4.3: MUST NOT begin before the first stream is complete. Hellos are
// exchanged meanwhile, a Commit that is early is left unanswered, and its
// repetition serves.
func TestMultistreamWaitsForTheFirst(t *testing.T) {
	a, b := multistreamConfigs()
	first := firstStream(t, a, b)
	l := furtherStream(t, first, 1)
	if err := l.b.Join(l.now, sessionKey(t, first.b)); err != nil {
		t.Fatal(err)
	}
	l.start()
	l.run(2 * time.Second)
	if slices.Contains(l.a.types(), wire.TypeCommit) || slices.Contains(l.a.types(), wire.TypeConfirm1) {
		t.Fatalf("did not wait: %s", l.a.story())
	}
	if !slices.Contains(l.b.types(), wire.TypeCommit) {
		t.Fatalf("b has the key and does not commit: %s", l.b.story())
	}
	if err := l.a.Join(l.now, sessionKey(t, first.a)); err != nil {
		t.Fatal(err)
	}
	l.drain(l.a)
	l.run(2 * time.Second)
	l.wantStream()
}

// A stream that never gets its key waits for its owner, who has to close it.
func TestFurtherStreamWithoutKey(t *testing.T) {
	a, b := multistreamConfigs()
	first := firstStream(t, a, b)
	l := furtherStream(t, first, 1)
	l.start()
	l.run(time.Minute)
	if l.a.state != stateHelloACK || !l.a.Deadline().IsZero() {
		t.Errorf("%s, deadline %v", l.a.story(), l.a.Deadline())
	}
}

// Section 4.4.3.1: a nonce that came before is Error 0x80 (attack A25).
func TestMultistreamNonceReuse(t *testing.T) {
	a, b := multistreamConfigs()
	first := firstStream(t, a, b)
	// Two streams whose random numbers are alike.
	for n, wantFailure := range []bool{false, true} {
		l := furtherStream(t, first, byte(n+1))
		l.tamper(wire.TypeCommit, func(from *end, msg []byte) []byte {
			if from == l.a {
				return nil // b commits
			}
			return changeCommit(t, func(c *wire.Commit) {
				c.Nonce = [nonceLen]byte{0: 0xff, 15: 1}
				from.x.nonce = c.Nonce
			})(from, msg)
		})
		l.join(first)
		l.start()
		l.run(100 * ms)
		if !wantFailure {
			if l.a.x.role != Responder {
				t.Fatalf("did not answer: %s", l.a.story())
			}
			continue
		}
		wantCode(t, l.wantFailed(l.a), wire.CodeNonceReuse)
	}
}

// We never choose a nonce twice, whatever the source of random numbers gives.
func TestOwnNonceIsUnique(t *testing.T) {
	a, b := multistreamConfigs()
	first := firstStream(t, a, b)
	key := sessionKey(t, first.a)
	zero := Config{ZID: a.ZID, SSRC: 1, Further: true, Rand: bytes.NewReader(make([]byte, 1000)), Algorithms: a.Algorithms}
	if !key.spend([nonceLen]byte{}) {
		t.Fatal("a fresh nonce is taken for a used one")
	}
	l := newLink(t, zero, furtherConfig(b, 1))
	l.join(first)
	l.start()
	l.run(100 * ms)
	wantCode(t, l.wantFailed(l.a), wire.CodeSoftware)
	if slices.Contains(l.a.types(), wire.TypeCommit) {
		t.Error("a Commit with a used nonce was sent")
	}
}

// Section 4.4.3: the ZID of a further stream is that of the first (attack A25), no
// matter whether the key comes before the Hello or after it.
func TestMultistreamZID(t *testing.T) {
	for _, early := range []bool{true, false} {
		a, b := multistreamConfigs()
		first := firstStream(t, a, b)
		stranger := furtherConfig(b, 1)
		stranger.ZID = ZID{9}
		l := newLink(t, furtherConfig(a, 1), stranger)
		if early {
			_ = l.a.Join(l.now, sessionKey(t, first.a))
		}
		l.start()
		if !early {
			l.run(time.Second)
			_ = l.a.Join(l.now, sessionKey(t, first.a))
			l.drain(l.a)
		}
		l.run(3 * time.Second)
		wantCode(t, l.wantFailed(l.a), wire.CodeHelloMismatch)
	}
}

func TestJoin(t *testing.T) {
	a, b := multistreamConfigs()
	first := firstStream(t, a, b)
	key := sessionKey(t, first.a)
	fresh := func(cfg Config) *end { return newEnd(t, "x", cfg) }
	if err := fresh(a).Join(epoch, key); err == nil {
		t.Error("a first stream joined")
	}
	other := furtherConfig(a, 1)
	other.ZID = ZID{9}
	if err := fresh(other).Join(epoch, key); err == nil {
		t.Error("a stream with another ZID joined")
	}
	twice := fresh(furtherConfig(a, 1))
	if err := errors.Join(twice.Join(epoch, key)); err != nil {
		t.Fatal(err)
	}
	if err := twice.Join(epoch, key); err == nil {
		t.Error("joined twice")
	}
	// Section 4.5.2: ZRTPSess does not outlive the call.
	memory := key.value.Expose()
	key.Wipe()
	if !bytes.Equal(memory, make([]byte, len(memory))) {
		t.Error("Wipe leaves the key")
	}
	for _, gone := range []*SessionKey{key, nil} {
		if err := fresh(furtherConfig(a, 1)).Join(epoch, gone); !errors.Is(err, ErrNoSessionKey) {
			t.Errorf("joined a call that has ended: %v", err)
		}
	}
	key.Wipe()
}

// Section 4.5.2 (row 64): the key of one call is no use in another.
func TestSessionKeyOfAnotherCall(t *testing.T) {
	a, b := multistreamConfigs()
	one := firstStream(t, a, b)
	a.Rand, b.Rand = testRand(7), testRand(8)
	two := firstStream(t, a, b)
	l := furtherStream(t, one, 1)
	_ = l.a.Join(l.now, sessionKey(t, one.a))
	_ = l.b.Join(l.now, sessionKey(t, two.b))
	l.start()
	l.run(30 * time.Second)
	for _, e := range []*end{l.a, l.b} {
		l.wantFailed(e)
	}
}

// Section 4.2: Multistream against DH on one stream is a software error, and ends
// it; and so does a DH Commit that meets none of ours.
func TestMultistreamAgainstDH(t *testing.T) {
	a, b := multistreamConfigs()
	first := firstStream(t, a, b)
	second := b
	second.SSRC, second.Rand = 0xbbbbbbbc, testRand(9)
	l := newLink(t, furtherConfig(a, 1), second)
	_ = l.a.Join(l.now, sessionKey(t, first.a))
	l.start()
	l.run(3 * time.Second)
	wantCode(t, l.wantFailed(l.a), wire.CodeSoftware)
	wantCode(t, l.wantFailed(l.b), wire.CodeNoSharedSecret) // a's Commit, at b's first stream
}

// Section 4.4.3.1: the algorithms of the first stream.
func TestMultistreamAlgorithms(t *testing.T) {
	for code, change := range map[wire.ErrorCode]func(*wire.Commit){
		wire.CodeHash:    func(c *wire.Commit) { c.Hash = wire.S256 },
		wire.CodeCipher:  func(c *wire.Commit) { c.Cipher = wire.AES1 },
		wire.CodeAuthTag: func(c *wire.Commit) { c.AuthTag = wire.HS32 },
	} {
		a, b := multistreamConfigs()
		first := firstStream(t, a, b)
		l := furtherStream(t, first, 1)
		l.tamper(wire.TypeCommit, changeCommit(t, func(c *wire.Commit) { change(c); c.Nonce[0] = 0xff }))
		l.join(first)
		l.start()
		l.run(time.Second)
		wantCode(t, l.wantFailed(l.a), code)
	}
}

// Section 5.1.5: Mult is listed where a call may have several streams, and room is
// made for it.
func TestMultIsListed(t *testing.T) {
	for _, tc := range []struct {
		change func(*Config)
		want   bool
	}{
		{func(*Config) {}, false},
		{func(c *Config) { c.Multistream = true }, true},
		{func(c *Config) { c.Further = true }, true},
		{func(c *Config) { c.AllowClear = true }, true},
		{func(c *Config) {
			c.Multistream = true
			c.Algorithms.KeyAgreements = []string{"X2M2", "X255", "X448", "EC25", "EC38", "K255", "DH3k"}
			c.Algorithms.Hashes, c.Algorithms.Ciphers = []string{"S384"}, []string{"AES3"}
		}, true},
	} {
		cfg, _ := configs()
		tc.change(&cfg)
		h := parseHello(t, newEnd(t, "a", cfg).Session)
		if got := slices.Contains(h.KeyAgreements, wire.Mult); got != tc.want {
			t.Errorf("%+v: Mult listed: %v", cfg, got)
		}
		if len(h.KeyAgreements) > wire.MaxAlgorithms {
			t.Errorf("%d key agreements", len(h.KeyAgreements))
		}
	}
	// A peer that cannot do it is told so.
	a, b := multistreamConfigs()
	first := firstStream(t, a, b)
	plain := b
	plain.Multistream, plain.SSRC, plain.Rand = false, 0xbbbbbbbc, testRand(9)
	l := newLink(t, furtherConfig(a, 1), plain)
	_ = l.a.Join(l.now, sessionKey(t, first.a))
	l.start()
	l.run(3 * time.Second)
	wantCode(t, l.wantFailed(l.a), wire.CodeKeyAgreement)
}

// Section 9: with no DHPart, H0 proves the Commit and the Hello (attack A22).
func TestMultistreamMessageMACs(t *testing.T) {
	for _, lie := range []struct {
		typ    wire.Type
		change func(e *end)
		victim Role
		code   wire.ErrorCode
	}{
		// The liar's own record too, so that all hashes agree.
		{wire.TypeCommit, func(e *end) { e.x.commit[len(e.x.commit)-1] ^= 1; e.deriveStream() }, Responder, wire.CodeBadConfirmMAC},
		{wire.TypeHello, func(e *end) { e.hello[len(e.hello)-1] ^= 1 }, Initiator, wire.CodeBadConfirmMAC},
	} {
		found := false
		for seed := byte(0); seed < 16 && !found; seed++ {
			a, b := multistreamConfigs()
			first := firstStream(t, a, b)
			victim, liar := furtherConfig(a, 1), furtherConfig(b, 1)
			victim.Rand, liar.Rand = testRand(2*seed), testRand(2*seed+1)
			l := newLink(t, victim, liar)
			l.join(first)
			if lie.typ == wire.TypeHello {
				lie.change(l.b)
			}
			l.filter = func(from *end, _ int, pkt []byte) []arrival {
				typ := messageType(pkt)
				if typ == wire.TypeCommit && (from == l.a) == (lie.victim == Responder) {
					return nil // who lies about a Hello answers, about a Commit commits
				}
				if typ == wire.TypeCommit && lie.typ == typ {
					p, _ := wire.ParsePacket(pkt)
					p.Message = bytes.Clone(p.Message)
					if p.Message[len(p.Message)-1] == from.x.commit[len(from.x.commit)-1] {
						lie.change(from)
					}
					copy(p.Message, from.x.commit)
					pkt = wire.AppendPacket(nil, p)
				}
				return []arrival{{pkt: pkt}}
			}
			l.start()
			l.run(10 * time.Second)
			if f, ok := find[Failed](l.a); ok && !f.ByPeer {
				found = true
				wantCode(t, l.wantFailed(l.a), lie.code)
				if !errors.Is(f.Err, ErrMessageMAC) {
					t.Errorf("%s: %v", lie.typ, f.Err)
				}
			}
		}
		if !found {
			t.Errorf("%s: nobody noticed", lie.typ)
		}
	}
}

// A Confirm of a further stream changed on its way is Error 0x70, as in the first.
func TestMultistreamConfirmChanged(t *testing.T) {
	for _, typ := range []wire.Type{wire.TypeConfirm1, wire.TypeConfirm2} {
		a, b := multistreamConfigs()
		first := firstStream(t, a, b)
		l := furtherStream(t, first, 1)
		var victim *end
		l.tamper(typ, func(from *end, msg []byte) []byte {
			victim = l.other(from)
			msg[53] ^= 0x10
			return msg
		})
		l.join(first)
		l.start()
		l.run(30 * time.Second)
		wantCode(t, l.wantFailed(victim), wire.CodeBadConfirmMAC)
	}
}

// Every one of a further stream's packets lost, in turn, and every pair of them: it
// is secure all the same, after a while.
func TestMultistreamLoss(t *testing.T) {
	for one := range 10 {
		for two := range 10 {
			a, b := multistreamConfigs()
			first := firstStream(t, a, b)
			l := furtherStream(t, first, 1)
			l.filter = func(from *end, n int, pkt []byte) []arrival {
				position := 2 * (n - 1)
				if from == l.b {
					position++
				}
				if position == one || position == two {
					return nil
				}
				return []arrival{{pkt: pkt}}
			}
			l.join(first)
			l.start()
			l.run(30 * time.Second)
			l.wantStream()
		}
	}
}

// Section 4.6: SRTP stands for Conf2ACK on a further stream too.
func TestMultistreamSRTPForConf2ACK(t *testing.T) {
	a, b := multistreamConfigs()
	first := firstStream(t, a, b)
	l := furtherStream(t, first, 1)
	l.filter = func(_ *end, _ int, pkt []byte) []arrival {
		if messageType(pkt) == wire.TypeConf2ACK {
			return nil
		}
		return []arrival{{pkt: pkt}}
	}
	l.join(first)
	l.start()
	l.run(time.Second)
	for _, e := range []*end{l.a, l.b} {
		if e.state == stateConfirm2 {
			e.ReceivedSRTP(l.now)
			l.drain(e)
		}
	}
	l.wantStream()
}

// Attack A24, Section 7.1: the V flag of a Multistream Confirm changes nothing, and
// ours is that of the first stream.
func TestMultistreamVFlag(t *testing.T) {
	for _, verified := range []bool{true, false} {
		a, b := multistreamConfigs()
		a.Retained = remembers(Retained{RS1: rs(1), Verified: verified})
		b.Retained = remembers(Retained{RS1: rs(1), Verified: verified})
		first := firstStream(t, a, b)
		before, _ := find[Secure](first.a)
		l := furtherStream(t, first, 1)
		l.join(first)
		l.start()
		l.run(time.Second)
		l.wantStream()
		for _, e := range []*end{l.a, l.b} {
			if e.x.confirmed.Verified != verified || e.x.confirmed.Expiry != wire.ExpiryNever {
				t.Errorf("the Confirm said %+v", e.x.confirmed)
			}
		}
		if after, _ := find[Secure](first.a); after.Verified != before.Verified || after.Verified != verified {
			t.Errorf("verified %v, then %v", before.Verified, after.Verified)
		}
	}
}

// A session key that nobody took is wiped with the session, and what a further
// stream had of its own with that.
func TestCloseWipesSessionKey(t *testing.T) {
	a, b := multistreamConfigs()
	l := newLink(t, a, b)
	l.filter = nil
	l.start()
	var memory []byte
	for range 40 {
		if l.a.state == stateSecure {
			break
		}
		f := l.queue[0]
		l.queue = l.queue[1:]
		f.to.Receive(l.now, f.pkt)
		if l.a.state != stateSecure {
			l.drain(f.to)
		}
	}
	memory = l.a.key.value.Expose()
	if bytes.Equal(memory, make([]byte, len(memory))) {
		t.Fatal("there is no session key")
	}
	l.a.Close()
	if !bytes.Equal(memory, make([]byte, len(memory))) {
		t.Error("the session key outlives its session")
	}
	// Where nobody asked for one, there is none.
	c, d := classicalConfigs()
	if s, _ := find[Secure](firstStream(t, c, d).a); s.SessionKey != nil {
		t.Error("a session key that nobody asked for")
	}
}

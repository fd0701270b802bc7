package zrtp

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// clearConfigs are two ends that both allow a call to go clear.
func clearConfigs() (a, b Config) {
	a, b = classicalConfigs()
	a.AllowClear, b.AllowClear = true, true
	return a, b
}

// goClear lets an end ask.
func (l *link) goClear(e *end) {
	l.t.Helper()
	if err := e.GoClear(l.now); err != nil {
		l.t.Fatal(err)
	}
	l.drain(e)
}

// wantCleared checks who is told what.
func (l *link) wantCleared(e *end, byPeer bool) {
	l.t.Helper()
	c, ok := find[Cleared](e)
	if !ok || c.ByPeer != byPeer || e.state != stateClear {
		l.t.Errorf("by peer %v: %+v, %v: %s", byPeer, c, ok, e.story())
	}
}

// sent are the packets of one type that an end has sent.
func (e *end) sentOf(typ wire.Type) (found [][]byte) {
	for _, pkt := range e.sent {
		if messageType(pkt) == typ {
			found = append(found, pkt)
		}
	}
	return found
}

// Section 4.7.2: GoClear with a good MAC is acknowledged where both ends allow it,
// and both are told.
func TestGoClear(t *testing.T) {
	a, b := clearConfigs()
	for _, role := range []Role{Initiator, Responder} {
		l := handshakeAs(t, role, a, b)
		l.goClear(l.a)
		if l.a.state != stateClearing {
			t.Errorf("state %v", l.a.state)
		}
		l.run(time.Second)
		l.wantCleared(l.a, false)
		l.wantCleared(l.b, true)
		if len(l.b.sentOf(wire.TypeClearACK)) != 1 || len(l.a.sentOf(wire.TypeGoClear)) != 1 {
			t.Errorf("%s\n%s", l.a.story(), l.b.story())
		}
		if !l.next().IsZero() {
			t.Error("a timer still runs in the clear state")
		}
		if err := l.a.GoClear(l.now); !errors.Is(err, ErrClearNotAllowed) {
			t.Errorf("went clear twice: %v", err)
		}
	}
}

// Section 4.7.2: the A flag is set only where the user allows it.
func TestAFlag(t *testing.T) {
	for _, allow := range []bool{true, false} {
		a, b := clearConfigs()
		a.AllowClear = allow
		l := firstStream(t, a, b)
		if got := l.b.x.confirmed.AllowClear; got != allow {
			t.Errorf("allowed %v, A is %v", allow, got)
		}
	}
}

// Attack A13 and Section 4.7.2: what is not allowed is refused with 0x100, what is
// forged meets silence, and the call stays secure.
func TestGoClearAttacks(t *testing.T) {
	own := func(l *link) [macLen]byte { return l.a.clear.own }
	good := func(l *link) [macLen]byte { return l.b.clear.own }
	for name, tc := range map[string]struct {
		change func(a, b *Config)
		mac    func(l *link) [macLen]byte
		answer []wire.Type
	}{
		"forged":       {nil, func(*link) [macLen]byte { return [macLen]byte{1} }, nil},
		"all zeros":    {nil, func(*link) [macLen]byte { return [macLen]byte{} }, nil},
		"reflected":    {nil, own, nil},
		"our A is 0":   {func(a, _ *Config) { a.AllowClear = false }, good, []wire.Type{wire.TypeError}},
		"their A is 0": {func(_, b *Config) { b.AllowClear = false }, good, []wire.Type{wire.TypeError}},
		"none allowed": {func(a, b *Config) { a.AllowClear, b.AllowClear = false, false }, good, []wire.Type{wire.TypeError}},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := clearConfigs()
			if tc.change != nil {
				tc.change(&a, &b)
			}
			l := firstStream(t, a, b)
			n := len(l.a.sent)
			l.inject(l.a, packet(b.SSRC, wire.GoClear{MAC: tc.mac(l)}), 0)
			l.run(time.Second)
			if got := l.a.types()[n:]; !slices.Equal(got, tc.answer) {
				t.Errorf("answered %q, want %q", got, tc.answer)
			}
			if count[Cleared](l.a) > 0 || l.a.state != stateSecure {
				t.Errorf("left the secure state: %s", l.a.story())
			}
			if tc.answer != nil {
				if err := l.a.GoClear(l.now); !errors.Is(err, ErrClearNotAllowed) {
					t.Errorf("GoClear: %v", err)
				}
			}
		})
	}
}

// Section 7.3.1: E implies not A, whatever A says (attack A13).
func TestGoClearDuringEnrolment(t *testing.T) {
	a, b := clearConfigs()
	l, _ := withPBX(t, a, b, func(c *wire.Confirmed) { c.Enrollment = true })
	if !l.a.x.confirmed.AllowClear || l.a.clear.allowed {
		t.Errorf("A is %v, and counts: %v", l.a.x.confirmed.AllowClear, l.a.clear.allowed)
	}
	n := len(l.a.sent)
	l.inject(l.a, packet(b.SSRC, wire.GoClear{MAC: l.b.clear.own}), 0)
	l.run(time.Second)
	p, _ := wire.ParsePacket(l.a.sent[n])
	if e, err := wire.ParseError(p.Message); err != nil || e.Code != wire.CodeGoClearRefused || l.a.state != stateSecure {
		t.Errorf("answered %s", l.a.story())
	}
}

// withPBX runs a call in which b, as responder, says something else in its Confirm1,
// and returns the keys with which it could relay a SAS.
func withPBX(t *testing.T, a, b Config, change func(c *wire.Confirmed)) (*link, sideKeys) {
	t.Helper()
	return withPBXHello(t, a, b, false, change)
}

// withPBXHello is withPBX with the M flag as said.
func withPBXHello(t *testing.T, a, b Config, mitm bool, change func(c *wire.Confirmed)) (*link, sideKeys) {
	t.Helper()
	for seed := range byte(64) {
		a.Rand = testRand(seed)
		l := newLink(t, a, b)
		if mitm {
			l.b.withMFlag(t)
		}
		var side sideKeys
		l.tamper(wire.TypeConfirm1, func(from *end, msg []byte) []byte {
			if from != l.b {
				return msg
			}
			own, _ := from.x.keys.of(Responder)
			side = sideKeys{mac: own.mac.Clone(), zrtp: own.zrtp.Clone()}
			return changeConfirm(t, from, side, msg, change)
		})
		l.start()
		l.run(time.Second)
		if l.a.x.role == Initiator {
			l.wantSecure()
			return l, side
		}
	}
	t.Fatal("b never became responder")
	return nil, sideKeys{}
}

// withMFlag makes an end, which has not started yet, say that it is a PBX.
func (e *end) withMFlag(t *testing.T) {
	t.Helper()
	h := parseHello(t, e.Session)
	h.MiTM = true
	e.hello = seal(h.Append(nil), e.chain.h2)
}

// changeConfirm changes what a Confirm says, under a good MAC.
func changeConfirm(t *testing.T, from *end, side sideKeys, msg []byte, change func(c *wire.Confirmed)) []byte {
	t.Helper()
	c, err := wire.ParseConfirm(msg)
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := cfb(side.zrtp, c.IV, c.Encrypted, false)
	confirmed, _ := wire.ParseConfirmed(plain)
	change(&confirmed)
	c.Encrypted, _ = cfb(side.zrtp, c.IV, confirmed.Append(nil), true)
	c.MAC = from.confirmMAC(side.mac, c.Encrypted)
	return c.Append(nil)
}

// Section 4.7.2 (row 80): GoClear is repeated until ClearACK, at the intervals of
// Section 6; ClearACK is for each of them, and the second changes nothing.
func TestGoClearIsRepeated(t *testing.T) {
	a, b := clearConfigs()
	l := firstStream(t, a, b)
	lost := 3
	l.filter = func(from *end, _ int, pkt []byte) []arrival {
		if messageType(pkt) == wire.TypeClearACK && lost > 0 {
			lost--
			return nil
		}
		return []arrival{{pkt: pkt}}
	}
	began := l.now
	l.goClear(l.a)
	before := len(l.b.events)
	l.run(1049 * ms)
	if n := len(l.a.sentOf(wire.TypeGoClear)); n != 3 || l.a.state != stateClearing {
		t.Errorf("%d GoClear within %v: %s", n, l.now.Sub(began), l.a.story())
	}
	l.run(time.Second)
	l.wantCleared(l.a, false)
	l.wantCleared(l.b, true)
	if n := len(l.b.sentOf(wire.TypeClearACK)); n != 4 || len(l.b.events) != before+1 {
		t.Errorf("%d ClearACK, %s", n, l.b.story())
	}
}

// Section 4.7.2: where no ClearACK comes, the keys go all the same.
func TestGoClearUnanswered(t *testing.T) {
	a, b := clearConfigs()
	l := firstStream(t, a, b)
	old := l.a.key.value.Expose()
	l.filter = func(*end, int, []byte) []arrival { return nil }
	l.goClear(l.a)
	l.run(30 * time.Second)
	l.wantCleared(l.a, false)
	if n := len(l.a.sentOf(wire.TypeGoClear)); n != 11 {
		t.Errorf("%d GoClear", n)
	}
	if !bytes.Equal(old, make([]byte, len(old))) {
		t.Error("the old ZRTPSess is not wiped")
	}
}

// Both ask at once.
func TestGoClearCrosses(t *testing.T) {
	a, b := clearConfigs()
	l := firstStream(t, a, b)
	l.delay = 20 * ms
	l.goClear(l.a)
	l.goClear(l.b)
	l.run(5 * time.Second)
	l.wantCleared(l.a, true)
	l.wantCleared(l.b, true)
	for _, e := range []*end{l.a, l.b} {
		if count[Cleared](e) != 1 || len(e.sentOf(wire.TypeGoClear)) != 1 {
			t.Error(e.story())
		}
	}
	l.wantGoesSecure(l.a)
}

// wantGoesSecure makes a clear call secure again.
func (l *link) wantGoesSecure(by *end) {
	l.t.Helper()
	for _, e := range []*end{l.a, l.b} {
		e.events = slices.DeleteFunc(e.events, func(event Event) bool {
			switch event.(type) {
			case KeysAgreed, StreamSecure:
				return true
			}
			return false
		})
	}
	if err := by.GoSecure(l.now); err != nil {
		l.t.Fatal(err)
	}
	l.drain(by)
	l.run(5 * time.Second)
	l.wantStream()
}

// Section 4.7.2.1: the way back is a Multistream Commit with the Hellos of the
// beginning, and the keys are new each time; either end may ask.
func TestGoSecure(t *testing.T) {
	a, b := clearConfigs()
	l := firstStream(t, a, b)
	var keys []secret.Bytes
	for round := range 6 {
		agreed, _ := find[KeysAgreed](l.a)
		for _, key := range []secret.Bytes{agreed.Keys.Send.Key, agreed.Keys.Receive.Key} {
			if slices.ContainsFunc(keys, key.Equal) {
				t.Fatal("a key came twice")
			}
			keys = append(keys, key)
		}
		hellos := len(l.a.sentOf(wire.TypeHello))
		asks, other := l.a, l.b
		if round%2 == 1 {
			asks, other = l.b, l.a
		}
		l.goClear(asks)
		l.run(time.Second)
		if round%3 == 0 {
			asks, other = other, asks
		}
		l.wantGoesSecure(asks)
		if len(l.a.sentOf(wire.TypeHello)) != hellos {
			t.Error("another Hello was sent")
		}
		if s, _ := find[StreamSecure](asks); s.Role != Initiator {
			t.Errorf("who asked is %v", s.Role)
		}
		if asks.state != stateSecure || other.state != stateSecure {
			t.Errorf("%s\n%s", asks.story(), other.story())
		}
	}
	if err := l.a.GoSecure(l.now); !errors.Is(err, ErrNotClear) {
		t.Errorf("a secure call went secure: %v", err)
	}
}

// Both press the button at once; Section 4.2: the higher nonce wins.
func TestGoSecureContention(t *testing.T) {
	roles := map[Role]int{}
	for seed := range byte(8) {
		a, b := clearConfigs()
		a.Rand = testRand(seed)
		l := firstStream(t, a, b)
		l.goClear(l.a)
		l.run(time.Second)
		l.delay = 20 * ms
		if err := l.b.GoSecure(l.now); err != nil {
			t.Fatal(err)
		}
		l.drain(l.b)
		l.wantGoesSecure(l.a)
		s, _ := find[StreamSecure](l.a)
		roles[s.Role]++
	}
	if len(roles) != 2 {
		t.Errorf("roles of eight calls: %v", roles)
	}
}

// Attack A13: what an attacker recorded before a call went clear and secure again
// neither clears it again nor keys it: GoClear has another MAC, a Commit another
// nonce and another ZRTPSess.
func TestReplayAfterGoSecure(t *testing.T) {
	a, b := clearConfigs()
	l := firstStream(t, a, b)
	l.goClear(l.a)
	l.run(time.Second)
	l.wantGoesSecure(l.a)
	recorded := slices.Clone(l.a.sent)
	inject := func() {
		for _, pkt := range recorded {
			l.inject(l.b, pkt, 0)
			l.run(50 * ms)
		}
	}
	cleared := count[Cleared](l.b)
	inject()
	if count[Cleared](l.b) != cleared || l.b.state != stateSecure {
		t.Errorf("cleared by a replay: %s", l.b.story())
	}
	l.goClear(l.a)
	l.run(time.Second)
	agreed := count[KeysAgreed](l.b)
	inject()
	l.run(30 * time.Second)
	if count[KeysAgreed](l.b) != agreed || l.b.state != stateClear {
		t.Errorf("keyed by a replay: %s", l.b.story())
	}
	l.wantGoesSecure(l.b)
}

// A clear call that cannot go back says so: the key of the call is gone.
func TestGoSecureAfterTheCall(t *testing.T) {
	a, b := clearConfigs()
	l := firstStream(t, a, b)
	l.goClear(l.a)
	l.run(time.Second)
	sessionKey(t, l.a).Wipe()
	if err := l.a.GoSecure(l.now); !errors.Is(err, ErrNoSessionKey) {
		t.Errorf("GoSecure: %v", err)
	}
	// The other end's Commit gets no answer, and its owner is told.
	if err := l.b.GoSecure(l.now); err != nil {
		t.Fatal(err)
	}
	l.drain(l.b)
	l.run(time.Minute)
	if f, ok := find[Failed](l.b); !ok || !errors.Is(f.Err, ErrTimeout) {
		t.Errorf("%s", l.b.story())
	}
	if l.a.state != stateClear {
		t.Errorf("a: %s", l.a.story())
	}
}

// Section 4.7.2.1: what keyed the call is erased, ZRTPSess replaced by what does not
// tell it.
func TestGoClearErases(t *testing.T) {
	a, b := clearConfigs()
	l := firstStream(t, a, b)
	w := witness{}
	for _, e := range []*end{l.a, l.b} {
		w.add(e.name+"'s ZRTPSess", e.key.value)
	}
	old := l.a.key.value.Clone()
	l.goClear(l.a)
	l.run(time.Second)
	w.wantWiped(t, "after GoClear")
	if !l.a.key.value.Equal(l.b.key.value) || l.a.key.value.Equal(old) {
		t.Error("the new ZRTPSess is not the same at both ends, or the old one")
	}
	// Section 4.7.2.1, once more from its definition.
	initiator, responder := a.ZID, b.ZID
	if s, _ := find[Secure](l.a); s.Role == Responder {
		initiator, responder = responder, initiator
	}
	want := hmacSHA384(old.Expose(), []byte{0, 0, 0, 1}, []byte("New ZRTP Session"), []byte{0}, initiator[:], responder[:], []byte{0, 0, 1, 0x80})
	if !bytes.Equal(l.a.key.value.Expose(), want) {
		t.Error("the new ZRTPSess is not that of Section 4.7.2.1")
	}
	for _, e := range []*end{l.a, l.b} {
		chain := e.chain.h0[:]
		e.Close()
		if e.chain != (hashChain{}) || e.clear != (clearing{}) || !bytes.Equal(chain, make([]byte, 32)) {
			t.Errorf("%s keeps something after Close", e.name)
		}
	}
}

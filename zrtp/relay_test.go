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

// pbx makes b an endpoint with the M flag.
func pbx(a, b Config) func(t *testing.T, change func(*wire.Confirmed)) (*link, sideKeys) {
	return func(t *testing.T, change func(*wire.Confirmed)) (*link, sideKeys) {
		t.Helper()
		return withPBXHello(t, a, b, true, change)
	}
}

// enrolledConfigs are two ends that share a pbxsecret.
func enrolledConfigs() (a, b Config) {
	a, b = classicalConfigs()
	a.Retained = remembers(Retained{PBXSecret: rs(9)})
	b.Retained = remembers(Retained{PBXSecret: rs(9)})
	return a, b
}

// relayed is what a PBX relays: a sashash that begins with these four octets.
func relayed(sas wire.Algorithm) wire.Relayed {
	return wire.Relayed{SAS: sas, SASHash: [32]byte{0x12, 0x34, 0x56, 0x78, 9}}
}

// relays lets b send a SASrelay, and returns what a answered.
func (l *link) relays(side sideKeys, r wire.Relayed, change func(*wire.SASRelay)) []wire.Message {
	l.t.Helper()
	m := wire.SASRelay{IV: [16]byte{1}}
	m.Encrypted, _ = cfb(side.zrtp, m.IV, r.Append(nil), true)
	m.MAC = l.b.confirmMAC(side.mac, m.Encrypted)
	if change != nil {
		change(&m)
	}
	n := len(l.a.sent)
	l.inject(l.a, packet(l.b.cfg.SSRC, m), 0)
	l.run(0)
	var answers []wire.Message
	for _, pkt := range l.a.sent[n:] {
		p, _ := wire.ParsePacket(pkt)
		answer, err := wire.Parse(p.Message)
		if err != nil {
			l.t.Fatal(err)
		}
		answers = append(answers, answer)
	}
	return answers
}

func wantAnswer(t *testing.T, got []wire.Message, want wire.Message) {
	t.Helper()
	if want == nil && len(got) == 0 {
		return
	}
	if len(got) != 1 || want == nil || !bytes.Equal(got[0].Append(nil), want.Append(nil)) {
		t.Errorf("answered %v, want %v", got, want)
	}
}

var untrusted = wire.Error{Code: wire.CodeUntrustedRelay}

// Sections 5.13 and 7.3: the SAS that an enrolled PBX relays is the one to compare.
func TestSASRelay(t *testing.T) {
	for _, tc := range []struct {
		scheme wire.Algorithm
		want   string
	}{
		{wire.B32, renderSAS(wire.B32, 0x12345678)},
		{wire.B256, renderSAS(wire.B256, 0x12345678)},
	} {
		l, side := pbx(enrolledConfigs())(t, func(*wire.Confirmed) {})
		if !l.a.x.pbxMatched {
			t.Fatal("the pbxsecret did not match")
		}
		r := relayed(tc.scheme)
		r.Verified, r.Disclosure, r.Unused, r.UndefinedFlags = true, true, 0x7fff, 0x1f
		wantAnswer(t, l.relays(side, r, nil), wire.RelayACK{})
		got, ok := find[RelayedSAS](l.a)
		want := RelayedSAS{SAS: tc.want, SASType: tc.scheme.Name(), PeerVerified: true, Disclosed: true}
		if !ok || got != want {
			t.Errorf("shows %+v, want %+v", got, want)
		}
		// Its repetition is acknowledged and shows nothing new.
		wantAnswer(t, l.relays(side, r, nil), wire.RelayACK{})
		if count[RelayedSAS](l.a) != 1 {
			t.Error("shown twice")
		}
	}
}

// Attack A14, Section 7.3: the SAS that a man in the middle relays is never shown,
// and Error 0x63 tells him so. Without the M flag there is an acknowledgement and no
// Error (Section 5.13); what is forged or changed meets silence.
func TestSASRelayAttacks(t *testing.T) {
	strangers := func() (a, b Config) { return classicalConfigs() }
	for name, tc := range map[string]struct {
		configs func() (a, b Config)
		mitm    bool
		change  func(*wire.SASRelay)
		relayed wire.Relayed
		answer  wire.Message
	}{
		"no pbxsecret": {strangers, true, nil, relayed(wire.B32), untrusted},
		"ours only": {func() (a, b Config) {
			a, b = enrolledConfigs()
			b.Retained = nil
			return a, b
		}, true, nil, relayed(wire.B32), untrusted},
		"another pbxsecret": {func() (a, b Config) {
			a, b = enrolledConfigs()
			b.Retained = remembers(Retained{PBXSecret: rs(8)})
			return a, b
		}, true, nil, relayed(wire.B32), untrusted},
		"retained secrets instead": {func() (a, b Config) {
			a, b = classicalConfigs()
			a.Retained, b.Retained = keeps(1, 2), keeps(1, 2)
			return a, b
		}, true, nil, relayed(wire.B32), untrusted},
		"M is 0":                 {enrolledConfigs, false, nil, relayed(wire.B32), wire.RelayACK{}},
		"M is 0, no pbxsecret":   {strangers, false, nil, relayed(wire.B32), wire.RelayACK{}},
		"another MAC":            {enrolledConfigs, true, func(r *wire.SASRelay) { r.MAC[0] ^= 1 }, relayed(wire.B32), nil},
		"changed on its way":     {enrolledConfigs, true, func(r *wire.SASRelay) { r.Encrypted[9] ^= 1 }, relayed(wire.B32), nil},
		"an unknown rendering":   {enrolledConfigs, true, nil, relayed("B10D"), wire.RelayACK{}},
		"a rendering of nothing": {strangers, true, nil, wire.Relayed{SAS: "B10D"}, wire.RelayACK{}},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := tc.configs()
			l, side := withPBXHello(t, a, b, tc.mitm, func(*wire.Confirmed) {})
			before, _ := find[Secure](l.a)
			wantAnswer(t, l.relays(side, tc.relayed, tc.change), tc.answer)
			if count[RelayedSAS](l.a) > 0 {
				t.Errorf("shown: %s", l.a.story())
			}
			if after, _ := find[Secure](l.a); after.SAS != before.SAS || l.a.state != stateSecure {
				t.Errorf("%s", l.a.story())
			}
		})
	}
}

// Section 7.3: who does not trust the PBX gets no sashash, and uses the rendering of
// who does.
func TestSASRelayOfARendering(t *testing.T) {
	a, b := classicalConfigs()
	l, side := pbx(a, b)(t, func(*wire.Confirmed) {})
	before, _ := find[Secure](l.a)
	if before.SASType != "B256" {
		t.Fatalf("begins with %s", before.SASType)
	}
	wantAnswer(t, l.relays(side, wire.Relayed{SAS: wire.B32}, nil), wire.RelayACK{})
	got, ok := find[RelayedSAS](l.a)
	if !ok || !got.Own || got.SASType != "B32" || len(got.SAS) != 4 {
		t.Errorf("shows %+v", got)
	}
	wantAnswer(t, l.relays(side, wire.Relayed{SAS: wire.B256}, nil), wire.RelayACK{})
	if got, _ := find[RelayedSAS](l.a); got.SAS != before.SAS {
		t.Errorf("shows %q, the SAS is %q", got.SAS, before.SAS)
	}
}

// A SASrelay comes after the Confirms; before, nothing is shown.
func TestSASRelayTooEarly(t *testing.T) {
	a, b := enrolledConfigs()
	l := newLink(t, a, b)
	l.start()
	l.inject(l.a, packet(b.SSRC, wire.SASRelay{Encrypted: make([]byte, 40)}), 0)
	l.run(time.Second)
	if slices.Contains(l.a.types(), wire.TypeRelayACK) || count[RelayedSAS](l.a) > 0 {
		t.Error(l.a.story())
	}
}

// Section 5.13: the relayed A flag takes a permission away, and gives none.
func TestSASRelayAFlag(t *testing.T) {
	for _, tc := range []struct{ ours, relayed, want bool }{
		{true, true, true}, {true, false, false}, {false, true, false},
	} {
		a, b := enrolledConfigs()
		a.AllowClear = tc.ours
		l, side := pbx(a, b)(t, func(c *wire.Confirmed) { c.AllowClear = true })
		r := relayed(wire.B32)
		r.AllowClear = tc.relayed
		wantAnswer(t, l.relays(side, r, nil), wire.RelayACK{})
		if l.a.clear.allowed != tc.want {
			t.Errorf("%+v: allowed %v", tc, l.a.clear.allowed)
		}
	}
}

// The keys for a SASrelay are kept only where M announces one, and wiped with the
// session.
func TestRelayKeysAreWiped(t *testing.T) {
	a, b := classicalConfigs()
	l, _ := pbx(a, b)(t, func(*wire.Confirmed) {})
	w := witness{}
	w.add("mackey", l.a.relay.peer.mac)
	w.add("zrtpkey", l.a.relay.peer.zrtp)
	if len(w) != 2 {
		t.Fatal("no keys are kept")
	}
	l.a.Close()
	w.wantWiped(t, "after Close")
	if plain := firstStream(t, a, b); plain.a.relay.peer.mac.Present() {
		t.Error("keys are kept for who relays nothing")
	}
}

// Section 7.3.1 (attack A15): the E flag asks, and only the user's word makes a
// pbxsecret; it is the one of the PBX, and it can be taken back.
func TestEnrolment(t *testing.T) {
	a, b := classicalConfigs()
	l, _ := pbx(a, b)(t, func(c *wire.Confirmed) { c.Enrollment = true })
	s, _ := find[Secure](l.a)
	if e, ok := find[Enrolment](l.a); !ok || e.PBX != b.ZID {
		t.Fatalf("not told: %s", l.a.story())
	}
	if s.Remember.PBXSecret.Present() {
		t.Fatal("a pbxsecret without consent")
	}
	mine, err := l.a.AcceptEnrolment()
	if err != nil || mine.Len() != pbxSecretLen {
		t.Fatalf("%v, %v", mine, err)
	}
	if _, err := l.a.AcceptEnrolment(); !errors.Is(err, ErrNoEnrolment) {
		t.Errorf("accepted twice: %v", err)
	}
	kept := s.Remember
	kept.PBXSecret = mine
	// The PBX computed the same, and the next call shows it.
	theirs, _ := find[Secure](l.b)
	known := theirs.Remember
	known.PBXSecret = mine.Clone()
	next := func() (*link, sideKeys) {
		a, b := classicalConfigs()
		a.Retained, b.Retained = remembers(kept), remembers(known)
		b.Rand = testRand(77)
		return pbx(a, b)(t, func(*wire.Confirmed) {})
	}
	l, side := next()
	wantAnswer(t, l.relays(side, relayed(wire.B32), nil), wire.RelayACK{})
	if count[RelayedSAS](l.a) != 1 {
		t.Error("an enrolled PBX is not trusted")
	}
	kept.RevokeEnrolment()
	if !mine.Equal(secret.Own(make([]byte, pbxSecretLen))) || kept.PBXSecret.Present() {
		t.Error("a revoked pbxsecret is still there")
	}
	l, side = next()
	wantAnswer(t, l.relays(side, relayed(wire.B32), nil), untrusted)
	if count[RelayedSAS](l.a) > 0 {
		t.Error("trusted although revoked")
	}
}

// Section 7.3.1, once more from its definition.
func TestPBXSecret(t *testing.T) {
	a, b := multistreamConfigs()
	l, _ := pbx(a, b)(t, func(c *wire.Confirmed) { c.Enrollment = true })
	got, err := l.a.AcceptEnrolment()
	if err != nil {
		t.Fatal(err)
	}
	want := hmacSHA384(sessionKey(t, l.a).value.Expose(), []byte{0, 0, 0, 1}, []byte("Trusted MiTM key"), []byte{0}, a.ZID[:], b.ZID[:], []byte{0, 0, 1, 0})[:32]
	if !bytes.Equal(got.Expose(), want) {
		t.Errorf("pbxsecret %x, want %x", got.Expose(), want)
	}
}

// What asks for no enrolment brings none: E without M, M without E; and nobody's
// answer leaves nothing.
func TestNoEnrolment(t *testing.T) {
	for _, tc := range []struct{ mitm, enrol bool }{{true, false}, {false, true}, {false, false}} {
		a, b := classicalConfigs()
		l, _ := withPBXHello(t, a, b, tc.mitm, func(c *wire.Confirmed) { c.Enrollment = tc.enrol })
		if count[Enrolment](l.a) > 0 {
			t.Errorf("%+v: %s", tc, l.a.story())
		}
		if _, err := l.a.AcceptEnrolment(); !errors.Is(err, ErrNoEnrolment) {
			t.Errorf("%+v: accepted: %v", tc, err)
		}
	}
	a, b := classicalConfigs()
	l, _ := pbx(a, b)(t, func(c *wire.Confirmed) { c.Enrollment = true })
	memory := l.a.enrolment
	l.a.Close()
	if !memory.Equal(secret.Own(make([]byte, pbxSecretLen))) {
		t.Error("an enrolment that nobody accepted outlives the session")
	}
	if _, err := l.a.AcceptEnrolment(); !errors.Is(err, ErrNoEnrolment) {
		t.Errorf("accepted after Close: %v", err)
	}
}

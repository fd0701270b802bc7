package zrtp

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"testing"
	"time"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// rs is a retained secret that is easy to tell from others.
func rs(n byte) secret.Bytes { return secret.Own(bytes.Repeat([]byte{n}, retainedLen)) }

// remembers makes an end know its peer.
func remembers(r Retained) func(ZID) (Retained, bool) {
	return func(ZID) (Retained, bool) { return r, true }
}

// Section 4.3: the four combinations of rs1 and rs2 that match, none of which
// is a mismatch, and what does not match. rs2 is then what matched.
func TestMatching(t *testing.T) {
	for _, tc := range []struct {
		name           string
		a1, a2, b1, b2 byte // the secrets of a and b; 0: none
		match          byte // 0: null
		mismatchA      bool
		mismatchB      bool
	}{
		{"rs1 is rs1", 1, 2, 1, 3, 1, false, false},
		{"rs1 is rs2", 1, 2, 3, 1, 1, false, false},
		{"rs2 is rs1", 1, 2, 2, 3, 2, false, false},
		{"rs2 is rs2", 1, 2, 3, 2, 2, false, false},
		{"both match", 1, 2, 1, 2, 1, false, false},
		{"only rs1 each", 1, 0, 1, 0, 1, false, false},
		{"rs2 alone", 0, 2, 2, 0, 2, false, false},
		{"strangers", 0, 0, 0, 0, 0, false, false},
		{"b lost its cache", 1, 2, 0, 0, 0, true, false},
		{"a lost its cache", 0, 0, 1, 2, 0, false, true},
		{"nothing in common", 1, 2, 3, 4, 0, true, true},
	} {
		for _, role := range []Role{Initiator, Responder} {
			t.Run(tc.name, func(t *testing.T) {
				a, b := configs()
				a.Retained, b.Retained = keeps(tc.a1, tc.a2), keeps(tc.b1, tc.b2)
				l := handshakeAs(t, role, a, b)
				sa, sb := l.wantSecure()
				wantMatch(t, l.a, sa, tc.match, tc.a1, tc.mismatchA)
				wantMatch(t, l.b, sb, tc.match, tc.b1, tc.mismatchB)
			})
		}
	}
}

// keeps is the memory of someone who may have two secrets, or has never met.
func keeps(rs1, rs2 byte) func(ZID) (Retained, bool) {
	var r Retained
	if rs1 != 0 {
		r.RS1 = rs(rs1)
	}
	if rs2 != 0 {
		r.RS2 = rs(rs2)
	}
	return func(ZID) (Retained, bool) { return r, rs1+rs2 != 0 }
}

func wantMatch(t *testing.T, e *end, s Secure, match, oldRS1 byte, mismatch bool) {
	t.Helper()
	if s.Continuity != (match != 0) || s.Mismatched != mismatch || count[Mismatch](e) > 0 != mismatch {
		t.Errorf("%s: continuity %v, mismatched %v, %d events", e.name, s.Continuity, s.Mismatched, count[Mismatch](e))
	}
	wantRS2 := match
	if wantRS2 == 0 {
		wantRS2 = oldRS1 // Section 4.6.1: the old rs1 is saved to rs2
	}
	if got := s.Remember.RS2; got.Present() != (wantRS2 != 0) || got.Present() && !got.Equal(rs(wantRS2)) {
		t.Errorf("%s: rs2 is not secret %d", e.name, wantRS2)
	}
	if s.Remember.RS1.Len() != retainedLen {
		t.Errorf("%s: rs1 has %d octets", e.name, s.Remember.RS1.Len())
	}
}

// s1 must enter the keys: a match changes them. Both ends agree because they
// computed the same s1, which wantSecure has seen; here that it is used at all.
func TestMatchEntersKeys(t *testing.T) {
	keys := map[string]bool{}
	for _, secrets := range []byte{0, 1, 2} {
		a, b := configs()
		a.Retained, b.Retained = keeps(secrets, 0), keeps(secrets, 0)
		l := newLink(t, a, b)
		l.start()
		l.run(time.Second)
		l.wantSecure()
		agreed, _ := find[KeysAgreed](l.a)
		keys[string(agreed.Keys.Send.Key.Expose())] = true
	}
	if len(keys) != 3 {
		t.Errorf("%d different keys, want 3", len(keys))
	}
}

// Section 4.3, the Two Generals: the call dies at every packet in turn; the next
// call finds a secret in common and raises no alarm.
func TestTwoGenerals(t *testing.T) {
	for lost := 1; lost <= 10; lost++ {
		memA, memB := Retained{RS1: rs(1)}, Retained{RS1: rs(1)}
		for call := range 6 {
			a, b := configs()
			a.Rand, b.Rand = testRand(byte(10*lost+call)), testRand(byte(100+10*lost+call))
			a.Retained, b.Retained = remembers(memA), remembers(memB)
			l := newLink(t, a, b)
			if call%2 == 0 { // the network dies
				l.filter = func(_ *end, n int, pkt []byte) []arrival {
					if n >= lost {
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
					t.Errorf("dying at packet %d, call %d: false alarm at %s", lost, call, e.name)
				}
			}
			if call%2 == 1 {
				l.wantSecure()
			}
		}
	}
}

// Section 4.6.1: the cache is updated only after Confirm2 (responder) and after
// Conf2ACK or SRTP (initiator).
func TestNoUpdateBeforeConfirmation(t *testing.T) {
	for _, tc := range []struct {
		lost       wire.Type
		who        Role
		agreed     int
		srtpSecure bool
	}{
		{wire.TypeConfirm2, Responder, 0, false},
		{wire.TypeConf2ACK, Initiator, 1, true},
	} {
		a, b := configs()
		l := newLink(t, a, b)
		l.filter = func(_ *end, _ int, pkt []byte) []arrival {
			if messageType(pkt) == tc.lost {
				return nil
			}
			return []arrival{{pkt: pkt}}
		}
		l.start()
		l.run(time.Second)
		e := l.a
		if l.a.x.role != tc.who {
			e = l.b
		}
		if count[Secure](e) > 0 || count[KeysAgreed](e) != tc.agreed {
			t.Errorf("without %s: %s", tc.lost, e.story())
		}
		// Section 4.6: SRTP stands for Conf2ACK.
		e.ReceivedSRTP(l.now)
		l.drain(e)
		if got := count[Secure](e) == 1; got != tc.srtpSecure {
			t.Errorf("after SRTP, without %s: %s", tc.lost, e.story())
		}
		if tc.srtpSecure && !e.Deadline().IsZero() {
			t.Error("Confirm2 is still repeated")
		}
	}
}

// Attack A6: a new ZID is no mismatch, and A7: a known one that lost its secrets
// is; nothing is then verified, and the old secret survives as rs2.
//
// Items: 58.
func TestMismatch(t *testing.T) {
	a, b := configs()
	a.Retained = remembers(Retained{RS1: rs(1), RS2: rs(2), Verified: true})
	l := newLink(t, a, b)
	l.start()
	l.run(time.Second)
	sa, sb := l.wantSecure()
	if !sa.Mismatched || !sa.Known || sa.Verified || sa.Remember.Verified || sb.PeerVerified {
		t.Errorf("a: %+v", sa)
	}
	if sb.Mismatched || sb.Known {
		t.Errorf("b never met a: %+v", sb)
	}
	if i, j := eventAt[Mismatch](l.a), eventAt[KeysAgreed](l.a); i < 0 || i > j {
		t.Errorf("the alarm comes after the keys: %s", l.a.story())
	}
}

func eventAt[E Event](e *end) int {
	for i, event := range e.events {
		if _, is := event.(E); is {
			return i
		}
	}
	return -1
}

// Section 4.9: what has expired is not expected, and so cannot mismatch.
func TestExpired(t *testing.T) {
	for _, tc := range []struct {
		expires time.Time
		known   bool
	}{
		{time.Time{}, true},
		{epoch.Add(time.Hour), true},
		{epoch.Add(-time.Second), false},
		{epoch, false},
	} {
		a, b := configs()
		a.Retained = remembers(Retained{RS1: rs(1), RS1Expires: tc.expires, Verified: true})
		b.Retained = remembers(Retained{RS1: rs(1)})
		l := newLink(t, a, b)
		l.start()
		l.run(time.Second)
		sa, _ := l.wantSecure()
		if sa.Known != tc.known || sa.Continuity != tc.known || sa.Mismatched || sa.Remember.Verified != tc.known {
			t.Errorf("expires %v: %+v", tc.expires, sa)
		}
	}
}

// Section 4.9: the interval is the minimum of both, and 0 keeps nothing.
func TestExpiry(t *testing.T) {
	for _, tc := range []struct {
		a, b time.Duration
		want time.Duration // 0: nothing kept; ExpiryNever
	}{
		{ExpiryNever, ExpiryNever, ExpiryNever},
		{ExpiryNever, time.Hour, time.Hour},
		{90 * time.Second, time.Hour, 90 * time.Second},
		{ExpiryNever, 0, 0},
		{0, time.Hour, 0},
		{ExpiryNever, 999 * time.Millisecond, 0},
		{-time.Second, ExpiryNever, 0},
	} {
		a, b := configs()
		a.Expiry, b.Expiry = tc.a, tc.b
		a.Retained = remembers(Retained{RS1: rs(1)})
		b.Retained = remembers(Retained{RS1: rs(1)})
		l := newLink(t, a, b)
		l.start()
		l.run(time.Second)
		sa, sb := l.wantSecure()
		for _, s := range []Secure{sa, sb} {
			kept := s.Remember.RS1.Present()
			never := s.Remember.RS1Expires.IsZero()
			switch {
			case kept != (tc.want != 0), !kept && s.Remember.RS2.Present():
				t.Errorf("%v and %v: kept %v", tc.a, tc.b, kept)
			case kept && never != (tc.want == ExpiryNever):
				t.Errorf("%v and %v: expires %v", tc.a, tc.b, s.Remember.RS1Expires)
			case kept && !never && !s.Remember.RS1Expires.Equal(epoch.Add(tc.want)):
				t.Errorf("%v and %v: expires %v", tc.a, tc.b, s.Remember.RS1Expires)
			}
		}
	}
}

func TestInterval(t *testing.T) {
	for d, want := range map[time.Duration]uint32{
		ExpiryNever:                 0xffffffff,
		0:                           0,
		-1:                          0,
		time.Second:                 1,
		1900 * ms:                   1,
		200 * 365 * 24 * time.Hour:  0xfffffffe,
		ExpiryNever - 1*time.Second: 0xfffffffe,
	} {
		if got := interval(d); got != want {
			t.Errorf("%v: %#x, want %#x", d, got, want)
		}
	}
}

// Section 4.9.1: without a cache the interval is 0.
func TestCacheless(t *testing.T) {
	a, b := configs()
	a.Retained = nil
	l := newLink(t, a, b)
	l.start()
	l.run(time.Second)
	if sa, sb := l.wantSecure(); sa.Remember.RS1.Present() || sb.Remember.RS1.Present() {
		t.Error("a secret was kept that one end cannot keep")
	}
}

// Section 7.1: verified is what both ends say, and only of a secret they share.
func TestVerifiedFlag(t *testing.T) {
	for _, tc := range []struct{ a, b, share bool }{
		{true, true, true}, {true, false, true}, {false, true, true}, {false, false, true}, {true, true, false},
	} {
		a, b := configs()
		a.Retained = remembers(Retained{RS1: rs(1), Verified: tc.a})
		b.Retained = remembers(Retained{RS1: rs(1), Verified: tc.b})
		if !tc.share {
			b.Retained = remembers(Retained{RS1: rs(2), Verified: tc.b})
		}
		l := newLink(t, a, b)
		l.start()
		l.run(time.Second)
		sa, sb := l.wantSecure()
		both := tc.a && tc.b && tc.share
		if sa.Verified != both || sb.Verified != both || sa.PeerVerified != (tc.b && tc.share) || sb.PeerVerified != (tc.a && tc.share) {
			t.Errorf("%+v: a %v, peer %v; b %v, peer %v", tc, sa.Verified, sa.PeerVerified, sb.Verified, sb.PeerVerified)
		}
		if sa.Remember.Verified != (tc.a && tc.share) {
			t.Errorf("%+v: a remembers %v", tc, sa.Remember.Verified)
		}
	}
}

// Section 4.3.1: the ids of what one has are MACs, those of what one has not are
// random.
func TestSecretIDs(t *testing.T) {
	s := suite{hash: wire.S384}
	m := memory{rs1: retainedSecret{value: rs(7)}}
	h3 := [32]byte{3}
	x := idInput{suite: s, h3i: [32]byte{4}, h3r: h3}
	first, err := m.ids(x, labelResponder, testRand(1))
	if err != nil {
		t.Fatal(err)
	}
	second, _ := m.ids(x, labelResponder, testRand(2))
	mac := hmac.New(sha512.New384, bytes.Repeat([]byte{7}, 32))
	mac.Write([]byte("Responder"))
	if want := mac.Sum(nil)[:8]; !bytes.Equal(first.rs1[:], want) || first.rs1 != second.rs1 {
		t.Errorf("rs1IDr %x, want %x", first.rs1, want)
	}
	for _, pair := range [][2][8]byte{{first.rs2, second.rs2}, {first.aux, second.aux}, {first.pbx, second.pbx}} {
		if pair[0] == pair[1] || pair[0] == [8]byte{} {
			t.Errorf("the id of an absent secret is %x, then %x", pair[0], pair[1])
		}
	}
	initiator, _ := m.ids(x, labelInitiator, testRand(1))
	if initiator.rs1 == first.rs1 {
		t.Error("both roles send one id")
	}
	mac = hmac.New(sha512.New384, bytes.Repeat([]byte{8}, 32))
	mac.Write(h3[:])
	m.aux, m.pbx = rs(8), rs(7)
	ids, _ := m.ids(x, labelResponder, testRand(1))
	if want := mac.Sum(nil)[:8]; !bytes.Equal(ids.aux[:], want) {
		t.Errorf("auxsecretIDr %x, want %x: keyed by our H3", ids.aux, want)
	}
	if ids.pbx != first.rs1 {
		t.Error("pbxsecretID is not keyed by the role, as rs1ID is")
	}
}

// Section 4.3: s2 and s3 are auxsecret and pbxsecret when both ends have the
// same, and null otherwise; in both roles, and each by itself. Who has an
// auxsecret that did not match is told.
func TestAuxAndPBXSecrets(t *testing.T) {
	keys := map[string]string{}
	for _, role := range []Role{Initiator, Responder} {
		for _, tc := range []struct{ auxA, auxB, pbxA, pbxB byte }{
			{0, 0, 0, 0},
			{1, 1, 0, 0},
			{1, 0, 0, 0},
			{0, 1, 0, 0},
			{1, 2, 0, 0},
			{0, 0, 1, 1},
			{0, 0, 1, 0},
			{0, 0, 1, 2},
			{1, 1, 1, 1},
			{1, 2, 1, 1},
			{1, 1, 1, 2},
		} {
			a, b := configs()
			a.Retained, b.Retained = enrolled(tc.pbxA), enrolled(tc.pbxB)
			a.AuxSecret, b.AuxSecret = mayHave(tc.auxA), mayHave(tc.auxB)
			l := handshakeAs(t, role, a, b)
			sa, sb := l.wantSecure()
			aux, pbx := tc.auxA != 0 && tc.auxA == tc.auxB, tc.pbxA != 0 && tc.pbxA == tc.pbxB
			if sa.AuxMatched != aux || sb.AuxMatched != aux || l.a.x.pbxMatched != pbx || l.b.x.pbxMatched != pbx {
				t.Errorf("%v %+v: aux %v and %v, pbx %v and %v", role, tc, sa.AuxMatched, sb.AuxMatched, l.a.x.pbxMatched, l.b.x.pbxMatched)
			}
			if told := count[AuxMismatch](l.a); told != boolToInt(tc.auxA != 0 && !aux) {
				t.Errorf("%v %+v: a was told %d times", role, tc, told)
			}
			if told := count[AuxMismatch](l.b); told != boolToInt(tc.auxB != 0 && !aux) {
				t.Errorf("%v %+v: b was told %d times", role, tc, told)
			}
			if count[Mismatch](l.a)+count[Mismatch](l.b) > 0 || sa.Known || sa.Continuity {
				t.Errorf("%v %+v: taken for retained secrets", role, tc)
			}
			if got := sa.Remember.PBXSecret; got.Present() != (tc.pbxA != 0) || got.Present() && !got.Equal(mayHave(tc.pbxA)) {
				t.Errorf("%v %+v: pbxsecret was changed", role, tc)
			}
			// The same exchange, but for s2 and s3: they are in the keys, or not.
			agreed, _ := find[KeysAgreed](l.a)
			if aux || pbx {
				keys[string(agreed.Keys.Send.Key.Expose())] = ""
			}
		}
	}
	if len(keys) != 2*5 {
		t.Errorf("%d different keys, want 10", len(keys))
	}
}

func mayHave(n byte) secret.Bytes {
	if n == 0 {
		return secret.Bytes{}
	}
	return rs(n)
}

func enrolled(n byte) func(ZID) (Retained, bool) {
	return remembers(Retained{PBXSecret: mayHave(n)})
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Section 4.3.2: If auxsecret matches, it should not excuse a mismatch of rs1,
// and nor does pbxsecret.
func TestOtherSecretsExcuseNothing(t *testing.T) {
	a, b := configs()
	a.Retained = remembers(Retained{RS1: rs(1), PBXSecret: rs(3)})
	b.Retained = remembers(Retained{RS1: rs(2), PBXSecret: rs(3)})
	a.AuxSecret, b.AuxSecret = rs(4), rs(4)
	l := newLink(t, a, b)
	l.start()
	l.run(time.Second)
	sa, sb := l.wantSecure()
	if !sa.AuxMatched || !l.a.x.pbxMatched {
		t.Fatal("the others do not match")
	}
	if !sa.Mismatched || !sb.Mismatched || count[Mismatch](l.a) != 1 || count[Mismatch](l.b) != 1 {
		t.Error("no alarm for rs1")
	}
}

// The caller's secrets stay the caller's: closing wipes copies only.
func TestRetainedIsNotWiped(t *testing.T) {
	a, b := configs()
	mine := rs(1)
	a.Retained = remembers(Retained{RS1: mine, PBXSecret: mine})
	a.AuxSecret = mine
	l := newLink(t, a, b)
	l.start()
	l.run(time.Second)
	l.a.Close()
	if !mine.Equal(rs(1)) {
		t.Error("the caller's secret was wiped")
	}
}

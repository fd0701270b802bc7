package zrtp

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"karat/zrtp/wire"
)

// Section 3.1.1: the whole of Diffie-Hellman mode, both ends starting at once.
func TestHandshake(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	l.start()
	l.run(time.Second)
	sa, sb := l.wantSecure()
	for _, s := range []Secure{sa, sb} {
		if s.KeyAgreement != "X2M2" || s.Hash != "S384" || s.Cipher != "AES3" || s.AuthTag != "HS80" || s.SASType != "B256" {
			t.Errorf("the strongest was not chosen: %+v", s)
		}
		if s.Continuity || s.Known || s.Verified || s.Mismatched {
			t.Errorf("strangers who know each other: %+v", s)
		}
	}
	if !l.next().IsZero() {
		t.Error("a timer still runs in the secure state")
	}
}

// Sections 5.1.2 to 5.1.6: every combination, in both roles.
func TestAlgorithms(t *testing.T) {
	all := usableAlgorithms()
	for _, ka := range all.KeyAgreements {
		for _, hash := range all.Hashes {
			if ka == "EC38" && hash == "S256" {
				continue // see TestEC38NeedsS384
			}
			for _, cipher := range all.Ciphers {
				if wire.Named(ka).KEM() && (hash == "S256" || cipher == "AES1") {
					continue // see TestKEMNeedsStrength
				}
				for _, tag := range all.AuthTags {
					for _, sas := range all.SASTypes {
						name := fmt.Sprintf("%s/%s/%s/%s/%s", ka, hash, cipher, tag, sas)
						t.Run(name, func(t *testing.T) {
							testAlgorithms(t, Algorithms{[]string{ka}, []string{hash}, []string{cipher}, []string{tag}, []string{sas}})
						})
					}
				}
			}
		}
	}
}

func testAlgorithms(t *testing.T, only Algorithms) {
	for _, role := range []Role{Initiator, Responder} {
		a, b := configs()
		a.Algorithms, b.Algorithms = only, only
		l := handshakeAs(t, role, a, b)
		s, _ := l.wantSecure()
		got := Algorithms{[]string{s.KeyAgreement}, []string{s.Hash}, []string{s.Cipher}, []string{s.AuthTag}, []string{s.SASType}}
		if fmt.Sprint(got) != fmt.Sprint(only) || s.Role != role {
			t.Errorf("got %v as %v, want %v as %v", got, s.Role, only, role)
		}
		keys, _ := find[KeysAgreed](l.a)
		wantLen := map[string]int{"AES1": 16, "AES3": 32}[s.Cipher]
		wantTag := map[string]int{"HS32": 32, "HS80": 80}[s.AuthTag]
		if keys.Keys.Send.Key.Len() != wantLen || keys.Keys.Send.Salt.Len() != 14 || keys.Keys.TagBits != wantTag {
			t.Errorf("keys %+v, want key of %d, salt of 14, tag of %d", keys.Keys, wantLen, wantTag)
		}
	}
}

// handshakeAs runs handshakes until contention gives a the role.
func handshakeAs(t *testing.T, role Role, a, b Config) *link {
	t.Helper()
	for seed := range byte(64) {
		a.Rand = testRand(seed)
		l := newLink(t, a, b)
		l.start()
		l.run(time.Second)
		if l.a.x.role == role {
			return l
		}
	}
	t.Fatalf("a never became %v", role)
	return nil
}

// Section 4.2: of two Commits the one with the lowest hvi is discarded.
func TestContention(t *testing.T) {
	seen := map[Role]int{}
	for seed := range byte(16) {
		a, b := configs()
		a.Rand = testRand(seed)
		l := newLink(t, a, b)
		hvi := map[*end][]byte{}
		l.filter = func(from *end, _ int, pkt []byte) []arrival {
			if messageType(pkt) == wire.TypeCommit {
				hvi[from] = bytes.Clone(from.x.hvi[:])
			}
			return []arrival{{pkt: pkt}}
		}
		l.start()
		l.run(time.Second)
		sa, _ := l.wantSecure()
		if want := bytes.Compare(hvi[l.a], hvi[l.b]) > 0; want != (sa.Role == Initiator) {
			t.Errorf("hvi %x against %x made a %v", hvi[l.a], hvi[l.b], sa.Role)
		}
		seen[sa.Role]++
	}
	if len(seen) != 2 {
		t.Errorf("16 contentions had one outcome: %v", seen)
	}
}

// Section 4.2: the public value of a discarded Commit is used again, so that
// contention costs no second key generation.
func TestContentionKeepsPublicValue(t *testing.T) {
	a, b := classicalConfigs()
	l := newLink(t, a, b)
	l.start()
	loser := map[*end]string{}
	l.filter = func(from *end, _ int, pkt []byte) []arrival {
		if messageType(pkt) == wire.TypeCommit {
			loser[from] = string(from.x.ka.public())
		}
		if messageType(pkt) == wire.TypeDHPart1 {
			p, _ := wire.ParsePacket(pkt)
			d, _ := wire.ParseDHPart(p.Message)
			if string(d.PublicValue) != loser[from] {
				t.Error("the responder made a new public value")
			}
		}
		return []arrival{{pkt: pkt}}
	}
	l.run(time.Second)
	l.wantSecure()
}

// Section 4.1.2 and DESIGN: ours first, whatever the other prefers; the peer's
// choice is accepted when it is the initiator.
func TestPreferences(t *testing.T) {
	for _, role := range []Role{Initiator, Responder} {
		a, b := configs()
		b.Algorithms = Algorithms{
			KeyAgreements: []string{"DH3k", "X255"}, Hashes: []string{"S256", "S384"},
			Ciphers: []string{"AES1", "AES3"}, AuthTags: []string{"HS32"}, SASTypes: []string{"B32"},
		}
		l := handshakeAs(t, role, a, b)
		s, _ := l.wantSecure()
		want := [...]string{"X255", "S384", "AES3", "HS80", "B32"} // HS80 is implied
		if role == Responder {
			want = [...]string{"DH3k", "S256", "AES1", "HS32", "B32"}
		}
		if got := [...]string{s.KeyAgreement, s.Hash, s.Cipher, s.AuthTag, s.SASType}; got != want {
			t.Errorf("as %v: %v, want %v", role, got, want)
		}
	}
}

// Each of the first 12 packets of either end is lost, doubled or late: the
// exchange must end well.
func TestDisturbances(t *testing.T) {
	for _, disturb := range []struct {
		name string
		what func(pkt []byte) []arrival
	}{
		{"lost", func([]byte) []arrival { return nil }},
		{"doubled", func(pkt []byte) []arrival { return []arrival{{pkt: pkt}, {pkt: pkt}} }},
		{"doubled later", func(pkt []byte) []arrival { return []arrival{{pkt: pkt}, {pkt, 70 * time.Millisecond}} }},
		{"overtaken", func(pkt []byte) []arrival { return []arrival{{pkt, 90 * time.Millisecond}} }},
		{"very late", func(pkt []byte) []arrival { return []arrival{{pkt, 700 * time.Millisecond}} }},
		{"damaged", func(pkt []byte) []arrival {
			bad := bytes.Clone(pkt)
			bad[len(bad)/2] ^= 4
			return []arrival{{pkt: bad}}
		}},
	} {
		for victim := range 24 {
			t.Run(fmt.Sprintf("%s/%d", disturb.name, victim), func(t *testing.T) {
				a, b := configs()
				l := newLink(t, a, b)
				l.delay = 20 * time.Millisecond
				l.filter = func(from *end, n int, pkt []byte) []arrival {
					if (from == l.a) == (victim%2 == 0) && n == victim/2+1 {
						return disturb.what(pkt)
					}
					return []arrival{{pkt: pkt}}
				}
				l.start()
				l.run(30 * time.Second)
				l.wantSecure()
			})
		}
	}
}

// A bad network: a quarter of all packets lost, the rest up to 100 ms apart.
func TestRandomLoss(t *testing.T) {
	failed := 0
	const calls = 200
	for seed := range byte(calls) {
		a, b := configs()
		a.Rand, b.Rand = testRand(seed), testRand(seed+1)
		random := testRand(seed + 2)
		l := newLink(t, a, b)
		l.delay = 40 * time.Millisecond
		l.filter = func(_ *end, _ int, pkt []byte) []arrival {
			if random.Uint64()%4 == 0 {
				return nil
			}
			return []arrival{{pkt, time.Duration(random.Uint64()%100) * time.Millisecond}}
		}
		l.start()
		l.run(60 * time.Second)
		if count[Secure](l.a)+count[Secure](l.b) != 2 {
			failed++
			continue
		}
		l.wantSecure()
	}
	if failed > 0 {
		t.Errorf("%d of %d calls were not secure at a quarter of packets lost", failed, calls)
	}
}

// The round trips of a handshake, with both ends starting at once: one half for
// the Hellos, then Commit, DHPart1, DHPart2, Confirm1, Confirm2, Conf2ACK.
func TestRoundTrips(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	l.delay = 50 * time.Millisecond
	l.a.ExpectHello([]string{l.b.HelloHash()})
	l.b.ExpectHello([]string{l.a.HelloHash()})
	l.start()
	for _, want := range []struct {
		at time.Duration
		n  int
	}{{299, 0}, {300, 1}, {349, 1}, {350, 2}} {
		l.run(want.at*time.Millisecond - l.now.Sub(epoch))
		if got := count[Secure](l.a) + count[Secure](l.b); got != want.n {
			t.Errorf("after %d ms %d ends are secure, want %d", want.at, got, want.n)
		}
	}
	for _, e := range []*end{l.a, l.b} {
		if n := len(e.sent); n > 12 { // a Commit and a DHPart1 are of two fragments
			t.Errorf("%s needed %d packets: %s", e.name, n, e.story())
		}
	}
}

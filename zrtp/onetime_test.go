package zrtp

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// A template foretells the Hello of a session with that H0 and ZID, and no other.
func TestHelloTemplate(t *testing.T) {
	for _, cfg := range []Config{{}, {Multistream: true}, {Algorithms: withoutKEM()}} {
		template, err := NewHelloTemplate(cfg)
		if err != nil {
			t.Fatal(err)
		}
		h0, zid := [32]byte{1, 2, 3}, ZID{4, 5, 6}
		cfg.H0, cfg.ZID = secret.Copy(h0[:]), zid
		s, err := NewSession(cfg)
		if err != nil {
			t.Fatal(err)
		}
		announced, ok := ParseHelloHash(s.HelloHash())
		if got := template.Hash(h0, zid); !ok || got != announced || got != sha256.Sum256(s.hello) {
			t.Errorf("%+v: foretold %x, announced %q", cfg, got, s.HelloHash())
		}
		if template.Hash([32]byte{1}, zid) == announced || template.Hash(h0, ZID{}) == announced {
			t.Error("another H0 or ZID has the same Hello")
		}
		if !cfg.H0.Equal(secret.Copy(h0[:])) || s.cfg.H0.Present() {
			t.Error("H0 was not left to the caller")
		}
	}
}

func TestParseHelloHash(t *testing.T) {
	good := "1.10 " + string(bytes.Repeat([]byte("0f"), 32))
	if _, ok := ParseHelloHash(" " + good + " "); !ok {
		t.Error("a good one is refused")
	}
	for _, bad := range []string{"", "1.10", "1.20" + good[4:], good[:67], good + "00", good[:68] + "g"} {
		if _, ok := ParseHelloHash(bad); ok {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// H0 is for the first stream: elsewhere H3 is the only nonce that an end has, and
// one that comes twice repeats keys.
func TestH0IsRefused(t *testing.T) {
	for _, cfg := range []Config{
		{H0: secret.Own(make([]byte, 31))},
		{H0: secret.Own(make([]byte, 32)), Further: true},
	} {
		if _, err := NewSession(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}

// The ids of two Karats that recognised each other are made of both H3, so that
// none comes twice; all four combinations still match, and the peer is found by its
// Hello, under whatever ZID.
func TestOneTimeIDs(t *testing.T) {
	seen := map[[8]byte]bool{}
	for i, tc := range []struct{ a1, a2, b1, b2, match byte }{
		{1, 2, 1, 2, 1}, {1, 2, 3, 1, 1}, {1, 2, 2, 3, 2}, {1, 2, 3, 2, 2}, {1, 0, 1, 0, 1}, {1, 2, 3, 4, 0},
	} {
		for _, role := range []Role{Initiator, Responder} {
			a, b := configs()
			a.ZID, b.ZID = ZID{9, byte(i), byte(role)}, ZID{8, byte(i), byte(role)}
			a.Recognised, b.Recognised = recognises(tc.a1, tc.a2), recognises(tc.b1, tc.b2)
			b.Rand = testRand(byte(100 + 2*i + int(role)))
			l := handshakeAs(t, role, a, b)
			sa, sb := l.wantSecure()
			wantMatch(t, l.a, sa, tc.match, tc.a1, tc.match == 0)
			wantMatch(t, l.b, sb, tc.match, tc.b1, tc.match == 0)
			for _, part := range [][]byte{l.a.x.dhPart1, l.a.x.dhPart2} {
				d, err := wire.ParseDHPart(part)
				if err != nil {
					t.Fatal(err)
				}
				for _, id := range [][8]byte{d.RS1ID, d.RS2ID} {
					if seen[id] {
						t.Errorf("the id %x comes twice", id)
					}
					seen[id] = true
				}
			}
		}
	}
}

func recognises(rs1, rs2 byte) func([32]byte) (Retained, bool) {
	r, _ := keeps(rs1, rs2)(ZID{})
	r.ID1, r.ID2 = secret.Copy([]byte{rs1, 'i'}), secret.Copy([]byte{rs2, 'i'})
	return func([32]byte) (Retained, bool) { return r, true }
}

// The form of a one-time id.
func TestOneTimeID(t *testing.T) {
	r := retainedSecret{value: rs(1), idKey: rs(2)}
	x := idInput{suite: suite{hash: wire.S384}, h3i: [32]byte{3}, h3r: [32]byte{4}}
	mac := hmac.New(sha256.New, bytes.Repeat([]byte{2}, 32))
	fmt.Fprintf(mac, "rsIDInitiator%s%s", x.h3i[:], x.h3r[:])
	if got := r.id(x, labelInitiator); !bytes.Equal(got[:], mac.Sum(nil)[:8]) {
		t.Errorf("id %x, want %x", got, mac.Sum(nil)[:8])
	}
}

// Who is recognised by its Hello is told by the Hello that came, and asked for
// before its ZID.
func TestRecognised(t *testing.T) {
	a, b := configs()
	var told [32]byte
	a.Recognised = func(hello [32]byte) (Retained, bool) {
		told = hello
		return Retained{}, false
	}
	a.Retained = keeps(1, 0)
	b.Retained = keeps(1, 0)
	l := newLink(t, a, b)
	l.start()
	l.run(time.Second)
	sa, _ := l.wantSecure()
	if !sa.Continuity {
		t.Error("not looked up by its ZID when its Hello is unknown")
	}
	if want, _ := ParseHelloHash(l.b.HelloHash()); told != want {
		t.Errorf("told %x, want %x", told, want)
	}
}

// Section 4.3.2: a mismatch is that we expected a match. Of what the peer may never
// have kept nothing is expected; what matches is good nonetheless.
func TestUnproven(t *testing.T) {
	for _, peer := range []byte{0, 1, 2} {
		a, b := configs()
		a.Retained = remembers(Retained{RS1: rs(1), Unproven: true})
		b.Retained = keeps(peer, 0)
		l := newLink(t, a, b)
		l.start()
		l.run(time.Second)
		sa, _ := l.wantSecure()
		if sa.Mismatched || count[Mismatch](l.a) > 0 || sa.Continuity != (peer == 1) {
			t.Errorf("the peer has %d: %+v", peer, sa)
		}
	}
}

// Two Karats get one request key from each exchange, and other phones none.
func TestRequestKey(t *testing.T) {
	keys := map[string]bool{}
	for seed := range byte(4) {
		a, b := configs()
		a.Rand = testRand(seed)
		l := newLink(t, a, b)
		l.start()
		l.run(time.Second)
		sa, sb := l.wantSecure()
		if sa.Remember.RequestKey.Len() != 32 || !sa.Remember.RequestKey.Equal(sb.Remember.RequestKey) {
			t.Error("both ends have not the same request key")
		}
		if sa.Remember.RequestKey.Equal(sa.Remember.RS1) {
			t.Error("it is the retained secret")
		}
		keys[string(sa.Remember.RequestKey.Expose())] = true
	}
	if len(keys) != 4 {
		t.Errorf("4 exchanges, %d keys", len(keys))
	}
	a, b := configs()
	b.Algorithms = withoutKEM()
	l := newLink(t, a, b)
	l.start()
	l.run(time.Second)
	if sa, sb := l.wantSecure(); sa.Remember.RequestKey.Present() || sb.Remember.RequestKey.Present() {
		t.Error("a request key with another phone")
	}
}

// The form of the request key, by the formulas of Section 4.5.1.
func TestRequestKeyDerivation(t *testing.T) {
	k := agreement{suite: suite{hash: wire.S256, cipher: wire.AES1}, dhResult: rs(1), totalHash: []byte("total")}.kdf()
	hellos := bytes.Repeat([]byte{5}, 64)
	mac := hmac.New(sha256.New, k.s0.Expose())
	fmt.Fprintf(mac, "\x00\x00\x00\x01Karat request v1\x00%stotal%s\x00\x00\x01\x00", make([]byte, 24), hellos)
	if got := k.request(hellos); !bytes.Equal(got.Expose(), mac.Sum(nil)) {
		t.Errorf("%x, want %x", got.Expose(), mac.Sum(nil))
	}
}

func BenchmarkHelloTemplate(b *testing.B) {
	template, err := NewHelloTemplate(Config{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		template.Hash([32]byte{1}, ZID{2})
	}
}

package zrtp

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"karat/zrtp/wire"
)

func parseHello(t *testing.T, s *Session) wire.Hello {
	t.Helper()
	h, err := wire.ParseHello(s.hello)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Section 5.2 and attack A33: our Hello says nothing about who or what we are
// but the ZID, and every installation says the same.
func TestHelloGivesNothingAway(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	ha, hb := parseHello(t, l.a.Session), parseHello(t, l.b.Session)
	if ha.ZID != a.ZID || ha.H3 == hb.H3 || ha.MAC == hb.MAC {
		t.Error("ZID, H3 or MAC is wrong")
	}
	ha.ZID, ha.H3, ha.MAC = hb.ZID, hb.H3, hb.MAC
	if fmt.Sprint(ha) != fmt.Sprint(hb) {
		t.Errorf("two installations differ:\n%+v\n%+v", ha, hb)
	}
	if ha.Version != "1.10" || string(ha.Client[:]) != clientID {
		t.Errorf("version %q, client %q", ha.Version, ha.Client)
	}
	if ha.Signature || ha.MiTM || ha.Passive || ha.Reserved || ha.Unused != 0 {
		t.Errorf("a flag or an unused bit is set: %+v", ha)
	}
	if slices.Contains(ha.KeyAgreements, wire.Mult) || slices.Contains(ha.KeyAgreements, "DH2k") {
		t.Errorf("offers %q", ha.KeyAgreements)
	}
}

// Section 9: H0 is unpredictable, and so is what follows.
func TestHelloDiffersEachTime(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		s, err := NewSession(Config{})
		if err != nil {
			t.Fatal(err)
		}
		seen[s.HelloHash()] = true
		seen[fmt.Sprint(s.sequence)] = true
	}
	if len(seen) < 190 { // of 65536 sequence numbers a few may be equal
		t.Errorf("200 random values, %d different", len(seen))
	}
}

// Section 8.1: hash of the message without its frame.
func TestHelloHash(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	before := l.a.HelloHash()
	l.start()
	p, err := wire.ParsePacket(l.a.sent[0])
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("1.10 %x", sha256.Sum256(p.Message)); before != want || l.a.HelloHash() != want {
		t.Errorf("hash %q, want %q", before, want)
	}
}

// Section 8.1: a Hello that was announced is bound, in whatever spelling, among
// whatever others.
//
// Items: 55.
func TestHelloAnnounced(t *testing.T) {
	other := "1.10 " + strings.Repeat("0", 64)
	for _, tc := range []struct {
		name string
		list func(hash string) []string
	}{
		{"alone", func(h string) []string { return []string{h} }},
		{"upper case", func(h string) []string { return []string{strings.ToUpper(h)} }},
		{"spaces", func(h string) []string { return []string{" " + h + " "} }},
		{"among others", func(h string) []string { return []string{"2.00 " + strings.Repeat("0", 64), other, h} }},
		{"same version, other last octet", func(h string) []string { return []string{"1.1a" + h[4:]} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, b := configs()
			l := newLink(t, a, b)
			l.a.ExpectHello(tc.list(l.b.HelloHash()))
			l.start()
			l.run(time.Second)
			l.wantSecure()
			if hello, _ := find[PeerHello](l.a); !hello.Bound || hello.ZID != b.ZID || !l.a.Bound() {
				t.Errorf("PeerHello %+v, want it bound", hello)
			}
			if hello, _ := find[PeerHello](l.b); hello.Bound || l.b.Bound() {
				t.Error("bound to nothing")
			}
		})
	}
}

// Attack A8 (aTalk 101): a Hello other than the announced is refused.
//
// Items: 55.
func TestHelloNotAnnounced(t *testing.T) {
	zeros := strings.Repeat("0", 64)
	for _, list := range [][]string{{"1.10 " + zeros}, {"nonsense"}, {""}, {"2.00 " + zeros}} {
		a, b := configs()
		a.PeerHelloHashes = list
		l := newLink(t, a, b)
		l.start()
		l.run(time.Second)
		if n := count[PeerHello](l.a); n > 0 {
			t.Errorf("%q: took the Hello", list)
		}
		l.run(time.Second)
		if f := l.wantFailed(l.a); !errors.Is(f.Err, ErrHelloHash) || f.ByPeer {
			t.Errorf("%q: failed with %v", list, f.Err)
		}
	}
}

// Section 8.1: false Hello messages are rejected, and the true one is not
// prevented.
func TestHelloInjected(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	_, mallory := configs()
	mallory.Rand = testRand('m')
	m := newEnd(t, "mallory", mallory)
	l.a.ExpectHello([]string{l.b.HelloHash()})
	l.a.Start(l.now)
	l.drain(l.a)
	l.inject(l.a, packet(b.SSRC+1, raw(m.hello)), 0)
	l.run(time.Second)
	l.b.Start(l.now)
	l.drain(l.b)
	l.run(5 * time.Second)
	l.wantSecure()
}

// hostileHello delivers one changed Hello of b to a, again and again as Hellos
// come, and returns how a ends.
func hostileHello(t *testing.T, change func(h *wire.Hello)) *link {
	t.Helper()
	a, b := configs()
	a.ReturnPath = true
	l := newLink(t, a, b)
	h := parseHello(t, l.b.Session)
	change(&h)
	l.a.Start(l.now)
	l.drain(l.a)
	for i := range 5 {
		l.inject(l.a, packet(b.SSRC, h), time.Duration(i)*200*ms)
	}
	l.run(2 * time.Second)
	return l
}

// Section 4.1.1: the rules of version negotiation.
func TestVersions(t *testing.T) {
	for _, tc := range []struct {
		version string
		want    string
	}{
		{"1.10", "commit"},
		{"1.1Z", "commit"},
		{"1.1 ", "commit"},
		{"9.90", "ignore"},
		{"2.00", "ignore"},
		{"1.20", "ignore"},
		{"0.90", "error"},
		{"1.00", "error"},
		{"0.85", "error"},
	} {
		t.Run(tc.version, func(t *testing.T) {
			l := hostileHello(t, func(h *wire.Hello) { h.Version = tc.version })
			types := l.a.types()
			committed := slices.Contains(types, wire.TypeCommit)
			acked := slices.Contains(types, wire.TypeHelloACK)
			sentError := slices.Contains(types, wire.TypeError)
			switch tc.want {
			case "commit":
				if !committed || sentError {
					t.Errorf("not accepted: %s", l.a.story())
				}
			case "ignore":
				if committed || acked || sentError || count[Failed](l.a) > 0 {
					t.Errorf("not ignored: %s", l.a.story())
				}
			case "error":
				wantCode(t, l.wantFailed(l.a), wire.CodeVersion)
				if committed || !sentError {
					t.Errorf("no Error: %s", l.a.story())
				}
			}
		})
	}
}

// Section 5.9, Table 8: equal ZIDs (attack A21).
func TestEqualZIDs(t *testing.T) {
	l := hostileHello(t, func(h *wire.Hello) { h.ZID = ZID{1, 'a'} })
	wantCode(t, l.wantFailed(l.a), wire.CodeEqualZIDs)
}

// Attack A5: counts that lie (Section 5.2: at most seven).
func TestMalformedHello(t *testing.T) {
	l := hostileHello(t, func(h *wire.Hello) { h.Ciphers = slices.Repeat(h.Ciphers, 4) })
	wantCode(t, l.wantFailed(l.a), wire.CodeMalformed)
}

// A fault that anyone could have made does not prevent the true exchange.
func TestFalseHelloDoesNotPreventTheTrue(t *testing.T) {
	for name, change := range map[string]func(*wire.Hello){
		"malformed": func(h *wire.Hello) { h.Ciphers = slices.Repeat(h.Ciphers, 4) },
		"version":   func(h *wire.Hello) { h.Version = "0.90" },
		"ZID":       func(h *wire.Hello) { h.ZID = ZID{1, 'a'} },
	} {
		a, b := configs()
		l := newLink(t, a, b)
		h := parseHello(t, l.b.Session)
		change(&h)
		l.a.Start(l.now)
		l.drain(l.a)
		l.inject(l.a, packet(b.SSRC, h), 0)
		l.run(500 * ms)
		l.b.Start(l.now)
		l.drain(l.b)
		l.run(3 * time.Second)
		t.Log(name)
		l.wantSecure()
	}
}

// Section 4.1: an SSRC collision ends the negotiation with Error 0x91, and so
// does our own Hello reflected (attack A21).
func TestSSRCCollision(t *testing.T) {
	a, b := configs()
	b.SSRC = a.SSRC
	l := newLink(t, a, b)
	l.start()
	l.run(5 * time.Second)
	for _, e := range []*end{l.a, l.b} {
		wantCode(t, l.wantFailed(e), wire.CodeSSRCCollision)
		if slices.Contains(e.types(), wire.TypeCommit) {
			t.Errorf("committed: %s", e.story())
		}
	}
	reflected := newLink(t, a, b)
	reflected.a.Start(epoch)
	reflected.drain(reflected.a)
	reflected.inject(reflected.a, reflected.a.sent[0], 0)
	reflected.run(time.Second)
	wantCode(t, reflected.wantFailed(reflected.a), wire.CodeSSRCCollision)
}

// Section 5: the 12 unused bits of a packet, and those of a Hello, are ignored.
// One pattern of them marks fragments elsewhere, and means nothing here either.
func TestUnusedBits(t *testing.T) {
	for _, unused := range []uint16{0xfff, wire.FragmentMark} {
		a, b := classicalConfigs()
		l := newLink(t, a, b)
		l.filter = func(_ *end, _ int, pkt []byte) []arrival {
			p, _ := wire.ParsePacket(pkt)
			p.Unused = unused
			return []arrival{{pkt: wire.AppendPacket(nil, p)}}
		}
		h := parseHello(t, l.b.Session)
		h.Unused, h.Reserved = 0xff, true
		l.b.hello = seal(h.Append(nil), l.b.chain.h2)
		l.start()
		l.run(time.Second)
		l.wantSecure()
	}
}

// Section 5.2: a Hello that lists nothing has the mandatory algorithms.
func TestHelloThatListsNothing(t *testing.T) {
	a, b := configs()
	b.Algorithms = Algorithms{[]string{"DH3k"}, []string{"S256"}, []string{"AES1"}, []string{"HS32"}, []string{"B32"}}
	l := newLink(t, a, b)
	h := parseHello(t, l.b.Session)
	h.Hashes, h.Ciphers, h.AuthTags, h.KeyAgreements, h.SASTypes = nil, nil, nil, nil, nil
	l.b.hello = seal(h.Append(nil), l.b.chain.h2)
	l.start()
	l.run(time.Second)
	if s, _ := l.wantSecure(); s.KeyAgreement != "DH3k" || s.Hash != "S256" || s.Cipher != "AES1" || s.SASType != "B32" {
		t.Errorf("chose %+v", s)
	}
}

// A peer's name for itself is shown to a person: no control characters.
func TestClientName(t *testing.T) {
	l := hostileHello(t, func(h *wire.Hello) { h.Client = [16]byte([]byte("\x1b[2Jphone\x00\xff 2.0 ")) })
	if hello, _ := find[PeerHello](l.a); hello.Client != "[2Jphone 2.0" {
		t.Errorf("client %q", hello.Client)
	}
}

func TestUnknownAlgorithms(t *testing.T) {
	for _, bad := range []Algorithms{
		{KeyAgreements: []string{"DH2k"}},
		{Hashes: []string{"S384", "S384"}},
		{SASTypes: []string{""}},
		{Ciphers: []string{"AES3 and more"}},
	} {
		if _, err := NewSession(Config{Algorithms: bad}); err == nil {
			t.Errorf("%+v: accepted", bad)
		}
	}
	if _, err := NewSession(Config{Algorithms: Algorithms{SASTypes: []string{"B32 ", "B256"}}}); err != nil {
		t.Error(err)
	}
}

func wantCode(t *testing.T, f Failed, code wire.ErrorCode) {
	t.Helper()
	var fault *ProtocolError
	if !errors.As(f.Err, &fault) || fault.Code != uint32(code) {
		t.Errorf("failed with %v, want error 0x%x", f.Err, uint32(code))
	}
}

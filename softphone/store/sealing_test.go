package store

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sealedForTest is a sealed file of one contact, and its key.
func sealedForTest(t testing.TB, s Sealing) (keys, []byte) {
	h := newHeader(s, kdf{passes: 1, memoryKiB: 8, lanes: 1})
	k, err := expand(newKey(), h)
	if err != nil {
		t.Fatal(err)
	}
	inside, err := encode(fullState())
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := seal(h, k, inside)
	if err != nil {
		t.Fatal(err)
	}
	return k, sealed
}

func fullState() *state {
	return &state{
		generation: 7, directZID: zid(4), accounts: []Account{someAccount()},
		contacts: []Contact{{Name: "alice", URIs: []string{"sip:alice@example.org"}, Peers: []Peer{somePeer(1, 2)}, AnewUntil: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}},
		unnamed:  []Peer{somePeer(1, 3)}, settings: Settings{Speaker: "null"},
	}
}

// TestEveryBitIsAuthenticated: no header can be claimed, no byte altered.
func TestEveryBitIsAuthenticated(t *testing.T) {
	k, sealed := sealedForTest(t, Passphrase)
	h, err := parseHeader(sealed)
	must(t, err)
	if _, err := unseal(h, k, sealed); err != nil {
		t.Fatal(err)
	}
	for i := range len(sealed) {
		for bit := range 8 {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1 << bit
			h, err := parseHeader(bad)
			if err != nil {
				continue
			}
			if _, err := unseal(h, k, bad); err == nil {
				t.Fatalf("byte %d, bit %d may be altered", i, bit)
			}
		}
	}
}

func TestSizeDoesNotCountContacts(t *testing.T) {
	h := newHeader(KeyFile, kdf{})
	k, err := expand(newKey(), h)
	must(t, err)
	sizes := map[int]bool{}
	for _, n := range []int{0, 1, padTo - 1, padTo} {
		sealed, err := seal(h, k, bytes.Repeat([]byte("x"), n))
		must(t, err)
		sizes[len(sealed)] = true
		if inside := len(sealed) - headerBytes - 16; inside%padTo != 0 {
			t.Errorf("%d bytes sealed are %d", n, inside)
		}
	}
	if len(sizes) != 2 {
		t.Errorf("%d sizes", len(sizes))
	}
}

func TestNoPlaintextOnDisk(t *testing.T) {
	b := newBench(t)
	s := b.open()
	must(t, s.SetAccount(someAccount()))
	must(t, s.SetContact(Contact{Name: "alice", Peers: []Peer{somePeer(1, 2)}}))
	file, err := os.ReadFile(b.path("store"))
	must(t, err)
	for _, word := range []string{"alice", "bob", "correct horse", "rs1", "Y29ycmVjd"} {
		if bytes.Contains(file, []byte(word)) {
			t.Errorf("%q lies open on the disk", word)
		}
	}
}

func TestSealingTwiceDiffers(t *testing.T) {
	h := newHeader(KeyFile, kdf{})
	k, err := expand(newKey(), h)
	must(t, err)
	a, _ := seal(h, k, []byte("same"))
	b, _ := seal(h, k, []byte("same"))
	if bytes.Equal(a[67:91], b[67:91]) || bytes.Equal(a[91:], b[91:]) {
		t.Error("a nonce was used twice")
	}
}

func TestEncodeDecode(t *testing.T) {
	b, err := encode(fullState())
	must(t, err)
	got, err := decode(b)
	must(t, err)
	if d := cmp.Diff(fullState(), got, equal, cmp.AllowUnexported(state{})); d != "" {
		t.Error(d)
	}
}

// TestInsideIsFixed: the inside as version 7 writes it. When this test fails,
// the format has changed, and stores of users no longer open.
func TestInsideIsFixed(t *testing.T) {
	const want = `{"version":7,"generation":7,"direct_zid":"BAQEBAQEBAQEBAQE",` +
		`"accounts":[{"aor":"sip:bob@example.org","registrar":"sips:example.org","auth_user":"bob","password":"Y29ycmVjdCBob3JzZQ==","ca":"UEVN","zid":"AAAAAAAAAAAAAAAA","contact_user":"b0b","weak_digest":true,"instance":true,"tls":{"certificate":"UEVN","key":"a2V5","pinned":true,"pin":"cGlu"},"relay":{"url":"turns:example.org","user":"r","password":"cmVsYXk=","only":true},"user_agent":"Phone 1","anonymous":true,"emergency_clear":true,"socks":{"address":"127.0.0.1:9050","user":"s","password":"c29ja3M="}}],` +
		`"contacts":[{"name":"alice","uris":["sip:alice@example.org"],"peers":[{"own_zid":"AQEBAQEBAQEBAQEB","zid":"AgICAgICAgICAgIC","rs1":"cnMx","rs1_expires":"2030-01-01T00:00:00.000000005Z","rs2":"cnMy","requests":{"keys":[{"key":"cmVxdWVzdCBrZXk=","hour":7,"initiator":true},{},{"key":"b2xkZXI=","hour":7}],"sent":5,"accepted":6,"proven":true,"unmet":true},"verified":true,"verified_name":"alice","reintroduced":true,"best_key_agreement":"X255"}],"anew_until":"2030-01-01T00:00:00Z"}],` +
		`"unnamed":[{"own_zid":"AQEBAQEBAQEBAQEB","zid":"AwMDAwMDAwMDAwMD","rs1":"cnMx","rs1_expires":"2030-01-01T00:00:00.000000005Z","rs2":"cnMy","requests":{"keys":[{"key":"cmVxdWVzdCBrZXk=","hour":7,"initiator":true},{},{"key":"b2xkZXI=","hour":7}],"sent":5,"accepted":6,"proven":true,"unmet":true},"verified":true,"verified_name":"alice","reintroduced":true,"best_key_agreement":"X255"}],` +
		`"settings":{"speaker":"null"}}`
	got, err := encode(fullState())
	must(t, err)
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
}

func TestDecodeRefuses(t *testing.T) {
	const ok = `{"version":1,"generation":1,"direct_zid":"BAQEBAQEBAQEBAQE","settings":{}`
	const peer = `{"own_zid":"AQEBAQEBAQEBAQEB","zid":"AgICAgICAgICAgIC"}`
	tests := []struct {
		name, inside string
		want         error
	}{
		{"nothing", ``, errDamaged},
		{"no object", `7`, errDamaged},
		{"version 0", `{}`, errDamaged},
		{"newer", `{"version":8,"anything":true}`, errNewer},
		{"unknown field", ok + `,"more":1}`, errDamaged},
		{"two objects", ok + `}{}`, errDamaged},
		{"short ZID", `{"version":1,"direct_zid":"BAQE","settings":{}}`, errDamaged},
		{"short ZID of an account", ok + `,"accounts":[{"aor":"a","zid":"BAQE"}]}`, errDamaged},
		{"account twice", ok + `,"accounts":[{"aor":"a","zid":"BAQEBAQEBAQEBAQE"},{"aor":"a","zid":"BAQEBAQEBAQEBAQE"}]}`, errDamaged},
		{"name twice", ok + `,"contacts":[{"name":"a"},{"name":"a"}]}`, errDamaged},
		{"nameless", ok + `,"contacts":[{}]}`, errDamaged},
		{"peer twice", ok + `,"unnamed":[` + peer + `],"contacts":[{"name":"a","peers":[` + peer + `]}]}`, errDamaged},
		{"relay-only without a relay", ok + `,"accounts":[{"aor":"a","zid":"BAQEBAQEBAQEBAQE","relay":{"url":"","only":true}}]}`, errDamaged},
		{"good, of version 1", ok + "}   ", nil},
		{"good, of version 2", strings.Replace(ok, "1", "2", 1) + "}", nil},
		{"good, of version 3", strings.Replace(ok, "1", "3", 1) + "}", nil},
		{"two request keys", ok + `,"unnamed":[{"own_zid":"AQEBAQEBAQEBAQEB","zid":"AgICAgICAgICAgIC","requests":{"keys":[{},{}]}}]}`, errDamaged},
		{"good, of version 4", strings.Replace(ok, "1", "4", 1) + "}", nil},
		{"good, of version 5", strings.Replace(ok, "1", "5", 1) + "}", nil},
		{"good, of version 6", strings.Replace(ok, "1", "6", 1) + "}", nil},
		{"SOCKS without relay-only", ok + `,"accounts":[{"aor":"a","zid":"BAQEBAQEBAQEBAQE","socks":{"address":"127.0.0.1:9050"},"relay":{"url":"turn:a"}}]}`, errDamaged},
		{"SOCKS and STUN", ok + `,"accounts":[{"aor":"a","zid":"BAQEBAQEBAQEBAQE","socks":{"address":"127.0.0.1:9050"},"stun":"a","relay":{"url":"turn:a","only":true}}]}`, errDamaged},
		{"good", strings.Replace(ok, "1", "7", 1) + "}", nil},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			if _, err := decode([]byte(c.inside)); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestKDFBounds(t *testing.T) {
	for _, c := range []struct {
		kdf  kdf
		want bool
	}{
		{defaultKDF, true},
		{kdf{1, 8, 1}, true},
		{kdf{maxPasses, maxMemoryKiB, maxLanes}, true},
		{kdf{0, 64, 1}, false},
		{kdf{maxPasses + 1, 64, 1}, false},
		{kdf{1, 7, 1}, false},
		{kdf{1, 64, 0}, false},
		{kdf{1, 8, 2}, false},
		{kdf{1, maxMemoryKiB + 1, 1}, false},
		{kdf{1, maxMemoryKiB, maxLanes + 1}, false},
	} {
		if got := c.kdf.bounded(); got != c.want {
			t.Errorf("%+v: %v", c.kdf, got)
		}
	}
}

func TestTimesLoseOnlyTheirZone(t *testing.T) {
	now := time.Now()
	if got := plainTime(now); !got.Equal(now) || got.Location() != time.UTC {
		t.Errorf("%v became %v", now, got)
	}
}

func FuzzUnseal(f *testing.F) {
	for _, s := range []Sealing{Keyring, Passphrase, KeyFile} {
		_, sealed := sealedForTest(f, s)
		f.Add(sealed)
		f.Add(sealed[:headerBytes])
	}
	f.Add([]byte(magic))
	key := newKey()
	f.Fuzz(func(t *testing.T, file []byte) {
		h, err := parseHeader(file)
		if err != nil {
			return
		}
		if got := h.marshal(); !bytes.Equal(got, file[:headerBytes]) {
			t.Errorf("a header of %x is written as %x", file[:headerBytes], got)
		}
		k, err := expand(key, h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := unseal(h, k, file); err == nil {
			t.Error("a file nobody sealed was opened")
		}
		h.check = k.check // past the first lock
		if _, err := unseal(h, k, file); !errors.Is(err, errDamaged) {
			t.Errorf("a file nobody sealed: %v", err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	inside, err := encode(fullState())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(inside)
	f.Add([]byte(`{"version":1,"generation":1,"direct_zid":"BAQEBAQEBAQEBAQE","settings":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decode(b)
		if err != nil {
			return
		}
		once, err := encode(s)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := decode(once)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		twice, err := encode(again)
		if err != nil || !bytes.Equal(once, twice) {
			t.Errorf("not stable: %v\n%s\n%s", err, once, twice)
		}
	})
}

func BenchmarkOpenPassphrase(b *testing.B) {
	h := newHeader(Passphrase, defaultKDF)
	for b.Loop() {
		h.stretch(sec("open sesame"))
	}
}

func BenchmarkChange(b *testing.B) {
	sys := system{disk: osDisk{}, now: time.Now}
	dir := b.TempDir()
	s, err := open(dir+"/home", Options{StateDir: dir + "/state"}, sys)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for b.Loop() {
		if err := s.SetPeer(somePeer(1, 2)); err != nil {
			b.Fatal(err)
		}
	}
}

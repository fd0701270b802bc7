package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zalando/go-keyring"

	"karat/internal/secret"
)

// bench is a home of its own for one test, and the world around it.
type bench struct {
	t    *testing.T
	home string
	opts Options
	sys  system
}

// memoryRing is a keyring in memory; broken, when set, is what it says.
type memoryRing struct {
	items  map[string]string
	broken error
}

func (r *memoryRing) get(user string) (string, error) {
	if r.broken != nil {
		return "", r.broken
	}
	if v, ok := r.items[user]; ok {
		return v, nil
	}
	return "", keyring.ErrNotFound
}

func (r *memoryRing) set(user, value string) error {
	if r.broken == nil {
		r.items[user] = value
	}
	return r.broken
}

func newBench(t *testing.T) *bench {
	dir := t.TempDir()
	return &bench{
		t: t, home: filepath.Join(dir, "home"),
		opts: Options{StateDir: filepath.Join(dir, "state")},
		sys: system{
			disk: osDisk{}, ring: &memoryRing{items: map[string]string{}}, machine: "this machine",
			now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
			kdf: kdf{passes: 1, memoryKiB: 8, lanes: 1},
		},
	}
}

// open opens the store, and closes it when the test ends.
func (b *bench) open() *Store {
	b.t.Helper()
	s, err := open(b.home, b.opts, b.sys)
	if err != nil {
		b.t.Fatalf("open: %v", err)
	}
	b.t.Cleanup(func() { s.Close() })
	return s
}

// use opens the store, does something, and closes it.
func (b *bench) use(do func(*Store)) {
	b.t.Helper()
	s := b.open()
	do(s)
	must(b.t, s.Close())
}

func (b *bench) path(name string) string { return filepath.Join(b.home, name) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// equal compares what the API returns, secrets too.
var equal = cmp.Comparer(func(a, b secret.Bytes) bool {
	return bytes.Equal(a.Expose(), b.Expose())
})

func sec(text string) secret.Bytes { return secret.Copy([]byte(text)) }

func zid(b byte) (z [12]byte) {
	for i := range z {
		z[i] = b
	}
	return z
}

// somePeer has every field set.
func somePeer(own, peer byte) Peer {
	return Peer{
		OwnZID: zid(own), ZID: zid(peer), RS1: sec("rs1"), RS2: sec("rs2"),
		RS1Expires: time.Date(2030, 1, 1, 0, 0, 0, 5, time.UTC),
		Requests: Requests{
			Keys: [3]RequestKey{{Key: sec("request key"), Hour: 7, Initiator: true}, {}, {Key: sec("older"), Hour: 7}},
			Sent: 5, Accepted: 6, Proven: true, Unmet: true,
		},
		Verified: true, VerifiedName: "alice", Reintroduced: true, BestKeyAgreement: "X255",
	}
}

func someAccount() Account {
	return Account{
		AOR: "sip:bob@example.org", Registrar: "sips:example.org", AuthUser: "bob",
		Password: sec("correct horse"), CA: []byte("PEM"), Relay: Relay{URL: "turns:example.org", User: "r", Password: secret.Copy([]byte("relay")), Only: true},
		SOCKS:       SOCKS{Address: "127.0.0.1:9050", User: "s", Password: secret.Copy([]byte("socks"))},
		ContactUser: "b0b", WeakDigest: true, Instance: true, UserAgent: "Phone 1", Anonymous: true, EmergencyClear: true,
		TLS: TLS{Certificate: []byte("PEM"), Key: sec("key"), Pinned: true, Pin: []byte("pin")},
	}
}

func TestEverythingLasts(t *testing.T) {
	for _, sealing := range []Sealing{Keyring, Passphrase, KeyFile} {
		t.Run(sealing.String(), func(t *testing.T) {
			b := newBench(t)
			b.opts.Keyring = sealing == Keyring
			if sealing == Passphrase {
				b.opts.Passphrase = sec("open sesame")
			}
			var accounts []Account
			var direct [12]byte
			contact := Contact{Name: "alice", URIs: []string{"sip:alice@example.org"}, Peers: []Peer{somePeer(1, 2)}}
			settings := Settings{Microphone: "default", Speaker: "null", History: true}
			b.use(func(s *Store) {
				if s.Sealing() != sealing {
					t.Errorf("sealed by %v, want %v", s.Sealing(), sealing)
				}
				must(t, s.SetAccount(someAccount()))
				must(t, s.SetContact(contact))
				must(t, s.SetPeer(somePeer(1, 3)))
				must(t, s.SetSettings(settings))
				accounts, direct = s.Accounts(), s.DirectZID()
			})
			s := b.open()
			if got := s.Notices(); len(got) != 0 {
				t.Errorf("an ordinary start says %q", got)
			}
			want := someAccount()
			want.ZID = accounts[0].ZID
			for _, c := range []struct{ got, want any }{
				{s.Accounts(), []Account{want}},
				{s.Contacts(), []Contact{contact}},
				{s.Unnamed(), []Peer{somePeer(1, 3)}},
				{s.Settings(), settings},
				{s.DirectZID(), direct},
				{s.Sealing(), sealing},
			} {
				if d := cmp.Diff(c.want, c.got, equal); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

func TestZIDs(t *testing.T) {
	b := newBench(t)
	s := b.open()
	a := someAccount()
	a.ZID = zid(9)
	must(t, s.SetAccount(a))
	first, _ := s.Account(a.AOR)
	if first.ZID == zid(9) || first.ZID == zid(0) || first.ZID == s.DirectZID() {
		t.Errorf("the account's ZID is not its own random one: %x", first.ZID)
	}
	a.Password = sec("another")
	must(t, s.SetAccount(a))
	second, _ := s.Account(a.AOR)
	if second.ZID != first.ZID {
		t.Error("changing the password changed the ZID")
	}
	if string(second.Password.Expose()) != "another" || len(s.Accounts()) != 1 {
		t.Error("the account was not changed in place")
	}
	a.AOR = "sip:bob@example.net"
	must(t, s.SetAccount(a))
	other, _ := s.Account(a.AOR)
	if other.ZID == first.ZID {
		t.Error("two accounts share a ZID, which links them")
	}
}

func TestRemoveAccountForgetsItsPeers(t *testing.T) {
	s := newBench(t).open()
	must(t, s.SetAccount(someAccount()))
	own := s.Accounts()[0].ZID
	stay, goes := somePeer(1, 2), somePeer(1, 2)
	goes.OwnZID = own
	must(t, s.SetContact(Contact{Name: "alice", Peers: []Peer{stay, goes}}))
	goes.ZID = zid(7)
	must(t, s.SetPeer(goes))
	must(t, s.RemoveAccount(someAccount().AOR))
	if d := cmp.Diff([]Contact{{Name: "alice", URIs: nil, Peers: []Peer{stay}}}, s.Contacts(), equal); d != "" {
		t.Error(d)
	}
	if len(s.Accounts()) != 0 || len(s.Unnamed()) != 0 {
		t.Error("the account or its peers are still there")
	}
}

func TestReturnsCopies(t *testing.T) {
	s := newBench(t).open()
	must(t, s.SetAccount(someAccount()))
	must(t, s.SetContact(Contact{Name: "alice", URIs: []string{"sip:a@b"}, Peers: []Peer{somePeer(1, 2)}}))
	a, c := s.Accounts()[0], s.Contacts()[0]
	a.Password.Wipe()
	clear(a.CA)
	c.URIs[0] = "changed"
	c.Peers[0].RS1.Wipe()
	p, _, _ := s.Peer(zid(1), zid(2))
	p.RS2.Wipe()
	again, _ := s.Account(a.AOR)
	contact, _ := s.Contact("alice")
	if string(again.Password.Expose()) != "correct horse" || string(again.CA) != "PEM" {
		t.Error("the account is shared with the caller")
	}
	if contact.URIs[0] != "sip:a@b" {
		t.Error("the addresses are shared with the caller")
	}
	if p := contact.Peers[0]; string(p.RS1.Expose()) != "rs1" || string(p.RS2.Expose()) != "rs2" {
		t.Error("the peer is shared with the caller")
	}
}

func TestTakesCopies(t *testing.T) {
	s := newBench(t).open()
	a, p := someAccount(), somePeer(1, 2)
	must(t, s.SetAccount(a))
	must(t, s.SetPeer(p))
	a.Password.Wipe()
	p.RS1.Wipe()
	again, _ := s.Account(a.AOR)
	kept, _, _ := s.Peer(zid(1), zid(2))
	if string(again.Password.Expose()) != "correct horse" || string(kept.RS1.Expose()) != "rs1" {
		t.Error("the store keeps the caller's memory")
	}
}

func TestSetContactKeepsWhatACallChanged(t *testing.T) {
	s := newBench(t).open()
	must(t, s.SetContact(Contact{Name: "alice", Peers: []Peer{somePeer(1, 2)}}))
	stale, _ := s.Contact("alice")
	must(t, s.UpdatePeer(zid(1), zid(2), func(p *Peer) error {
		p.RS2, p.RS1 = p.RS1, sec("newer")
		return nil
	}))
	stale.URIs = []string{"sip:alice@example.org"}
	must(t, s.SetContact(stale))
	p, _, _ := s.Peer(zid(1), zid(2))
	if string(p.RS1.Expose()) != "newer" || string(p.RS2.Expose()) != "rs1" {
		t.Errorf("the secrets of the last call are lost: %s, %s", p.RS1.Expose(), p.RS2.Expose())
	}
	c, _ := s.Contact("alice")
	if len(c.URIs) != 1 || len(c.Peers) != 1 {
		t.Errorf("the contact has %d addresses and %d devices", len(c.URIs), len(c.Peers))
	}
}

func TestNamingSomeone(t *testing.T) {
	s := newBench(t).open()
	must(t, s.SetPeer(Peer{OwnZID: zid(1), ZID: zid(2), RS1: sec("rs1")}))
	if _, _, found := s.Peer(zid(1), zid(2)); !found || nameOf(s) != "" {
		t.Fatalf("found %v; want someone not named yet", found)
	}
	if _, _, found := s.Peer(zid(3), zid(2)); found {
		t.Fatal("a peer was found under another ZID of ours")
	}
	must(t, s.NamePeer(zid(1), zid(2), "bob"))
	if p, _, _ := s.Peer(zid(1), zid(2)); p.Verified || nameOf(s) != "bob" {
		t.Error("naming did not name, or verified")
	}
	must(t, s.Verify(zid(1), zid(2), "alice"))
	p, _, _ := s.Peer(zid(1), zid(2))
	name := nameOf(s)
	if name != "alice" || !p.Verified || p.VerifiedName != "alice" || string(p.RS1.Expose()) != "rs1" {
		t.Errorf("named %q: %+v", name, p)
	}
	if len(s.Unnamed()) != 0 {
		t.Error("it is still among the unnamed")
	}
	must(t, s.RenameContact("alice", "alice and bob"))
	p, _, _ = s.Peer(zid(1), zid(2))
	name = nameOf(s)
	if name != "alice and bob" || p.VerifiedName != name {
		t.Errorf("renamed to %q, verified as %q", name, p.VerifiedName)
	}
	must(t, s.Unverify(zid(1), zid(2)))
	if p, _, _ = s.Peer(zid(1), zid(2)); p.Verified || p.VerifiedName != "" {
		t.Error("still verified")
	}
	must(t, s.RemoveContact("alice and bob"))
	if _, _, found := s.Peer(zid(1), zid(2)); found {
		t.Error("the contact is gone, and its device is not")
	}
}

func TestUnnamedAreBounded(t *testing.T) {
	st := &state{}
	for i := range maxUnnamed + 1 {
		st.addUnnamed(Peer{ZID: [12]byte{byte(i >> 8), byte(i)}})
	}
	if len(st.unnamed) != maxUnnamed || st.unnamed[0].ZID != [12]byte{0, 1} {
		t.Errorf("%d kept, the first is %x", len(st.unnamed), st.unnamed[0].ZID)
	}
}

func TestUpdatePeerMovesToTheEnd(t *testing.T) {
	s := newBench(t).open()
	touch := func(*Peer) error { return nil }
	for _, z := range []byte{2, 3, 2} {
		must(t, s.UpdatePeer(zid(1), zid(z), touch))
	}
	if u := s.Unnamed(); len(u) != 2 || u[1].ZID != zid(2) {
		t.Errorf("the one heard of last is not at the end: %v", u)
	}
}

func TestRefusedChangesLeaveEverything(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		name string
		try  func(*Store) error
		want error
	}{
		{"edit fails", func(s *Store) error {
			return s.UpdatePeer(zid(1), zid(2), func(p *Peer) error { p.RS1 = sec("half"); return boom })
		}, boom},
		{"account without address", func(s *Store) error { return s.SetAccount(Account{}) }, ErrInvalid},
		{"account of two lines", func(s *Store) error { return s.SetAccount(Account{AOR: "sip:a@b\r\nX: y"}) }, ErrInvalid},
		{"contact without name", func(s *Store) error { return s.SetContact(Contact{}) }, ErrInvalid},
		{"contact with space around", func(s *Store) error { return s.SetContact(Contact{Name: " alice"}) }, ErrInvalid},
		{"contact with escape", func(s *Store) error { return s.SetContact(Contact{Name: "a\x1b[2J"}) }, ErrInvalid},
		{"contact not UTF-8", func(s *Store) error { return s.SetContact(Contact{Name: "a\xff"}) }, ErrInvalid},
		{"name taken", func(s *Store) error { return s.RenameContact("alice", "bob") }, ErrInvalid},
		{"rename nobody", func(s *Store) error { return s.RenameContact("carol", "dave") }, ErrUnknown},
		{"remove nobody", func(s *Store) error { return s.RemoveContact("carol") }, ErrUnknown},
		{"remove no account", func(s *Store) error { return s.RemoveAccount("sip:x@y") }, ErrUnknown},
		{"remove no peer", func(s *Store) error { return s.RemovePeer(zid(8), zid(8)) }, ErrUnknown},
		{"name nobody", func(s *Store) error { return s.NamePeer(zid(8), zid(8), "carol") }, ErrUnknown},
		{"verify nobody", func(s *Store) error { return s.Verify(zid(8), zid(8), "carol") }, ErrUnknown},
		{"unverify nobody", func(s *Store) error { return s.Unverify(zid(8), zid(8)) }, ErrUnknown},
		{"setting not UTF-8", func(s *Store) error { return s.SetSettings(Settings{Speaker: "\xff"}) }, ErrInvalid},
		{"date that JSON has not", func(s *Store) error {
			return s.SetPeer(Peer{RS1Expires: time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)})
		}, ErrNotSaved},
	}
	b := newBench(t)
	s := b.open()
	must(t, s.SetContact(Contact{Name: "alice", Peers: []Peer{somePeer(1, 2)}}))
	must(t, s.SetContact(Contact{Name: "bob"}))
	before := snapshot(s)
	file, err := os.ReadFile(b.path("store"))
	must(t, err)
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			if err := c.try(s); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if d := cmp.Diff(before, snapshot(s), equal); d != "" {
				t.Error(d)
			}
			if now, _ := os.ReadFile(b.path("store")); !bytes.Equal(file, now) {
				t.Error("the file was written")
			}
		})
	}
}

// snapshot is all that a store returns.
func snapshot(s *Store) any {
	return struct {
		A []Account
		C []Contact
		U []Peer
		S Settings
		Z [12]byte
	}{s.Accounts(), s.Contacts(), s.Unnamed(), s.Settings(), s.DirectZID()}
}

func TestConcurrentUse(t *testing.T) {
	b := newBench(t)
	s := b.open()
	const writers, times = 4, 10
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for range times {
				err := s.UpdatePeer(zid(1), zid(2), func(p *Peer) error {
					p.RS1 = secret.Own(append(bytes.Clone(p.RS1.Expose()), 'x'))
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				s.Contacts()
				s.Peer(zid(1), zid(2))
				if err := s.SetContact(Contact{Name: fmt.Sprint("contact ", i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	must(t, s.Close())
	s = b.open()
	if p, _, _ := s.Peer(zid(1), zid(2)); p.RS1.Len() != writers*times {
		t.Errorf("%d of %d updates are there", p.RS1.Len(), writers*times)
	}
	if n := len(s.Contacts()); n != writers {
		t.Errorf("%d contacts", n)
	}
}

func TestClosed(t *testing.T) {
	s := newBench(t).open()
	must(t, s.SetContact(Contact{Name: "alice"}))
	must(t, s.Close())
	must(t, s.Close())
	if err := s.SetContact(Contact{Name: "bob"}); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if len(s.Contacts()) != 0 {
		t.Error("a closed store still tells")
	}
}

// Secrets must not leave by an encoder that somebody adds: the types of the API
// do not serialise.
func TestPeersDoNotSerialise(t *testing.T) {
	if b, err := json.Marshal(somePeer(1, 2)); err == nil {
		t.Errorf("a peer was written out: %s", b)
	}
}

// nameOf is the name of the contact of the device that most tests use.
func nameOf(s *Store) string {
	_, name, _ := s.Peer(zid(1), zid(2))
	return name
}

// What many devices leave is changed in one write, or in none.
func TestEditPeers(t *testing.T) {
	b := newBench(t)
	s := b.open()
	must(t, s.SetContact(Contact{Name: "alice", Peers: []Peer{somePeer(1, 2)}}))
	must(t, s.SetPeer(somePeer(1, 3)))
	must(t, s.SetPeer(somePeer(9, 3)))
	before, err := os.ReadFile(b.path("store"))
	must(t, err)
	must(t, s.EditPeers(func(*Peer) bool { return false }))
	if after, _ := os.ReadFile(b.path("store")); !bytes.Equal(before, after) {
		t.Error("written although nothing changed")
	}
	must(t, s.EditPeers(func(p *Peer) bool {
		p.Requests.Keys[0].Hour++
		return p.OwnZID == zid(1)
	}))
	must(t, s.Close())
	s = b.open()
	known := s.Known(zid(1))
	if len(known) != 2 || known[0].Contact != "alice" || known[1].Contact != "" {
		t.Fatalf("known: %+v", known)
	}
	for _, k := range append(known, s.Known(zid(9))...) {
		want := somePeer(k.OwnZID[0], k.ZID[0])
		if k.OwnZID == zid(1) {
			want.Requests.Keys[0].Hour++
		}
		if d := cmp.Diff(want, k.Peer, equal); d != "" {
			t.Error(d)
		}
		k.Wipe()
	}
	if p, _, _ := s.Peer(zid(1), zid(2)); string(p.Requests.Keys[0].Key.Expose()) != "request key" {
		t.Error("what was returned is shared with the store")
	}
}

// The device heard of last is the last one of its contact.
func TestUpdatePeerMovesToTheEndOfItsContact(t *testing.T) {
	s := newBench(t).open()
	must(t, s.SetContact(Contact{Name: "alice", Peers: []Peer{somePeer(1, 2), somePeer(1, 3)}}))
	must(t, s.UpdatePeer(zid(1), zid(2), func(*Peer) error { return nil }))
	if c, _ := s.Contact("alice"); len(c.Peers) != 2 || c.Peers[1].ZID != zid(2) {
		t.Errorf("%+v", c.Peers)
	}
}

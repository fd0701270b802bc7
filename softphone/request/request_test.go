package request

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"karat/internal/secret"
)

// at is a moment so many steps after Epoch.
func at(steps int) time.Time { return Epoch.Add(time.Duration(steps) * StepTime) }

func rk(n byte) Key {
	b := make([]byte, KeyLen)
	for i := range b {
		b[i] = n + byte(i)
	}
	return NewKey(secret.Own(b))
}

// anyHash stands for the hash of a Hello.
func anyHash(h0 [32]byte, zid [ZIDLen]byte) [32]byte {
	return sha256.Sum256(append(h0[:], zid[:]...))
}

var templates = []Template{{1, anyHash}}

func TestVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/vectors.txt")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(b), "\n\n")[1:]
	if len(blocks) != 5 {
		t.Fatalf("%d vectors", len(blocks))
	}
	for _, block := range blocks {
		v := map[string]string{}
		for lines := bufio.NewScanner(strings.NewReader(block)); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), " ")
			v[name] = value
		}
		number := func(name string) uint64 { n, _ := strconv.ParseUint(v[name], 10, 64); return n }
		rk0, _ := hex.DecodeString(v["rk0"])
		hello, _ := hex.DecodeString(v["hello"])
		s := newStamp(number("step"), uint8(number("ctr")))
		k, ok := NewKey(secret.Own(rk0)).Advance(s.Hour())
		if !ok {
			t.Fatal("no key")
		}
		i := k.Identity(s, number("d") == 1, byte(number("template")))
		answer := i.AnswerZID([32]byte(hello))
		for name, got := range map[string][]byte{
			"rk": k.Secret().Expose(), "H0": i.H0[:], "ZIDc": i.ZID[:], "ZIDr": answer[:], "idkey": k.IDKey().Expose(),
		} {
			if hex.EncodeToString(got) != v[name] {
				t.Errorf("step %s: %s is %x, want %s", v["step"], name, got, v[name])
			}
		}
	}
}

// A request is found within its window, once, and older ones not after it.
func TestLookup(t *testing.T) {
	const now = 1000
	for _, tc := range []struct {
		sent, seen int
		want       bool
	}{
		{now, now, true},
		{now, now + 2, true},
		{now, now + 3, false},
		{now, now - 1, true},
		{now, now - 2, false},
		{120, 119, true},
		{119, 121, true}, // over a full hour, both ways
		{0, 0, true},
		{1, 0, true},
		{0, 2, true},
	} {
		s := newStamp(uint64(tc.sent), 3)
		k, _ := rk(1).Advance(s.Hour())
		sent := k.Identity(s, true, 1)
		table := NewTable([]Peer{{}, {Keys: []PeerKey{{Key: rk(9)}, {Key: rk(1), Initiator: true}}}}, templates)
		hash := anyHash(sent.H0, sent.ZID)
		m, ok := table.Lookup(at(tc.seen), hash)
		if ok != tc.want {
			t.Errorf("%+v: found %v", tc, ok)
			continue
		}
		if !ok {
			continue
		}
		if m.Peer != 1 || m.Key != 1 || m.Stamp != s || m.Identity.AnswerZID(hash) != sent.AnswerZID(hash) {
			t.Errorf("%+v: %+v", tc, m)
		}
		if _, again := table.Lookup(at(tc.seen), hash); again {
			t.Errorf("%+v: found twice", tc)
		}
		older := k.Identity(s-1, true, 1)
		if _, found := table.Lookup(at(tc.seen), anyHash(older.H0, older.ZID)); found && s > 0 {
			t.Errorf("%+v: an older one is found after it", tc)
		}
	}
}

// What was accepted before a restart is not accepted after it.
func TestAcceptedIsKept(t *testing.T) {
	s := newStamp(500, 1)
	k, _ := rk(1).Advance(s.Hour())
	for counter, want := range []bool{false, false, true, true} {
		table := NewTable([]Peer{{Keys: []PeerKey{{Key: rk(1)}}, Accepted: s}}, templates)
		i := k.Identity(newStamp(500, uint8(counter)), false, 1)
		if _, ok := table.Lookup(at(500), anyHash(i.H0, i.ZID)); ok != want {
			t.Errorf("counter %d after %d: %v", counter, s.counter(), ok)
		}
	}
}

// One's own request, reflected, is not the peer's; nor is another peer's key, nor
// another template.
func TestNotTheirs(t *testing.T) {
	s := newStamp(500, 0)
	k, _ := rk(1).Advance(s.Hour())
	other, _ := rk(2).Advance(s.Hour())
	for name, i := range map[string]Identity{
		"reflected": k.Identity(s, true, 1), "another key": other.Identity(s, false, 1), "another template": k.Identity(s, false, 2),
	} {
		table := NewTable([]Peer{{Keys: []PeerKey{{Key: rk(1)}}}}, templates)
		if _, ok := table.Lookup(at(500), anyHash(i.H0, i.ZID)); ok {
			t.Errorf("%s: found", name)
		}
	}
}

// The table's size does not grow with time, and a step computed one by one is what
// a new table has.
func TestTableIsBounded(t *testing.T) {
	table := NewTable([]Peer{{Keys: []PeerKey{{Key: rk(1)}, {Key: rk(2)}}}}, templates)
	for step := range 300 {
		table.Advance(at(step))
		if want := min(step, behind) + 1 + ahead; len(table.entries) != 2*Counters*want || len(table.steps) != want {
			t.Fatalf("step %d: %d entries", step, len(table.entries))
		}
	}
	table.Advance(at(0)) // a clock that was set back
	if len(table.entries) != 2*Counters*2 {
		t.Errorf("%d entries after the clock was set back", len(table.entries))
	}
}

// The stamps of a sender only rise, four a step, and never get ahead of what a
// receiver takes.
func TestNext(t *testing.T) {
	now := at(10)
	last := Stamp(0)
	var given int
	for {
		next, ok := Next(now, last)
		if !ok {
			break
		}
		if next <= last || next.step() < 10 || next.step() > 11 {
			t.Fatalf("step %d after %d", next.step(), last.step())
		}
		last = next
		given++
	}
	if given != 2*Counters {
		t.Errorf("%d requests in one step", given)
	}
	if _, ok := Next(at(5), last); ok {
		t.Error("a stamp although the clock was set back")
	}
	if next, ok := Next(at(13), last); !ok || next != newStamp(13, 0) {
		t.Errorf("%d, %v", next, ok)
	}
	if next, ok := Next(Epoch.Add(-time.Hour), 0); !ok || next == 0 {
		t.Error("before Epoch there is no request")
	}
}

// The ratchet has no way back, goes in one or in many steps to the same place, and
// not where only a wrong clock leads. It leaves its input alone.
func TestAdvance(t *testing.T) {
	k := rk(1)
	ten, _ := k.Advance(10)
	one := k
	for h := Hour(1); h <= 10; h++ {
		one, _ = one.Advance(h)
	}
	if !one.Secret().Equal(ten.Secret()) || ten.Hour() != 10 || ten.Secret().Equal(k.Secret()) {
		t.Error("the ratchet depends on its steps")
	}
	kept, _ := KeyAt(secret.Copy(ten.Secret().Expose()), ten.Hour()).Advance(12)
	if twelve, _ := k.Advance(12); !kept.Secret().Equal(twelve.Secret()) {
		t.Error("a key that was kept goes elsewhere")
	}
	if _, ok := ten.Advance(9); ok {
		t.Error("it goes back")
	}
	if _, ok := k.Advance(maxAhead + 1); ok {
		t.Error("it goes where no clock should lead")
	}
	if _, ok := (Key{}).Advance(1); ok {
		t.Error("no key is a key")
	}
	if !k.Secret().Equal(rk(1).Secret()) {
		t.Error("the key was changed")
	}
}

// The key of an hour is needed for two minutes more.
func TestKept(t *testing.T) {
	for _, tc := range []struct {
		now  time.Duration
		want Hour
	}{{0, 0}, {time.Hour, 0}, {time.Hour + Grace - 1, 0}, {time.Hour + Grace, 1}, {-time.Hour, 0}} {
		if got := Kept(Epoch.Add(tc.now)); got != tc.want {
			t.Errorf("%v: hour %d, want %d", tc.now, got, tc.want)
		}
	}
}

// No hash that comes from outside, at no time, is taken for one it is not.
func FuzzLookup(f *testing.F) {
	f.Add(make([]byte, 32), int64(0))
	f.Fuzz(func(t *testing.T, hello []byte, seconds int64) {
		now := Epoch.Add(time.Duration(seconds%(1<<30)) * time.Second) // up to 34 years
		k, ok := rk(1).Advance(Kept(now))
		if !ok {
			t.Fatal("no key at any hour")
		}
		table := NewTable([]Peer{{Keys: []PeerKey{{Key: k}}}}, templates)
		if _, ok := table.Lookup(now, sha256.Sum256(hello)); ok {
			t.Error("found")
		}
		s, ok := Next(now, 0)
		if !ok {
			t.Fatal("no stamp")
		}
		at, ok := k.Advance(s.Hour())
		if !ok {
			t.Fatal("no key")
		}
		i := at.Identity(s, false, 1)
		if _, ok := table.Lookup(now, anyHash(i.H0, i.ZID)); !ok {
			t.Error("a good request is not found")
		}
	})
}

// 200 contacts with 2 keys, 4 steps and 4 counters: a whole table, and the step
// that becomes new every 30 s.
func BenchmarkTable(b *testing.B) {
	now := Epoch.Add(24 * time.Hour)
	peers := func() (all []Peer) {
		for n := range 200 {
			k, _ := rk(byte(n)).Advance(Kept(now))
			all = append(all, Peer{Keys: []PeerKey{{Key: k}, {Key: k, Initiator: true}}})
		}
		return all
	}
	b.Run("all", func(b *testing.B) {
		known := peers()
		for b.Loop() {
			NewTable(known, templates).Advance(now)
		}
	})
	b.Run("step", func(b *testing.B) {
		table := NewTable(peers(), templates)
		for n := 0; b.Loop(); n++ {
			table.Advance(now.Add(time.Duration(n) * StepTime))
		}
	})
	b.Run("lookup", func(b *testing.B) {
		table := NewTable(peers(), templates)
		for b.Loop() {
			table.Lookup(now, [32]byte{1})
		}
	})
}

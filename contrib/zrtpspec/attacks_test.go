package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"karat/internal/secret"
	"karat/zrtp"
	"karat/zrtp/wire"
)

//go:generate env ZRTPSPEC_ATTACKS=write go test -run ^TestAttacks$ -count 1 .

// attacksVariable has TestAttacks write ATTACKS.md.
const attacksVariable = "ZRTPSPEC_ATTACKS"

const attacksFile = "ATTACKS.md"

// outcome is what an attack may come to.
type outcome string

const (
	// unharmed: both are secure, with the keys of each other.
	unharmed outcome = "in vain: both are secure with each other's keys"
	// ended: neither has keys.
	ended outcome = "the call ends, without keys"
	// oneLeft: one has no keys, and says why; the other, whose user hears nobody but
	// M, has those of M.
	oneLeft outcome = "one end ends the call, and says that somebody is in the middle; the other is left with M"
	// alarmed: M has keys with both, and both raise the alarm for a mismatch.
	alarmed outcome = "alarm at both ends, whose secrets do not match"
	// twoSAS: M has keys with both, who never met: their SAS differ.
	twoSAS outcome = "two SAS that differ: who compares them knows"
)

// attack is one, as M carries it out.
type attack struct {
	row  string // of the attacks' list
	does string
	want outcome
	// change is what M makes of a message on its way; or run is all.
	change func(from int, msg []byte) [][]byte
	run    func(t *testing.T) (a, b *victim)
	config func(*zrtp.Config)
}

// one is a message that arrives instead.
func one(msg []byte) [][]byte { return [][]byte{msg} }

// alter changes messages of one type, in place and without their MAC's key.
func alter(typ wire.Type, change func(msg []byte)) func(int, []byte) [][]byte {
	return func(_ int, msg []byte) [][]byte {
		if wire.TypeOf(msg) == typ {
			change(msg)
		}
		return one(msg)
	}
}

// flipAt changes one bit, counted from the end if at is negative.
func flipAt(at int) func([]byte) {
	return func(msg []byte) { msg[(at+len(msg))%len(msg)] ^= 1 }
}

// beside lets messages of M's arrive before each message of theirs.
func beside(messages ...wire.Message) func(int, []byte) [][]byte {
	return func(_ int, msg []byte) [][]byte {
		var arriving [][]byte
		for _, m := range messages {
			arriving = append(arriving, m.Append(nil))
		}
		return append(arriving, msg)
	}
}

// publicValue puts a value into DHParts.
func publicValue(typ wire.Type, value []byte) func(int, []byte) [][]byte {
	return alter(typ, func(msg []byte) {
		const at = 12 + 32 + 4*8 // after the type, H1 and four ids
		copy(msg[at:len(msg)-8], value)
	})
}

// commitWord puts other algorithms into Commits: five words after H2 and the ZID.
func commitWord(n int, name string) func(int, []byte) [][]byte {
	return alter(wire.TypeCommit, func(msg []byte) {
		at := 12 + 32 + 12
		copy(msg[at+4*n:], name)
		msg[at+20] = 0xff // the hvi: it prevails
	})
}

// stripped is a Hello that lists nothing but what is mandatory.
func stripped(msg []byte) [][]byte {
	h, err := wire.ParseHello(msg)
	if err != nil {
		return one(msg)
	}
	h.Hashes, h.Ciphers, h.AuthTags, h.KeyAgreements, h.SASTypes = nil, nil, nil, nil, nil
	return one(h.Append(nil)) // its MAC is wrong
}

func onHello(change func([]byte) [][]byte) func(int, []byte) [][]byte {
	return func(_ int, msg []byte) [][]byte {
		if wire.TypeOf(msg) == wire.TypeHello {
			return change(msg)
		}
		return one(msg)
	}
}

func only(keyAgreement string) func(*zrtp.Config) {
	return func(c *zrtp.Config) {
		c.Algorithms = zrtp.Algorithms{KeyAgreements: []string{keyAgreement}, Hashes: []string{"S384", "S256"}}
	}
}

func friend(rs byte) func(*zrtp.Config) {
	return func(c *zrtp.Config) {
		legAlgorithms(c)
		c.Retained = func(zrtp.ZID) (zrtp.Retained, bool) {
			return zrtp.Retained{RS1: secret.Own(bytes.Repeat([]byte{rs}, 32)), Verified: true}, true
		}
	}
}

// attacks are those that M can carry out on the media path.
func attacks() []attack {
	ff := bytes.Repeat([]byte{0xff}, 384)
	weak := map[string][]byte{"0": make([]byte, 384), "1": append(make([]byte, 383), 1)}
	all := []attack{
		{
			row: "A1", does: "commits to nothing, and tries DHPart2 after DHPart2 until both would show one SAS", want: oneLeft,
			run: func(t *testing.T) (a, b *victim) { return bothLegs(t, legAlgorithms, legAlgorithms, 'm', 'm', true) },
		},
		{row: "A2", does: "DH3k: puts 0 into DHPart1", want: ended, change: publicValue(wire.TypeDHPart1, weak["0"]), config: only("DH3k")},
		{row: "A2", does: "DH3k: puts 1 into DHPart1", want: ended, change: publicValue(wire.TypeDHPart1, weak["1"]), config: only("DH3k")},
		{row: "A2", does: "DH3k: puts 2^3072-1 into DHPart1", want: ended, change: publicValue(wire.TypeDHPart1, ff), config: only("DH3k")},
		{row: "A2", does: "DH3k: puts 1 into DHPart2", want: ended, change: publicValue(wire.TypeDHPart2, weak["1"]), config: only("DH3k")},
		{row: "A2", does: "X255: puts 0 into both DHParts", want: ended, config: only("X255"), change: func(from int, msg []byte) [][]byte {
			publicValue(wire.TypeDHPart1, weak["0"][:32])(from, msg)
			return publicValue(wire.TypeDHPart2, weak["0"][:32])(from, msg)
		}},
		{row: "A3 A4", does: "sends fragments that reach beyond their message, overlap, and have no length, beside the true ones", want: unharmed, run: hostileFragments},
		{row: "A5", does: "sends messages with lengths that lie, beside the true ones", want: unharmed, change: beside(
			wire.Raw{Preamble: 0x505a, Length: 3, Type: wire.TypeHello}, wire.Raw{Preamble: 0x505a, Length: 99, Type: wire.TypeDHPart1},
			wire.Raw{Preamble: 0x505a, Length: 4, Type: wire.TypeConfirm1, Body: ff[:4]}, wire.Raw{Preamble: 0x505a, Length: 0, Type: wire.TypePing},
		)},
		{
			row: "A7", does: "talks to both in their friends' ZIDs, without the secrets that they share", want: alarmed,
			run: func(t *testing.T) (a, b *victim) { return bothLegs(t, friend(1), friend(1), 'b', 'a', false) },
		},
		{row: "A8", does: "changes a Hello that signalling announced", want: ended, run: changedAnnounced},
		{
			row: "A9", does: "at the first contact, and with no hash in signalling, talks to both in its own name", want: twoSAS,
			run: func(t *testing.T) (a, b *victim) { return bothLegs(t, legAlgorithms, legAlgorithms, 'm', 'n', false) },
		},
		{row: "A13", does: "sends a forged GoClear beside each message", want: unharmed, change: beside(wire.GoClear{})},
		{row: "A14", does: "sends a forged SASrelay beside each message", want: unharmed, change: beside(wire.SASRelay{Encrypted: make([]byte, 40)})},
		{row: "A17 A18", does: "strips both Hellos of all that is not mandatory", want: ended, change: onHello(stripped)},
		{row: "A17 A18", does: "says in both Hellos that they are of version 0.90", want: ended, change: alter(wire.TypeHello, func(msg []byte) { copy(msg[12:], "0.90") })},
		{row: "A19", does: "has Commit choose DH2k", want: ended, change: commitWord(3, "DH2k"), config: only("X255")},
		{row: "A19", does: "has Commit choose a hash that nobody offered", want: ended, change: commitWord(0, "N256"), config: only("X255")},
		{row: "A19", does: "has Commit choose S256 and EC38", want: ended, change: func(from int, msg []byte) [][]byte {
			commitWord(0, "S256")(from, msg)
			return commitWord(3, "EC38")(from, msg)
		}, config: only("EC38")},
		{row: "A20", does: "sends HelloACK, ErrorACK, ClearACK and RelayACK beside each message, once the two have met", want: unharmed, change: once(
			wire.HelloACK{}, wire.ErrorACK{}, wire.ClearACK{}, wire.RelayACK{},
		)},
		{row: "A20", does: "sends an Error beside each message, once the two have met", want: unharmed, change: once(wire.Error{Code: wire.CodeSoftware})},
		{row: "A21", does: "sends each end its own packets back", want: ended, run: reflected},
		{row: "A22", does: "changes the MAC of Commit", want: ended, change: alter(wire.TypeCommit, flipAt(-1))},
		{row: "A22", does: "changes the MAC of DHPart1", want: ended, change: alter(wire.TypeDHPart1, flipAt(-1))},
		{row: "A22", does: "changes the MAC of DHPart2", want: ended, change: alter(wire.TypeDHPart2, flipAt(-1))},
		{row: "A22", does: "changes the H1 of DHPart2", want: ended, change: alter(wire.TypeDHPart2, flipAt(12))},
		{row: "A23", does: "changes the MAC of Confirm1", want: ended, change: alter(wire.TypeConfirm1, flipAt(12))},
		{row: "A23", does: "changes the flags in Confirm1", want: ended, change: alter(wire.TypeConfirm1, flipAt(20+16+32+3))},
		{row: "A23", does: "changes the IV of Confirm1", want: ended, change: alter(wire.TypeConfirm1, flipAt(20))},
		{row: "A25", does: "sends a Multistream Commit of its own beside each message", want: unharmed, change: beside(wire.Commit{
			Hash: wire.S256, Cipher: wire.AES1, AuthTag: wire.HS32, KeyAgreement: wire.Mult, SAS: wire.B32,
		})},
		{row: "A35", does: "changes the X25519 of the public key in Commit", want: ended, change: alter(wire.TypeCommit, flipAt(12+32+12+20+32))},
		{row: "A35", does: "changes the ML-KEM of the public key in Commit", want: ended, change: alter(wire.TypeCommit, flipAt(-20))},
		{row: "A35", does: "changes the ciphertext in DHPart1", want: ended, change: alter(wire.TypeDHPart1, flipAt(-20))},
		{row: "A35", does: "changes the nonce in DHPart2", want: ended, change: alter(wire.TypeDHPart2, flipAt(-12))},
		{row: "A35", does: "takes what is post-quantum out of both Hellos", want: ended, change: onHello(func(msg []byte) [][]byte {
			h, err := wire.ParseHello(msg)
			if err == nil {
				h.KeyAgreements = slices.DeleteFunc(h.KeyAgreements, wire.Algorithm.KEM)
			}
			return one(h.Append(nil))
		})},
		{row: "A36", does: "sends fifty Commits of its own beside each message", want: unharmed, change: beside(slices.Repeat([]wire.Message{wire.Commit{
			Hash: wire.S384, Cipher: wire.AES3, AuthTag: wire.HS80, KeyAgreement: wire.X2M2, SAS: wire.B256, PublicKey: make([]byte, 1216),
		}}, 50)...)},
	}
	return all
}

// elsewhere are the attacks that are not about messages between two engines.
var elsewhere = []struct{ rows, why string }{
	{"A6 A15 A16 A27 A28 A30 A31 A33", "about what is kept and shown: softphone's tests, and cases of zrtpspec"},
	{"A10 A11 A12", "signalling, and media before the keys: softphone's tests, and contrib/interop"},
	{"A24 A26", "Multistream and Preshared mode between honest ends: zrtp's tests"},
	{"A29 A32 A34 A37", "voices, sizes of packets, SDES, and what other programs do"},
}

// once lets messages arrive beside the first DHPart1.
func once(messages ...wire.Message) func(int, []byte) [][]byte {
	return func(from int, msg []byte) [][]byte {
		if wire.TypeOf(msg) == wire.TypeHello {
			return one(msg)
		}
		return beside(messages...)(from, msg)
	}
}

func hostileFragments(t *testing.T) (a, b *victim) {
	a, b = newVictim(t, 'a', nil), newVictim(t, 'b', nil)
	r := newRelay(a, b)
	r.change = func(from int, msg []byte) [][]byte {
		for _, words := range [][4]uint16{{0, 0, 0, 0}, {1, 0xffff, 0xfffe, 2}, {2, 4, 3, 2}, {3, 300, 299, 0xffff}, {4, 300, 0, 1}, {4, 300, 0, 2}} {
			var piece []byte
			for _, w := range words {
				piece = binary.BigEndian.AppendUint16(piece, w)
			}
			piece = append(piece, make([]byte, 4*min(int(words[3]), 8))...)
			r.ends[1-from].Receive(r.now, wire.AppendPacket(nil, wire.Packet{Unused: wire.FragmentMark, SSRC: r.ends[from].ssrc, Message: piece}))
		}
		return one(msg)
	}
	r.run()
	return a, b
}

func changedAnnounced(t *testing.T) (a, b *victim) {
	a, b = newVictim(t, 'a', nil), newVictim(t, 'b', nil)
	a.ExpectHello([]string{b.HelloHash()})
	b.ExpectHello([]string{a.HelloHash()})
	r := newRelay(a, b)
	r.change = onHello(stripped)
	r.run()
	return a, b
}

func reflected(t *testing.T) (a, b *victim) {
	a, b = newVictim(t, 'a', nil), newVictim(t, 'b', nil)
	r := newRelay(a, b)
	r.change = func(from int, msg []byte) [][]byte {
		r.give(from, r.ends[from].ssrc, msg)
		return nil
	}
	r.run()
	return a, b
}

// carryOut is an attack, done.
func (x attack) carryOut(t *testing.T) (a, b *victim) {
	t.Helper()
	if x.run != nil {
		return x.run(t)
	}
	a, b = newVictim(t, 'a', x.config), newVictim(t, 'b', x.config)
	r := newRelay(a, b)
	r.change = x.change
	r.run()
	return a, b
}

// cameTo judges. What must never be has no outcome: M between two ends that say that
// they are secure, with one SAS or without an alarm where they know each other; or
// an end with keys, beside one that the attack has ended.
func cameTo(a, b *victim) (outcome, error) {
	switch {
	case a.secure != nil && b.secure != nil && sameKeys(a, b) && a.secure.SAS == b.secure.SAS && !a.alarmed && !b.alarmed:
		return unharmed, nil
	case a.secure == nil && b.secure == nil && (a.failed != nil || b.failed != nil):
		return ended, nil
	case wordsEqual(a, b):
		return "", fmt.Errorf("M is in the middle, and both show one SAS")
	case a.secure != nil && b.secure != nil && a.alarmed && b.alarmed && a.secure.Mismatched && b.secure.Mismatched:
		return alarmed, nil
	case a.secure != nil && b.secure != nil && !a.secure.Known && !b.secure.Known && !a.secure.Verified && !b.secure.Verified:
		return twoSAS, nil
	case (a.secure == nil) != (b.secure == nil) && a.code()+b.code() == uint32(wire.CodeBadCommitment):
		return oneLeft, nil
	}
	return "", fmt.Errorf("A: %v, B: %v", a, b)
}

// Each attack as a man in the middle of two Karats: never a wrong "secure", never one
// SAS, always an alarm or an honest end. The table says what it came to.
func TestAttacks(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Attacks from the middle of two Karats\n\n" +
		"Written by `go generate ./contrib/zrtpspec`, and held by a test: M sits between two of\n" +
		"Karat's engines and passes their messages on, changed, or talks to both in its own\n" +
		"name. The rows are those of the list of attacks on ZRTP; that each also has a case for\n" +
		"any phone is in CONFORMANCE.md.\n\n| attack | M | A | B | what it comes to |\n|---|---|---|---|---|\n")
	for _, x := range attacks() {
		one, other := x.carryOut(t)
		got, err := cameTo(one, other)
		if err != nil || got != x.want {
			t.Errorf("%s, M %s: %q, want %q; A: %v, B: %v; %v", x.row, x.does, got, x.want, one, other, err)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", x.row, x.does, ends(one, other)[0], ends(one, other)[1], got)
	}
	b.WriteString("\nThe attack of A1 works against an engine without the check of hvi, which a test builds:\n" +
		"both users read the same two words, and M has the keys of both.\n\n## Elsewhere\n\n| attacks | |\n|---|---|\n")
	for _, e := range elsewhere {
		fmt.Fprintf(&b, "| %s | %s |\n", e.rows, e.why)
	}
	if os.Getenv(attacksVariable) == "write" {
		if err := os.WriteFile(attacksFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(attacksFile); err != nil || string(have) != b.String() {
		t.Errorf("%s is behind: %s=write go test -run TestAttacks ./contrib/zrtpspec (%v)", attacksFile, attacksVariable, err)
	}
	covered := b.String()
	for i := 1; i <= rowLists[2].last; i++ {
		if row := fmt.Sprintf("A%d", i); !slices.Contains(strings.FieldsFunc(covered, func(r rune) bool { return r == ' ' || r == '|' }), row) {
			t.Errorf("%s is neither done nor said to be elsewhere", row)
		}
	}
}

// ends names what became of both, in an order that chance has no part in.
func ends(a, b *victim) [2]string {
	names := [2]string{a.String(), b.String()}
	if names[0] > names[1] {
		names[0], names[1] = names[1], names[0]
	}
	return names
}

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"karat/contrib/zrtpspec/karat"
	"karat/contrib/zrtpspec/middle"
)

//go:generate env ZRTPSPEC_ATTACKS=write go test -run ^TestAttacks$ -count 1 .

// attacksVariable has TestAttacks write ATTACKS.md.
const attacksVariable = "ZRTPSPEC_ATTACKS"

const attacksFile = "ATTACKS.md"

// linphoneFile is what `make interop` sees between Karat and Linphone.
const linphoneFile = "peers/middle/linphonec.txt"

// elsewhere are the attacks that are not about messages between two engines.
var elsewhere = []struct{ rows, why string }{
	{"A6 A15 A16 A27 A28 A30 A31 A33", "about what is kept and shown: softphone's tests, and cases of zrtpspec"},
	{"A10 A11 A12", "signalling, and media before the keys: softphone's tests, and contrib/interop"},
	{"A24 A26", "Multistream and Preshared mode between honest ends: zrtp's tests"},
	{"A29 A32 A34 A37", "voices, sizes of packets, SDES, and what other programs do"},
}

// betweenKarats carries out an attack on two of Karat's engines.
func betweenKarats(t *testing.T, x middle.Attack) (a, b middle.Fate) {
	t.Helper()
	phones := [2]*karat.Phone{karat.NewPhone(), karat.NewPhone()}
	if x.Friends {
		karat.Befriend(phones[0], phones[1])
	}
	m := middle.Meeting{Clock: middle.SimulatedClock(), Time: time.Minute, Settle: 10 * time.Second}
	var ends [2]*karat.End
	for i, p := range phones {
		e, err := p.Call(x.Offer)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Close)
		ends[i], m.Ends[i], m.ZIDs[i] = e, e, p.ZID
	}
	if x.Announced {
		ends[0].ExpectHello([]string{ends[1].HelloHash()})
		ends[1].ExpectHello([]string{ends[0].HelloHash()})
	}
	if err := x.CarryOut(m); err != nil {
		t.Error(err)
	}
	return ends[0].Fate(), ends[1].Fate()
}

// Each attack as a man in the middle of two Karats: never a wrong "secure", never one
// SAS, always an alarm or an honest end. The table says what it came to, and what
// `make interop` saw between Karat and Linphone.
func TestAttacks(t *testing.T) {
	seen, err := os.ReadFile(linphoneFile)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, x := range middle.Attacks() {
		a, b := betweenKarats(t, x)
		got, err := x.Judge(a, b)
		if err != nil || got != x.Want {
			t.Errorf("%s, M %s: %q, want %q; A: %v, B: %v; %v", x.Row, x.Does, got, x.Want, a, b, err)
		}
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s | %s |", x.Row, x.Does, strings.Join(ends(a, b), "; "), got, withLinphone(t, x, string(seen))))
	}
	page := attacksPage(rows)
	if os.Getenv(attacksVariable) == "write" {
		if err := os.WriteFile(attacksFile, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(attacksFile); err != nil || string(have) != page {
		t.Errorf("%s is behind: %s=write go test -run TestAttacks ./contrib/zrtpspec (%v)", attacksFile, attacksVariable, err)
	}
	for i := 1; i <= rowLists[2].last; i++ {
		if row := fmt.Sprintf("A%d", i); !slices.Contains(strings.FieldsFunc(page, func(r rune) bool { return r == ' ' || r == '|' }), row) {
			t.Errorf("%s is neither done nor said to be elsewhere", row)
		}
	}
}

// withLinphone is what the attack comes to between Karat and Linphone.
func withLinphone(t *testing.T, x middle.Attack, lines string) string {
	t.Helper()
	seen, ok := x.Known(lines)
	switch {
	case x.PostQuantum && !ok:
		return "Linphone has no post-quantum keys"
	case x.PostQuantum || !ok:
		t.Errorf("%s, M %s: %s has %t", x.Row, x.Does, linphoneFile, ok)
	}
	return seen.String()
}

// attacksPage is ATTACKS.md.
func attacksPage(rows []string) string {
	var b strings.Builder
	b.WriteString("# Attacks from the middle\n\n" +
		"Written by `go generate ./contrib/zrtpspec`, and held by tests: M sits between two\n" +
		"phones and passes their messages on, changed, or talks to both in its own name. The\n" +
		"rows are those of the list of attacks on ZRTP; that each also has a case for any phone\n" +
		"is in CONFORMANCE.md.\n\n" +
		"Two Karats are two of its engines, in `make test`. Karat and Linphone are its engine and\n" +
		"linphonec 5.1.65, in `make interop`, where M carries out each attack twice: Karat calls\n" +
		"and commits first, or Linphone does. What Linphone finds it does not say: it shows no\n" +
		"words, and stays silent.\n\n" +
		"| attack | M | two Karats | what it comes to | Karat and Linphone |\n|---|---|---|---|---|\n" +
		strings.Join(rows, "\n") + "\n" +
		"\nThe attack of A1 works against an engine without the check of hvi, which a test builds:\n" +
		"both users read the same two words, and M has the keys of both.\n\n## Elsewhere\n\n| attacks | |\n|---|---|\n")
	for _, e := range elsewhere {
		fmt.Fprintf(&b, "| %s | %s |\n", e.rows, e.why)
	}
	return b.String()
}

// ends names what became of both, in an order that chance has no part in.
func ends(a, b middle.Fate) []string {
	names := []string{a.String(), b.String()}
	slices.Sort(names)
	return names
}

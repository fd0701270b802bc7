package main

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"karat/contrib/hostile"
	"karat/contrib/interop/lab"
	"karat/contrib/interop/wiretap"
)

func TestCellsAreWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range cells() {
		if seen[c.name] || c.name == "" || c.proves == "" || c.run == nil || c.limit == 0 {
			t.Errorf("cell %q is not whole, or there twice", c.name)
		}
		seen[c.name] = true
	}
	const ephemeral = 32768 // where Linux begins to number sockets by itself
	if end := firstPort + len(cells())*lab.BlockSize; end > ephemeral {
		t.Errorf("the cells' ports end at %d", end)
	}
	// What a release is not to lose by a slip in the table.
	for _, name := range []string{
		"karat-karat/udp", "karat-karat/tls",
		"karat-linphone/tls/X255/B32", "karat-linphone/tls/DH3k/B256", "linphone-karat/tls/X255/B256", "linphone-karat/tls/DH3k/B32",
		"refused/karat-baresip/plain", "refused/baresip-karat/srtp-mand", "refused/karat-linphone/dtls", "refused/linphone-karat/srtp",
		"karat-linphone/udp/none", "karat-linphone/tls/rolled-back",
	} {
		if !seen[name] {
			t.Errorf("no cell %s", name)
		}
	}
}

// TestMatrix: every combination is a cell or impossible, and what runs with every
// change has each value of each axis.
func TestMatrix(t *testing.T) {
	names := map[string]bool{}
	for _, c := range cells() {
		names[c.name] = true
	}
	covered := map[string]bool{}
	for _, m := range matrix() {
		if names[m.cellName()] == (m.impossible() != "") {
			t.Errorf("%s: is a cell: %v, impossible: %q", m.cellName(), names[m.cellName()], m.impossible())
		}
		if slices.Contains(everyChange, m.cellName()) && m.impossible() == "" {
			covered[m.caller+"-"+m.answerer], covered[m.transport], covered["way "+m.way.name] = true, true, true
			covered[m.cellName()] = true
		}
	}
	for _, name := range everyChange {
		if !covered[name] {
			t.Errorf("there is no cell %s", name)
		}
	}
	for _, m := range matrix() {
		for _, value := range []string{m.caller + "-" + m.answerer, m.transport, "way " + m.way.name} {
			if !covered[value] {
				t.Errorf("no change tries %s", value)
			}
		}
	}
}

func TestSame(t *testing.T) {
	a := lab.Agreed{SAS: "tracker pyramid", KeyAgreement: "X255", Hash: "S256", Cipher: "AES3", AuthTag: "HS80", SASType: "B256"}
	b := a
	b.SAS = "Tracker:pyramid"
	if err := same(a, b); err != nil {
		t.Error(err)
	}
	b.SAS = "tracker pyramids"
	if err := same(a, b); err == nil {
		t.Error("two SAS passed for one")
	}
	b = a
	b.Cipher = "AES1"
	if err := same(a, b); err == nil {
		t.Error("two ciphers passed for one")
	}
	if err := same(lab.Agreed{}, lab.Agreed{}); err == nil {
		t.Error("no SAS passed for one")
	}
}

func TestTableCountsFailures(t *testing.T) {
	var out bytes.Buffer
	failed := printTable(&out, []result{
		{cell: cell{name: "good"}, Notes: []string{"X255"}},
		{cell: cell{name: "bad"}, Error: "it rang\nfor ever"},
	}, time.Minute)
	if failed != 1 || !strings.HasSuffix(out.String(), "\n1 passed, 1 failed (60 s)\n") {
		t.Errorf("%d failed:\n%s", failed, out.String())
	}
	if !strings.Contains(out.String(), "FAIL  bad ") || !strings.Contains(out.String(), "      for ever\n") {
		t.Errorf("the failure does not show:\n%s", out.String())
	}
}

func TestChooseAndOrder(t *testing.T) {
	all := []cell{{name: "a/short", limit: 1}, {name: "a/long", limit: 9}, {name: "b", limit: 5}}
	if got := choose(all, regexp.MustCompile("^a/")); len(got) != 2 {
		t.Errorf("chose %d cells", len(got))
	}
	if order := longestFirst(all); order[0] != 1 || order[1] != 2 || order[2] != 0 {
		t.Errorf("order %v", order)
	}
}

// Only a voice with gaps is run again, and only if few cells have it.
func TestToHearAgain(t *testing.T) {
	gaps, wrong := poorlyHeard{errors.New("0.55")}, errors.New("a wrong secure")
	for _, c := range []struct {
		err  error
		want bool
	}{
		{gaps, true},
		{fmt.Errorf("second call: %w", gaps), true},
		{errors.Join(gaps, fmt.Errorf("the other: %w", gaps)), true},
		{wrong, false},
		{errors.Join(gaps, wrong), false},
		{fmt.Errorf("first call: %w", errors.Join(wrong, gaps)), false},
		{nil, false},
	} {
		if got := onlyPoorlyHeard(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
	results := make([]result, 2*mostAgain)
	for i := range mostAgain {
		results[2*i].PoorlyHeard = true
	}
	if got := toHearAgain(results); len(got) != mostAgain || got[1] != 2 {
		t.Errorf("again: %v", got)
	}
	results[1].PoorlyHeard = true
	if got := toHearAgain(results); got != nil {
		t.Errorf("more than chance explains: %v", got)
	}
}

// What the cell about hostile servers chooses is there, of each kind, and it can see
// that a sentence is none.
func TestHostileScripts(t *testing.T) {
	chosen, err := chosenScripts()
	if err != nil {
		t.Fatal(err)
	}
	roles := map[hostile.Role]int{}
	streams := 0
	for _, s := range chosen {
		roles[s.Role]++
		if s.Stream {
			streams++
		}
	}
	if len(chosen) < 36 || roles[hostile.Calling] < 12 || roles[hostile.Registering] < 6 || roles[hostile.Called] < 3 || streams < 6 {
		t.Errorf("%d scripts (by role: %v), %d of them for connections", len(chosen), roles, streams)
	}
	for why, ok := range map[string]bool{
		"no answer came from the network": true, "": false, "404": false, "the\x1b[2J other end": false,
	} {
		if err := sentence(why); (err == nil) != ok {
			t.Errorf("%q: %v", why, err)
		}
	}
}

// A stream goes on where its source is the same and its numbers go on.
func TestSameStream(t *testing.T) {
	packet := func(number uint16, source byte) wiretap.Packet {
		return wiretap.Packet{Payload: []byte{0x80, 96, byte(number >> 8), byte(number), 0, 0, 0, 0, 1, 2, 3, source}}
	}
	for _, tc := range []struct {
		name        string
		last, first wiretap.Packet
		ok          bool
	}{
		{"the next", packet(7, 4), packet(8, 4), true},
		{"some were lost, and they begin anew", packet(0xfff0, 4), packet(20, 4), true},
		{"another source", packet(7, 4), packet(8, 5), false},
		{"the same again", packet(7, 4), packet(7, 4), false},
		{"before it", packet(7, 4), packet(6, 4), false},
		{"far away", packet(7, 4), packet(7000, 4), false},
	} {
		if err := sameStream(tc.last, tc.first); (err == nil) != tc.ok {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

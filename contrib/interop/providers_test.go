package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestProviders: every demand has its proof or its reason, and the page says so.
func TestProviders(t *testing.T) {
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	p, err := findProofs(root, cells())
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range demands {
		if d.number != i+1 || d.what == "" || !slices.Contains([]string{"P0", "P1", "P2"}, d.priority) {
			t.Errorf("line %d: %+v", i+1, d)
		}
	}
	for _, fault := range p.faults(demands) {
		t.Error(fault)
	}
	page, err := os.ReadFile(filepath.Join(root, providersFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range p.stale(string(page), demands) {
		t.Errorf("%s: %s. Run: go run ./contrib/interop -providers", providersFile, fault)
	}
}

func TestItemsOf(t *testing.T) {
	for _, c := range []struct {
		name, doc string
		want      []int
	}{
		{"TestItem07_Ports", "", []int{7}},
		{"TestOther", "Other things.\n\nItems: 3, 14.\n", []int{3, 14}},
		{"TestItem07_Ports", "Items: 8.", []int{7, 8}},
		{"TestItem7", "Items: none.", nil},
	} {
		if got := itemsOf(c.name, c.doc); !slices.Equal(got, c.want) {
			t.Errorf("%s, %q: %v, want %v", c.name, c.doc, got, c.want)
		}
	}
}

// TestProvidersBite: what must be noticed is.
func TestProvidersBite(t *testing.T) {
	all := []demand{{1, "P0", "rings", ""}, {2, "P1", "sings", "no voice"}, {3, "P0", "talks", ""}}
	p := proofs{tests: map[int][]string{1: {"sip.TestItem01_Rings"}, 9: {"sip.TestItem09_Runs"}}, cells: map[int][]string{3: {"a-b/udp"}}}
	if got := strings.Join(p.faults(all), "; "); got != "sip.TestItem09_Runs names item 9, which is not there" {
		t.Errorf("faults: %s", got)
	}
	page := p.page(all)
	if got := p.stale(page, all); len(got) > 0 {
		t.Errorf("a fresh page is stale: %q", got)
	}
	for _, c := range []struct {
		what   string
		change func() []string
	}{
		{"a proof is gone", func() []string { return proofs{cells: p.cells}.faults(all) }},
		{"a test was renamed", func() []string {
			return proofs{tests: map[int][]string{1: {"sip.TestItem01_Sounds"}}, cells: p.cells}.stale(page, all)
		}},
		{"a gap was closed", func() []string { return p.stale(page, append([]demand{all[0], {2, "P1", "sings", ""}}, all[2])) }},
		{"a row is gone", func() []string { return p.stale(strings.Replace(page, "| 3 |", "| 4 |", 1), all) }},
	} {
		if len(c.change()) == 0 {
			t.Errorf("%s, and nobody noticed", c.what)
		}
	}
}

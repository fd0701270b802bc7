package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestResults: the page has every cell, as it is now, and each has passed.
func TestResults(t *testing.T) {
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, resultsFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range staleResults(string(page), cells()) {
		t.Errorf("%s: %s: go run ./contrib/interop -matrix -run ... writes it", resultsFile, fault)
	}
}

// TestResultsBite: what must be noticed is, and a row that was not run anew stays.
func TestResultsBite(t *testing.T) {
	all := []cell{{name: "a/udp", proves: "it rings"}, {name: "b/tls", proves: "it sings", full: true}}
	page := resultsPage(all, map[string]string{
		"a/udp": result{Heard: 0.914}.outcome(),
		"b/tls": result{}.outcome(),
	})
	if got := staleResults(page, all); len(got) > 0 {
		t.Errorf("a fresh page is stale: %q", got)
	}
	if again := resultsPage(all, outcomes(page)); again != page {
		t.Errorf("read and written again it is another page:\n%s", again)
	}
	if !strings.Contains(page, "| `a/udp` |  | it rings | passed | 0.91 |\n") || !strings.Contains(page, "2 of 2 cells passed.") {
		t.Errorf("the page:\n%s", page)
	}
	failed := resultsPage(all, map[string]string{"a/udp": result{Error: "it fell | silent\nfor ever"}.outcome()})
	for _, c := range []struct {
		what string
		page string
		all  []cell
		want string
	}{
		{"a new cell", page, append(all[:2:2], cell{name: "c", proves: "it ends"}), "the row of c is missing"},
		{"a cell that is gone", page, all[:1], "there is no cell b/tls"},
		{"a cell that proves something else", page, []cell{{name: "a/udp", proves: "it hums"}, all[1]}, "the row of a/udp is missing"},
		{"a cell that failed", failed, all, "a/udp has not passed"},
		{"a cell that was not run", failed, all, "b/tls has not passed"},
	} {
		if got := strings.Join(staleResults(c.page, c.all), "; "); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", c.what, got)
		}
	}
}

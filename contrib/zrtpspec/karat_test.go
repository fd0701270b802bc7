package main

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"karat/contrib/zrtpspec/spec"
)

// expected are the cases in which Karat's engine does not pass, and why. An entry
// whose case passes fails the test: then it has to go.
var expected = map[string]string{}

// Each row of the conformance matrix and each attack has a case, or a reason why
// it has none.
func TestEveryRow(t *testing.T) {
	covered := map[string]bool{}
	ids := map[string]bool{}
	for _, c := range spec.All() {
		if ids[c.ID] {
			t.Errorf("two cases are called %s", c.ID)
		}
		ids[c.ID] = true
		for row := range strings.FieldsSeq(c.Rows) {
			covered[row] = true
		}
		ways := 0
		for _, way := range []bool{c.Run != nil, c.Manual != "", c.Inapplicable != ""} {
			if way {
				ways++
			}
		}
		if ways != 1 || c.Rule == "" || c.Level == "" || c.Run != nil && (c.Sent == "" || c.Expected == "") {
			t.Errorf("%s is not whole", c.ID)
		}
	}
	for _, list := range rowLists {
		for i := 1; i <= list.last; i++ {
			if row := fmt.Sprintf(list.form, i); !covered[row] {
				t.Errorf("row %s has no case", row)
			}
		}
	}
}

// runCase runs a case in a bubble of its own, in which waiting takes no time.
func runCase(t *testing.T, c spec.Case) (r spec.Result) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { r = spec.Run(c, engines{}, spec.Options{Strict: true}) })
	return r
}

// Karat's engine against all cases that a program can judge.
func TestKarat(t *testing.T) {
	for _, c := range spec.All() {
		t.Run(strings.ReplaceAll(c.ID, "/", "-"), func(t *testing.T) {
			t.Parallel()
			r := runCase(t, c)
			reason, excused := expected[c.ID]
			switch {
			case r.Verdict == spec.Fail && !excused:
				t.Errorf("%s: %s\nsent: %s\nexpected: %s\nseen: %s\n%s",
					c.ID, c.Rule, c.Sent, c.Expected, r.Seen, strings.Join(r.Trace, "\n"))
			case r.Verdict == spec.Inapplicable && c.Inapplicable == "":
				t.Errorf("%s says nothing about this engine: %s", c.ID, r.Seen)
			case r.Verdict == spec.Pass && excused:
				t.Errorf("%s passes: take it out of the table, where it says %q", c.ID, reason)
			}
		})
	}
	for id := range expected {
		if _, err := spec.Find([]string{id}); err != nil {
			t.Error(err)
		}
	}
}

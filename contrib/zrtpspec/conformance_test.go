package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"karat/contrib/zrtpspec/spec"
)

//go:generate env ZRTPSPEC_CONFORMANCE=write go test -run ^TestConformanceTable$ -count 1 .

// conformanceVariable has TestConformanceTable write CONFORMANCE.md.
const conformanceVariable = "ZRTPSPEC_CONFORMANCE"

const conformanceFile = "CONFORMANCE.md"

// rowLists are the rows that cases stand for: those of the conformance matrix,
// rules from outside of the RFC, and attacks.
var rowLists = []struct {
	title, form string
	last        int
}{{"Rules of RFC 6189", "%d", 166}, {"Rules from elsewhere", "X%d", 10}, {"Attacks", "A%d", 37}}

// The table of rows says what Karat's engine does with each today.
func TestConformanceTable(t *testing.T) {
	verdicts := map[string]spec.Verdict{}
	for _, c := range spec.All() {
		verdicts[c.ID] = runCase(t, c).Verdict
	}
	want := conformancePage(verdicts)
	if os.Getenv(conformanceVariable) == "write" {
		if err := os.WriteFile(conformanceFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if b, err := os.ReadFile(conformanceFile); err != nil || string(b) != want {
		t.Errorf("%s is behind: %s=write go test -run TestConformanceTable ./contrib/zrtpspec (%v)", conformanceFile, conformanceVariable, err)
	}
}

// The verdicts of a row, in the order of their weight: what the row comes to is
// the first that any of its cases has.
const (
	rowFails   = "does not"
	rowPasses  = "pass"
	rowManual  = "manual"
	rowLeftOut = "left out"
)

func rowVerdict(cases []spec.Case, verdicts map[string]spec.Verdict) string {
	has := map[spec.Verdict]bool{}
	for _, c := range cases {
		has[verdicts[c.ID]] = true
	}
	switch {
	case has[spec.Fail]:
		return rowFails
	case has[spec.Pass]:
		return rowPasses
	case has[spec.Manual]:
		return rowManual
	}
	return rowLeftOut
}

func conformancePage(verdicts map[string]spec.Verdict) string {
	var b strings.Builder
	b.WriteString("# Rows, cases, and Karat's engine\n\n" +
		"Written by `go generate ./contrib/zrtpspec`, and held by a test. Each row of the\n" +
		"conformance matrix, and each attack, has the cases that ask for it; `zrtpspec list ROW`\n" +
		"names their rules. A row passes if what packets show of it does: some of its cases may\n" +
		"be for a person besides (manual), or not for this kind of endpoint. Manual: only a\n" +
		"person can judge. Left out: none of its cases applies, for the reason given.\n\n")
	var tables strings.Builder
	b.WriteString("| | rows | pass | does not | manual | left out |\n|---|---|---|---|---|---|\n")
	for _, list := range rowLists {
		count := map[string]int{}
		fmt.Fprintf(&tables, "\n## %s\n\n| row | Karat | cases | |\n|---|---|---|---|\n", list.title)
		for i := 1; i <= list.last; i++ {
			row := fmt.Sprintf(list.form, i)
			cases := casesFor(row)
			verdict := rowVerdict(cases, verdicts)
			count[verdict]++
			fmt.Fprintf(&tables, "| %s | %s | %s | %s |\n", row, verdict, caseNames(cases, verdicts), rowRemark(verdict, cases, verdicts))
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d |\n", list.title, list.last,
			count[rowPasses], count[rowFails], count[rowManual], count[rowLeftOut])
	}
	return b.String() + tables.String()
}

// casesFor are the cases of a row. That each has one is TestEveryRow's business.
func casesFor(row string) []spec.Case {
	return slices.DeleteFunc(spec.All(), func(c spec.Case) bool { return !slices.Contains(strings.Fields(c.Rows), row) })
}

// caseNames names cases, with a mark where one is not automatic.
func caseNames(cases []spec.Case, verdicts map[string]spec.Verdict) string {
	var names []string
	for _, c := range cases {
		switch verdicts[c.ID] {
		case spec.Manual:
			names = append(names, c.ID+" (manual)")
		case spec.Inapplicable:
			names = append(names, c.ID+" (n/a)")
		case spec.Pass, spec.Fail, spec.Skipped:
			names = append(names, c.ID)
		}
	}
	return strings.Join(names, " ")
}

// rowRemark says why a row does not pass.
func rowRemark(verdict string, cases []spec.Case, verdicts map[string]spec.Verdict) string {
	for _, c := range cases {
		switch {
		case verdict == rowFails && verdicts[c.ID] == spec.Fail:
			return c.ID + ": " + expected[c.ID]
		case verdict == rowManual && c.Manual != "":
			return c.Manual
		case verdict == rowLeftOut && c.Inapplicable != "":
			return c.Inapplicable
		}
	}
	return ""
}

// The tester needs Go and nothing else: no C compiler, and so no audio library.
func TestBuildsAlone(t *testing.T) {
	build := exec.Command("go", "build", "-o", t.TempDir(), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

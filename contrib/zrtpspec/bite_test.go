package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"karat/contrib/zrtpspec/spec"
)

//go:generate env ZRTPSPEC_MUTANTS=write go test -run ^TestMutants$ -count 1 -timeout 30m .

// mutantsVariable chooses what TestMutants does: "all" tries all, "write" makes
// MUTANTS.md of it as well. Each takes some seconds, so it is a few otherwise.
const mutantsVariable = "ZRTPSPEC_MUTANTS"

const (
	mutantsFile = "MUTANTS.md"
	// fewMutants are tried in every test.
	fewMutants = 4
	// mutantTime bounds building and running one.
	mutantTime = 3 * time.Minute
)

// root is the module's, from here.
const root = "../.."

// Every mutant is still one of the engine as it stands.
func TestMutantsFit(t *testing.T) {
	for _, m := range mutants {
		b, err := os.ReadFile(filepath.Join(root, m.file))
		if err != nil {
			t.Error(err)
			continue
		}
		if n := strings.Count(string(b), m.old); n != 1 {
			t.Errorf("%s: %s holds %d times\n%s", m.rule, m.file, n, m.old)
		}
		if len(m.cases) == 0 {
			t.Errorf("%s: no case is said to bite", m.rule)
		}
		if _, err := spec.Find(m.cases); err != nil {
			t.Errorf("%s: %v", m.rule, err)
		}
	}
}

// An engine with one rule taken out fails the cases of that rule.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds an engine for each mutant")
	}
	mode := os.Getenv(mutantsVariable)
	chosen := mutants
	if mode == "" {
		chosen = mutants[:fewMutants]
	}
	bitten := map[string][]string{}
	for _, m := range chosen {
		t.Run(strings.ReplaceAll(m.rule, "/", "-"), func(t *testing.T) {
			failing := m.failing(t)
			bitten[m.rule] = failing
			t.Logf("fails %s", strings.Join(failing, " "))
			for _, id := range m.cases {
				if !slices.Contains(failing, id) {
					t.Errorf("%s passes although %s is not checked; what fails is %v", id, m.rule, failing)
				}
			}
		})
	}
	if mode == "write" {
		if err := os.WriteFile(mutantsFile, []byte(mutantsTable(bitten)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// build builds the mutant: the binary of this package's tests, with that engine.
func (m mutant) build(ctx context.Context, t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	original, err := filepath.Abs(filepath.Join(root, m.file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), m.old) {
		t.Fatalf("%s has changed: bring the mutant up to date", m.file)
	}
	mutated := filepath.Join(dir, "mutated.go")
	write(t, mutated, []byte(strings.Replace(string(text), m.old, m.new, 1)))
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {original: mutated}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "overlay.json"), overlay)

	binary := filepath.Join(dir, "mutant.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", filepath.Join(dir, "overlay.json"), "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("it does not build: %v\n%s", err, out)
	}
	return binary
}

// failing builds the mutant and returns the cases that it fails.
func (m mutant) failing(t *testing.T) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), mutantTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, m.build(ctx, t), "-test.run=^TestKarat$").CombinedOutput()
	if err == nil {
		return nil
	}
	ids := failures(string(out))
	if len(ids) == 0 {
		t.Fatalf("it ended without a verdict: %v\n%s", err, out)
	}
	return ids
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// failures reads the names of the cases that failed from a test's output.
func failures(out string) []string {
	var ids []string
	for _, match := range regexp.MustCompile(`--- FAIL: TestKarat/(\S+)`).FindAllStringSubmatch(out, -1) {
		i := strings.LastIndex(match[1], "-")
		ids = append(ids, match[1][:i]+"/"+match[1][i+1:])
	}
	return ids
}

// mutantsTable is MUTANTS.md.
func mutantsTable(bitten map[string][]string) string {
	var b strings.Builder
	b.WriteString("# Which case bites which mutant\n\n" +
		"Written by `go generate ./contrib/zrtpspec`. Each line is Karat's engine, or the phone\n" +
		"that the test makes of it, with one rule taken out, and the cases that failed then.\n" +
		"Those in bold are there for this rule; with them missing the test fails.\n\n" +
		"| rule taken out | in | cases that fail |\n|---|---|---|\n")
	for _, m := range mutants {
		var cases []string
		for _, id := range bitten[m.rule] {
			if slices.Contains(m.cases, id) {
				id = "**" + id + "**"
			}
			cases = append(cases, id)
		}
		slices.Sort(cases) // those in bold first: an asterisk comes before all digits
		const most = 24
		if n := len(cases); n > most {
			cases = append(cases[:most], fmt.Sprintf("and %d more", n-most))
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", m.rule, m.file, strings.Join(cases, " "))
	}
	b.WriteString("\n## Cases that no mutant fails\n\nThose that the engine itself fails are in the table `expected`, in karat_test.go.\n\n")
	for _, c := range unbitten(bitten) {
		fmt.Fprintf(&b, "- %s: %s\n", c.ID, c.Rule)
	}
	return b.String()
}

// unbitten are the cases that a program judges and that no mutant failed.
func unbitten(bitten map[string][]string) []spec.Case {
	failed := map[string]bool{}
	for _, ids := range bitten {
		for _, id := range ids {
			failed[id] = true
		}
	}
	return slices.DeleteFunc(spec.All(), func(c spec.Case) bool { return c.Run == nil || failed[c.ID] })
}

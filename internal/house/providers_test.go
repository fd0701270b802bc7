package house

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const providersPage = "contrib/interop/PROVIDERS.md"

var (
	itemNamed = regexp.MustCompile(`(?m)^func TestItem(\d\d)_`)
	itemRow   = regexp.MustCompile(`(?m)^\| (\d+) \| P\d \| [^|]* \| (.*)$`)
)

// TestProvidersPage: each item of which a test has the number in its name has a
// test in the table of what providers demand, and the tests there exist. (More
// is held where the table is made; this catches it where the test is.)
func TestProvidersPage(t *testing.T) {
	tests := make(map[string][]string)
	named := make(map[string]bool)
	walk(t, func(name string, text []byte) {
		if !strings.HasSuffix(name, "_test.go") {
			return
		}
		room, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunc.FindAllSubmatch(text, -1) {
			tests[string(m[1])] = append(tests[string(m[1])], filepath.ToSlash(room))
		}
		for _, m := range itemNamed.FindAllSubmatch(text, -1) {
			named[strings.TrimPrefix(string(m[1]), "0")] = true
		}
	})
	page, err := os.ReadFile(filepath.Join(root, providersPage))
	if err != nil {
		t.Fatal(err)
	}
	faults := append(checkDocs(string(page), tests, exists), checkItems(string(page), named)...)
	for _, fault := range faults {
		t.Errorf("%s: %s. Run: go run ./contrib/interop -providers", providersPage, fault)
	}
}

// checkItems returns a sentence for each of the numbers whose row is not there
// or names no test.
func checkItems(page string, named map[string]bool) []string {
	var faults []string
	rows := make(map[string]string)
	for _, m := range itemRow.FindAllStringSubmatch(page, -1) {
		rows[m[1]] = m[2]
	}
	for n := range named {
		if row, ok := rows[n]; !ok || !namedTest.MatchString(row) {
			faults = append(faults, fmt.Sprintf("item %s has a test, and the table does not know", n))
		}
	}
	return faults
}

func TestProvidersPageBites(t *testing.T) {
	const page = "| 1 | P0 | rings | `sip.TestItem01_Rings` | `a/udp` | held |\n| 2 | P1 | sings |  |  | not held: no voice |\n"
	if faults := checkItems(page, map[string]bool{"1": true}); len(faults) > 0 {
		t.Errorf("got %q", faults)
	}
	wantFaults(t, checkItems(page, map[string]bool{"2": true}), []string{"item 2 has a test"})
	wantFaults(t, checkItems(page, map[string]bool{"3": true}), []string{"item 3 has a test"})
}

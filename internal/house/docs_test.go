package house

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	testFunc  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)\w+)\(`)
	namedTest = regexp.MustCompile("`(?:([\\w/]+)\\.)?((?:Test|Fuzz)[A-Z]\\w*)`")
	fileLink  = regexp.MustCompile(`\]\(([^):#\s]+)(?:#[^)]*)?\)`)
)

// TestDocs: the pages at the root name no test and no file that is not there. A
// flaw whose proof has been renamed away is a flaw without proof.
func TestDocs(t *testing.T) {
	tests := make(map[string][]string) // by name: the rooms that have it
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
	})
	pages, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range checkDocs(string(text), tests, exists) {
			t.Errorf("%s: %s", filepath.Base(page), fault)
		}
	}
}

func exists(file string) bool {
	_, err := os.Stat(filepath.Join(root, filepath.FromSlash(file)))
	return err == nil
}

// checkDocs returns a sentence for each test (`zrtp.TestX` or `TestX`) and each
// linked file that text names and that is not there.
func checkDocs(text string, tests map[string][]string, exists func(string) bool) []string {
	var faults []string
	for _, m := range namedTest.FindAllStringSubmatch(text, -1) {
		room, name := m[1], m[2]
		if rooms := tests[name]; len(rooms) == 0 || room != "" && !slices.Contains(rooms, room) {
			faults = append(faults, fmt.Sprintf("names the test %s, which is not there", strings.Trim(m[0], "`")))
		}
	}
	for _, m := range fileLink.FindAllStringSubmatch(text, -1) {
		if !exists(m[1]) {
			faults = append(faults, fmt.Sprintf("links %s, which is not there", m[1]))
		}
	}
	return faults
}

func TestDocsBite(t *testing.T) {
	tests := map[string][]string{"TestWeak": {"zrtp"}}
	there := func(file string) bool { return file == "README.md" }
	const text = "`zrtp.TestWeak` `TestWeak` [a](README.md) [b](README.md#part) [c](https://example.org/x)\n" +
		"`sip.TestWeak` `TestGone` [d](GONE.md)"
	wantFaults(t, checkDocs(text, tests, there), []string{
		"names the test sip.TestWeak", "names the test TestGone", "links GONE.md",
	})
}

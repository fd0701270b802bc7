package house

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// TestDependencies: what our packages and their tests import from elsewhere, what
// go.mod requires without "// indirect", and the table of reasons in
// ARCHITECTURE.md are one list.
func TestDependencies(t *testing.T) {
	imported := importedModules(list(t))
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, "imported", imported, "given a reason in ARCHITECTURE.md", reasoned(string(text)))
	wantSame(t, "imported", imported, "required by go.mod without // indirect", required(t))
}

func importedModules(packages map[string]*listedPackage) []string {
	var modules []string
	for _, p := range ours(packages) {
		for _, imp := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if q := packages[imp]; q != nil && q.Module != nil && !q.ours() {
				modules = append(modules, q.Module.Path)
			}
		}
	}
	slices.Sort(modules)
	return slices.Compact(modules)
}

// A row of the table: | `module/path` | reason |.
var reasonRow = regexp.MustCompile("(?m)^\\| `([^`\\s]+\\.[^`\\s]+/[^`\\s]+)` \\| ([^|]*\\w[^|]*) \\|$")

func reasoned(text string) []string {
	var modules []string
	for _, m := range reasonRow.FindAllStringSubmatch(text, -1) {
		modules = append(modules, m[1])
	}
	slices.Sort(modules)
	return modules
}

func required(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	var modules []string
	for _, r := range mod.Require {
		if !r.Indirect {
			modules = append(modules, r.Path)
		}
	}
	slices.Sort(modules)
	return modules
}

func wantSame(t *testing.T, aName string, a []string, bName string, b []string) {
	t.Helper()
	for _, m := range a {
		if !slices.Contains(b, m) {
			t.Errorf("%s is %s and not %s", m, aName, bName)
		}
	}
	for _, m := range b {
		if !slices.Contains(a, m) {
			t.Errorf("%s is %s and not %s", m, bName, aName)
		}
	}
}

func TestReasoned(t *testing.T) {
	const text = "| module | why |\n|---|---|\n" +
		"| `example.org/a` | it parses |\n" +
		"| `example.org/b/v2` | |\n" + // no reason: does not count
		"| `zrtp/wire` | a room of ours |\n" +
		"`example.org/c` in passing\n"
	if got := reasoned(text); !slices.Equal(got, []string{"example.org/a"}) {
		t.Errorf("reasoned = %q, want example.org/a alone", got)
	}
}

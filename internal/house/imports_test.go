package house

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module = "karat"
	root   = "../.." // of the module, seen from this package
)

// A listedPackage is what `go list -json` says of a package, as far as the rules
// need it.
type listedPackage struct {
	ImportPath, Name, Doc, Dir string
	Imports, Deps              []string
	TestImports, XTestImports  []string
	GoFiles, CgoFiles          []string
	Module                     *struct{ Path string }
	Error                      *struct{ Err string }
}

func (p *listedPackage) ours() bool { return p != nil && p.Module != nil && p.Module.Path == module }

// sources are the files of p that are built into programs, not only into tests.
func (p *listedPackage) sources() []string {
	var files []string
	for _, f := range slices.Concat(p.GoFiles, p.CgoFiles) {
		files = append(files, filepath.Join(p.Dir, f))
	}
	return files
}

// list asks the go command for our packages, and everything that they and their
// tests import. That TestText reads all sources is what makes `go test` run the
// tests of this package again when any of them has changed.
func list(t *testing.T) map[string]*listedPackage {
	t.Helper()
	packages := goList(t, "./...")
	var tested []string
	for _, p := range ours(packages) {
		for _, imp := range slices.Concat(p.TestImports, p.XTestImports) {
			if packages[imp] == nil && imp != "C" {
				tested = append(tested, imp)
			}
		}
	}
	if len(tested) == 0 {
		return packages
	}
	slices.Sort(tested)
	maps.Copy(packages, goList(t, slices.Compact(tested)...))
	return packages
}

func goList(t *testing.T, patterns ...string) map[string]*listedPackage {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-e", "-deps", "-json"}, patterns...)...)
	cmd.Dir = root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, stderr.String())
	}
	packages := make(map[string]*listedPackage)
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		p := new(listedPackage)
		if err := dec.Decode(p); err != nil {
			t.Fatal(err)
		}
		if p.Error != nil {
			t.Errorf("%s: %s", p.ImportPath, p.Error.Err)
		}
		packages[p.ImportPath] = p
	}
	return packages
}

// TestImports holds the import table against what the go command says.
func TestImports(t *testing.T) {
	packages := list(t)
	if n := len(ours(packages)); n < 10 {
		t.Fatalf("found %d packages of ours; the table has not been held against the module", n)
	}
	for _, fault := range slices.Concat(checkTable(table, packages), checkWalls(walls, packages)) {
		t.Error(fault)
	}
}

// ours are the packages of this module, in order.
func ours(packages map[string]*listedPackage) []*listedPackage {
	var list []*listedPackage
	for _, p := range packages {
		if p.ours() {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *listedPackage) int { return strings.Compare(a.ImportPath, b.ImportPath) })
	return list
}

// checkTable returns a sentence for each direct import that the table does not
// allow, and for each package that has no row.
func checkTable(table []row, packages map[string]*listedPackage) []string {
	var faults []string
	for _, p := range ours(packages) {
		room := relative(p.ImportPath)
		if slices.Contains(emptyNames, path.Base(room)) {
			faults = append(faults, fmt.Sprintf("%s: the name says nothing of what is in it", room))
		}
		r, ok := find(table, room)
		if !ok {
			faults = append(faults, fmt.Sprintf("%s: no row of the import table (internal/house) gives it a place", room))
			continue
		}
		for _, imp := range p.Imports {
			if packages[imp].ours() && !matches(r.imports, relative(imp)) {
				faults = append(faults, fmt.Sprintf("%s imports %s", room, relative(imp)))
			}
		}
		more := slices.Concat(r.tests, forTests, []string{room})
		for _, imp := range slices.Concat(p.TestImports, p.XTestImports) {
			if packages[imp].ours() && !matches(r.imports, relative(imp)) && !matches(more, relative(imp)) {
				faults = append(faults, fmt.Sprintf("the tests of %s import %s", room, relative(imp)))
			}
		}
	}
	return faults
}

// checkWalls returns a sentence for each wall that a package, or its tests, gets
// over, in however many steps.
func checkWalls(walls []wall, packages map[string]*listedPackage) []string {
	var faults []string
	for _, p := range ours(packages) {
		for _, w := range walls {
			if !matches(w.from, relative(p.ImportPath)) {
				continue
			}
			for _, dep := range reach(p, packages) {
				if matches(w.to, relative(dep)) {
					faults = append(faults, fmt.Sprintf("%s reaches %s: %s", relative(p.ImportPath), relative(dep), w.why))
				}
			}
		}
	}
	return faults
}

// reach is everything that p and its tests import, directly or not.
func reach(p *listedPackage, packages map[string]*listedPackage) []string {
	all := slices.Clone(p.Deps)
	for _, imp := range slices.Concat(p.TestImports, p.XTestImports) {
		all = append(all, imp)
		if q := packages[imp]; q != nil {
			all = append(all, q.Deps...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func find(table []row, room string) (row, bool) {
	for _, r := range table {
		if matches([]string{r.room}, room) {
			return r, true
		}
	}
	return row{}, false
}

// relative is an import path as the table writes it. Packages of others keep
// their whole path.
func relative(importPath string) string { return strings.TrimPrefix(importPath, module+"/") }

// matches tells whether any of the patterns matches and none with "!" does.
func matches(patterns []string, room string) bool {
	found := false
	for _, pat := range patterns {
		if not, ok := strings.CutPrefix(pat, "!"); ok {
			if matchesOne(not, room) {
				return false
			}
			continue
		}
		found = found || matchesOne(pat, room)
	}
	return found
}

func matchesOne(pattern, room string) bool {
	if pattern == "..." {
		return true
	}
	if tree, ok := strings.CutSuffix(pattern, "/..."); ok {
		return room == tree || strings.HasPrefix(room, tree+"/")
	}
	return room == pattern
}

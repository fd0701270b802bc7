package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// providersFile is the table of what providers and their servers demand, and
// what shows that Karat does it. It is written by
//
//	go run ./contrib/interop -providers
//
// which is also how a conflict in it is resolved: the tests and the cells are
// the source, the file is what came out. A test says whose it is by its name
// (TestItem07_What) or by a line of its comment ("Items: 7, 8."), a cell by its
// items field; what is missing is said in the list below.
const providersFile = "contrib/interop/PROVIDERS.md"

// demand is one thing that providers, their servers or their users' networks
// ask of a phone.
type demand struct {
	number   int
	priority string // P0: before a release, P1: soon after, P2: later
	what     string
	// gap is what of it is missing, and why; empty: nothing.
	gap string
}

// proofs are the tests and cells of each number.
type proofs struct{ tests, cells map[int][]string }

var (
	itemTest  = regexp.MustCompile(`^TestItem(\d\d)_`)
	itemsLine = regexp.MustCompile(`(?m)^Items: ([\d, ]+)\.$`)
	skipDirs  = []string{".git", "testdata", "bin"}
)

// findProofs reads the tests of the repository, and takes the cells.
func findProofs(root string, all []cell) (proofs, error) {
	p := proofs{tests: map[int][]string{}, cells: map[int][]string{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(skipDirs, d.Name()):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		room, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		return p.readTests(path, filepath.ToSlash(room))
	})
	for _, c := range all {
		for _, n := range c.items {
			p.cells[n] = append(p.cells[n], c.name)
		}
	}
	for _, names := range p.tests {
		slices.Sort(names)
	}
	return p, err
}

func (p proofs) readTests(path, room string) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || !strings.HasPrefix(f.Name.Name, "Test") {
			continue
		}
		for _, n := range itemsOf(f.Name.Name, f.Doc.Text()) {
			p.tests[n] = append(p.tests[n], room+"."+f.Name.Name)
		}
	}
	return nil
}

// itemsOf are the numbers that a test carries.
func itemsOf(name, doc string) []int {
	var items []int
	if m := itemTest.FindStringSubmatch(name); m != nil {
		items = append(items, number(m[1]))
	}
	if m := itemsLine.FindStringSubmatch(doc); m != nil {
		for n := range strings.SplitSeq(m[1], ",") {
			items = append(items, number(strings.TrimSpace(n)))
		}
	}
	return items
}

// number reads digits that an expression has found; 0 is no item's.
func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// faults are the sentences about what the list and the proofs leave unsaid.
func (p proofs) faults(all []demand) []string {
	var faults []string
	known := map[int]bool{}
	for _, d := range all {
		known[d.number] = true
		if len(p.tests[d.number])+len(p.cells[d.number]) == 0 && d.gap == "" {
			faults = append(faults, fmt.Sprintf("item %d (%s) has neither a test, nor a cell, nor a word on why not", d.number, d.priority))
		}
	}
	for _, named := range []map[int][]string{p.tests, p.cells} {
		for n, who := range named {
			if !known[n] {
				faults = append(faults, fmt.Sprintf("%s names item %d, which is not there", strings.Join(who, ", "), n))
			}
		}
	}
	slices.Sort(faults)
	return faults
}

const providersHead = `# What providers demand

Written by ` + "`go run ./contrib/interop -providers`" + ` from the tests, the cells of
this directory and the list in demands.go; do not edit it.

Phones fail with providers in ways that are known. Each line is one of them, as
a demand on the phone, with the tests that show that Karat meets it and the cells
(calls with other programs, ` + "`make interop`" + `) in which it is met. P0 is what a release
must have, P1 comes soon after, P2 later. Where something is missing, the last
column says what, and why.

`

// page is the text of the file.
func (p proofs) page(all []demand) string {
	var rows strings.Builder
	held, partly := 0, 0
	for _, d := range all {
		tests, cells := p.tests[d.number], p.cells[d.number]
		state := "held"
		switch {
		case d.gap == "":
			held++
		case len(tests)+len(cells) > 0:
			partly++
			state = "held, except: " + d.gap
		default:
			state = "not held: " + d.gap
		}
		fmt.Fprintf(&rows, "| %d | %s | %s | %s | %s | %s |\n", d.number, d.priority, d.what, code(tests), few(cells), state)
	}
	return providersHead +
		fmt.Sprintf("%d of %d are held, %d more in part.\n\n", held, len(all), partly) +
		"| | | the phone | tests | cells | state |\n|---|---|---|---|---|---|\n" + rows.String()
}

func code(names []string) string {
	var quoted []string
	for _, n := range names {
		quoted = append(quoted, "`"+n+"`")
	}
	return strings.Join(quoted, " ")
}

// fewCells of an item are named.
const fewCells = 3

func few(cells []string) string {
	if rest := len(cells) - fewCells; rest > 0 {
		return fmt.Sprintf("%s and %d more", code(cells[:fewCells]), rest)
	}
	return code(cells)
}

// stale tells what of a page is no longer so. That tests were added to an item
// that has some makes no page stale: else no two people could add one at a time.
func (p proofs) stale(page string, all []demand) []string {
	var faults []string
	rows := map[int][]string{}
	for line := range strings.Lines(page) {
		if cells := strings.Split(strings.Trim(line, "| \n"), " | "); len(cells) >= 5 {
			rows[number(cells[0])] = cells
		}
	}
	for _, d := range all {
		row := rows[d.number]
		switch has := len(p.tests[d.number]) + len(p.cells[d.number]); {
		case row == nil:
			faults = append(faults, fmt.Sprintf("item %d is not in it", d.number))
		case !strings.HasSuffix(row[len(row)-1], cmp.Or(d.gap, "held")):
			faults = append(faults, fmt.Sprintf("the state of item %d has changed", d.number))
		case has > 0 && !slices.ContainsFunc(append(slices.Clone(p.tests[d.number]), p.cells[d.number]...), func(name string) bool {
			return strings.Contains(strings.Join(row, " "), "`"+name+"`")
		}):
			faults = append(faults, fmt.Sprintf("item %d names none of its %d tests and cells", d.number, has))
		}
	}
	return faults
}

// writeProviders writes the file.
func writeProviders(root string) error {
	p, err := findProofs(root, cells())
	if err != nil {
		return err
	}
	if faults := p.faults(demands); len(faults) > 0 {
		return fmt.Errorf("%s", strings.Join(faults, "; "))
	}
	return os.WriteFile(filepath.Join(root, providersFile), []byte(p.page(demands)), 0o644)
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// resultsFile is the table of all cells and of what came of each when it was run last.
// It is written by
//
//	go run ./contrib/interop -full -matrix
//
// which is also how a conflict in it is resolved. With -run, the rows of the cells that
// ran are written anew, and the others stay as they were.
const resultsFile = "contrib/interop/MATRIX.md"

const resultsHead = `# The calls, and what came of them

Written by ` + "`go run ./contrib/interop -full -matrix`" + ` from what its cells did; do not
edit it. [README.md](README.md) says how they are judged.

"heard" is the likeness of the recording that was worst in the cell with what was said
at the other end: 1 is a perfect copy, 0.60 tells speech from none. Cells without a
number are judged by packets and words alone. "full" are the cells that only
` + "`make interop-full`" + ` runs.

`

// row is the line of a cell, without what came of it.
func (c cell) row() string {
	when := ""
	if c.full {
		when = "full"
	}
	return fmt.Sprintf("| `%s` | %s | %s |", c.name, when, c.proves)
}

// outcome is the rest of the line.
func (r result) outcome() string {
	if r.Error != "" {
		first, _, _ := strings.Cut(r.Error, "\n")
		return fmt.Sprintf(" failed: %s | |", strings.ReplaceAll(first, "|", "/"))
	}
	if r.Heard == 0 {
		return " passed | |"
	}
	return fmt.Sprintf(" passed | %.2f |", r.Heard)
}

// notRun is the outcome of a cell that has none yet.
const notRun = " not run | |"

// outcomes reads what came of each cell from a page.
func outcomes(page string) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(page) {
		// name, when, what it proves, outcome, heard
		if columns := strings.Split(strings.TrimSpace(line), "|"); len(columns) == 7 {
			name := strings.Trim(columns[1], " `")
			found[name] = columns[4] + "|" + columns[5] + "|"
		}
	}
	return found
}

// resultsPage is the page: all cells in their order, and the calls that cannot be.
func resultsPage(all []cell, known map[string]string) string {
	var rows, not strings.Builder
	passed := 0
	for _, c := range all {
		came := cmp.Or(known[c.name], notRun)
		if strings.HasPrefix(came, " passed") {
			passed++
		}
		fmt.Fprintf(&rows, "%s%s\n", c.row(), came)
	}
	for _, m := range matrix() {
		if why := m.impossible(); why != "" {
			fmt.Fprintf(&not, "- `%s`: %s\n", m.cellName(), why)
		}
	}
	return resultsHead + fmt.Sprintf("%d of %d cells passed.\n\n", passed, len(all)) +
		"| cell | | what it proves | outcome | heard |\n|---|---|---|---|---|\n" + rows.String() +
		"\nNot possible, and why:\n\n" + not.String()
}

// staleResults tells what of a page is no longer so.
func staleResults(page string, all []cell) (faults []string) {
	for _, c := range all {
		if !strings.Contains(page, c.row()) {
			faults = append(faults, fmt.Sprintf("the row of %s is missing or another", c.name))
		}
	}
	known := outcomes(page)
	for _, c := range all {
		if known[c.name] == notRun || strings.HasPrefix(known[c.name], " failed") {
			faults = append(faults, fmt.Sprintf("%s has not passed", c.name))
		}
		delete(known, c.name)
	}
	for name := range known {
		if name != "cell" && !strings.HasPrefix(name, "---") {
			faults = append(faults, fmt.Sprintf("there is no cell %s", name))
		}
	}
	return faults
}

// writeResults writes the file: the rows of the cells that ran, and the others as they
// were.
func writeResults(root string, results []result) error {
	path := filepath.Join(root, resultsFile)
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	known := outcomes(string(before))
	for _, r := range results {
		known[r.cell.name] = r.outcome()
	}
	return os.WriteFile(path, []byte(resultsPage(cells(), known)), 0o644)
}

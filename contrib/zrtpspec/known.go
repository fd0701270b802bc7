package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"karat/contrib/zrtpspec/spec"
)

// notes is a table of cases with a word about each:
//
//	version: 5.1.64
//	# a remark
//	4.1/1     commits
//	6/4       ~ 11
//
// What comes before the first case may be a header: a name, a colon, and text.
type notes struct {
	header map[string]string
	notes  []note
}

// note is a line.
type note struct{ id, text string }

// readNotes reads a table.
func readNotes(name string) (notes, error) {
	n := notes{header: map[string]string{}}
	f, err := os.Open(name)
	if err != nil {
		return n, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		id, text, _ := strings.Cut(line, " ")
		text = strings.TrimSpace(text)
		if title, ok := strings.CutSuffix(id, ":"); ok && len(n.notes) == 0 {
			n.header[title] = text
			continue
		}
		if text == "" {
			return n, fmt.Errorf("%s: %s stands there without a reason", name, id)
		}
		if found, err := spec.Find([]string{id}); err != nil || len(found) != 1 {
			return n, fmt.Errorf("%s: there is no case %s", name, id)
		}
		n.notes = append(n.notes, note{id, text})
	}
	return n, lines.Err()
}

// known are the cases that a target fails, with what is seen then.
type known map[string]knownFailure

type knownFailure struct {
	seen string
	// unsteady: it depends on timing, and passes now and then.
	unsteady bool
}

// known reads the table of --known.
func (r runCommand) known() (known, error) {
	if r.Known == "" {
		return nil, nil
	}
	list, err := readNotes(r.Known)
	return list.known(), err
}

func (n notes) known() known {
	k := known{}
	for _, line := range n.notes {
		seen, unsteady := strings.CutPrefix(line.text, "~ ")
		k[line.id] = knownFailure{seen, unsteady}
	}
	return k
}

// judge tells in what a result differs from what is known; empty: in nothing.
func (k known) judge(r spec.Result) string {
	failure, expected := k[r.ID]
	switch {
	case failure.unsteady:
		return ""
	case r.Verdict == spec.Fail && !expected:
		return "new: " + r.ID + " fails: " + r.Seen
	case expected && r.Verdict != spec.Fail && r.Verdict != spec.Skipped:
		return "gone: " + r.ID + ", now " + string(r.Verdict) + ", was known for: " + failure.seen
	}
	return ""
}

// differences are those of all results.
func (k known) differences(results []spec.Result) (all []string) {
	if k == nil {
		return nil
	}
	for _, r := range results {
		if r.ID == spec.Sane().ID {
			continue
		}
		if d := k.judge(r); d != "" {
			all = append(all, d)
		}
	}
	return all
}

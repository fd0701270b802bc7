package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"karat/contrib/zrtpspec/spec"
)

//go:generate env ZRTPSPEC_PEERS=write go test -run ^TestPeersTable$ -count 1 .

// peersVariable has TestPeersTable write PEERS.md of what stands in peers/.
const peersVariable = "ZRTPSPEC_PEERS"

const peersFile = "PEERS.md"

// What other implementations do otherwise is known to machines (peers/, with which
// `make interop` compares) and to readers (PEERS.md): both say the same.
func TestPeersTable(t *testing.T) {
	paths, err := filepath.Glob("peers/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no peers: %v", err)
	}
	var peers []notes
	for _, path := range paths {
		n, err := readNotes(path)
		if err != nil {
			t.Fatal(err)
		}
		if n.header["name:"] != "" || n.header["name"] == "" || n.header["version"] == "" || len(n.known()) != len(n.notes) {
			t.Errorf("%s lacks a name or a version, or names a case twice", path)
		}
		peers = append(peers, n)
	}
	want := peersPage(peers)
	if os.Getenv(peersVariable) == "write" {
		if err := os.WriteFile(peersFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if b, err := os.ReadFile(peersFile); err != nil || string(b) != want {
		t.Errorf("%s is not what peers/ says: go generate ./contrib/zrtpspec (%v)", peersFile, err)
	}
}

// peersPage is PEERS.md.
func peersPage(peers []notes) string {
	var b strings.Builder
	b.WriteString("# What other implementations showed\n\n" +
		"Written by `go generate ./contrib/zrtpspec` from the files in peers/, with which\n" +
		"`make interop` compares a run of all cases: a difference that is new fails it, and so\n" +
		"does one that is gone. Runs are on loopback, and not strict. A difference from the RFC\n" +
		"is not always a fault: what the RFC says in prose (text), and recommends (SHOULD), is\n" +
		"marked. Where a phone has nothing in its column it passes, or the case is not\n" +
		"applicable to it. What depends on timing, and passes now and then, has a tilde.\n\n" +
		"| | version | fails |\n|---|---|---|\n")
	for _, p := range peers {
		fmt.Fprintf(&b, "| %s | %s | %d |\n", p.header["name"], p.header["version"], len(p.notes))
	}
	b.WriteString("\n| cases | level | sent | expected |")
	for _, p := range peers {
		fmt.Fprintf(&b, " %s |", p.header["name"])
	}
	b.WriteString("\n|---|---|---|---|" + strings.Repeat("---|", len(peers)) + "\n")
	for _, row := range peerRows(peers) {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", row.names(), row.cases[0].Level, strings.Join(row.cells, " | "))
	}
	b.WriteString("\nNeither sends Error messages. Exchanges that end without one, as they must, pass for\n" +
		"that reason; with `--strict` they fail.\n")
	return b.String()
}

// peerRow is a line of the table: cases of one section that read alike.
type peerRow struct {
	cases []spec.Case
	cells []string
}

func peerRows(peers []notes) (rows []peerRow) {
	for _, c := range spec.All() {
		cells := []string{c.Sent, c.Expected}
		failed := false
		for _, p := range peers {
			i := slices.IndexFunc(p.notes, func(n note) bool { return n.id == c.ID })
			if i < 0 {
				cells = append(cells, "")
				continue
			}
			failed = true
			cells = append(cells, p.notes[i].text)
		}
		if !failed {
			continue
		}
		if last := len(rows) - 1; last >= 0 && rows[last].takes(c, cells) {
			rows[last].cases = append(rows[last].cases, c)
			rows[last].cells[0] += "; " + c.Sent
			continue
		}
		rows = append(rows, peerRow{[]spec.Case{c}, cells})
	}
	return rows
}

// takes tells whether a case reads like those of the row.
func (r peerRow) takes(c spec.Case, cells []string) bool {
	first := r.cases[0]
	return c.Section() == first.Section() && c.Level == first.Level && slices.Equal(cells[1:], r.cells[1:])
}

func (r peerRow) names() string {
	ids := []string{r.cases[0].ID}
	for _, c := range r.cases[1:] {
		ids = append(ids, strings.TrimPrefix(c.ID, c.Section()))
	}
	return strings.Join(ids, ", ")
}

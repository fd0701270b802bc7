// Package report writes what came of a run of zrtpspec: for a terminal, as JUnit
// XML for machines, and as one HTML page.
//
// It does not judge: that a failure of a SHOULD does not fail a run is the
// command's business.
package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"karat/contrib/zrtpspec/spec"
)

// Run is a run of the tester.
type Run struct {
	Target  string
	Began   time.Time
	Strict  bool
	Results []spec.Result
}

// Count is how many results have a verdict.
func (r Run) Count(v spec.Verdict) int {
	n := 0
	for _, result := range r.Results {
		if result.Verdict == v {
			n++
		}
	}
	return n
}

// Verdicts are all verdicts, in the order of a report.
func Verdicts() []spec.Verdict {
	return []spec.Verdict{spec.Pass, spec.Fail, spec.Manual, spec.Inapplicable, spec.Skipped}
}

// Summary is one line of figures.
func (r Run) Summary() string {
	var parts []string
	for _, v := range Verdicts() {
		if n := r.Count(v); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return strings.Join(parts, ", ")
}

// Caveat is what a result does not prove; every form of the report has it.
const Caveat = "A pass means that this one conversation went as the RFC asks. It does not prove that keys are erased, " +
	"that random numbers are random, that the user understands what is shown, or that the same holds under another " +
	"timing, codec or network. Someone who controls signalling and media at the first contact is stopped by the SAS " +
	"alone, which people must compare."

// Line writes one result for a terminal; what failed with its conversation.
func Line(w io.Writer, r spec.Result, verbose bool) {
	fmt.Fprintf(w, "%-14s %-11s %-6s %s\n", r.Verdict, r.ID, r.Level, r.Rule)
	if r.Verdict != spec.Pass || r.Seen != "as expected" {
		fmt.Fprintf(w, "%14s seen: %s\n", "", r.Seen)
	}
	if r.Verdict != spec.Fail && !verbose || r.Run == nil {
		return
	}
	fmt.Fprintf(w, "%14s sent: %s\n%14s expected: %s\n", "", r.Sent, "", r.Expected)
	for _, line := range r.Trace {
		fmt.Fprintf(w, "%14s   %s\n", "", line)
	}
}

package report

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"karat/contrib/zrtpspec/spec"
)

// results has one of each verdict.
func results() Run {
	run := Run{Target: "sip:bob@<here>", Began: time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)}
	for i, v := range Verdicts() {
		run.Results = append(run.Results, spec.Result{
			Case: spec.Case{
				ID: "4.4/" + string(rune('1'+i)), Rows: "A1", Level: spec.Must,
				Rule: "a rule with <brackets> & more", Sent: "a Hello", Expected: "a Commit", Run: func(*spec.T) {},
			},
			Verdict: v, Seen: "it did <this>", Trace: []string{"T -> P  Hello", "P -> T  Commit"},
		})
	}
	return run
}

func TestSummary(t *testing.T) {
	const want = "1 pass, 1 fail, 1 manual, 1 not applicable, 1 skipped"
	if got := results().Summary(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	if err := results().JUnit(&b); err != nil {
		t.Fatal(err)
	}
	var back testSuite
	if err := xml.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if back.Tests != 5 || back.Failures != 1 || back.Skipped != 3 {
		t.Errorf("%d tests, %d failures, %d skipped", back.Tests, back.Failures, back.Skipped)
	}
	failed := back.Cases[1]
	if failed.Name != "4.4/2" || failed.Class != "rfc6189.4.4" || failed.Failure == nil || failed.Failure.Text != "it did <this>" {
		t.Errorf("the failure reads %+v", failed)
	}
	if !strings.Contains(failed.Output, "P -> T  Commit") {
		t.Error("the conversation is missing")
	}
}

// The page says all, escapes it, and fetches nothing.
func TestHTML(t *testing.T) {
	var b bytes.Buffer
	if err := results().HTML(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{
		"4.4/5", "Section 4.4", "it did &lt;this&gt;", "&lt;brackets&gt;", "not applicable", "P -&gt; T  Commit", `<details class="fail" open>`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
	for _, never := range []string{"<this>", "http:", "https:", "src="} {
		if strings.Contains(text, never) {
			t.Errorf("the page holds %q", never)
		}
	}
}

// A line for a terminal has the conversation if something failed.
func TestLine(t *testing.T) {
	for _, r := range results().Results {
		var quiet, verbose bytes.Buffer
		Line(&quiet, r, false)
		Line(&verbose, r, true)
		if got, want := strings.Contains(quiet.String(), "P -> T"), r.Verdict == spec.Fail; got != want {
			t.Errorf("%s: conversation %v, want %v", r.Verdict, got, want)
		}
		if !strings.Contains(verbose.String(), "P -> T") || !strings.Contains(quiet.String(), r.ID) {
			t.Errorf("%s: a line lacks something", r.Verdict)
		}
	}
}

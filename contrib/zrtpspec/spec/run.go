package spec

import (
	"fmt"
	"runtime/debug"
	"time"
)

// Verdict is what came of a case.
type Verdict string

// The verdicts.
const (
	Pass         Verdict = "pass"
	Fail         Verdict = "fail"
	Manual       Verdict = "manual"         // only a person can judge
	Inapplicable Verdict = "not applicable" // with the reason
	Skipped      Verdict = "skipped"        // by a table, with the reason
)

// Result is a Case with its Verdict.
type Result struct {
	Case
	Verdict Verdict
	// Seen says what P did, or why there is no verdict.
	Seen string
	// Silent: P ended the exchange without a word. It may as well have crashed.
	Silent bool
	// Trace is the conversation, a line for each message.
	Trace   []string
	Elapsed time.Duration
}

// Options of Run.
type Options struct {
	// Strict: an exchange that ends without its Error message is a failure.
	Strict bool
}

// ended is how a case ends before its last line. It is only thrown by the
// methods of T and caught by Run.
type ended struct {
	verdict Verdict
	seen    string
}

// Run puts one case to a phone.
func Run(c Case, source Source, o Options) (r Result) {
	r = Result{Case: c, Verdict: Pass, Seen: "as expected"}
	switch missing := c.Needs &^ source.Abilities(); {
	case c.Inapplicable != "":
		r.Verdict, r.Seen = Inapplicable, c.Inapplicable
		return r
	case c.Manual != "":
		r.Verdict, r.Seen = Manual, c.Manual
		return r
	case missing&Eyes != 0:
		r.Verdict, r.Seen = Manual, "look at the phone: "+c.Expected
		return r
	case missing != 0:
		r.Verdict, r.Seen = Inapplicable, "this way of testing has no "+missing.String()
		return r
	}
	start := time.Now()
	phone, err := source.Phone()
	if err != nil {
		r.Verdict, r.Seen = Fail, fmt.Sprintf("the phone could not be started: %v", err)
		return r
	}
	t := newT(phone, o, source.Abilities())
	defer func() {
		if mortal, ok := t.call.(Mortal); ok && mortal.Crashed() != "" {
			r.Verdict, r.Seen = Fail, "P crashed: "+mortal.Crashed()
		}
		t.hangup()
		phone.Close()
		r.Trace, r.Elapsed = t.trace, time.Since(start)
		r.Silent = t.silent || r.Verdict == Fail
		if t.note != "" && r.Verdict == Pass {
			r.Seen = t.note
		}
	}()
	defer func() {
		switch e := recover().(type) {
		case nil:
		case ended:
			r.Verdict, r.Seen = e.verdict, e.seen
		default:
			// P sent what nobody thought of; the other cases can still be judged.
			r.Verdict, r.Seen = Fail, fmt.Sprintf("a fault of the tester, which please report: %v\n%s", e, debug.Stack())
		}
	}()
	c.Run(t)
	return r
}

// String names abilities for a report.
func (a Ability) String() string {
	switch {
	case a&Eyes != 0:
		return "view of what the phone shows"
	case a&Media != 0:
		return "media"
	case a&Memory != 0:
		return "memory from one call to the next"
	case a&Signalling != 0:
		return "signalling"
	}
	return "nothing"
}

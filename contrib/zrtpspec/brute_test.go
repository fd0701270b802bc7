package main

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"karat/contrib/zrtpspec/middle"
	"karat/zrtp/wire"
)

// bruteVariable tells TestBruteForce that the engine is one without the check.
const bruteVariable = "ZRTPSPEC_NO_HVI_CHECK"

// Attack A1, CVE-2016-6271: M commits to nothing, and once it knows the words that A
// shows tries DHPart2 after DHPart2 until B would show the same. B ends the
// exchange, because the hvi does not fit.
func TestBruteForce(t *testing.T) {
	a, b := betweenKarats(t, middle.Attacks()[0])
	if os.Getenv(bruteVariable) != "" {
		if !middle.SameWords(a, b) || a.Sends == b.Hears {
			t.Errorf("A: %v, B: %v: the attack ought to work on this engine", a, b)
		}
		return
	}
	if b.Code != uint32(wire.CodeBadCommitment) || b.Sends != "" || middle.SameWords(a, b) {
		t.Errorf("A: %v, B: %v", a, b)
	}
}

// The same against an engine without that check works: both users read the same
// words to each other, and M has the keys of both. So the test above is a test.
func TestBruteForceWorksWithoutTheCheck(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds an engine without the check")
	}
	ctx, cancel := context.WithTimeout(t.Context(), mutantTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, agreementMutants[0].build(ctx, t), "-test.run=^TestBruteForce$", "-test.v")
	cmd.Env = append(os.Environ(), bruteVariable+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

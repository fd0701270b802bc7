package phone

import (
	"io"
	"strings"
	"testing"
	"time"

	"karat/contrib/zrtpspec/spec"
)

// What becomes of a target that is started for a call.
func TestExec(t *testing.T) {
	for _, test := range []struct{ command, crashed string }{
		{"sleep 60", ""},
		{"true", ""},
		{"false", ""},
		{"sh -c 'kill -ABRT $$'", "signal: aborted"},
	} {
		e := &Exec{Media: free(t), Local: free(t), Command: test.command, Output: io.Discard}
		p, err := e.Phone()
		if err != nil {
			t.Fatal(err)
		}
		call, err := p.Call(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := call.Send([]byte("nobody listens")); err != nil {
			t.Errorf("%s: %v", test.command, err)
		}
		if b := call.Receive(10 * time.Millisecond); b != nil {
			t.Errorf("%s: received %q", test.command, b)
		}
		if got := call.(spec.Mortal).Crashed(); !strings.HasPrefix(got, test.crashed) || test.crashed == "" && got != "" {
			t.Errorf("%s: crashed %q, want %q", test.command, got, test.crashed)
		}
		began := time.Now()
		call.Hangup()
		if time.Since(began) > endPause {
			t.Errorf("%s: its end took %v", test.command, time.Since(began))
		}
	}
}

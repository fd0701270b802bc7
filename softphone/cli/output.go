package cli

import (
	"encoding/json"
	"fmt"

	"karat/softphone"
	"karat/softphone/view"
)

// say prints a line for people; with --json nothing but events goes to standard
// output.
func (e *env) say(format string, args ...any) {
	w := e.stdout
	if e.flags.JSON {
		w = e.stderr
	}
	fmt.Fprintf(w, format+"\n", args...)
}

// object prints one JSON object on a line of its own.
func (e *env) object(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		fmt.Fprintf(e.stderr, "karat: error: %v\n", err)
		return
	}
	fmt.Fprintf(e.stdout, "%s\n", b)
}

// show renders an event, in the words of softphone/view.
func (e *env) show(ev softphone.Event) {
	if e.flags.JSON {
		if v, ok := view.JSON(ev); ok {
			e.object(v)
		}
		return
	}
	for _, line := range view.Lines(ev) {
		e.say("%s", line)
	}
}

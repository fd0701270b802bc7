package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

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
	e.print(view.Lines(ev))
}

// print prints lines, folded to the width of a person's terminal.
func (e *env) print(lines []string) {
	for _, line := range lines {
		for _, folded := range fold(line, e.width()) {
			e.say("%s", folded)
		}
	}
}

// width of the terminal in columns; 0: nothing needs folding.
func (e *env) width() int {
	f, ok := e.stdout.(*os.File)
	if !e.attended || !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

const (
	// minFold is the narrowest terminal for which folding makes reading easier.
	minFold = 40
	// promiseIndent is where the reasons of promises begin.
	promiseIndent = 29
)

// fold breaks a line between words. What follows stands below the text of the
// first line: promises have their reasons in a column.
func fold(line string, width int) []string {
	if width < minFold || utf8.RuneCountInString(line) <= width {
		return []string{line}
	}
	indent := "  "
	if strings.HasPrefix(line, "  ") && width >= 2*promiseIndent {
		indent = strings.Repeat(" ", promiseIndent)
	}
	var out []string
	for utf8.RuneCountInString(line) > width {
		at := lastSpace(line, width)
		if at <= len(indent) {
			break // one long word
		}
		out = append(out, strings.TrimRight(line[:at], " "))
		line = indent + strings.TrimLeft(line[at:], " ")
	}
	return append(out, line)
}

// lastSpace is the byte at which the last word that fits ends.
func lastSpace(line string, width int) int {
	at, column := 0, 0
	for i, r := range line {
		if column > width {
			break
		}
		if r == ' ' {
			at = i
		}
		column++
	}
	return at
}

package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Line is one line of output and the time at which it was complete.
type Line struct {
	Text string
	At   time.Time
}

// maxPartial bounds an unfinished line. A program that writes no newline for
// this long writes no text.
const maxPartial = 1 << 20

// Transcript keeps the lines of a program's output as they arrive, and lets
// others wait for one. The zero value is not useful; make it with
// NewTranscript.
type Transcript struct {
	copyTo io.Writer

	mu      sync.Mutex // guards: the fields below
	lines   []Line
	partial []byte
	ended   bool
	changed chan struct{} // closed and replaced at every change
}

// NewTranscript keeps lines, and copies all bytes to w.
func NewTranscript(w io.Writer) *Transcript {
	return &Transcript{copyTo: w, changed: make(chan struct{})}
}

// Write adds bytes of output.
func (t *Transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.partial = append(t.partial, b...)
	for {
		line, rest, found := bytes.Cut(t.partial, []byte("\n"))
		if !found && len(t.partial) < maxPartial {
			break
		}
		t.lines = append(t.lines, Line{strings.TrimRight(string(line), "\r"), now})
		t.partial = rest
	}
	t.wake()
	if t.copyTo == nil {
		return len(b), nil
	}
	return t.copyTo.Write(b)
}

func (t *Transcript) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.partial) > 0 {
		t.lines = append(t.lines, Line{string(t.partial), time.Now()})
		t.partial = nil
	}
	t.ended = true
	t.wake()
}

// wake must be called with mu held.
func (t *Transcript) wake() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// Lines returns what was written so far.
func (t *Transcript) Lines() []Line {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lines[:len(t.lines):len(t.lines)]
}

// Mark is a place in a Transcript, so that an earlier line is not found again.
type Mark int

// Mark returns the present end.
func (t *Transcript) Mark() Mark { return Mark(len(t.Lines())) }

// Match is a line that was waited for, with the groups of the expression.
type Match struct {
	Line
	Groups []string
}

// Find returns the first line from mark on that matches.
func (t *Transcript) Find(from Mark, re *regexp.Regexp) (Match, bool) {
	for _, line := range t.Lines()[from:] {
		if g := re.FindStringSubmatch(line.Text); g != nil {
			return Match{line, g}, true
		}
	}
	return Match{}, false
}

// Wait is Find that waits until such a line comes, the program ends, or ctx
// does.
func (t *Transcript) Wait(ctx context.Context, from Mark, re *regexp.Regexp) (Match, error) {
	for {
		t.mu.Lock()
		changed, ended := t.changed, t.ended
		t.mu.Unlock()
		if m, ok := t.Find(from, re); ok {
			return m, nil
		}
		if ended {
			return Match{}, fmt.Errorf("the program ended without saying %q", re)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Match{}, fmt.Errorf("waited in vain for %q: %w", re, context.Cause(ctx))
		}
	}
}

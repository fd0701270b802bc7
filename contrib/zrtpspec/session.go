package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"karat/contrib/zrtpspec/phone"
	"karat/contrib/zrtpspec/report"
	"karat/contrib/zrtpspec/spec"
)

// session is one run with one target.
type session struct {
	runCommand
	source  spec.Source
	skip    map[string]string
	out     io.Writer
	environ []string       // of the phone that we start
	command *phone.Command // the phone, if we started it
	results []spec.Result
}

// run makes a sane call, puts the cases, and makes another sane call. Where a
// case left the target silent, one is made in between as well.
func (s *session) run(ctx context.Context, cases <-chan spec.Case) {
	if err := s.start(); err != nil {
		s.note(spec.Result{Case: spec.Sane(), Verdict: spec.Fail, Seen: err.Error()})
		return
	}
	if !s.note(s.sane()) {
		fmt.Fprintln(s.out, "no sane call with the target: nothing else is worth asking")
		return
	}
	for c := range cases {
		if ctx.Err() != nil {
			return
		}
		result := s.judge(c)
		crashed := s.lost(&result)
		s.note(result)
		if crashed && !s.revive() {
			fmt.Fprintln(s.out, "the target does not answer any more")
			return
		}
	}
	s.note(s.sane())
}

// note keeps a result and shows it; it tells whether that is a pass.
func (s *session) note(r spec.Result) bool {
	var line bytes.Buffer // one piece: others write too
	report.Line(&line, r, s.Verbose)
	_, _ = s.out.Write(line.Bytes())
	s.results = append(s.results, r)
	return r.Verdict == spec.Pass
}

func (s *session) sane() spec.Result {
	return spec.Run(spec.Sane(), s.source, spec.Options{})
}

// judge runs one case, or says why not.
func (s *session) judge(c spec.Case) spec.Result {
	if reason, ok := s.skip[c.ID]; ok {
		return spec.Result{Case: c, Verdict: spec.Skipped, Seen: reason}
	}
	return spec.Run(c, s.source, spec.Options{Strict: s.Strict})
}

// lost finds out whether the case has brought the target down. An engine that is
// started for each call tells by itself.
func (s *session) lost(r *spec.Result) bool {
	ended := ""
	if s.command != nil {
		ended = s.command.Ended()
	}
	switch {
	case s.Media != "" || r.Run == nil:
		return false
	case ended != "":
		r.Seen += "; the target ended, " + ended
	case !r.Silent || s.sane().Verdict == spec.Pass:
		return false
	default:
		r.Seen += "; afterwards there is no sane call any more"
	}
	r.Verdict = spec.Fail
	return true
}

// revive starts the phone again, if we can, and tells whether it answers.
func (s *session) revive() bool {
	if s.command == nil {
		return false
	}
	s.stop()
	return s.start() == nil && s.sane().Verdict == spec.Pass
}

// start starts a phone that is to be called.
func (s *session) start() (err error) {
	if s.Exec == "" || s.Media != "" {
		return nil
	}
	if s.command, err = phone.Start(s.Exec, s.environ, io.Discard); err != nil {
		return err
	}
	time.Sleep(s.Ready)
	return nil
}

func (s *session) stop() {
	if s.command != nil {
		s.command.Stop()
		s.command = nil
	}
}

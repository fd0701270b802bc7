// Voicebench measures how calls sound, how late and at what cost, Karat beside
// Linphone and baresip on one machine in one run, and whether the packets tell
// what is said. It writes RESULTS.md and its plots.
//
//	go run ./contrib/voicebench [-quick] [-only mixes,quality,delay,leak,echo] [-karat BINARY]
//
// It needs root (it makes network namespaces); what it needs besides it
// installs. Each part leaves its figures in a file of its own below -data, and
// the report is made of all that are there: parts can be run one by one.
//
// What it does not say: how people judge what they hear, how real rooms and
// sound cards behave, and how any of it is on another machine. See RESULTS.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"karat/contrib/interop/lab"
)

type options struct {
	quick               bool
	only                string
	karat               string
	root, data, scratch string
	inside              bool
	// repeats of lossy cells with other losses, whose results are averaged: which
	// packets are lost matters more than small differences between phones.
	repeats int
}

// parts are what can be measured, in the order of the report.
var parts = []struct {
	name    string
	measure func(context.Context, options) error
}{
	{"mixes", measureMixes},
	{"quality", measureQuality},
	{"delay", measureDelay},
	{"leak", measureLeak},
	{"echo", measureEcho},
}

// timeLimit is several times what a run takes.
const timeLimit = time.Hour

func main() {
	if ran, err := runChild(); ran {
		if err != nil {
			fmt.Fprintln(os.Stderr, "voicebench: error:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := bench(ctx)
	stop()
	var ended *exec.ExitError
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return
	case errors.As(err, &ended): // it has said why
		os.Exit(ended.ExitCode())
	}
	fmt.Fprintln(os.Stderr, "voicebench: error:", err)
	os.Exit(1)
}

// runChild does what this program does in the place of a phone.
func runChild() (ran bool, err error) {
	if len(os.Args) < 2 || os.Args[1] != senderCommand {
		return false, nil
	}
	return true, runSender(os.Args[2:])
}

func bench(ctx context.Context) error {
	var o options
	f := flag.NewFlagSet("voicebench", flag.ContinueOnError)
	f.BoolVar(&o.quick, "quick", false, "a few minutes: less speech, fewer cells, fewer windows")
	f.StringVar(&o.only, "only", "", "only these parts, comma separated: mixes, quality, delay, leak, echo; \"report\" measures nothing")
	f.IntVar(&o.repeats, "repeats", 2, "calls for each lossy cell, each with other losses")
	f.StringVar(&o.karat, "karat", "", "use this binary of Karat instead of building one")
	f.StringVar(&o.root, "root", ".", "the repository")
	f.StringVar(&o.data, "data", "build/voicebench", "where the figures are left")
	f.StringVar(&o.scratch, "scratch", "", "internal")
	f.BoolVar(&o.inside, "inside", false, "internal")
	if err := f.Parse(os.Args[1:]); err != nil {
		return err
	}
	if o.inside {
		return measure(ctx, o)
	}
	err := outside(ctx, o)
	if failed := new(exec.ExitError); err != nil && !errors.As(err, &failed) {
		return err // nothing was measured
	}
	return errors.Join(err, report(o)) // of the parts that went well, too
}

// outside installs and builds what is needed, and runs this program again in
// namespaces of its own, which end all that it started.
func outside(ctx context.Context, o options) error {
	if o.only == "report" {
		return nil
	}
	if os.Geteuid() != 0 {
		return errors.New("making network namespaces needs root")
	}
	if err := lab.Install(ctx, os.Stdout, needed); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "voicebench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	if err := os.MkdirAll(o.data, 0o755); err != nil {
		return err
	}
	if o.data, err = filepath.Abs(o.data); err != nil {
		return err
	}
	if o.karat == "" {
		o.karat = filepath.Join(scratch, "karat")
		build := exec.CommandContext(ctx, "go", "build", "-o", o.karat, "./cmd/karat")
		build.Dir, build.Stderr = o.root, os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("building Karat: %w", err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "-inside", "-scratch", scratch, "-karat", o.karat, "-root", o.root,
		"-data", o.data, "-only", o.only, fmt.Sprintf("-quick=%v", o.quick), fmt.Sprintf("-repeats=%d", o.repeats))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second // to end the phones
	lab.Isolate(cmd)
	return cmd.Run()
}

func measure(ctx context.Context, o options) error {
	if err := lab.Furnish(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	began := time.Now()
	var failed []error // a part that fails leaves the others
	measured := false
	for _, p := range parts {
		if o.only != "" && !strings.Contains(","+o.only+",", ","+p.name+",") {
			continue
		}
		before := busy()
		fmt.Printf("== %s (load %.1f), %v since the beginning\n", p.name, before, time.Since(began).Round(time.Second))
		if err := os.Remove(filepath.Join(o.data, p.name+".json")); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err // figures of an earlier run would stand for this one's
		}
		failure := ""
		if err := p.measure(ctx, o); err != nil {
			failure = err.Error()
			failed = append(failed, fmt.Errorf("%s: %w", p.name, err))
			fmt.Printf("   %s could not be measured: %v\n", p.name, err)
		}
		if err := o.keep("load-"+p.name, load{Before: before, After: busy(), Own: measured, Failure: failure}); err != nil {
			return err
		}
		if ctx.Err() != nil {
			break
		}
		measured = true
	}
	return errors.Join(failed...)
}

// load is how many processes wanted a processor in the minute before a part and
// at its end, those of the bench among them at its end, and why the part has no
// figures, if it has none.
type load struct {
	Before, After float64
	// Own: a part went before, whose load is in Before.
	Own     bool   `json:",omitempty"`
	Failure string `json:",omitempty"`
}

func busy() float64 {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	var minute float64
	_, _ = fmt.Sscan(string(b), &minute) // nothing read is 0
	return minute
}

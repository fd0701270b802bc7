// Load measures one headless Karat with many accounts and many calls: whether its
// voice leaves in time.
//
//	go run ./contrib/load [-accounts 200] [-calls 50] [-for 60s] [-cores 2] [-profile FILE] [-trace FILE]
//
// It exits 0 if at most one packet in a thousand was late. How it measures, and what
// it does not say, is in README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options of a run.
type options struct {
	accounts, calls, cores int
	length                 time.Duration
	profile, trace         string
	meanwhile              func(pid int) // what a test does to Karat while it is measured
}

// limit is the share of packets that may be late.
const limit = 0.001

// childArgument makes this program the measured process.
const childArgument = "-karat"

func main() {
	if as := child(os.Args); as != nil {
		if err := as(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "load: error:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "load: error:", err)
		os.Exit(1)
	}
}

// child is what this program is to be besides the one that measures; nil: nothing.
func child(args []string) func(io.Reader, io.Writer) error {
	switch {
	case len(args) != 2:
		return nil
	case args[1] == childArgument:
		return hold
	case args[1] == controlArgument:
		return watchMachine
	}
	return nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	f.IntVar(&o.accounts, "accounts", 200, "how many accounts are registered")
	f.IntVar(&o.calls, "calls", 50, "how many calls there are at once")
	f.IntVar(&o.cores, "cores", 2, "how many processors Karat may use")
	f.DurationVar(&o.length, "for", time.Minute, "how long is measured, with all calls up")
	f.StringVar(&o.profile, "profile", "", "a file for a profile of Karat's processor time")
	f.StringVar(&o.trace, "trace", "", "a file for an execution trace of Karat, which itself costs time")
	if err := f.Parse(args); err != nil {
		return err
	}
	if o.calls < 1 || o.calls > o.accounts || o.cores < 1 || o.length < time.Second {
		return errors.New("-calls must be from 1 to -accounts, -cores at least 1, and -for at least 1s")
	}
	r, err := measure(ctx, o)
	if err != nil {
		return err
	}
	r.print(out)
	return r.verdict()
}

// Bzrtp sets Karat's ZRTP engine beside libbzrtp, Linphone's, on one machine in
// one run.
//
//	go run ./contrib/bench/bzrtp [-rounds N] [-for D]   whole key agreements per second and core
//	go run ./contrib/bench/bzrtp -known                 do both come to the same SRTP keys?
//
// It needs gcc and Debian's libbzrtp-dev, and says so where they are missing. It
// exits 0 when the figures could be taken, whatever they are; with -known when
// all keys are equal.
//
// A key agreement is both ends, from making the two engines to their SRTP keys,
// in memory: no socket, no cache of retained secrets. Each engine has a process
// of its own with one thread to compute, and they take turns; the figures are
// processor time, so that what else runs on the machine counts little.
//
// What they do not say: how long a call takes to become secure, which is the
// network's doing, and how either engine does on another processor.
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

type options struct {
	known  bool
	rounds int
	each   time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bzrtp: error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	f := flag.NewFlagSet("bzrtp", flag.ContinueOnError)
	f.BoolVar(&o.known, "known", false, "compare SRTP keys instead of speed")
	f.IntVar(&o.rounds, "rounds", 7, "how often the engines take turns")
	f.DurationVar(&o.each, "for", 300*time.Millisecond, "how long a turn lasts, about")
	if err := f.Parse(args); err != nil {
		return err
	}
	if o.rounds < 1 || o.each <= 0 {
		return errors.New("-rounds and -for must be more than nothing")
	}
	scratch, err := os.MkdirTemp("", "bzrtp")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	p, err := startPeer(ctx, scratch)
	if err != nil {
		return err
	}
	defer p.Close()
	if o.known {
		return compareKeys(p, out)
	}
	return compareSpeed(p, o, out)
}

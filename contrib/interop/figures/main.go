// Figures measures Karat beside Linphone and baresip, on one machine in one
// run, and prints a table: how long the key agreement takes, what a call costs
// in processor time and memory, and how soon a phone is ready.
//
//	go run ./contrib/interop/figures [-calls N] [-starts N] [-karat BINARY]
//
// It needs root (it makes network namespaces) and the phones that
// contrib/interop installs. Everything runs in a network of its own. It exits 0
// when every figure could be taken, whatever it is: figures are to be read, not
// passed.
//
// What they do not say: speech quality, latency between mouth and ear, and how
// any of it is on another machine.
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
	"syscall"
	"time"

	"karat/contrib/interop/lab"
)

type options struct {
	calls, starts int
	karat         string
	inside        bool
	root, scratch string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := figures(ctx)
	stop()
	var ended *exec.ExitError
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return
	case errors.As(err, &ended): // it has said why
		os.Exit(ended.ExitCode())
	}
	fmt.Fprintln(os.Stderr, "figures: error:", err)
	os.Exit(1)
}

func figures(ctx context.Context) error {
	var o options
	f := flag.NewFlagSet("figures", flag.ContinueOnError)
	f.IntVar(&o.calls, "calls", 5, "how many key agreements to time, for each phone and delay")
	f.IntVar(&o.starts, "starts", 5, "how many starts to time, for each phone")
	f.StringVar(&o.karat, "karat", "", "use this binary of Karat instead of building one")
	f.StringVar(&o.root, "root", ".", "the repository")
	f.StringVar(&o.scratch, "scratch", "", "internal")
	f.BoolVar(&o.inside, "inside", false, "internal")
	if err := f.Parse(os.Args[1:]); err != nil {
		return err
	}
	if !o.inside {
		return outside(ctx, o)
	}
	if err := lab.Furnish(); err != nil {
		return err
	}
	return measure(ctx, o)
}

// outside builds Karat and runs this program again in namespaces of its own,
// which end all that it started.
func outside(ctx context.Context, o options) error {
	if os.Geteuid() != 0 {
		return errors.New("making network namespaces needs root")
	}
	if missing := lab.Missing("linphonec", "baresip", "kamailio", "ip"); len(missing) > 0 {
		return fmt.Errorf("not installed: %v; \"go run ./contrib/interop\" installs them", missing)
	}
	scratch, err := os.MkdirTemp("", "figures-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
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
		"-calls", fmt.Sprint(o.calls), "-starts", fmt.Sprint(o.starts))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second // to end the phones
	lab.Isolate(cmd)
	return cmd.Run()
}

// timeLimit is several times what a run takes.
const timeLimit = 15 * time.Minute

// measure takes all figures and prints them.
func measure(ctx context.Context, o options) error {
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	speech, err := longSpeech(o)
	if err != nil {
		return err
	}
	t := table{}
	for _, roundTrip := range []time.Duration{0, 100 * time.Millisecond} {
		row := t.row(fmt.Sprintf("first Hello to secure, %d ms round trip", roundTrip.Milliseconds()), "ms")
		for _, k := range []kind{karat(o.karat), linphone()} {
			samples, err := handshakes(ctx, o, k, speech, roundTrip)
			if err != nil {
				return fmt.Errorf("%s, %v round trip: %w", k.name, roundTrip, err)
			}
			row.set(k.name, samples...)
		}
	}
	for _, k := range []kind{karat(o.karat), linphone(), baresip()} {
		if err := costs(ctx, o, k, speech, &t); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return t.print(os.Stdout)
}

// speechLength covers a call in which nobody pauses.
const speechLength = 30 * time.Second

// longSpeech repeats a recording, so that all phones encode speech all the time.
func longSpeech(o options) (string, error) {
	short, err := lab.ReadWAV(filepath.Join(o.root, "testdata/speech/alice.wav"))
	if err != nil {
		return "", err
	}
	if len(short.Samples) == 0 {
		return "", errors.New("the speech is empty")
	}
	long := lab.Recording{Rate: short.Rate}
	for len(long.Samples) < int(speechLength.Seconds())*long.Rate {
		long.Samples = append(long.Samples, short.Samples...)
	}
	path := filepath.Join(o.scratch, "speech.wav")
	return path, lab.WriteWAV(path, long, 1)
}

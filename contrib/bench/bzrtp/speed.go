package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"text/tabwriter"
	"time"

	"karat/zrtp"
)

// measured are the key agreements that are timed, with the other algorithms that
// every phone has.
var measured = []suite{
	{"X255", "S256", "AES1", "HS32", "B32"},
	{"X448", "S256", "AES1", "HS32", "B32"},
	{"DH3k", "S256", "AES1", "HS32", "B32"},
	{"DH3k", "S256", "AES3", "HS32", "B32"},
}

// compareSpeed prints a table.
func compareSpeed(p *peer, o options, out io.Writer) error {
	// One thread for the engine; the collector's share is counted, because
	// processor time is that of the whole process.
	runtime.GOMAXPROCS(1)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "algorithms\tKarat\tlibbzrtp\tratio\t")
	for _, s := range measured {
		ours, theirs, err := takeTurns(p, o, s)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%v\t%.0f/s\t%.0f/s\t%.2f\t\n", s, 1/ours.Seconds(), 1/theirs.Seconds(), theirs.Seconds()/ours.Seconds())
	}
	fmt.Fprintf(w, "whole key agreements, both ends, per second of one core; medians of %d turns\t\t\t\t\n", o.rounds)
	return w.Flush()
}

// takeTurns returns the processor time of one key agreement of each engine.
func takeTurns(p *peer, o options, s suite) (ours, theirs time.Duration, err error) {
	karat := func(n int) (time.Duration, error) { return karatTime(n, s) }
	libbzrtp := func(n int) (time.Duration, error) { return p.time(n, s) }
	nOurs, err := enough(o.each, karat)
	if err != nil {
		return 0, 0, err
	}
	nTheirs, err := enough(o.each, libbzrtp)
	if err != nil {
		return 0, 0, err
	}
	var allOurs, allTheirs []time.Duration
	for range o.rounds {
		took, err := karat(nOurs)
		if err != nil {
			return 0, 0, err
		}
		allOurs = append(allOurs, took/time.Duration(nOurs))
		if took, err = libbzrtp(nTheirs); err != nil {
			return 0, 0, err
		}
		allTheirs = append(allTheirs, took/time.Duration(nTheirs))
	}
	return median(allOurs), median(allTheirs), nil
}

// enough is how many runs last about as long as wanted. It warms up, too.
func enough(each time.Duration, run func(n int) (time.Duration, error)) (int, error) {
	const trial = 10
	took, err := run(trial)
	if err != nil {
		return 0, err
	}
	return max(1, int(trial*each/max(took, 1))), nil
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// time lets libbzrtp run n key agreements.
func (p *peer) time(n int, s suite) (time.Duration, error) {
	answers, err := p.ask("handshakes %d %s", n, s.codes())
	if err != nil {
		return 0, err
	}
	if len(answers) != 1 || answers[0].word != "nanoseconds" {
		return 0, fmt.Errorf("libbzrtp's process answered %v", answers)
	}
	nanoseconds, err := strconv.ParseInt(answers[0].rest, 10, 64)
	return time.Duration(nanoseconds), err
}

// karatTime runs n key agreements.
func karatTime(n int, s suite) (time.Duration, error) {
	runtime.GC() // nobody pays for what was before
	began, err := processorTime()
	if err != nil {
		return 0, err
	}
	for range n {
		if err := handshake(s.algorithms()); err != nil {
			return 0, err
		}
	}
	ended, err := processorTime()
	return ended - began, err
}

// processorTime is what this process has used.
func processorTime() (time.Duration, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, err
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}

// handshake is one key agreement between two engines in memory.
func handshake(algorithms zrtp.Algorithms) error {
	now := time.Unix(0, 0)
	var ends [2]*zrtp.Session
	for i := range ends {
		s, err := zrtp.NewSession(zrtp.Config{ZID: zrtp.ZID{byte(i)}, SSRC: uint32(i + 1), Algorithms: algorithms})
		if err != nil {
			return err
		}
		defer s.Close()
		s.Start(now)
		ends[i] = s
	}
	for secure := 0; secure < 2; now = now.Add(10 * time.Millisecond) {
		if now.After(time.Unix(30, 0)) {
			return errors.New("two Karats never agreed")
		}
		for i, s := range ends {
			s.Advance(now)
			became, err := pass(now, s, ends[1-i])
			if err != nil {
				return err
			}
			secure += became
		}
	}
	return nil
}

// pass takes what one end has to say to the other, and counts Secure.
func pass(now time.Time, from, to *zrtp.Session) (secure int, err error) {
	for pkt, ok := from.NextPacket(); ok; pkt, ok = from.NextPacket() {
		to.Receive(now, pkt)
	}
	for event, ok := from.NextEvent(); ok; event, ok = from.NextEvent() {
		switch e := event.(type) {
		case zrtp.Failed:
			return 0, e.Err
		case zrtp.Secure:
			secure++
		}
	}
	return secure, nil
}

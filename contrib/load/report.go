package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// print tells what was found.
func (m *measured) print(w io.Writer) {
	k := &m.karat
	fmt.Fprintf(w, "%d accounts in one process, %d calls at once, on %d processors; measured for %v\n\n", m.accounts, m.calls, m.cores, m.took.Round(time.Millisecond))
	fmt.Fprintf(w, "registered   all accounts after %v\n", m.registered.Round(time.Millisecond))
	fmt.Fprintf(w, "called       all calls private and talking after %v\n", m.called.Round(time.Millisecond))
	fmt.Fprintf(w, "voice        %v\n", &m.lateness)
	fmt.Fprintf(w, "  of them    %d late (%s) for another reason than that the machine stood still\n", m.lateness.but, percent(m.lateness.shareBut()))
	fmt.Fprintf(w, "machine      %v\n", &m.machine)
	fmt.Fprintf(w, "at first     while calls were set up: %v\n", &m.setup)
	fmt.Fprintf(w, "heard        %d packets, %d units of 20 ms made up; a voice in %d to %d blocks of a call\n", k.Received, k.Concealed, minimum(k.Voiced), maximum(k.Voiced))
	fmt.Fprintf(w, "processor    %.2f of one, %.4f a call (Karat alone); garbage collected %d times\n", k.CPU.Seconds()/m.took.Seconds(), k.CPU.Seconds()/m.took.Seconds()/float64(m.calls), k.Collected)
	fmt.Fprintf(w, "  beside     %.2f of one for the far ends and the provider, %.2f for all else on this machine\n", m.own.Seconds()/m.took.Seconds(), (m.everything-m.own-k.CPU).Seconds()/m.took.Seconds())
	fmt.Fprintf(w, "memory       %.1f MB resident, %.1f MB at most; %.1f MB on the heap after a collection\n", mega(k.Resident), mega(k.Peak), mega(int64(k.Heap)))
	fmt.Fprintf(w, "threads      %d\n", k.Threads)
	fmt.Fprintf(w, "goroutines   %d\n%s\n", k.Goroutines, k.Stacks)
}

func mega(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func minimum(all []int64) (least int64) {
	for i, v := range all {
		if i == 0 || v < least {
			least = v
		}
	}
	return least
}

func maximum(all []int64) (most int64) {
	for _, v := range all {
		most = max(most, v)
	}
	return most
}

// voicedShare of the blocks of a call have a voice in them, at least; the speech has
// pauses.
const voicedShare = 0.2

// sound says what is wrong with a run besides lateness.
func (m *measured) sound() error {
	faults := append([]error(nil), m.faults...)
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	ticks := m.calls * int(m.took/period)
	wrong(m.lateness.lost > 0, "%d packets left Karat and were not seen at the far end: the measurement is not to be trusted", m.lateness.lost)
	wrong(m.lateness.due < ticks-2*m.calls || m.lateness.due > ticks+2*m.calls, "%d ticks were due, %d were to be expected", m.lateness.due, ticks)
	wrong(int(m.karat.Received) < ticks*9/10, "Karat heard %d packets of at least %d", m.karat.Received, ticks)
	blocks := int64(m.took / period)
	wrong(minimum(m.karat.Voiced) < int64(voicedShare*float64(blocks)), "in one call a voice was heard in %d blocks of %d only", minimum(m.karat.Voiced), blocks)
	return errors.Join(faults...)
}

// verdict is nil if the run was sound and the voice in time.
func (m *measured) verdict() error {
	if err := m.sound(); err != nil {
		return err
	}
	if s := m.lateness.share(); s > limit {
		return fmt.Errorf("%s of packets were late, at most %s may be; %s on a machine that does not stand still: run it on one that has nothing else to do", percent(s), percent(limit), percent(m.lateness.shareBut()))
	}
	return nil
}

func percent(share float64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.3f", 100*share), "0"), ".") + "%"
}

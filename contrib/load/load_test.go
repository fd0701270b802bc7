package main

import (
	"os"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == childArgument {
		main()
		return
	}
	os.Exit(m.Run())
}

// A short run, in the middle of which Karat stands still for a second: all calls are
// private and heard both ways, what did not leave in that second is counted, and not
// much else.
func TestShort(t *testing.T) {
	const (
		calls  = 5
		length = 5 * time.Second
		still  = time.Second
		// A machine that others use, too, holds up packets by itself.
		others = 0.25
	)
	var stopped error
	m, err := measure(t.Context(), options{accounts: 20, calls: calls, cores: 2, length: length, meanwhile: func(pid int) {
		time.Sleep(time.Second)
		stopped = syscall.Kill(pid, syscall.SIGSTOP)
		time.Sleep(still)
		if err := syscall.Kill(pid, syscall.SIGCONT); stopped == nil {
			stopped = err
		}
	}})
	if err != nil || stopped != nil {
		t.Fatal(err, stopped)
	}
	t.Log(&m.lateness)
	if err := m.sound(); err != nil {
		t.Error(err)
	}
	missed := calls * int(still/period)
	if most := missed + int(others*float64(m.lateness.due)); m.lateness.late < missed*9/10 || m.lateness.late > most {
		t.Errorf("%d packets were late, want %d to %d: Karat stood still for %v", m.lateness.late, missed*9/10, most, still)
	}
	if m.verdict() == nil {
		t.Error("that was let pass")
	}
}

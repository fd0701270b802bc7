package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if child(os.Args) != nil {
		main()
		return
	}
	os.Exit(m.Run())
}

// attempts of a short run: on a machine that is busy with something else packets are
// held up as they are when Karat is at fault.
const attempts = 3

// A short run, in the middle of which Karat stands still for a second: all calls are
// private and heard both ways, what did not leave in that second is counted, and not
// much else.
func TestShort(t *testing.T) {
	for n := 1; ; n++ {
		err := short(t)
		if err == nil {
			return
		}
		if n == attempts {
			t.Fatal(err)
		}
		t.Logf("attempt %d: %v", n, err)
	}
}

func short(t *testing.T) error {
	const (
		calls  = 5
		length = 5 * time.Second
		still  = time.Second
		others = 0.25 // a machine does other things, too
	)
	var stopped error
	m, err := measure(t.Context(), options{accounts: 20, calls: calls, cores: 2, length: length, meanwhile: func(pid int) {
		time.Sleep(time.Second)
		stopped = syscall.Kill(pid, syscall.SIGSTOP)
		time.Sleep(still)
		stopped = errors.Join(stopped, syscall.Kill(pid, syscall.SIGCONT))
	}})
	if err != nil || stopped != nil {
		return errors.Join(err, stopped)
	}
	t.Log(&m.lateness)
	if err := m.sound(); err != nil {
		return err
	}
	missed := calls * int(still/period)
	least, most := missed*9/10, missed+int(others*float64(m.lateness.due))
	if late := m.lateness.late; late < least || late > most {
		return fmt.Errorf("%d packets were late, want %d to %d: Karat stood still for %v", late, least, most, still)
	}
	if m.verdict() == nil {
		return errors.New("that was let pass")
	}
	return nil
}

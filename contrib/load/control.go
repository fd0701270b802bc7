package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// controlArgument makes this program the control.
const controlArgument = "-control"

const (
	// controlTick is how often a thread of the control looks at the clock.
	controlTick = time.Millisecond
	// stalledAfter is how late it has to be to be noted.
	stalledAfter = 500 * time.Microsecond
	// controlPriority is above all that is not of the kernel.
	controlPriority = 50
)

// stall is a time in which a processor was not there for the most urgent thread on it:
// whoever runs this machine gave it to somebody else.
type stall struct{ From, To int64 }

// stalls is what the control found.
type stalls struct {
	Urgent bool // its threads went before all others; else the figures are of no use
	Ticks  int
	Late   int // of them, more than lateAfter
	All    []stall
}

// watchMachine is the control: on each processor a thread that goes before all others
// does nothing but look at the clock, until in ends.
func watchMachine(in io.Reader, out io.Writer) error {
	var processors unix.CPUSet
	if err := unix.SchedGetaffinity(0, &processors); err != nil {
		return err
	}
	runtime.GOMAXPROCS(processors.Count() + 2) // what sleeps keeps its own
	done := make(chan struct{})
	var mu sync.Mutex
	var wg sync.WaitGroup
	found := stalls{Urgent: true}
	for cpu, left := 0, processors.Count(); left > 0; cpu++ {
		if !processors.IsSet(cpu) {
			continue
		}
		left--
		wg.Go(func() {
			s := watchProcessor(cpu, done)
			mu.Lock()
			defer mu.Unlock()
			found.Urgent = found.Urgent && s.Urgent
			found.Ticks, found.Late, found.All = found.Ticks+s.Ticks, found.Late+s.Late, append(found.All, s.All...)
		})
	}
	_, err := io.Copy(io.Discard, in)
	close(done)
	wg.Wait()
	return errors.Join(err, json.NewEncoder(out).Encode(found))
}

func watchProcessor(cpu int, done <-chan struct{}) (found stalls) {
	runtime.LockOSThread() // it ends with the goroutine
	var only unix.CPUSet
	only.Set(cpu)
	err := errors.Join(
		unix.SchedSetaffinity(0, &only),
		unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: controlPriority}, 0))
	found.Urgent = err == nil
	for next := time.Now(); ; {
		select {
		case <-done:
			return found
		default:
		}
		next = next.Add(controlTick)
		sleep(time.Until(next))
		late := time.Since(next)
		found.Ticks += 1 + int(late/controlTick)
		if late > lateAfter {
			found.Late += 1 + int((late-lateAfter)/controlTick)
		}
		if late > stalledAfter {
			found.All = append(found.All, stall{next.UnixNano(), next.Add(late).UnixNano()})
			next = next.Add(late.Truncate(controlTick))
		}
	}
}

// sleep waits without the runtime's knowledge, so that it has no part in it.
func sleep(d time.Duration) {
	if d <= 0 {
		return
	}
	t := syscall.NsecToTimespec(int64(d))
	_, _, _ = syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0)
}

// controlled runs the control while f does its work.
func controlled(f func() error) (found stalls, err error) {
	self, err := os.Executable()
	if err != nil {
		return found, err
	}
	cmd := exec.Command(self, controlArgument)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return found, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return found, err
	}
	if err := cmd.Start(); err != nil {
		return found, err
	}
	worked := f()
	in.Close()
	err = json.NewDecoder(out).Decode(&found)
	return found, errors.Join(worked, err, cmd.Wait())
}

// within is how much of [from, to) lies in stalls, which are merged.
func (s *stalls) within(from, to int64) (n int64) {
	first, _ := slices.BinarySearchFunc(s.All, from, func(s stall, at int64) int { return int(s.To - at) })
	for _, st := range s.All[first:] {
		if st.From >= to {
			break
		}
		n += min(st.To, to) - max(st.From, from)
	}
	return n
}

// merge joins the stalls of all processors to what does not overlap, in order.
func (s *stalls) merge() {
	slices.SortFunc(s.All, func(a, b stall) int { return int(a.From - b.From) })
	merged := s.All[:0]
	for _, st := range s.All {
		if n := len(merged); n > 0 && st.From <= merged[n-1].To {
			merged[n-1].To = max(merged[n-1].To, st.To)
			continue
		}
		merged = append(merged, st)
	}
	s.All = merged
}

func (s *stalls) share() float64 { return float64(s.Late) / float64(max(s.Ticks, 1)) }

func (s *stalls) String() string {
	if !s.Urgent {
		return "not told: this user may not run threads that go before all others"
	}
	return fmt.Sprintf("%.3f%% of %d looks at the clock, by threads that go before all others, were more than %v late", 100*s.share(), s.Ticks, lateAfter)
}

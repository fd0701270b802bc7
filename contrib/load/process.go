package main

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// footprint is what this process has in memory, in bytes, and its threads.
func footprint() (resident, peak int64, threads int, err error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, 0, err
	}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		number, _, _ := strings.Cut(strings.TrimSpace(value), " ")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "VmRSS":
			resident = n << 10
		case "VmHWM":
			peak = n << 10
		case "Threads":
			threads = int(n)
		}
	}
	return resident, peak, threads, nil
}

// processorTime is what this process has taken of all processors.
func processorTime() (time.Duration, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(unix.TimevalToNsec(u.Utime) + unix.TimevalToNsec(u.Stime)), nil
}

// jiffy is the unit of /proc/stat.
const jiffy = 10 * time.Millisecond

// load is the processor time of this process, and of everything on the machine; 0
// where that is not told.
func load() (own, machine time.Duration) {
	own, _ = processorTime()
	b, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(b), "\n")
	for i, field := range strings.Fields(line) { // cpu user nice system idle iowait irq softirq steal ...
		if n, err := strconv.ParseInt(field, 10, 64); err == nil && i != 4 && i != 5 && i < 9 {
			machine += time.Duration(n) * jiffy
		}
	}
	return own, machine
}

// stackHead begins the stack of goroutines that do the same: "50 @ 0x...".
var (
	stackHead  = regexp.MustCompile(`^(\d+) @`)
	stackFrame = regexp.MustCompile(`^#\s+0x[0-9a-f]+\s+(\S+?)\+0x`)
)

// stacks lists goroutines by the function that they were started with.
func stacks() string {
	var text bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&text, 1); err != nil {
		return err.Error()
	}
	counts := map[string]int{}
	n, last := 0, ""
	for line := range strings.Lines(text.String() + "\n\n") {
		if m := stackHead.FindStringSubmatch(line); m != nil {
			n, _ = strconv.Atoi(m[1])
			last = ""
		} else if m := stackFrame.FindStringSubmatch(line); m != nil {
			if !strings.HasPrefix(m[1], "sync.(*WaitGroup).Go") && !strings.HasPrefix(m[1], "runtime.") {
				last = m[1]
			}
		} else if strings.TrimSpace(line) == "" && n > 0 {
			counts[last] += n
			n = 0
		}
	}
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	var out strings.Builder
	for _, name := range names {
		fmt.Fprintf(&out, "%6d  %s\n", counts[name], name)
	}
	return out.String()
}

// confine runs f with this thread, and the processes that f starts, on so many of the
// processors that we have.
func confine(processors int, f func() error) error {
	var all, few unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return err
	}
	for i := 0; few.Count() < min(processors, all.Count()); i++ {
		if all.IsSet(i) {
			few.Set(i)
		}
	}
	if err := unix.SchedSetaffinity(0, &few); err != nil {
		return err
	}
	return errors.Join(f(), unix.SchedSetaffinity(0, &all))
}

func random32() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return binary.BigEndian.Uint32(b[:])
}

func randomZID() (zid [12]byte) {
	_, _ = rand.Read(zid[:]) // never fails (crypto/rand)
	return zid
}

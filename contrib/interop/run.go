package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"karat/contrib/interop/lab"
)

// cell is one row of the table.
type cell struct {
	name   string
	proves string
	// limit is how long it may take; a refused call needs 45 s to be told so.
	limit time.Duration
	karat bool  // needs Karat's binary
	full  bool  // takes long: only for -full, and by its name
	items []int // of demands.go, which it shows to be met
	run   func(context.Context, *bench) error
}

// result is what came of a cell.
type result struct {
	cell  cell
	Error string
	// PoorlyHeard: its only fault is a voice with gaps.
	PoorlyHeard bool
	Notes       []string
	Heard       float64 // the least likeness of a recording; 0: none was made
	elapsed     time.Duration
}

func choose(all []cell, pattern *regexp.Regexp) []cell {
	var chosen []cell
	for _, c := range all {
		if pattern.MatchString(c.name) {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

const (
	// firstPort of the first cell. The blocks end below 32768, where Linux
	// begins to number sockets by itself.
	firstPort = 21000
	// endGrace is how long a cell may take to end its programs.
	endGrace = 15 * time.Second
)

// runAll runs the cells, the longest first, and prints each as it ends.
func runAll(ctx context.Context, o options, chosen []cell) []result {
	results := make([]result, len(chosen))
	run := func(i int) {
		results[i] = runOutside(ctx, o, chosen[i], firstPort+i*lab.BlockSize)
		fmt.Printf("%s  %-*s  %5.1fs\n", results[i].verdict(), nameWidth(chosen), chosen[i].name, results[i].elapsed.Seconds())
	}
	slots := make(chan struct{}, o.parallel)
	var running sync.WaitGroup
	for _, i := range longestFirst(chosen) {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			run(i)
		})
	}
	running.Wait()
	for _, i := range toHearAgain(results) {
		first := results[i].Error
		run(i)
		results[i].Notes = append(results[i].Notes, "run again, by itself; at first "+first)
	}
	return results
}

func longestFirst(cells []cell) []int {
	order := make([]int, len(cells))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(cells[b].limit, cells[a].limit) })
	return order
}

// runOutside runs one cell in a process, and where possible namespaces, of its
// own.
func runOutside(ctx context.Context, o options, c cell, first int) result {
	r := result{cell: c}
	if err := ctx.Err(); err != nil {
		r.Error = "interrupted"
		return r
	}
	began := time.Now()
	dir := filepath.Join(o.scratch, strings.NewReplacer("/", "-", " ", "-").Replace(c.name))
	r.Error = inProcess(ctx, o, c, dir, first)
	r.elapsed = time.Since(began)
	if b, err := os.ReadFile(filepath.Join(dir, resultFile)); err == nil {
		if err := json.Unmarshal(b, &r); err != nil {
			r.Error = err.Error()
		}
	}
	if r.Error == "" && !o.keep {
		os.RemoveAll(dir) // a directory left over is no failure of the call
	}
	return r
}

// resultFile is where the inner process leaves its result.
const resultFile = "result.json"

// inProcess returns what went wrong outside the cell's own judgement; a cell
// that ran leaves its result in a file.
func inProcess(ctx context.Context, o options, c cell, dir string, first int) string {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err.Error()
	}
	self, err := os.Executable()
	if err != nil {
		return err.Error()
	}
	out, err := os.Create(filepath.Join(dir, "cell.out"))
	if err != nil {
		return err.Error()
	}
	defer out.Close()
	cmd := exec.CommandContext(ctx, self, "-inside", c.name, "-scratch", dir, "-karat", o.karat,
		"-first-port", strconv.Itoa(first), "-shared="+strconv.FormatBool(o.shared))
	cmd.Dir, cmd.Stdout, cmd.Stderr = o.root, out, out
	// Should we be killed, the cell ends too. The signal comes when the thread
	// that started it ends, so this goroutine keeps its thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if !o.shared {
		lab.Isolate(cmd)
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = endGrace
	if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != exitFailed {
		return fmt.Sprintf("the cell's process: %v", err)
	}
	return ""
}

// runInside runs the cell that this process was started for.
func runInside(ctx context.Context, o options) int {
	chosen := choose(cells(), regexp.MustCompile("^"+regexp.QuoteMeta(o.inside)+"$"))
	if len(chosen) != 1 {
		return setupFailed(fmt.Errorf("no cell %q", o.inside))
	}
	if !o.shared {
		if err := lab.Furnish(); err != nil {
			return setupFailed(err)
		}
	}
	c := chosen[0]
	ctx, cancel := context.WithTimeoutCause(ctx, c.limit, fmt.Errorf("the cell's %v are over", c.limit))
	defer cancel()
	r, err := runCell(ctx, o, c)
	if err != nil {
		r.Error, r.PoorlyHeard = err.Error(), onlyPoorlyHeard(err)
	}
	text, merr := json.Marshal(r)
	if merr != nil {
		return setupFailed(merr)
	}
	if err := os.WriteFile(filepath.Join(o.scratch, resultFile), text, 0o600); err != nil {
		return setupFailed(err)
	}
	if r.Error != "" {
		return exitFailed
	}
	return exitPassed
}

func nameWidth(cells []cell) int {
	width := 0
	for _, c := range cells {
		width = max(width, len(c.name))
	}
	return width
}

func (r result) verdict() string {
	if r.Error != "" {
		return "FAIL"
	}
	return "pass"
}

func printResult(w io.Writer, r result, width int) {
	fmt.Fprintf(w, "%s  %-*s  %5.1fs  %s\n", r.verdict(), width, r.cell.name, r.elapsed.Seconds(), strings.Join(r.Notes, "; "))
	if r.Error != "" {
		for line := range strings.Lines(r.Error) {
			fmt.Fprintf(w, "      %s\n", strings.TrimRight(line, "\n"))
		}
	}
}

// printTable prints all results in the table's order, and how many failed.
func printTable(w io.Writer, results []result, took time.Duration) int {
	failed := 0
	var all []cell
	for _, r := range results {
		all = append(all, r.cell)
		if r.Error != "" {
			failed++
		}
	}
	fmt.Fprintln(w)
	for _, r := range results {
		printResult(w, r, nameWidth(all))
	}
	fmt.Fprintf(w, "\n%d passed, %d failed (%.0f s)\n", len(results)-failed, failed, took.Seconds())
	return failed
}

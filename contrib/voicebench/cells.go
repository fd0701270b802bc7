package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/link"
	"karat/contrib/voicebench/quality"
	"karat/media/wav"
)

const (
	// oneWay is the delay of the line in all cells.
	oneWay = 20 * time.Millisecond
	// meanBurst is how many packets in a row a burst takes.
	meanBurst = 3
	// abreast is how many cells run at once; in each, all phones do.
	abreast = 3
)

// cell is a condition of the line.
type cell struct {
	Name  string
	Line  link.Line
	Quick bool // also in a quick run
}

func cells() []cell {
	random := func(loss float64) link.Line { return link.Line{Loss: loss} }
	return []cell{
		{"no loss", random(0), true},
		{"1%", random(0.01), false},
		{"3%", random(0.03), false},
		{"5%", random(0.05), true},
		{"10%", random(0.10), false},
		{"20%", random(0.20), true},
		{"10% in bursts", link.Line{Loss: 0.10, Burst: meanBurst}, true},
		{"jitter 30 ms", link.Line{Jitter: 30 * time.Millisecond}, false},
		{"jitter 100 ms", link.Line{Jitter: 100 * time.Millisecond}, false},
	}
}

// call is what one call showed.
type call struct {
	Cell, Phone             string
	Listening, NSIM, ESTOI  float64
	Lost, Missing           float64 // share of the speech; share of the packets
	DelayJumps, DelaySpread float64 // count; milliseconds
	Kbps                    float64 // with IP
	Packets, Sizes          int
	CPU, Memory             float64 // seconds a second; bytes
	Threads                 int
}

// measureQuality makes all calls of all cells.
func measureQuality(ctx context.Context, o options) error {
	s, err := cellSpeech(ctx, o)
	if err != nil {
		return err
	}
	var (
		mu    sync.Mutex // guards: calls, errs
		calls []call
		errs  []error
		group sync.WaitGroup
		slots = make(chan struct{}, abreast)
	)
	for _, c := range cells() {
		if o.quick && !c.Quick {
			continue
		}
		for run := range o.repeats {
			if o.quick && run > 0 || run > 0 && c.Line.Loss == 0 {
				continue
			}
			slots <- struct{}{}
			for _, p := range phones(o.karat) {
				group.Go(func() {
					result, err := makeCall(ctx, o, c, p, s, run)
					mu.Lock()
					defer mu.Unlock()
					calls, errs = append(calls, result), append(errs, err)
				})
			}
			group.Go(func() { // the slot is free when a call's length is over
				_ = wait(ctx, s.length+grace+5*time.Second)
				<-slots
			})
		}
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	slices.SortStableFunc(calls, func(a, b call) int { return cellOrder(a.Cell) - cellOrder(b.Cell) })
	return o.keep("quality", calls)
}

func cellOrder(name string) int {
	return slices.IndexFunc(cells(), func(c cell) bool { return c.Name == name })
}

// makeCall makes one call over a line of its own.
func makeCall(ctx context.Context, o options, c cell, p phone, s spoken, run int) (call, error) {
	r := call{Cell: c.Name, Phone: p.name}
	failed := func(err error) (call, error) { return r, fmt.Errorf("%s, %s: %w", c.Name, p.name, err) }
	ctx, cancel := context.WithTimeout(ctx, s.length+callLimit+grace)
	defer cancel()
	line := c.Line
	line.Name = fmt.Sprintf("-%d-%d-%s", cellOrder(c.Name), run, p.name[:1])
	line.Delay, line.Seed = oneWay, uint64(1+run)
	w := &wire{}
	joined, err := line.Join(ctx, w.see)
	if err != nil {
		return failed(err)
	}
	defer joined.Close()
	w.watch(joined.A.Addr)
	l, err := lab.New(filepath.Join(o.scratch, fmt.Sprintf("cell%s", line.Name)), firstPort)
	if err != nil {
		return failed(err)
	}
	heard, err := p.talk(ctx, l, joined, s, func(left, right *lab.Process) error {
		return r.costs(ctx, left, right)
	})
	if err = errors.Join(err, l.Close()); err != nil {
		return failed(err)
	}
	pcm := wav.Audio{Rate: heard.Rate, Samples: heard.Samples}.At48k()
	report := quality.Measure(s.pcm, pcm)
	r.Listening, r.NSIM, r.ESTOI, r.Lost = report.Listening, report.NSIM, report.ESTOI, report.Lost
	r.DelayJumps, r.DelaySpread = float64(report.Alignment.Jumps()), milliseconds(report.Alignment.Spread())
	w.tell(&r)
	fmt.Printf("%-14s %-9s listening %.2f  NSIM %.3f  ESTOI %.3f  %.1f kbit/s in %d sizes, %.1f%% lost, CPU %.3f\n",
		c.Name, p.name, r.Listening, r.NSIM, r.ESTOI, r.Kbps, r.Sizes, 100*r.Missing, r.CPU)
	return r, nil
}

// costs measures for some seconds in the middle of a call: the mean of both
// phones.
func (r *call) costs(ctx context.Context, both ...*lab.Process) error {
	const settles, lasts = 2 * time.Second, 8 * time.Second
	if err := wait(ctx, settles); err != nil {
		return err
	}
	var before, after time.Duration
	began := time.Now()
	for _, p := range both {
		d, err := p.CPU()
		if err != nil {
			return err
		}
		before += d
	}
	if err := wait(ctx, lasts); err != nil {
		return err
	}
	for _, p := range both {
		d, derr := p.CPU()
		m, merr := p.PeakMemory()
		n, nerr := p.Threads()
		if err := errors.Join(derr, merr, nerr); err != nil {
			return err
		}
		after += d
		r.Memory += float64(m) / 2
		r.Threads = max(r.Threads, n)
	}
	r.CPU = (after - before).Seconds() / time.Since(began).Seconds() / 2
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// keep leaves figures for the report.
func (o options) keep(part string, v any) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.data, part+".json"), b, 0o644)
}

// kept reads them; false if that part was never measured.
func (o options) kept(part string, v any) (bool, error) {
	b, err := os.ReadFile(filepath.Join(o.data, part+".json"))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, json.Unmarshal(b, v)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"karat/contrib/interop/lab"
)

const (
	// talkTime is how long a call is measured.
	talkTime = 10 * time.Second
	// settled is how long after its beginning that starts.
	settled = time.Second
	// firstPort of the first lab; the next begin behind it.
	firstPort = 21000
)

// rooms hands out labs with directories and ports of their own.
func room(o options, name string, fn func(*lab.Lab) error) error {
	l, err := lab.New(o.scratch+"/"+name, firstPort)
	if err != nil {
		return err
	}
	return errors.Join(fn(l), l.Close())
}

// costs measures what one kind of phone costs in a call, and how soon it is
// ready.
func costs(ctx context.Context, o options, k kind, speech string, t *table) error {
	err := room(o, "call-"+k.name, func(l *lab.Lab) error {
		proxy, err := l.StartKamailio(ctx, "MD5", "alice", "bob")
		if err != nil {
			return err
		}
		return k.call(ctx, l, proxy, speech, func(phones ...*lab.Process) error {
			return callCosts(ctx, k.name, t, phones)
		})
	})
	if err != nil {
		return err
	}
	var sockets, registered []float64
	for i := range o.starts {
		err := room(o, fmt.Sprintf("start-%s-%d", k.name, i), func(l *lab.Lab) error {
			proxy, err := l.StartKamailio(ctx, "MD5", "alice")
			if err != nil {
				return err
			}
			s, err := k.ready(ctx, l, proxy, speech)
			sockets = append(sockets, milliseconds(s.socket.Sub(s.begun)))
			registered = append(registered, milliseconds(s.registered.Sub(s.begun)))
			return err
		})
		if err != nil {
			return err
		}
	}
	t.row("start to SIP socket open", "ms").set(k.name, sockets...)
	t.row("start to registered", "ms").set(k.name, registered...)
	return nil
}

// callCosts measures two phones in the middle of their call.
func callCosts(ctx context.Context, name string, t *table, phones []*lab.Process) error {
	if err := wait(ctx, settled); err != nil {
		return err
	}
	before, err := processorTimes(phones)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := wait(ctx, talkTime); err != nil {
		return err
	}
	after, err := processorTimes(phones)
	if err != nil {
		return err
	}
	took := time.Since(began).Seconds()
	var cpu, memory []float64
	for i, p := range phones {
		cpu = append(cpu, (after[i]-before[i]).Seconds()/took)
		peak, err := p.PeakMemory()
		if err != nil {
			return err
		}
		memory = append(memory, float64(peak)/1e6)
	}
	t.row("processor seconds per call second", "s/s").set(name, cpu...)
	t.row("peak memory in a call", "MB").set(name, memory...)
	return nil
}

func processorTimes(phones []*lab.Process) ([]time.Duration, error) {
	var times []time.Duration
	for _, p := range phones {
		t, err := p.CPU()
		if err != nil {
			return nil, err
		}
		times = append(times, t)
	}
	return times, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

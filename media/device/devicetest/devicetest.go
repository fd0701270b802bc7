// Package devicetest is the suite that every device.Device has to pass.
package devicetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"karat/media/device"
)

// Run tests a kind of Device. open returns a new one; Run closes it. exact
// says that the device keeps time by ticks and is tested in a bubble, so that
// times are asserted to the nanosecond; else within a wide margin.
func Run(t *testing.T, exact bool, open func(t *testing.T) device.Device) {
	c := checker{t, exact}
	c.readsInTime(open(t))
	c.playsInTime(open(t))
	c.playsForOne(open(t))
	c.closes(open(t))
	c.closesIdle(open(t))
}

type checker struct {
	t     *testing.T
	exact bool
}

const frame = 20 * time.Millisecond

// frames is how many the pace is measured over.
const frames = 50

// within compares a time with what it should be.
func (c checker) within(what string, got, want time.Duration) {
	c.t.Helper()
	slack := time.Duration(0)
	if !c.exact {
		slack = 10 * frame
	}
	if got < want-slack || got > want+slack {
		c.t.Errorf("%s took %v, want %v", what, got, want)
	}
}

func (c checker) close(d device.Device) {
	c.t.Helper()
	if err := d.Close(); err != nil {
		c.t.Errorf("Close: %v", err)
	}
}

func (c checker) readsInTime(d device.Device) {
	c.t.Helper()
	defer c.close(d)
	var f device.Frame
	if err := d.Read(&f); err != nil { // a sound card may take long to begin
		c.t.Fatalf("Read: %v", err)
	}
	start := time.Now()
	for range frames {
		if err := d.Read(&f); err != nil {
			c.t.Fatalf("Read: %v", err)
		}
	}
	c.within("reading 50 frames", time.Since(start), frames*frame)
}

// askedFor counts what a speaker asks for.
type askedFor struct {
	samples, most atomic.Int64
}

func (a *askedFor) fill(samples []int16) {
	clear(samples)
	a.samples.Add(int64(len(samples)))
	a.most.Store(max(a.most.Load(), int64(len(samples))))
}

// playsInTime: samples are asked for at their pace, 20 ms at a time at most.
func (c checker) playsInTime(d device.Device) {
	c.t.Helper()
	defer c.close(d)
	var a askedFor
	d.Play(a.fill)
	for wait := 0; a.samples.Load() < 10*device.FrameSamples && wait < 300; wait++ { // a sound card may take long to begin
		time.Sleep(frame)
	}
	time.Sleep(frame / 2) // between two ticks
	before := a.samples.Load()
	time.Sleep(frames * frame)
	played := time.Duration(a.samples.Load()-before) * time.Second / device.SampleRate
	c.within("playing 50 frames", played, frames*frame)
	if most := a.most.Load(); most > device.FrameSamples {
		c.t.Errorf("%d samples were asked for at once", most)
	}
}

// playsForOne: when Play has returned, who played before is not asked any more.
func (c checker) playsForOne(d device.Device) {
	c.t.Helper()
	defer c.close(d)
	var first, second askedFor
	d.Play(first.fill)
	time.Sleep(10*frame + frame/2)
	d.Play(second.fill)
	n := first.samples.Load()
	time.Sleep(10 * frame)
	d.Play(nil)
	m := second.samples.Load()
	time.Sleep(10 * frame)
	if first.samples.Load() != n || second.samples.Load() != m {
		c.t.Error("who does not play any more is asked for samples")
	}
	if c.exact && (n == 0 || m == 0) {
		c.t.Errorf("%d and %d samples were asked for", n, m)
	}
}

// closes ends a device that is being read and plays.
func (c checker) closes(d device.Device) {
	c.t.Helper()
	var wg sync.WaitGroup
	wg.Go(func() {
		var f device.Frame
		for {
			if err := d.Read(&f); err != nil {
				if !errors.Is(err, device.ErrClosed) {
					c.t.Errorf("after Close: %v, want ErrClosed", err)
				}
				return
			}
		}
	})
	var a askedFor
	d.Play(a.fill)
	<-time.After(5*frame + frame/2)
	c.close(d)
	n := a.samples.Load()
	wg.Wait()
	var f device.Frame
	if err := d.Read(&f); !errors.Is(err, device.ErrClosed) {
		c.t.Errorf("Read after Close: %v, want ErrClosed", err)
	}
	d.Play(a.fill)
	<-time.After(5 * frame)
	if a.samples.Load() != n {
		c.t.Error("a closed speaker asks for samples")
	}
	c.close(d) // again
}

func (c checker) closesIdle(d device.Device) {
	c.t.Helper()
	c.close(d)
}

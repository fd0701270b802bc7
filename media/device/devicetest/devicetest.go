// Package devicetest is the suite that every device.Device has to pass.
package devicetest

import (
	"errors"
	"sync"
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
	c.writesInTime(open(t))
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

func (c checker) writesInTime(d device.Device) {
	c.t.Helper()
	defer c.close(d)
	var f device.Frame
	for range 10 { // there may be room for some at once
		if err := d.Write(&f); err != nil {
			c.t.Fatalf("Write: %v", err)
		}
	}
	start := time.Now()
	for range frames {
		if err := d.Write(&f); err != nil {
			c.t.Fatalf("Write: %v", err)
		}
	}
	c.within("writing 50 frames", time.Since(start), frames*frame)
}

// closes ends a device that is being read and written.
func (c checker) closes(d device.Device) {
	c.t.Helper()
	var wg sync.WaitGroup
	use := func(do func(*device.Frame) error) func() {
		return func() {
			var f device.Frame
			for {
				if err := do(&f); err != nil {
					if !errors.Is(err, device.ErrClosed) {
						c.t.Errorf("after Close: %v, want ErrClosed", err)
					}
					return
				}
			}
		}
	}
	wg.Go(use(d.Read))
	wg.Go(use(d.Write))
	<-time.After(5*frame + frame/2)
	c.close(d)
	wg.Wait()
	var f device.Frame
	if err := d.Read(&f); !errors.Is(err, device.ErrClosed) {
		c.t.Errorf("Read after Close: %v, want ErrClosed", err)
	}
	if err := d.Write(&f); !errors.Is(err, device.ErrClosed) {
		c.t.Errorf("Write after Close: %v, want ErrClosed", err)
	}
	c.close(d) // again
}

func (c checker) closesIdle(d device.Device) {
	c.t.Helper()
	c.close(d)
}

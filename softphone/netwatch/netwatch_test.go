package netwatch

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// look is one line of a story: when, what the network is, and how long the machine
// has slept in all.
type look struct {
	at      time.Duration
	network string
	slept   time.Duration
}

func TestItem13_Tracker(t *testing.T) {
	const ms = time.Millisecond
	for _, tc := range []struct {
		name  string
		looks []look
		told  []string // time, and "slept" if it was that
	}{
		{"nothing happens", []look{{0, "a", 0}, {2000 * ms, "a", 0}, {4000 * ms, "a", 0}}, nil},
		{"another network, once it has settled", []look{{0, "a", 0}, {100 * ms, "b", 0}, {300 * ms, "b", 0}, {500 * ms, "b", 0}, {900 * ms, "b", 0}}, []string{"500ms"}},
		{"in steps", []look{{0, "a", 0}, {100 * ms, "", 0}, {300 * ms, "b", 0}, {600 * ms, "b c", 0}, {1000 * ms, "b c", 0}}, []string{"1s"}},
		{"gone and back", []look{{0, "a", 0}, {100 * ms, "", 0}, {300 * ms, "a", 0}, {700 * ms, "a", 0}, {3000 * ms, "a", 0}}, nil},
		{"it never settles", []look{
			{0, "a", 0},
			{100 * ms, "b", 0},
			{400 * ms, "c", 0},
			{700 * ms, "d", 0},
			{1000 * ms, "e", 0},
			{1300 * ms, "f", 0},
			{1600 * ms, "g", 0},
			{1900 * ms, "h", 0},
			{2100 * ms, "i", 0},
			{2300 * ms, "i", 0},
		}, []string{"2.1s"}},
		{"gone for long, and back", []look{{0, "a", 0}, {100 * ms, "", 0}, {500 * ms, "", 0}, {40000 * ms, "a", 0}, {40400 * ms, "a", 0}}, []string{"500ms", "40.4s"}},
		{"sleep in the same network", []look{{0, "a", 0}, {2000 * ms, "a", time.Hour}, {4000 * ms, "a", time.Hour}}, []string{"2s slept"}},
		{"sleep, and another network", []look{{0, "a", 0}, {2000 * ms, "b", time.Hour}, {4000 * ms, "b", time.Hour}}, []string{"2s slept"}},
		{"a clock that is set a little", []look{{0, "a", 0}, {2000 * ms, "a", 2 * time.Second}}, nil},
		{"a clock that is set back", []look{{0, "a", 0}, {2000 * ms, "a", -time.Hour}}, nil},
	} {
		var tracker Tracker
		var told []string
		for _, l := range tc.looks {
			change, again := tracker.Look(Clocks{Awake: time.Minute + l.at, Always: time.Hour + l.at + l.slept}, l.network)
			if change != nil {
				what := l.at.String()
				if change.Slept {
					what += " slept"
				}
				told = append(told, what)
			}
			if again < 0 || again > settle {
				t.Errorf("%s: look again in %v", tc.name, again)
			}
		}
		if strings.Join(told, ", ") != strings.Join(tc.told, ", ") {
			t.Errorf("%s: told %q, want %q", tc.name, told, tc.told)
		}
	}
}

// Where the kernel speaks, a change is told when it has settled; where it does not,
// at the next tick.
func TestItem13_Run(t *testing.T) {
	for _, spoken := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			var network atomic.Value
			network.Store("a")
			clocks := func() Clocks { return Clocks{time.Since(start), time.Since(start)} }
			pokes := make(chan struct{}, 1)
			told := make(chan time.Duration, 8)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				run(ctx, pokes, clocks, func() string { return network.Load().(string) }, func(Change) { told <- time.Since(start) })
			}()
			time.Sleep(5 * time.Second)
			synctest.Wait()
			network.Store("b")
			want := 6*time.Second + settle
			if spoken {
				pokes <- struct{}{}
				want = 5*time.Second + settle
			}
			if at := <-told; at != want {
				t.Errorf("told at %v, want %v", at, want)
			}
			time.Sleep(time.Minute)
			if len(told) > 0 {
				t.Error("told twice")
			}
			stop()
			<-ended
		})
	}
}

// The real senses: this machine has a network that stays, clocks that go, and an end.
func TestSenses(t *testing.T) {
	if _, err := net.Interfaces(); err != nil {
		t.Fatal(err)
	}
	if a, b := describe(), describe(); a != b {
		t.Errorf("%q, then %q", a, b)
	}
	before := clocks()
	time.Sleep(time.Millisecond)
	if after := clocks(); after.Awake <= before.Awake || after.Always <= before.Always {
		t.Errorf("the clocks went from %+v to %+v", before, after)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); Run(ctx, func(Change) {}) }()
	stop()
	<-ended
}

package media

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"karat/media/device"
	"karat/media/profile"
)

// A few calls are encoded with all care, of many each takes less. While there is one
// the process runs more goroutines at once, and all is as before when they are over.
func TestEffort(t *testing.T) {
	var e Effort
	before := runtime.GOMAXPROCS(0)
	few := eachProcessor * runtime.NumCPU()
	for range few {
		e.join()
	}
	want := max(before, widened*runtime.NumCPU())
	if e.crowded() || runtime.GOMAXPROCS(0) != want {
		t.Errorf("%d calls: crowded %v, %d goroutines at once; want false, %d", few, e.crowded(), runtime.GOMAXPROCS(0), want)
	}
	e.join()
	if !e.crowded() || runtime.GOMAXPROCS(0) != want {
		t.Errorf("%d calls: crowded %v, %d goroutines at once; want true, %d", few+1, e.crowded(), runtime.GOMAXPROCS(0), want)
	}
	for range few + 1 {
		e.leave()
	}
	if e.crowded() || runtime.GOMAXPROCS(0) != before {
		t.Errorf("afterwards: crowded %v, %d goroutines at once; want false, %d", e.crowded(), runtime.GOMAXPROCS(0), before)
	}
}

// The sender follows from one packet to the next, and sizes stay.
func TestSenderInACrowd(t *testing.T) {
	e := new(Effort)
	o := &sender{effort: e}
	if err := o.init(&profile.Standard, roomTone{random: rand.NewChaCha8([32]byte{1})}); err != nil {
		t.Fatal(err)
	}
	var frame [device.FrameSamples]int16
	for _, crowded := range []bool{false, true, false} {
		for range eachProcessor*runtime.NumCPU() + 1 {
			if crowded {
				e.join()
			} else if e.crowded() {
				e.leave()
			}
		}
		if err := o.reshape(true, Opus); err != nil {
			t.Fatal(err)
		}
		if o.hurried != crowded {
			t.Errorf("hurried %v, want %v", o.hurried, crowded)
		}
		if err := o.encode(o.next.bytes[:o.shape.size], frame[:]); err != nil {
			t.Error(err)
		}
	}
}

package netwatch

import "time"

const (
	// settle is how long the network has to stay as it is before that is told: a
	// change of it comes in a dozen steps, from the cable to the routes.
	settle = 400 * time.Millisecond
	// longest bounds that: a network that never settles is told of all the same.
	longest = 2 * time.Second
	// nap is by how much more the clock that counts sleep has to have gone than the
	// one that does not.
	nap = 5 * time.Second
)

// Clocks are two readings at one moment: Awake stands still while the machine
// sleeps, Always does not. Only differences count.
type Clocks struct{ Awake, Always time.Duration }

// Change is what became of the network.
type Change struct {
	// Slept: the machine did, so that connections are not what they seem.
	Slept bool
}

// Tracker tells changes from noise. It is pure: it is shown the network, and says
// when to look again.
type Tracker struct {
	last   Clocks
	told   string        // the network that the listener knows of
	seen   string        // as it was at the last look
	since  time.Duration // it is so (Awake)
	first  time.Duration // when it began to differ from told
	differ bool
	began  bool
}

// Look is shown a description of the network. It returns a change that is to be
// told, and after what time to look again at the latest; 0: at the next tick.
func (t *Tracker) Look(now Clocks, network string) (change *Change, again time.Duration) {
	if !t.began {
		t.began, t.last, t.told, t.seen = true, now, network, network
		return nil, 0
	}
	slept := now.Always-t.last.Always-(now.Awake-t.last.Awake) >= nap
	t.last = now
	if slept {
		t.told, t.seen, t.differ = network, network, false
		return &Change{Slept: true}, 0
	}
	if network != t.seen {
		t.seen, t.since = network, now.Awake
	}
	if t.seen == t.told {
		t.differ = false // it came and went
		return nil, 0
	}
	if !t.differ {
		t.differ, t.first = true, now.Awake
	}
	wait := min(t.since+settle, t.first+longest) - now.Awake
	if wait > 0 {
		return nil, wait
	}
	t.told, t.differ = t.seen, false
	return &Change{}, 0
}

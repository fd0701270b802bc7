package zrtp

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// The explorer walks through all that can happen between two sessions, up to a
// number of faults. It runs the real engine: a step copies one Session, gives it
// a packet or the time, and looks at what came out. Two states that cannot be
// told apart are walked through once.
//
// Free moves: an end starts; the first packet that is under way to an end
// arrives; when none is under way, time passes to the next deadline.
//
// Faults: a packet is lost, doubled, overtaken, or altered by someone who mends
// the CRC; time passes while packets are under way; a direction dies for good;
// an attacker injects any packet that he saw, in this call or in an earlier one
// of the same two phones, at either end; SRTP overtakes Conf2ACK.
//
// In the pair that may go clear, either end also asks for it once, and either then
// makes the call secure again.
//
// What must hold: see world.fault and world.stuck. What it does not show: what
// more faults would do, and an attacker who computes messages of his own; for
// those see attack_test.go and contrib/zrtpspec.

// exploreFaults is how many faults a walk has. ZRTP_EXPLORE=3, as in `make
// explore`, takes minutes.
func exploreFaults(t *testing.T) int {
	t.Helper()
	text := os.Getenv("ZRTP_EXPLORE")
	if text == "" {
		return 2
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("ZRTP_EXPLORE=%q is no number of faults", text)
	}
	return n
}

// explorer is one walk.
type explorer struct {
	visited map[[16]byte]int8 // faults left, plus one
	onPath  map[[16]byte]int
	steps   int
	ends    map[string]int
	found   string
}

// explore walks on from w, depth first, until something is found.
func (x *explorer) explore(w *world) {
	key := w.key()
	if left, on := x.onPath[key]; on && left == w.faults {
		x.report(w, "the two go round in circles")
		return
	}
	if x.visited[key] > int8(w.faults) {
		return
	}
	x.visited[key] = int8(w.faults) + 1
	if fault := w.fault(); fault != "" {
		x.report(w, fault)
		return
	}
	free := w.free()
	if len(free) == 0 {
		x.conclude(w)
	}
	x.onPath[key] = w.faults
	defer delete(x.onPath, key)
	moves := free
	if w.faults > 0 {
		moves = append(moves, w.disturbed(len(free) > 0)...)
	}
	for _, m := range moves {
		if x.found != "" {
			return
		}
		x.steps++
		x.explore(w.step(m))
	}
}

func (x *explorer) conclude(w *world) {
	if fault := w.stuck(); fault != "" {
		x.report(w, fault)
		return
	}
	secure := 0
	for _, p := range w.ends {
		if p.confirmed() && p.failed == nil {
			secure++
		}
	}
	x.ends[[]string{"both failed", "one secure, one failed", "both secure"}[secure]]++
}

func (x *explorer) report(w *world, fault string) { x.found = fault + w.story() }

// walk explores all that can happen to two ends.
func (p pair) walk(t *testing.T, faults int, past []letter, hack func(int, *Session)) *explorer {
	t.Helper()
	a, b := p.ends()
	w := &world{now: epoch, faults: faults, clear: p.clear, known: share(a, b), hack: hack, body: sessionAnatomy(), memo: newMemo()}
	for _, l := range past {
		w.see(l)
	}
	for i, cfg := range []Config{a, b} {
		w.ends[i] = &player{session: newEnd(t, "", cfg).Session}
	}
	if p.first != nil {
		p.first(w.ends[0].session, w.ends[1].session)
	}
	if p.announced {
		for i, e := range w.ends {
			e.session.ExpectHello([]string{w.ends[1-i].session.HelloHash()})
		}
	}
	for _, e := range w.ends {
		e.sumAt, e.sum = w.now, e.digest(w)
	}
	x := &explorer{visited: map[[16]byte]int8{}, onPath: map[[16]byte]int{}, ends: map[string]int{}}
	x.explore(w)
	return x
}

// Never secure with different keys, never secure after a failure, always able to
// end: whatever the network and an attacker who replays do.
func TestExplore(t *testing.T) {
	for name, p := range explored(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			faults := max(0, exploreFaults(t)-p.fewer)
			past := p.earlierCall(t)
			began := time.Now()
			x := p.walk(t, faults, past, nil)
			if x.found != "" {
				t.Fatal(x.found)
			}
			t.Logf("%d faults: %d states, %d steps in %v; ends: %v", faults, len(x.visited), x.steps, time.Since(began).Round(time.Millisecond), x.ends)
			if x.ends["both secure"] == 0 || faults > 0 && len(x.ends) < 3 {
				t.Errorf("the explorer saw too little: %v", x.ends)
			}
		})
	}
}

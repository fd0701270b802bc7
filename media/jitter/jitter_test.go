package jitter

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

const ms = time.Millisecond

// bench drives a Buffer as a player would, by a clock of its own.
type bench struct {
	t       testing.TB
	b       *Buffer
	start   time.Time
	pending []arrival
	dst     [MaxPayload]byte
	block   int // samples that the speaker asks for at a time
	ahead   int // samples decoded and not played
	before  time.Duration
	// redundant packets hold redundancy for the one before.
	redundant bool

	stretched int // samples left out, less those put in

	firstSeq uint16
	firstTS  uint32
}

// arrival is packet n, of 20 ms, at a time since the start.
type arrival struct {
	at   time.Duration
	n    int
	copy int // of the packet so many before comes along; 0: none
}

func newBench(t testing.TB) *bench {
	t.Helper()
	return &bench{t: t, b: New(), start: time.Unix(1e9, 0), block: frame, before: before}
}

// put has the n-th packet arrive at a time.
func (b *bench) put(at time.Duration, n int) { b.pending = append(b.pending, arrival{at: at, n: n}) }

// before the tick that can play them packets come, if a test says nothing else:
// not in the last moment.
const before = 5 * ms

// deliver puts what has arrived.
func (b *bench) deliver(now time.Duration) {
	for len(b.pending) > 0 && b.pending[0].at <= now {
		a := b.pending[0]
		b.pending = b.pending[1:]
		at, seq, ts := b.start.Add(a.at-b.before), b.firstSeq+uint16(a.n), b.firstTS+uint32(a.n*frame)
		b.b.Put(at, seq, ts, frame, payload(a.n))
		if b.redundant {
			b.b.Expect(at, seq-1, ts-frame)
		}
		if a.copy > 0 {
			b.b.PutCopy(at, seq-uint16(a.copy), ts-uint32(a.copy*frame), frame, 0, payload(a.n-a.copy))
		}
	}
}

func payload(n int) []byte { return fmt.Appendf(nil, "packet %d", n) }

// period is what the bench leaves out or puts in at a time.
const period = 240

// next asks for a block at a time, and tells what was done as text.
func (b *bench) next(at time.Duration) string {
	b.deliver(at)
	b.b.Tick(b.start.Add(at), b.block)
	var done []string
	for b.ahead < b.block {
		a := b.b.Next(b.start.Add(at), b.ahead, b.dst[:])
		s := a.Kind.String()
		if a.Kind == Play || a.Kind == Recover {
			s = strings.TrimPrefix(s+" ", "play ") + string(b.dst[:a.Size])
		}
		b.ahead += a.Samples
		switch {
		case a.Surplus >= period:
			b.ahead -= period
			b.stretched += period
			s += "-"
		case a.Surplus < 0:
			b.ahead += period
			b.stretched -= period
			s += "+"
		}
		if len(done) == 0 || done[len(done)-1] != s {
			done = append(done, s)
		}
	}
	b.ahead -= b.block
	return strings.TrimSpace(strings.Join(done, ", "))
}

// want asks every 20 ms from a time on.
func (b *bench) want(at time.Duration, decisions ...string) {
	b.t.Helper()
	for i, w := range decisions {
		at := at + time.Duration(i)*20*ms
		if got := strings.TrimRight(b.next(at), "+-"); got != w {
			b.t.Errorf("at %v: %s, want %s", at, got, w)
		}
	}
}

// TestRedundancy: where each packet holds redundancy for the one before, the delay
// becomes enough to use it; nothing counts as made up then.
func TestRedundancy(t *testing.T) {
	b := newBench(t)
	b.redundant = true
	for n := range 500 {
		if n%20 != 19 {
			b.put(time.Duration(n)*20*ms, n)
		}
	}
	recovered := 0
	for n := range 500 {
		if strings.Contains(b.next(time.Duration(n)*20*ms), "recover") {
			recovered++
		}
	}
	s := b.b.Stats()
	if recovered < 23 || s.Restored < 23 || s.Concealed > 20*ms || s.Target != 20*ms {
		t.Errorf("recovered %d of 24: %+v", recovered, s)
	}
}

func TestNothingYet(t *testing.T) {
	b := newBench(t)
	b.want(0, "wait", "wait")
}

// TestFirstDelay: while nothing is known of the network, the first packet waits
// 20 ms from the tick that could have played it.
func TestFirstDelay(t *testing.T) {
	b := newBench(t)
	for n := range 4 {
		b.put(time.Duration(n)*20*ms, n)
	}
	b.want(0, "wait", "packet 0", "packet 1", "packet 2")
}

// steady puts packets 0..n-1 that come every 20 ms, and plays them; it returns
// the time of the next tick. After half a second they are played at once.
func (b *bench) steady(n int) time.Duration {
	b.t.Helper()
	for i := range n {
		b.put(time.Duration(i)*20*ms, i)
		b.next(time.Duration(i) * 20 * ms)
	}
	return time.Duration(n) * 20 * ms
}

// TestSteady: a network without jitter gets no delay at all, and nothing that is
// heard is made up on the way there.
func TestSteady(t *testing.T) {
	for _, block := range []int{480, 960} {
		b := newBench(t)
		b.block = block
		tick := duration(int64(block))
		for at := time.Duration(0); at < 10*time.Second; at += tick {
			if at%(20*ms) == 0 {
				b.put(at, int(at/(20*ms)))
			}
			b.next(at)
		}
		s := b.b.Stats()
		if s.Concealed > 0 || s.Late > 0 || s.Delay > 6*ms || s.Target > 0 {
			t.Errorf("blocks of %v: %+v", tick, s)
		}
	}
}

func TestLossIsConcealed(t *testing.T) {
	b := newBench(t)
	for _, n := range []int{0, 1, 3, 4} { // 2 is lost
		b.put(time.Duration(n)*20*ms, n)
	}
	b.want(0, "wait", "packet 0", "packet 1", "recover packet 3", "packet 3", "packet 4")
}

// TestCopy: a lost packet is played from the copy that a later one brings, if that
// comes in time; and where much is lost, the buffer waits for copies.
func TestCopy(t *testing.T) {
	b := newBench(t)
	lost := func(n int) bool { return n%7 == 3 }
	for n := range 1500 {
		at := time.Duration(n) * 20 * ms
		if !lost(n) {
			b.pending = append(b.pending, arrival{at, n, 3})
		}
		b.next(at)
		if n == 999 {
			b.b.stats.Concealed = 0
		}
	}
	s := b.b.Stats()
	if s.Concealed > 0 || s.Target != 60*ms || s.Restored < 190 {
		t.Errorf("one of seven lost: %+v, want nothing made up and 60 ms", s)
	}
}

// TestReorder: a packet that is overtaken is waited for, and played when it comes,
// not thrown away.
func TestReorder(t *testing.T) {
	b := newBench(t)
	at := b.steady(50)
	b.put(at+20*ms, 51)
	b.put(at+21*ms, 50)
	b.put(at+40*ms, 52)
	b.put(at+60*ms, 53)
	b.want(at, "conceal", "packet 51", "packet 52", "packet 53")
	b.put(at+81*ms, 54) // late, and nothing after it
	b.put(at+100*ms, 55)
	b.want(at+80*ms, "conceal", "packet 54", "packet 55")
}

func TestDuplicate(t *testing.T) {
	b := newBench(t)
	for _, n := range []int{0, 1, 1, 0, 2} {
		b.put(0, n)
	}
	b.want(0, "packet 0", "packet 1", "packet 2")
	if got := b.b.Stats().Duplicate; got != 2 {
		t.Errorf("%d duplicates counted, want 2", got)
	}
}

// TestWrap carries sequence numbers and timestamps over their ends.
func TestWrap(t *testing.T) {
	b := newBench(t)
	b.firstSeq, b.firstTS = 0xFFFE, 0xFFFFFFFF-frame
	for i, n := range []int{0, 1, 3, 2, 5} {
		b.put(time.Duration(i)*20*ms, n)
	}
	b.want(0, "wait", "packet 0", "packet 1", "packet 2", "packet 3", "recover packet 5", "packet 5")
}

func TestReset(t *testing.T) {
	b := newBench(t)
	b.steady(20)
	b.b.Reset()
	b.want(400*ms, "wait")
	b.firstSeq, b.firstTS = 4711, 0xDEADBEEF // another source begins
	b.put(420*ms, 0)
	b.want(420*ms, "wait", "packet 0")
}

// TestSilenceOfOthers: a phone with discontinuous transmission sends nothing
// while it is silent; the next packet has the next number and a later time.
func TestSilenceOfOthers(t *testing.T) {
	b := newBench(t)
	b.put(0, 0)
	b.put(20*ms, 1)
	b.want(20*ms, "packet 0", "packet 1", "conceal", "conceal", "conceal", "conceal", "conceal", "wait", "wait")
	for at := 200 * ms; at < 500*ms; at += 20 * ms {
		b.want(at, "wait")
	}
	put := func(at time.Duration, seq, place int) {
		b.b.Put(b.start.Add(at-before), uint16(seq), uint32(place*frame), frame, payload(seq))
	}
	put(500*ms, 2, 25)
	b.want(500*ms, "wait", "packet 2")
	// Known beforehand, the gap is silence and no loss.
	put(540*ms, 3, 26)
	put(540*ms, 4, 29)
	b.want(540*ms, "packet 3", "wait", "wait", "packet 4")
}

// TestLossEnds: after 100 ms there is nothing left to make up from.
func TestLossEnds(t *testing.T) {
	b := newBench(t)
	b.put(0, 0)
	b.want(0, "wait", "packet 0", "conceal", "conceal", "conceal", "conceal", "conceal", "wait", "wait")
	b.put(200*ms, 10) // 9 were lost
	b.want(200*ms, "wait", "packet 10")
}

// TestBurst: the network stops for 300 ms and then delivers all at once. What
// is far too late is dropped, the rest plays, and the delay grows.
func TestBurst(t *testing.T) {
	b := newBench(t)
	at := b.steady(100)
	for n := 100; n < 115; n++ {
		b.next(at)
		at += 20 * ms
	}
	for n := 100; n < 115; n++ {
		b.put(at, n)
	}
	var played int
	for n := 115; n < 215; n++ {
		b.put(at, n)
		if s := b.next(at); s[0] == 'p' {
			played++
		}
		at += 20 * ms
	}
	s := b.b.Stats()
	if played < 90 || s.Late+s.LeftOut > 15 || s.Target < 100*ms {
		t.Errorf("after a burst: %d of 100 ticks played, %+v", played, s)
	}
}

// TestOtherSizes plays packets of 2.5 to 60 ms, asked for in blocks of 10.
func TestOtherSizes(t *testing.T) {
	for _, samples := range []int{120, 240, 480, 960, 1920, 2880} {
		b, n := newBench(t), 0
		b.block = 480
		length := duration(int64(samples))
		for at := time.Duration(0); at < 3*time.Second; at += 10 * ms {
			for ; time.Duration(n)*length <= at; n++ {
				if n%10 != 5 { // one in ten is lost
					b.b.Put(b.start.Add(at-before), uint16(n), uint32(n*samples), samples, []byte{byte(n)})
				}
			}
			b.next(at)
		}
		s := b.b.Stats()
		played := length * time.Duration(s.Played)
		if played < 2500*ms || s.Late > 0 || s.Concealed > 500*ms {
			t.Errorf("packets of %v: played %v of 2.7s, %+v", length, played, s)
		}
	}
}

// TestDrift runs an hour with a sender whose clock is 100 ppm off: 360 ms too many
// or too few. Nothing piles up, and hardly anything is made up.
func TestDrift(t *testing.T) {
	for _, ppm := range []int{-100, 100} {
		b := newBench(t)
		b.block, b.before = 480, 0
		interval := 20*ms + time.Duration(ppm)*20*ms/1e6
		n := 0
		for tick := range 360_000 {
			at := time.Duration(tick) * 10 * ms
			for time.Duration(n)*interval <= at {
				b.put(time.Duration(n)*interval, n)
				n++
			}
			b.next(at)
		}
		s := b.b.Stats()
		want := 360 * 48
		moved := b.stretched
		if ppm > 0 {
			moved = -moved
		}
		if moved < want-2*frame || moved > want+2*frame || s.Late > 2 || s.Concealed > time.Second || b.b.n > 4 || s.Delay > 30*ms {
			t.Errorf("%d ppm for an hour: %d waiting, %d samples moved, %+v; want %d moved", ppm, b.b.n, moved, s, want)
		}
	}
}

// TestRouteChange: 80 ms more all at once is jitter first and then the new
// normal; the delay over it comes down again.
func TestRouteChange(t *testing.T) {
	b := newBench(t)
	n := 0
	run := func(from, to, more time.Duration) {
		for at := from; at < to; at += 20 * ms {
			for ; time.Duration(n)*20*ms+more <= at; n++ {
				b.put(time.Duration(n)*20*ms+more, n)
			}
			b.next(at)
		}
	}
	run(0, 10*time.Second, 0)
	before := b.b.Stats()
	run(10*time.Second, 12*time.Second, 80*ms)
	during := b.b.Stats()
	run(12*time.Second, 60*time.Second, 80*ms)
	after := b.b.Stats()
	if during.Target < 80*ms || after.Target > 40*ms || after.Delay > before.Delay+25*ms {
		t.Errorf("delay %v, then aimed at %v, then %v (aimed at %v)", before.Delay, during.Target, after.Delay, after.Target)
	}
}

// TestBeginning: packets that came late at the beginning of a call, because something
// had to begin first, make its sound late for two seconds at most.
func TestBeginning(t *testing.T) {
	b := newBench(t)
	n := 0
	for at := time.Duration(0); at < 2500*ms; at += 20 * ms {
		late := max(60*ms-at/5, 0) // for 300 ms
		for ; time.Duration(n)*20*ms+late <= at; n++ {
			b.put(time.Duration(n)*20*ms+late, n)
		}
		b.next(at)
	}
	if s := b.b.Stats(); s.Target > 5*ms || s.Delay > 30*ms {
		t.Errorf("after 2.5 s a delay of %v, aimed at %v", s.Delay, s.Target)
	}
}

// TestBadBeginning: where packets come as irregularly from the first one on as they
// go on, and are lost, the delay is learnt and kept. It does not swing: speech would
// be torn twice.
func TestBadBeginning(t *testing.T) {
	var fell time.Duration
	const calls = 20
	for seed := range uint64(calls) {
		b, random := newBench(t), rand.New(rand.NewPCG(seed, 1))
		b.block = 480
		for n := range 250 {
			late := time.Duration(random.Int64N(int64(60 * ms)))
			if random.Float64() > 0.05 {
				b.pending = append(b.pending, arrival{at: time.Duration(n)*20*ms + late, n: n, copy: 3})
			}
		}
		slices.SortFunc(b.pending, func(x, y arrival) int { return cmp.Compare(x.at, y.at) })
		most, fall := time.Duration(0), time.Duration(0)
		for at := 7 * ms; at < 5*time.Second; at += 10 * ms {
			b.next(at)
			if at > time.Second {
				target := b.b.Stats().Target
				most = max(most, target)
				fall = max(fall, most-target)
			}
		}
		fell += fall
	}
	t.Logf("it falls by %v in the mean", fell/calls)
	if fell > 10*calls*ms {
		t.Errorf("the delay aimed at falls by %v in the mean of %d calls", fell/calls, calls)
	}
}

// TestFewLosses: where one packet in a hundred is lost the delay that repairs need is
// kept. It would come and go with each of them, and most come while it is gone.
func TestFewLosses(t *testing.T) {
	const calls, length = 10, time.Minute
	var fell, made time.Duration
	for seed := range uint64(calls) {
		b, random := newBench(t), rand.New(rand.NewPCG(seed, 9))
		b.block = 480
		for at := time.Duration(0); at < length; at += 20 * ms {
			if random.Float64() >= 0.01 {
				b.pending = append(b.pending, arrival{at: at + before, n: int(at / (20 * ms)), copy: 3})
			}
		}
		target := time.Duration(0)
		for at := 7*ms + before; at < length; at += 10 * ms {
			b.next(at)
			now := b.b.Stats().Target
			fell += max(target-now, 0)
			target = now
		}
		made += b.b.Stats().Concealed
	}
	t.Logf("in a minute the delay aimed at falls by %v, and %v are made up", fell/calls, made/calls)
	if fell > calls*60*ms || made > calls*90*ms {
		t.Errorf("in a minute the delay aimed at falls by %v, and %v are made up", fell/calls, made/calls)
	}
}

// TestClockJump: a sender whose timestamps jump by hours is believed at the
// third packet, and a single stray one is not.
func TestClockJump(t *testing.T) {
	b := newBench(t)
	at := b.steady(100)
	b.b.Put(b.start.Add(at-before), 9, 0x70000000, frame, []byte("stray"))
	b.put(at, 100)
	b.deliver(at)
	if got := b.b.Stats().Refused; got != 1 {
		t.Errorf("a stray packet: %d refused, want 1", got)
	}
	got := ""
	for i := range 50 {
		b.b.Put(b.start.Add(at-before), uint16(101+i), 0x40000000+uint32(i*frame), frame, []byte("after"))
		got = b.next(at)
		at += 20 * ms
	}
	if got != "after" {
		t.Errorf("a second after the jump: %s, want to hear it", got)
	}
}

func TestBounded(t *testing.T) {
	b := newBench(t)
	for n := range 1000 {
		b.put(0, n)
	}
	b.deliver(0)
	if b.b.n > maxPackets {
		t.Errorf("%d packets are held, want at most %d", b.b.n, maxPackets)
	}
	b.b.Put(b.start, 0, 0, frame, make([]byte, MaxPayload+1))
	b.b.Put(b.start, 0, 0, 0, []byte("no time"))
	if got := b.b.Stats().Refused; got < 2 {
		t.Errorf("%d refused, want those two at least", got)
	}
}

// TestWipes: played and dropped payloads leave no trace in memory.
func TestWipes(t *testing.T) {
	b := newBench(t)
	at := b.steady(30)
	for range 10 {
		b.next(at)
		at += 20 * ms
	}
	b.put(at, 40)
	b.deliver(at)
	b.b.Reset()
	for i := range b.b.slots {
		if bytes.Contains(b.b.slots[i].payload[:], []byte("packet")) {
			t.Fatalf("slot %d still holds %q", i, b.b.slots[i].payload[:10])
		}
	}
}

func TestNoAllocations(t *testing.T) {
	b := newBench(t)
	at := b.steady(100)
	n := 100
	p := payload(0)
	got := testing.AllocsPerRun(1000, func() {
		b.b.Put(b.start.Add(at-before), uint16(n), uint32(n*frame), frame, p)
		b.b.PutCopy(b.start.Add(at), uint16(n-3), uint32((n-3)*frame), frame, 0, p)
		b.b.Tick(b.start.Add(at), frame)
		b.b.Next(b.start.Add(at), 0, b.dst[:])
		at += 20 * ms
		n++
	})
	if got != 0 {
		t.Errorf("%v allocations a packet, want none", got)
	}
}

// FuzzBuffer plays a script of packets and ticks, six bytes a step: what to do,
// how much time passes, and the numbers of the packet. No step may panic, hold
// more than the bound, or fill no time or more than 120 ms.
func FuzzBuffer(f *testing.F) {
	f.Add([]byte{0, 20, 0, 1, 3, 192, 1, 20, 0, 0, 0, 0})
	f.Add(bytes.Repeat([]byte{0, 1, 255, 255, 0, 0, 1, 20, 0, 0, 0, 0}, 200))
	f.Add(bytes.Repeat([]byte{2, 200, 1, 2, 3, 4}, 50))
	f.Fuzz(func(t *testing.T, script []byte) {
		b, now := New(), time.Unix(1e9, 0)
		dst := make([]byte, MaxPayload)
		for ; len(script) >= 6; script = script[6:] {
			now = now.Add(time.Duration(script[1]) * ms)
			a, c := binary.BigEndian.Uint16(script[2:]), binary.BigEndian.Uint16(script[4:])
			switch script[0] % 5 {
			case 0:
				b.Put(now, a, uint32(a)*frame+uint32(c), frame, script)
			case 1:
				b.Tick(now, int(a))
				act := b.Next(now, int(c), dst)
				if act.Samples <= 0 || act.Samples > 5760 || act.Size > MaxPayload {
					t.Fatalf("decided %+v", act)
				}
			case 2:
				b.Put(now, a, uint32(a)<<16|uint32(c), int(c%5761), script[:min(len(script), MaxPayload)])
			case 3:
				now = now.Add(time.Duration(a) * ms)
			case 4:
				b.PutCopy(now, a, uint32(a)*frame+uint32(c), frame, int(c)*frame, script)
			}
			if b.n > maxPackets {
				t.Fatalf("%d packets are held", b.n)
			}
		}
	})
}

func BenchmarkPutNext(b *testing.B) {
	buf, now := New(), time.Unix(1e9, 0)
	dst, p := make([]byte, MaxPayload), make([]byte, 60)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		buf.Put(now, uint16(n), uint32(n*frame), frame, p)
		buf.Tick(now, frame)
		buf.Next(now, 0, dst)
		now = now.Add(20 * ms)
	}
}

// TestCopiesThatMayComeLater: the buffer waits for what may come, not only for what
// did.
func TestCopiesThatMayComeLater(t *testing.T) {
	target := func(wait int) time.Duration {
		b, now := New(), time.Unix(1e9, 0)
		dst := make([]byte, MaxPayload)
		for n := range 500 {
			b.Tick(now, frame)
			if n%10 != 5 {
				b.Put(now, uint16(n), uint32(n*frame), frame, []byte("packet"))
			}
			if n%10 == 6 {
				b.PutCopy(now, uint16(n-1), uint32((n-1)*frame), frame, wait*frame, []byte("copy"))
			}
			for ahead := 0; ahead < frame; {
				ahead += b.Next(now, ahead, dst).Samples
			}
			now = now.Add(20 * ms)
		}
		return b.Stats().Target
	}
	if once, thrice := target(0), target(2); thrice-once != 40*ms {
		t.Errorf("the target is %v, and %v where copies may come 40 ms later", once, thrice)
	}
}

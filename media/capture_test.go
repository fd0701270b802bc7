package media

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"karat/media/device"
)

// TestCapture runs five minutes with a sound card and a call's clock that differ
// as much as they may: nothing is missing after the first second, and nothing
// piles up.
func TestCapture(t *testing.T) {
	for _, ppm := range []float64{-150, 0, 150} {
		var c capture
		const packet = 960
		c.init(packet, 0)
		start := time.Unix(1e9, 0)
		block := make([]int16, device.FrameSamples)
		out := make([]int16, packet)
		every := time.Duration(float64(len(block)) * (1 + ppm/1e6) / 48000 * float64(time.Second))
		next, missing, most := start.Add(every), 0, 0
		for ; !begun(&c); next = next.Add(every) {
			c.push(next, block)
		}
		c.begin()
		pull := next.Add(settle - every) // as the sender does, after the last block
		for range 15_000 {
			for !next.After(pull) {
				c.push(next, block)
				next = next.Add(every)
			}
			got := c.pull(pull, out)
			if pull.Sub(start) > time.Second {
				missing += packet - got
				most = max(most, c.n)
			}
			pull = pull.Add(20*time.Millisecond - c.move())
		}
		t.Logf("%v ppm: %d samples missing in five minutes, at most %d waiting", ppm, missing, most)
		if missing > packet/2 || most > device.FrameSamples+3*packet {
			t.Errorf("%v ppm: %d samples missing in five minutes, at most %d waiting", ppm, missing, most)
		}
	}
}

func begun(c *capture) bool {
	select {
	case <-c.begun:
		return true
	default:
		return false
	}
}

// TestCaptureBegins: with the first block that comes in the card's pace, and with no
// more than a packet needs: what is older is forgotten.
func TestCaptureBegins(t *testing.T) {
	var c capture
	const packet = 960
	c.init(packet, 0)
	at := time.Unix(1e9, 0)
	block := make([]int16, device.FrameSamples)
	for range 5 {
		c.push(at, block) // a backlog, at once
	}
	at = at.Add(70 * time.Millisecond)
	c.push(at, block)
	if begun(&c) {
		t.Error("it begins with a backlog")
	}
	at = at.Add(20*time.Millisecond + even/2)
	c.push(at, block)
	if !begun(&c) {
		t.Error("it does not begin with a block in time")
	}
	c.begin()
	if c.n != c.want || c.n > packet+device.SampleRate*5/1000 {
		t.Errorf("it begins with %d samples", c.n)
	}
}

// TestCaptureWithoutMicrophone: it begins without one, and what comes later is not cut.
func TestCaptureWithoutMicrophone(t *testing.T) {
	var c capture
	c.init(960, 0)
	c.begin()
	block, out := make([]int16, device.FrameSamples), make([]int16, 960)
	start := time.Unix(1e9, 0)
	missing := 0
	for n := range 100 {
		at := start.Add(time.Duration(n) * 20 * time.Millisecond)
		c.push(at, block)
		missing += len(out) - c.pull(at.Add(settle), out)
	}
	if missing > 0 {
		t.Errorf("%d samples were missing", missing)
	}
}

// TestCaptureMoves: wherever the card's blocks come between two packets, within two
// seconds packets follow settle after them, and afterwards stay where they are.
func TestCaptureMoves(t *testing.T) {
	for _, off := range []time.Duration{100 * time.Microsecond, settle, 8 * time.Millisecond, 19 * time.Millisecond} {
		var c capture
		const packet = 960
		c.init(packet, 0)
		start := time.Unix(1e9, 0)
		block, out := make([]int16, device.FrameSamples), make([]int16, packet)
		push, pull := start, start.Add(60*time.Millisecond+off)
		missing, after, moved := 0, time.Duration(0), 0
		for n := range 10 * 50 {
			for ; !push.After(pull); push = push.Add(20 * time.Millisecond) {
				c.push(push, block)
			}
			if n == 0 {
				c.begin()
			}
			if got := c.pull(pull, out); n > 0 {
				missing += packet - got
			}
			after = pull.Sub(push.Add(-20 * time.Millisecond))
			d := c.move()
			if d != 0 && n > 2*50+10 {
				moved++
			}
			pull = pull.Add(20*time.Millisecond - d)
		}
		ms := c.n * 1000 / device.SampleRate
		if missing > 0 || moved > 0 || after < settle/2 || after > settle+apart || ms > 8 {
			t.Errorf("%v after a block: %v in the end, moved %d times late, %d samples missing, %d ms wait", off, after, moved, missing, ms)
		}
	}
}

// TestCaptureOfABusyMachine: where blocks begin to come up to 4 ms late, packets move
// away from them, a few times, and not one more block than before waits.
func TestCaptureOfABusyMachine(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var c capture
	const packet = 960
	c.init(packet, 0)
	push := time.Unix(1e9, 0)
	late := func(n int) time.Duration {
		if n < 5*50 {
			return 0
		}
		return time.Duration(r.Int64N(int64(4 * time.Millisecond)))
	}
	block, out := make([]int16, device.FrameSamples), make([]int16, packet)
	pull := push.Add(60*time.Millisecond + settle)
	next := push
	moved, waits, missing := 0, 0, 0
	for n := range 60 * 50 {
		for ; !next.After(pull); next = push.Add(late(n)) {
			c.push(next, block)
			push = push.Add(20 * time.Millisecond)
		}
		if n == 0 {
			c.begin()
		}
		got := c.pull(pull, out)
		if n >= 30*50 {
			waits, missing = waits+c.n, missing+packet-got
		}
		d := c.move()
		if d != 0 && n > 5*50 {
			moved++
		}
		pull = pull.Add(20*time.Millisecond - d)
	}
	ms := float64(waits) / (30 * 50) * 1000 / device.SampleRate
	t.Logf("moved %d times, %.1f ms wait", moved, ms)
	if moved == 0 || moved > 5 || ms > 8 || missing > 0 {
		t.Errorf("moved %d times; in the end %.1f ms wait, %d samples are missing", moved, ms, missing)
	}
}

func TestCaptureWipes(t *testing.T) {
	var c capture
	c.init(960, 0)
	block := make([]int16, 960)
	for i := range block {
		block[i] = 1234
	}
	for range 20 {
		c.push(time.Unix(1e9, 0), block)
	}
	c.pull(time.Unix(1e9, 0), make([]int16, 960))
	c.wipe()
	for i, v := range c.ring {
		if v != 0 {
			t.Fatalf("sample %d is still there", i)
		}
	}
	if c.chunk != [device.FrameSamples]int16{} {
		t.Error("the last chunk is still there")
	}
}

// TestClock: each call's clock is off by its own amount, at most 50 ppm, and shows
// what it makes last.
func TestClock(t *testing.T) {
	seen := make(map[int64]bool)
	for range 100 {
		c := newClock()
		seen[c.skew] = true
		d := c.lasts(time.Second) - time.Second
		if d > 50*time.Microsecond || d < -50*time.Microsecond {
			t.Fatalf("a second lasts %v more", d)
		}
		if off := c.reads(c.lasts(time.Hour)) - time.Hour; off > 50*time.Microsecond || off < -50*time.Microsecond {
			t.Fatalf("after an hour of the call its clock is off by %v", off)
		}
	}
	if len(seen) < 90 {
		t.Errorf("100 calls have %d clocks", len(seen))
	}
}

// TestRoomTone: what is sent while muted has the level of the room, and more of
// the low than of the high if the room has; speech over the noise is not learnt.
func TestRoomTone(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tone := roomTone{random: rand.NewChaCha8([32]byte{1})}
	low := 0.0
	frame := make([]int16, 960)
	var room float64
	for n := range 200 {
		room = 0
		for i := range frame {
			low += (r.NormFloat64()*300 - low) / 16
			frame[i] = int16(low)
			room += low * low
			if n%3 != 0 { // somebody speaks two thirds of the time
				frame[i] += int16(8000 * math.Sin(float64(i)/20))
			}
		}
		tone.room.listen(frame)
	}
	room = math.Sqrt(room / 960)
	var energy, slope float64
	for range 50 {
		tone.fill(frame)
		for i, v := range frame {
			energy += float64(v) * float64(v)
			if i > 0 {
				slope += float64(v-frame[i-1]) * float64(v-frame[i-1])
			}
		}
	}
	level := math.Sqrt(energy / 50 / 960)
	if level < room/2 || level > room*2 {
		t.Errorf("the room is at %.0f, its tone at %.0f", room, level)
	}
	if bright := slope / energy; bright > 0.5 { // 2 for white noise
		t.Errorf("the room hums low, its tone has a brightness of %.2f", bright)
	}
}

// TestRoomToneIsQuiet: a microphone that hears nothing but a loud tone from the
// beginning teaches no more than quiet noise.
func TestRoomToneIsQuiet(t *testing.T) {
	tone := roomTone{random: rand.NewChaCha8([32]byte{1})}
	frame := make([]int16, 960)
	for range 200 {
		for i := range frame {
			frame[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i)/48000))
		}
		tone.room.listen(frame)
	}
	var energy float64
	for range 50 {
		tone.fill(frame)
		for _, v := range frame {
			energy += float64(v) * float64(v)
		}
	}
	if level := 10 * math.Log10(energy/50/960/32768/32768); level > -48 || math.IsNaN(level) {
		t.Errorf("room tone at %.1f dBFS", level)
	}
}

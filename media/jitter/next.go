package jitter

import "time"

// Tick says that the speaker asks now for the next block, of so many samples. What
// follows, until the next Tick, fills it.
func (b *Buffer) Tick(now time.Time, samples int) {
	b.pos = b.next
	b.next += int64(samples)
	b.nextAt = now.Add(duration(int64(samples)))
}

// Next decides what to decode next. ahead is how many samples of the present
// block, and beyond it, are decoded already. A payload is copied into dst, which
// holds MaxPayload bytes.
func (b *Buffer) Next(now time.Time, ahead int, dst []byte) Action {
	if !b.arrivals.started {
		return Action{Kind: Wait, Samples: concealStep}
	}
	due := b.arrivals.due(b.pos + int64(ahead))
	if !b.playing {
		if wait := b.begin(due); wait > 0 {
			return Action{Kind: Wait, Samples: wait}
		}
	}
	if due-b.cursor > jumpBeyond {
		b.jump(due)
	}
	i := b.oldest()
	if i < 0 {
		return b.starve()
	}
	if gap := b.slots[i].ts - b.cursor; gap >= fineStep {
		if b.slots[i].ts > due {
			return b.bridge(&b.slots[i], gap, dst)
		}
		// What was made up while nothing was there stands for the lost packet too.
		b.cursor = b.slots[i].ts
	}
	return b.play(now, ahead, due, i, dst)
}

// begin starts playing when the oldest packet has waited long enough; else it
// tells how many samples to wait.
func (b *Buffer) begin(due int64) (wait int) {
	i := b.oldest()
	for i >= 0 && b.slots[i].ts+b.slots[i].samples+slack < due {
		b.remove(i) // its turn was while nothing played
		b.stats.Late++
		i = b.oldest()
	}
	if i < 0 {
		return concealStep
	}
	if early := b.slots[i].ts - due; early > 0 {
		return int(min(early, frame))
	}
	b.playing = true
	b.cursor, b.lastSeq = b.slots[i].ts, b.slots[i].seq-1
	b.concealed, b.adjusted = 0, 0
	return 0
}

// jump leaves out all that should have been played long ago.
func (b *Buffer) jump(due int64) {
	for {
		i := b.oldest()
		if i < 0 {
			break
		}
		if s := &b.slots[i]; s.ts+s.samples > due {
			b.cursor = s.ts
			b.lastSeq = s.seq - 1
			return
		}
		b.remove(i)
		b.stats.LeftOut++
	}
	b.cursor = due
}

// starve is for when no packet is left: something is made up for a while, then
// the speaker is taken to be silent (some phones send nothing then). The cursor
// stays: the packet may only be late, and is played when it comes.
func (b *Buffer) starve() Action {
	if b.concealed >= concealAtMost {
		b.playing = false
		return Action{Kind: Wait, Samples: concealStep}
	}
	return b.conceal(concealStep, 0)
}

// bridge fills the gap before a packet that is there already.
func (b *Buffer) bridge(next *slot, gap int64, dst []byte) Action {
	// Nothing is missing between consecutive numbers: the other phone was
	// silent and sent nothing.
	if next.seq == b.lastSeq+1 || b.concealed >= concealAtMost {
		n := min(gap, frame)
		b.cursor += n
		b.adjusted += n
		return Action{Kind: Wait, Samples: int(n)}
	}
	if gap == next.samples && b.recovered != next.ts {
		b.recovered = next.ts
		return b.recover(next, gap, dst)
	}
	step := min(gap, frame)
	if gap > next.samples {
		step = min(step, gap-next.samples) // leave what it may recover
	}
	if step = step / fineStep * fineStep; step == 0 {
		b.cursor += gap
		return Action{Kind: Wait, Samples: int(gap)}
	}
	return b.conceal(step, step)
}

// conceal makes up n samples, advance of which stand for lost ones.
func (b *Buffer) conceal(n, advance int64) Action {
	b.cursor += advance
	b.concealed += n
	b.adjusted += n
	b.stats.Concealed += duration(n)
	b.weigh(1, n)
	return Action{Kind: Conceal, Samples: int(n)}
}

// recover has the packet before this one made from redundancy, if there is some.
func (b *Buffer) recover(next *slot, gap int64, dst []byte) Action {
	a := Action{Samples: int(gap)}
	if next.mends {
		b.cursor += gap
		b.adjusted += gap
		b.stats.Restored++
		b.weigh(0, gap)
	} else {
		a = b.conceal(gap, gap)
	}
	a.Kind, a.Format, a.Size = Recover, next.format, copy(dst, next.payload[:next.size])
	return a
}

// play hands out the packet whose turn it is.
func (b *Buffer) play(now time.Time, ahead int, due int64, i int, dst []byte) Action {
	s := &b.slots[i]
	act := Action{Kind: Play, Format: s.format, Samples: int(s.samples), Size: copy(dst, s.payload[:s.size])}
	act.Surplus, act.Hurry = b.surplus(due - b.cursor)
	b.cursor = s.ts + s.samples
	b.lastSeq = s.seq
	b.concealed = 0
	b.adjusted += s.samples
	b.stats.Played++
	b.weigh(0, s.samples)
	b.stats.Delay += (now.Sub(s.arrived) + duration(int64(ahead)) - b.stats.Delay) / 16
	b.remove(i)
	return act
}

// weigh keeps the share of what was made up, over about three seconds.
func (b *Buffer) weigh(made float64, n int64) {
	b.stats.Missing += (made - b.stats.Missing) * float64(n) / (3 * rate)
}

// surplus tells whether to come nearer to the delay aimed at: clocks drift, and
// the aim changes. Less delay than that is mended at once: it makes packets late
// for a whole block.
func (b *Buffer) surplus(lag int64) (surplus int, hurry bool) {
	if lag < 0 {
		return int(lag), lag < -hurryBeyond
	}
	hurry = lag > hurryBeyond
	if lag < slack || !hurry && b.adjusted < adjustEvery {
		return 0, false
	}
	b.adjusted = 0
	return int(lag), hurry
}

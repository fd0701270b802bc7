package jitter

import "time"

// Next decides about the stretch of time that begins now. A payload to play is
// copied into dst, which holds MaxPayload bytes. The next call is due when the
// samples of this one have been played.
func (b *Buffer) Next(now time.Time, dst []byte) Action {
	if !b.arrivals.started {
		return Action{Kind: Wait, Samples: frame}
	}
	due := b.arrivals.due(now)
	if !b.playing && !b.begin(due) {
		return Action{Kind: Wait, Samples: frame}
	}
	if b.follow(due) {
		return b.conceal(frame, 0)
	}
	i := b.oldest()
	if i < 0 {
		return b.starve()
	}
	if gap := b.slots[i].ts - b.cursor; gap >= concealStep {
		return b.bridge(&b.slots[i], min(gap, frame)/concealStep*concealStep)
	}
	return b.play(now, i, dst)
}

// begin starts playing when the oldest packet has waited long enough.
func (b *Buffer) begin(due int64) bool {
	i := b.oldest()
	for i >= 0 && b.slots[i].ts+b.slots[i].samples+slack < due {
		b.remove(i) // its turn was while nothing played
		b.stats.Late++
		i = b.oldest()
	}
	if i < 0 || b.slots[i].ts > due {
		return false
	}
	b.playing = true
	b.cursor, b.lastSeq = b.slots[i].ts, b.slots[i].seq-1
	b.concealed, b.adjusted = 0, 0
	return true
}

// follow keeps the cursor near what is due: clocks drift, and the delay aimed
// at changes. It leaves a frame out, or says (true) to put one in.
func (b *Buffer) follow(due int64) (putIn bool) {
	lag := due - b.cursor
	if lag > jumpBeyond {
		b.jump(due)
		return false
	}
	if b.adjusted < adjustEvery {
		return false
	}
	if lag < 0 {
		b.adjusted = 0
		b.stats.PutIn++
		return true
	}
	i := b.oldest()
	if i < 0 || b.slots[i].ts != b.cursor || lag < max(frame, b.slots[i].samples)+slack {
		return false
	}
	b.cursor += b.slots[i].samples
	b.lastSeq = b.slots[i].seq
	b.remove(i)
	b.adjusted = 0
	b.stats.LeftOut++
	return false
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

// starve is for when no packet is left: lost or late ones are made up for a
// while, then the speaker is taken to be silent (some phones send nothing then).
func (b *Buffer) starve() Action {
	if b.concealed >= concealAtMost {
		b.playing = false
		return Action{Kind: Wait, Samples: frame}
	}
	b.stats.Concealed++
	return b.conceal(frame, frame)
}

// bridge fills the gap before a packet that is there already.
func (b *Buffer) bridge(next *slot, n int64) Action {
	// Nothing is missing between consecutive numbers: the other phone was
	// silent and sent nothing.
	if next.seq == b.lastSeq+1 || b.concealed >= concealAtMost {
		b.cursor += n
		b.adjusted += n
		return Action{Kind: Wait, Samples: int(n)}
	}
	b.stats.Concealed++
	return b.conceal(n, n)
}

// conceal makes up n samples, advance of which stand for lost ones.
func (b *Buffer) conceal(n, advance int64) Action {
	b.cursor += advance
	b.concealed += advance
	b.adjusted += advance
	return Action{Kind: Conceal, Samples: int(n)}
}

// play hands out the packet whose turn it is.
func (b *Buffer) play(now time.Time, i int, dst []byte) Action {
	s := &b.slots[i]
	act := Action{Kind: Play, Samples: int(s.samples), Size: copy(dst, s.payload[:s.size])}
	b.cursor = s.ts + s.samples
	b.lastSeq = s.seq
	b.concealed = 0
	b.adjusted += s.samples
	b.stats.Played++
	b.stats.Delay += (now.Sub(s.arrived) - b.stats.Delay) / 16
	b.remove(i)
	return act
}

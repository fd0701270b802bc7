package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/wiretap"
)

// phaseTime is how long each lasts.
const phaseTime = 4 * time.Second

// enoughTone is half of the packets of a phase.
const enoughTone = 100

// phase is a part of a call: what was done to begin it, and what Karat's speaker and
// the Linphone's recorder heard in it.
type phase struct {
	on      *lab.Process
	command string
	// ours and theirs are who waits, in Karat's words; state is the Linphone's word.
	ours, theirs bool
	state        string

	from, to     int // in Karat's recording
	recorded     int // the number of Linphone's recording; -1: none
	began, ended time.Time
}

// pass begins the phase and lets its time go by. The Linphone's player and recorder
// end with each change, and it has none while it holds the call.
func (p *phase) pass(ctx context.Context, c controlled) (err error) {
	mark := c.bob.Mark()
	if p.command != "" {
		if err := c.waits(ctx, p.on, p.command, p.ours, p.theirs); err != nil {
			return err
		}
		if err := c.bob.WaitState(ctx, mark, p.state); err != nil {
			return err
		}
	}
	p.recorded = -1
	if !p.theirs {
		p.recorded = c.bob.Recordings()
		err = c.bob.Record()
	}
	if !p.ours && !p.theirs {
		err = errors.Join(err, c.bob.Speak(c.bobSays))
	}
	if err := errors.Join(err, pause(ctx, settleTime/4)); err != nil {
		return err
	}
	p.began = time.Now()
	if p.from, err = c.call.HeardSoFar(); err != nil {
		return err
	}
	if err := pause(ctx, phaseTime); err != nil {
		return err
	}
	p.ended = time.Now()
	p.to, err = c.call.HeardSoFar()
	return err
}

// heldAndHeard: both talk, bob lets alice wait, both talk, alice lets bob wait,
// both talk.
func heldAndHeard(ctx context.Context, b *bench) error {
	c, err := startControlled(ctx, b)
	if err != nil {
		return err
	}
	phases := []phase{
		{},
		{on: c.bob.Process, command: "pause", theirs: true, state: "Paused"},
		{on: c.bob.Process, command: "resume", state: "StreamsRunning"},
		{on: c.call.Process, command: "hold", ours: true, state: "PausedByRemote"},
		{on: c.call.Process, command: "resume", state: "StreamsRunning"},
	}
	for i := range phases {
		if err := phases[i].pass(ctx, c); err != nil {
			return fmt.Errorf("phase %d: %w", i, err)
		}
	}
	if err := errors.Join(c.call.Type("h"), exits(ctx, c.call, 0), c.bob.Quit(ctx)); err != nil {
		return err
	}
	return c.judgePhases(b, phases)
}

// judgePhases: where nobody waits both are heard. Who waits at Linphone's hears what it
// plays to them, which is the same speech; who waits at ours hears nothing.
func (c controlled) judgePhases(b *bench, phases []phase) error {
	atAlice, err := c.call.Heard()
	if err != nil {
		return err
	}
	for i, p := range phases {
		judge := b.hears
		if p.ours {
			judge = b.hearsNot
		}
		err = errors.Join(err, judge(fmt.Sprintf("bob at alice's in phase %d", i), atAlice.Part(p.from, p.to), c.bobSays))
		if p.recorded < 0 {
			continue
		}
		atBob, rerr := c.bob.HeardOf(p.recorded)
		if rerr == nil {
			rerr = judge(fmt.Sprintf("alice at bob's in phase %d", i), atBob, c.aliceSays)
		}
		err = errors.Join(err, rerr)
	}
	if err := errors.Join(err, b.judgeSecure([]*lab.Linphone{c.bob})); err != nil {
		return err
	}
	return c.judgeWaiting(b, phases[1], phases[3])
}

// judgeWaiting: to who lets us wait nothing is sent, and who waits for us is sent
// packets as ever (RFC 3264, Section 8.4), which hold room tone.
func (c controlled) judgeWaiting(b *bench, theirs, ours phase) error {
	sent, err := b.sentByKarat(b.packets)
	if err != nil {
		return err
	}
	in := func(p phase, packets []wiretap.Packet) int {
		return len(wiretap.Of(wiretap.During(packets, p.began, p.ended), wiretap.RTP))
	}
	if n := in(theirs, sent); n > 0 {
		return fmt.Errorf("karat sent %d packets of voice while it had to wait", n)
	}
	if n := in(ours, sent); n < enoughTone {
		return fmt.Errorf("karat sent %d packets of room tone while it let the other wait: too few", n)
	}
	if n := in(ours, wiretap.From(b.packets, c.bob.RTPPort)); n > 0 {
		return fmt.Errorf("linphone sent %d packets of voice while it had to wait", n)
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"karat/contrib/interop/lab"
)

// transferCells are calls that are sent on to somebody else: blind, or when who
// sends has talked to that one first.
func transferCells() []cell {
	var all []cell
	for _, c := range []cell{
		{
			name:   "transfer-by-karat",
			proves: "Karat sends a Linphone on to another one, and is told that they talk; both Linphones are heard",
			run:    transferByKarat,
		},
		{
			name:   "transfer-by-linphone",
			proves: "a Linphone sends Karat on to another one: Karat asks its user, agrees on keys anew, and is heard there",
			run:    transferByLinphone,
		},
		{
			name:   "attended-by-karat",
			proves: "Karat talks to two Linphones and lets them talk without it (REFER with Replaces): both are heard",
			run:    attendedByKarat,
		},
		{
			name:   "attended-by-linphone",
			proves: "a Linphone lets Karat and another one talk without it: Karat asks its user, takes its place, agrees on keys anew, and is heard there",
			run:    attendedByLinphone, full: true,
		},
	} {
		c.name, c.limit, c.karat, c.items = "karat-linphone/tls/"+c.name, callLimit, true, []int{44}
		all = append(all, c)
	}
	return all
}

// beforeTransfer is how long the first two talk: long enough to judge their packets.
const beforeTransfer = 3 * time.Second

var (
	reTransferred   = regexp.MustCompile(`"event":"transfer".*"ok":true`)
	reTransferAsked = regexp.MustCompile(`"event":"transfer_asked"`)
	reCarolRings    = regexp.MustCompile(`incoming call`)
)

func transferByKarat(ctx context.Context, b *bench) error {
	c, err := startControlled(ctx, b)
	if err != nil {
		return err
	}
	if err := pause(ctx, beforeTransfer); err != nil {
		return err
	}
	atBob, atCarol := c.bob.Mark(), c.carol.Mark()
	if err := c.call.Type("transfer %s", c.proxy.AOR("carol")); err != nil {
		return err
	}
	return c.leftAlone(ctx, b, atBob, atCarol)
}

// leftAlone: bob and carol talk to each other, securely, and Karat has left.
func (c controlled) leftAlone(ctx context.Context, b *bench, atBob, atCarol lab.CallMark) error {
	one, err := c.bob.WaitSecure(ctx, atBob)
	if err != nil {
		return err
	}
	other, err := c.carol.WaitSecure(ctx, atCarol)
	if err != nil {
		return err
	}
	if err := same(one, other); err != nil {
		return err
	}
	b.noteAgreed(one)
	if _, err := c.call.Output.Wait(ctx, 0, reTransferred); err != nil {
		return err
	}
	if err := exits(ctx, c.call, 0); err != nil {
		return err
	}
	if err := converse(ctx, c.carol, c.bob, b.alice, b.bob); err != nil {
		return err
	}
	if err := errors.Join(c.carol.Hangup(), c.carol.Quit(ctx), c.bob.Quit(ctx)); err != nil {
		return err
	}
	return b.bothHeard(c.carol, c.bob)
}

func transferByLinphone(ctx context.Context, b *bench) error {
	c, err := startControlled(ctx, b)
	if err != nil {
		return err
	}
	if err := pause(ctx, beforeTransfer); err != nil {
		return err
	}
	mark := c.carol.Mark()
	if err := c.bob.Type("transfer %s", c.proxy.AOR("carol")); err != nil {
		return err
	}
	if err := c.asked(ctx); err != nil {
		return err
	}
	if _, called := c.carol.Output.Find(mark.Output(), reCarolRings); called {
		return errors.New("karat called before its user agreed")
	}
	return c.sentOn(ctx, b, mark)
}

// asked waits until Karat asks its user about a transfer.
func (c controlled) asked(ctx context.Context) error {
	_, err := c.call.Output.Wait(ctx, 0, reTransferAsked)
	return err
}

// sentOn: the user agrees, and Karat talks to carol, securely.
func (c controlled) sentOn(ctx context.Context, b *bench, atCarol lab.CallMark) error {
	atKarat := c.call.Output.Mark()
	if err := c.call.Type("agree"); err != nil {
		return err
	}
	agreed, err := c.carol.WaitSecure(ctx, atCarol)
	if err != nil {
		return err
	}
	own, err := c.call.SecureAgain(ctx, atKarat)
	if err != nil {
		return err
	}
	if err := same(own, agreed); err != nil {
		return err
	}
	b.noteAgreed(agreed)
	from, err := c.call.HeardSoFar()
	if err != nil {
		return err
	}
	// carol says bob's speech: Karat says alice's.
	if err := errors.Join(c.carol.Speak(b.bob), c.carol.Record(), pause(ctx, talkTime)); err != nil {
		return err
	}
	if err := errors.Join(c.call.Type("h"), exits(ctx, c.call, 0), c.carol.Quit(ctx), c.bob.Quit(ctx)); err != nil {
		return err
	}
	atAlice, err := c.call.Heard()
	err = b.heard("karat", atAlice.Part(from, len(atAlice.Samples)), err, c.bobSays, c.aliceSays)
	heard, cerr := c.carol.Heard()
	err = errors.Join(err, b.heard("carol", heard, cerr, c.aliceSays, c.bobSays))
	return errors.Join(err, b.judgeSecure(nil))
}

// attendedByKarat: Karat calls carol, too, which lets bob wait, and connects them.
func attendedByKarat(ctx context.Context, b *bench) error {
	c, err := startControlled(ctx, b)
	if err != nil {
		return err
	}
	if err := pause(ctx, beforeTransfer); err != nil {
		return err
	}
	mark, first := c.call.Output.Mark(), c.carol.Mark()
	if err := c.call.Type("call %s", c.proxy.AOR("carol")); err != nil {
		return err
	}
	if _, err := c.carol.WaitSecure(ctx, first); err != nil {
		return err
	}
	if _, err := c.call.SecureAgain(ctx, mark); err != nil {
		return err
	}
	if err := pause(ctx, beforeTransfer); err != nil {
		return err
	}
	atBob, atCarol := c.bob.Mark(), c.carol.Mark()
	if err := c.call.Type("connect 1"); err != nil {
		return err
	}
	if err := c.leftAlone(ctx, b, atBob, atCarol); err != nil {
		return fmt.Errorf("connected: %w", err)
	}
	return nil
}

// attendedByLinphone: bob calls carol, too, and connects Karat with her.
func attendedByLinphone(ctx context.Context, b *bench) error {
	c, err := startControlled(ctx, b)
	if err != nil {
		return err
	}
	if err := pause(ctx, beforeTransfer); err != nil {
		return err
	}
	if err := c.waits(ctx, c.bob.Process, "pause", false, true); err != nil {
		return err
	}
	first := c.carol.Mark()
	if err := c.bob.Call(c.proxy.AOR("carol")); err != nil {
		return err
	}
	if _, err := c.carol.WaitSecure(ctx, first); err != nil {
		return err
	}
	if err := pause(ctx, beforeTransfer); err != nil {
		return err
	}
	atCarol := c.carol.Mark()
	if err := c.bob.Type("transfer 1 --to-call 2"); err != nil {
		return err
	}
	if err := c.asked(ctx); err != nil {
		return err
	}
	return c.sentOn(ctx, b, atCarol)
}

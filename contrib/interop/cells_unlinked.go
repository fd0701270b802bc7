package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/wiretap"
)

// unlinkedCell is about two Karats that talk more than once.
func unlinkedCell() cell {
	return cell{
		name:   "karat-karat/unlinked",
		proves: "two Karats that talked before recognise each other, and their next two calls have no value of a key agreement in common",
		limit:  historyLimit, karat: true, run: karatUnlinked,
	}
}

// acquainted are two Karats that talk more than once.
type acquainted struct {
	b          *bench
	proxy      *lab.Kamailio
	alice, bob *lab.Karat
}

// span is when a call began and ended.
type span struct{ from, to time.Time }

// karatUnlinked lets two Karats get to know each other, talk twice, and then, with
// everything forgotten, once more: what that call has in common with the others is
// common to all calls.
func karatUnlinked(ctx context.Context, b *bench) error {
	a, err := b.acquaint(ctx)
	if err != nil {
		return err
	}
	var spans [3]span
	for i := range spans {
		if i == 2 {
			err = errors.Join(a.alice.ForgetEverything(ctx), a.bob.ForgetEverything(ctx))
		}
		if err == nil {
			spans[i], err = a.call(ctx, i < 2)
		}
		if err != nil {
			return fmt.Errorf("call %d: %w", i+2, err)
		}
	}
	if err := b.judgeSecure(nil); err != nil {
		return err
	}
	during := func(s span) []wiretap.Packet { return wiretap.During(b.packets, s.from, s.to) }
	calls := [][]wiretap.Packet{during(spans[0]), during(spans[1])}
	if again := wiretap.Repeated(calls, during(spans[2])); len(again) > 0 {
		return fmt.Errorf("%d values come in both calls, %s first", len(again), again[0])
	}
	common := len(wiretap.Repeated(calls, nil))
	if common == 0 {
		return errors.New("not even the algorithms come in both calls: nothing was compared")
	}
	b.note("0 of their own, %d common to all", common)
	return nil
}

// acquaint makes two Karats that have talked once, and compared the code.
func (b *bench) acquaint(ctx context.Context) (a acquainted, err error) {
	a.b = b
	if a.proxy, err = b.proxy(ctx, "MD5"); err != nil {
		return a, err
	}
	if a.alice, err = b.newKarat(ctx, "alice", a.proxy, "udp", b.alice); err != nil {
		return a, err
	}
	if a.bob, err = b.newKarat(ctx, "bob", a.proxy, "udp", b.bob); err != nil {
		return a, err
	}
	err = errors.Join(a.alice.AddContact(ctx, "Bob", a.proxy.AOR("bob")), a.bob.AddContact(ctx, "Alice", a.proxy.AOR("alice")))
	if err != nil {
		return a, err
	}
	if _, err := a.call(ctx, false); err != nil {
		return a, fmt.Errorf("first call: %w", err)
	}
	return a, errors.Join(a.alice.Verify(ctx, "Bob"), a.bob.Verify(ctx, "Alice"))
}

// call is one call. Known: both ends know each other's phone, and say so.
func (a acquainted) call(ctx context.Context, known bool) (s span, err error) {
	answering, err := a.bob.Answer(ctx)
	if err != nil {
		return s, err
	}
	s.from = time.Now()
	calling, err := a.alice.Dial(ctx, a.proxy.AOR("bob"), talkTime)
	if err != nil {
		return s, err
	}
	in, err := answering.WaitEvent(ctx, "incoming")
	if err != nil {
		return s, err
	}
	for _, c := range []*lab.KaratCall{calling, answering} {
		_, secure, err := c.WaitSecure(ctx)
		if err != nil {
			return s, err
		}
		if known && (secure.Continuity == nil || !*secure.Continuity || !secure.Verified) {
			return s, errors.New("a phone that was verified is not known again")
		}
	}
	if err := errors.Join(exits(ctx, calling, 0), exits(ctx, answering, 0)); err != nil {
		return s, err
	}
	s.to = time.Now()
	if known != (in.Probably == "Alice") {
		return s, fmt.Errorf("alice rings as probably %q", in.Probably)
	}
	return s, errors.Join(saysUnlinked(calling, known), saysUnlinked(answering, known))
}

// saysUnlinked checks what an assay says about the key agreement.
func saysUnlinked(c *lab.KaratCall, want bool) error {
	last, err := c.LastAssay()
	if err != nil {
		return err
	}
	for _, p := range last.Promises {
		if p.ID == "unlinked" && strings.Contains(p.Why, "nothing in common") != want {
			return fmt.Errorf("the assay says of unlinked: %s", p.Why)
		}
	}
	return nil
}

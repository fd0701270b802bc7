package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"karat/contrib/interop/lab"
)

const (
	// restartTalk is the length of a call during which its server starts anew.
	restartTalk = 20 * time.Second
	// outage is for how long there is no server.
	outage = 2 * time.Second
	// backWithin is within what time of the server's return Karat is registered
	// again: five seconds, and as much again for a busy machine.
	backWithin = 10 * time.Second
)

// restartCells are calls whose server goes away in the middle. They take longer than
// what runs with every change.
func restartCells() []cell {
	return []cell{{
		name:   "server/restarted",
		proves: "the proxy is killed in the middle of a call with a Linphone and comes back: the call goes on, Karat registers anew within seconds, and the next call is as good",
		limit:  2 * callLimit, karat: true, full: true, items: []int{9, 13}, run: restartedServer,
	}}
}

func restartedServer(ctx context.Context, b *bench) error {
	proxy, err := b.proxy(ctx, "MD5")
	if err != nil {
		return err
	}
	karat, err := b.newKarat(ctx, "alice", proxy, "tls", b.alice)
	if err != nil {
		return err
	}
	h := history{karatCalls: true, keyAgreement: "X255", sasType: "B256"}
	linphone, err := b.newLinphone(ctx, h.linphone(proxy))
	if err != nil {
		return err
	}
	mark := linphone.Mark()
	call, err := karat.Dial(ctx, proxy.AOR("bob"), restartTalk)
	if err != nil {
		return err
	}
	if _, err := bothSecure(ctx, call, linphone, mark); err != nil {
		return err
	}
	if err := errors.Join(linphone.Speak(b.bob), pause(ctx, settleTime)); err != nil {
		return err
	}
	if err := b.restart(ctx, proxy, call); err != nil {
		return err
	}
	if err := errors.Join(exits(ctx, call, 0), linphone.Quit(ctx)); err != nil {
		return err
	}
	// The recording begins before and ends after it. Linphone's does not.
	atKarat, err := call.Heard()
	if err := b.heard("the caller", atKarat, err, b.bob, b.alice); err != nil {
		return err
	}
	if _, _, err := h.call(ctx, b, proxy, karat, false); err != nil {
		return fmt.Errorf("the next call: %w", err)
	}
	return nil
}

// restart kills the proxy and starts it again, and waits for Karat to be registered.
func (b *bench) restart(ctx context.Context, proxy *lab.Kamailio, call *lab.KaratCall) error {
	at := call.Output.Mark()
	if err := proxy.Kill(); err != nil {
		return err
	}
	if err := pause(ctx, outage); err != nil {
		return err
	}
	if err := proxy.Restart(ctx); err != nil {
		return err
	}
	back := time.Now()
	soon, cancel := context.WithTimeoutCause(ctx, backWithin, fmt.Errorf("not within %v of the server's return", backWithin))
	defer cancel()
	if err := call.WaitAgain(soon, at, "registered"); err != nil {
		return err
	}
	b.note("registered %.1f s after the server's return", time.Since(back).Seconds())
	return nil
}

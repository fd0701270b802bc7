package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"karat/internal/secret"
	"karat/sip"
)

// serverCells are about the provider of contrib/server itself.
func serverCells() []cell {
	return []cell{{
		name:   "server/nobody-there",
		proves: "who calls cannot tell a phone that rings from a user who is not registered, nor from one who does not exist",
		limit:  refusalLimit, karat: true, full: true, items: []int{46}, run: nobodyThere,
	}}
}

// rung is what a caller was told, and when.
type rung struct {
	ringing, failed time.Duration
	code            int
}

// nobodyThere calls three who do not answer, all at once: bob has no phone,
// mallory no account, and at carol's a Karat rings.
func nobodyThere(ctx context.Context, b *bench) error {
	proxy, err := b.proxy(ctx, "SHA-256")
	if err != nil {
		return err
	}
	carol, err := b.newKarat(ctx, "carol", proxy, "udp", b.bob)
	if err != nil {
		return err
	}
	if _, err := carol.Ring(ctx); err != nil {
		return err
	}
	agent, err := sip.NewAgent(sip.Config{Account: &sip.Account{
		AOR: proxy.AOR("alice"), Registrar: proxy.Registrar("udp"), Password: secret.Copy([]byte(proxy.Users["alice"])),
	}})
	if err != nil {
		return err
	}
	defer func() { _ = agent.Close(ctx) }() // what it has to say at its end is of no interest
	if err := agent.Start(ctx); err != nil {
		return err
	}
	if e, ok := (<-agent.Events()).(sip.Registered); !ok {
		return fmt.Errorf("not registered: %+v", e)
	}
	type told struct {
		who string
		rung
		err error
	}
	all := make(chan told)
	callees := []string{"carol", "bob", "mallory"}
	for _, who := range callees {
		go func() {
			r, err := ring(ctx, agent, proxy.AOR(who))
			all <- told{who, r, err}
		}()
	}
	var errs []error
	for range callees {
		t := <-all
		b.note("%s: ringing %d ms, %d after %.1f s", t.who, t.ringing.Milliseconds(), t.code, t.failed.Seconds())
		errs = append(errs, t.err, t.judge(t.who))
	}
	return errors.Join(errs...)
}

// judge: 180 about 200 ms after the INVITE and 480 after 45 s, to each alike.
func (r rung) judge(who string) error {
	const slack = 400 * time.Millisecond // of a busy machine
	if r.code != 480 || r.ringing < 200*time.Millisecond || r.ringing > 200*time.Millisecond+slack ||
		r.failed < 45*time.Second || r.failed > 45*time.Second+slack {
		return fmt.Errorf("%s rang after %v and ended with %d after %v", who, r.ringing, r.code, r.failed)
	}
	return nil
}

// ring calls and lets it ring.
func ring(ctx context.Context, agent *sip.Agent, uri string) (rung, error) {
	began := time.Now()
	call, err := agent.Invite(ctx, uri, []byte("v=0\r\n"))
	if err != nil {
		return rung{}, err
	}
	var r rung
	for e := range call.Events() {
		switch e := e.(type) {
		case sip.Progress:
			if r.ringing == 0 {
				r.ringing = time.Since(began)
			}
		case sip.Failed:
			r.failed, r.code = time.Since(began), e.Code
		}
	}
	return r, nil
}

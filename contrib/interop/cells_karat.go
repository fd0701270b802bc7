package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/wiretap"
)

// talk makes a call between two Karats that both are to find private, and that
// both are heard in.
func (b *bench) talk(ctx context.Context, alice, bob *lab.Karat, length time.Duration) error {
	answering, err := bob.Answer(ctx)
	if err != nil {
		return err
	}
	calling, err := alice.Dial(ctx, bob.Proxy.AOR(bob.User), length)
	if err != nil {
		return err
	}
	atAlice, _, err := calling.WaitSecure(ctx)
	if err != nil {
		return err
	}
	atBob, _, err := answering.WaitSecure(ctx)
	if err != nil {
		return err
	}
	if err := same(atAlice, atBob); err != nil {
		return err
	}
	b.noteAgreed(atAlice)
	if err := errors.Join(exits(ctx, calling, 0), exits(ctx, answering, 0)); err != nil {
		return err
	}
	return b.bothHeard(calling, answering)
}

// newKarat makes a Karat with an account at the proxy.
func (b *bench) newKarat(ctx context.Context, user string, proxy *lab.Kamailio, transport, speech string) (*lab.Karat, error) {
	return b.NewKarat(ctx, lab.KaratConfig{Binary: b.karat, User: user, Proxy: proxy, Transport: transport, Speech: speech})
}

// listener is a phone with a recording of what was heard.
type listener interface{ Heard() (lab.Recording, error) }

// bothHeard checks the recordings of the caller, who said alice's speech, and
// of the answerer, who said bob's.
func (b *bench) bothHeard(caller, answerer listener) error {
	atCaller, err := caller.Heard()
	err = b.heard("the caller", atCaller, err, b.bob, b.alice)
	atAnswerer, aerr := answerer.Heard()
	return errors.Join(err, b.heard("the answerer", atAnswerer, aerr, b.alice, b.bob))
}

// exits waits for Karat's end and checks its exit code.
func exits(ctx context.Context, c *lab.KaratCall, want int) error {
	code, err := c.Wait(ctx)
	if err != nil {
		return err
	}
	if code != want {
		return fmt.Errorf("karat exited with %d, not %d: %s", code, want, c.Tail())
	}
	return nil
}

// judgeSecure stops the recording of packets and proves of every call since its
// beginning that Karat and these Linphones sent no voice but encrypted voice,
// and Karat nothing else that does not belong to a call.
func (b *bench) judgeSecure(linphones []*lab.Linphone) error {
	packets, err := b.stopWire()
	if err != nil {
		return err
	}
	sent, err := b.sentByKarat(packets)
	err = errors.Join(err,
		wiretap.Only(sent, wiretap.SIP, wiretap.KeepAlive, wiretap.ZRTP, wiretap.RTP, wiretap.RTCP),
		wiretap.NoEarlyVoice(packets, sent),
	)
	talked := 0
	for _, own := range wiretap.Sockets(sent) {
		if len(wiretap.Of(own, wiretap.RTP)) > 0 {
			talked++
			err = errors.Join(err, wiretap.LooksEncrypted(own))
		}
	}
	if talked == 0 {
		err = errors.Join(err, errors.New("no voice of Karat's was recorded"))
	}
	for _, l := range linphones {
		voice := wiretap.Of(wiretap.From(packets, l.RTPPort), wiretap.RTP)
		err = errors.Join(err, wiretap.NoEarlyVoice(packets, voice), wiretap.LooksEncrypted(voice))
	}
	return err
}

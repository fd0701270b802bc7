package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/wiretap"
)

// earlyCells are about voice before the answer.
func earlyCells() []cell {
	return []cell{{
		name:   "karat-linphone/tls/early-media",
		proves: "a Linphone that talks while it rings (183 with SDP) gets not a packet before it answers; then keys are agreed on, and both are heard",
		limit:  callLimit, karat: true, items: []int{35}, run: earlyLinphone,
	}}
}

var reLinphoneEarly = regexp.MustCompile(`LinphoneCallIncomingEarlyMedia`)

// earlyTime is how long it rings.
const earlyTime = 3 * time.Second

func earlyLinphone(ctx context.Context, b *bench) error {
	proxy, err := b.proxy(ctx, "MD5")
	if err != nil {
		return err
	}
	karat, err := b.newKarat(ctx, "alice", proxy, "tls", b.alice)
	if err != nil {
		return err
	}
	linphone, err := b.StartLinphone(ctx, lab.LinphoneConfig{
		User: "bob", Encryption: "zrtp", Mandatory: true, KeyAgreements: []string{"X255"}, SASTypes: []string{"B256"},
		Proxy: proxy, Transport: "tls", EarlyMedia: true,
	})
	if err != nil {
		return err
	}
	b.others = append(b.others, linphone.UDPPorts()...)
	mark := linphone.Mark()
	call, err := karat.Dial(ctx, proxy.AOR("bob"), talkTime)
	if err != nil {
		return err
	}
	if _, err := linphone.Log.Wait(ctx, 0, reLinphoneEarly); err != nil {
		return err
	}
	if err := errors.Join(linphone.Speak(b.bob), pause(ctx, earlyTime)); err != nil {
		return err
	}
	if call.Has("talking") || call.Has("secure") {
		return errors.New("karat talks before the answer")
	}
	answered := time.Now()
	if err := linphone.Type("answer"); err != nil {
		return err
	}
	m, err := bothSecure(ctx, call, linphone, mark)
	if err != nil {
		return err
	}
	b.noteAgreed(m.karat)
	if err := errors.Join(linphone.Speak(b.bob), linphone.Record(), exits(ctx, call, 0), linphone.Quit(ctx)); err != nil {
		return err
	}
	if err := errors.Join(b.bothHeard(call, linphone), b.judgeSecure([]*lab.Linphone{linphone})); err != nil {
		return err
	}
	return b.judgeEarly(linphone, answered)
}

// judgeEarly: the Linphone did send before the answer, and Karat did not.
func (b *bench) judgeEarly(linphone *lab.Linphone, answered time.Time) error {
	sent, err := b.sentByKarat(b.packets)
	if err != nil {
		return err
	}
	before := wiretap.During(b.packets, time.Time{}, answered)
	if own := wiretap.Of(wiretap.During(sent, time.Time{}, answered), wiretap.ZRTP, wiretap.RTP, wiretap.RTCP); len(own) > 0 {
		return fmt.Errorf("karat sent %s before the answer", wiretap.Tally(own))
	}
	early := wiretap.Of(wiretap.From(before, linphone.RTPPort), wiretap.ZRTP, wiretap.RTP)
	if len(early) == 0 {
		return errors.New("linphone sent nothing before the answer: nothing was tried")
	}
	b.note("sent early by linphone: %s", wiretap.Tally(early))
	return nil
}

package main

import (
	"context"
	"fmt"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/wiretap"
)

// peerCells make calls without Karat: they prove that the other phones, and
// the checks themselves, work here.
func peerCells() []cell {
	return []cell{
		{
			name:   "linphone-linphone/tls/zrtp",
			proves: "two Linphones agree on keys through the proxy over TLS; the checks see what they should in a good call",
			limit:  callLimit, run: linphonePair,
		},
		{
			name:   "baresip-baresip/udp/sdes",
			proves: "two baresips with mandatory SDES talk through the proxy; their SRTP looks encrypted, yet has no ZRTP",
			limit:  callLimit, run: func(ctx context.Context, b *bench) error { return baresipPair(ctx, b, "srtp-mand") },
		},
		{
			name:   "baresip-baresip/udp/plain",
			proves: "the checks see plain RTP where there is some: they can fail",
			limit:  callLimit, run: func(ctx context.Context, b *bench) error { return baresipPair(ctx, b, "") },
		},
	}
}

func linphonePair(ctx context.Context, b *bench) error {
	proxy, err := b.proxy(ctx, "MD5")
	if err != nil {
		return err
	}
	var phones [2]*lab.Linphone
	for i, user := range []string{"alice", "bob"} {
		phones[i], err = b.StartLinphone(ctx, lab.LinphoneConfig{
			User: user, Encryption: "zrtp", Mandatory: true, Proxy: proxy, Transport: "tls",
			KeyAgreements: []string{"X255"}, SASTypes: []string{"B256"},
		})
		if err != nil {
			return err
		}
	}
	alice, bob := phones[0], phones[1]
	if err := bob.AutoAnswer(ctx); err != nil {
		return err
	}
	atAlice, atBob := alice.Mark(), bob.Mark()
	if err := alice.Call(proxy.AOR("bob")); err != nil {
		return err
	}
	a, err := alice.WaitSecure(ctx, atAlice)
	if err != nil {
		return err
	}
	c, err := bob.WaitSecure(ctx, atBob)
	if err != nil {
		return err
	}
	if err := same(a, c); err != nil {
		return err
	}
	b.noteAgreed(a)
	if err := converse(ctx, alice, bob, b.alice, b.bob); err != nil {
		return err
	}
	if err := alice.Hangup(); err != nil {
		return err
	}
	if _, err := bob.WaitEnded(ctx, atBob); err != nil {
		return err
	}
	if err := b.bothHeard(alice, bob); err != nil {
		return err
	}
	packets, err := b.stopWire()
	if err != nil {
		return err
	}
	return wiretap.LooksEncrypted(wiretap.From(packets, alice.RTPPort))
}

// converse lets two Linphones talk and listen for a while.
func converse(ctx context.Context, alice, bob *lab.Linphone, says, answers string) error {
	for _, do := range []func() error{
		func() error { return alice.Speak(says) }, alice.Record,
		func() error { return bob.Speak(answers) }, bob.Record,
	} {
		if err := do(); err != nil {
			return err
		}
	}
	return pause(ctx, talkTime)
}

func baresipPair(ctx context.Context, b *bench, encryption string) error {
	proxy, err := b.proxy(ctx, "MD5")
	if err != nil {
		return err
	}
	alice, err := b.StartBaresip(ctx, lab.BaresipConfig{User: "alice", MediaEncryption: encryption, Proxy: proxy, Transport: "udp", Speech: b.alice})
	if err != nil {
		return err
	}
	bob, err := b.StartBaresip(ctx, lab.BaresipConfig{User: "bob", MediaEncryption: encryption, Proxy: proxy, Transport: "udp", Speech: b.bob})
	if err != nil {
		return err
	}
	if err := alice.Call(proxy.AOR("bob")); err != nil {
		return err
	}
	if err := alice.WaitEstablished(ctx); err != nil {
		return err
	}
	if err := pause(ctx, talkTime); err != nil {
		return err
	}
	if err := alice.Hangup(); err != nil {
		return err
	}
	if _, err := bob.WaitClosed(ctx); err != nil {
		return err
	}
	if err := b.bothHeard(alice, bob); err != nil {
		return err
	}
	packets, err := b.stopWire()
	if err != nil {
		return err
	}
	return judgePair(b, packets, alice.RTPPorts(), encryption != "")
}

// judgePair proves that the judgements on RTP come out as they must for a call
// of which everything is known.
func judgePair(b *bench, packets []wiretap.Packet, ports []int, encrypted bool) error {
	voice := wiretap.From(packets, ports...)
	b.note("%s", wiretap.Tally(voice))
	verdict := wiretap.LooksEncrypted(voice)
	switch {
	case encrypted && verdict != nil:
		return verdict
	case !encrypted && verdict == nil:
		return fmt.Errorf("plain RTP was taken for encrypted")
	}
	if wiretap.Only(voice, wiretap.ZRTP, wiretap.SIP) == nil {
		return fmt.Errorf("RTP was taken for something else")
	}
	if wiretap.NoEarlyVoice(packets, voice) == nil {
		return fmt.Errorf("RTP without ZRTP was not noticed")
	}
	return nil
}

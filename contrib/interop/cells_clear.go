package main

import (
	"context"
	"errors"
	"time"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/wiretap"
)

// clearTime is how long such a call lasts: the phone asks for keys for some seconds.
const clearTime = talkTime + 8*time.Second

// clearCells are calls without any encryption, because Karat's user said so.
func clearCells() []cell {
	return []cell{{
		name:   "clear/karat-baresip",
		proves: "with --allow clear keys are asked for first, both are heard without any, the assay says that everyone can listen, and Karat exits 3",
		limit:  callLimit, karat: true, items: []int{54}, run: runClear,
	}}
}

func runClear(ctx context.Context, b *bench) error {
	proxy, err := b.proxy(ctx, "MD5")
	if err != nil {
		return err
	}
	peer, err := b.StartBaresip(ctx, lab.BaresipConfig{User: "bob", Proxy: proxy, Transport: "udp", Speech: b.bob})
	if err != nil {
		return err
	}
	b.others = append(b.others, peer.UDPPorts()...)
	b.servers = append(b.servers, peer.ControlPort)
	karat, err := b.NewKarat(ctx, lab.KaratConfig{
		Binary: b.karat, User: "alice", Proxy: proxy, Transport: "tls", Speech: b.alice, Allow: "clear",
	})
	if err != nil {
		return err
	}
	call, err := karat.Dial(ctx, proxy.AOR("bob"), clearTime)
	if err != nil {
		return err
	}
	if _, err := call.WaitEvent(ctx, "media"); err != nil {
		return err
	}
	if err := errors.Join(exits(ctx, call, 3), readable{}.judgeAssay(call), judgeClear(b)); err != nil {
		return err
	}
	return b.bothHeard(call, peer)
}

// judgeClear: keys were asked for, and then the voice went as it is.
func judgeClear(b *bench) error {
	packets, err := b.stopWire()
	if err != nil {
		return err
	}
	sent, err := b.sentByKarat(packets)
	if err != nil {
		return err
	}
	if len(wiretap.Of(sent, wiretap.ZRTP)) == 0 {
		err = errors.New("karat asked for no keys")
	}
	return errors.Join(err, wiretap.Only(sent, wiretap.SIP, wiretap.KeepAlive, wiretap.ZRTP, wiretap.RTP))
}

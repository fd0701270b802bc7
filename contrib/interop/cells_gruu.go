package main

import (
	"bytes"
	"context"
	"errors"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/wiretap"
)

// gruuCell is about accounts that ask the provider for a phone's own address.
func gruuCell() cell {
	return cell{
		name:   "karat-karat/gruu",
		proves: "Kamailio gives each phone an address of its own (RFC 5627), which is the Contact of their call, and leads to them",
		limit:  callLimit, karat: true, items: []int{25}, run: gruuCall,
	}
}

func gruuCall(ctx context.Context, b *bench) error {
	proxy, err := b.proxy(ctx, "SHA-256")
	if err != nil {
		return err
	}
	var phones []*lab.Karat
	for user, speech := range map[string]string{"alice": b.alice, "bob": b.bob} {
		k, err := b.NewKarat(ctx, lab.KaratConfig{Binary: b.karat, User: user, Proxy: proxy, Transport: "udp", Speech: speech, Instance: true})
		if err != nil {
			return err
		}
		phones = append(phones, k)
	}
	if phones[0].User != "alice" {
		phones[0], phones[1] = phones[1], phones[0]
	}
	if err := b.talk(ctx, phones[0], phones[1], talkTime); err != nil {
		return err
	}
	if err := b.judgeSecure(nil); err != nil {
		return err
	}
	// Signalling goes over UDP here, so that it can be read.
	sent, err := b.sentByKarat(b.packets)
	if err != nil {
		return err
	}
	offered, ended := 0, 0
	for _, p := range wiretap.Of(sent, wiretap.SIP) {
		// Kamailio's temporary ones begin with uloc-.
		switch {
		case bytes.HasPrefix(p.Payload, []byte("INVITE ")) && bytes.Contains(p.Payload, []byte("\r\nContact: <sip:uloc-")):
			offered++
		case bytes.HasPrefix(p.Payload, []byte("BYE sip:uloc-")):
			ended++
		}
	}
	b.note("INVITEs with a temporary GRUU: %d, BYEs to one: %d", offered, ended)
	if offered == 0 || ended == 0 {
		return errors.New("the call has another Contact than a GRUU")
	}
	return nil
}

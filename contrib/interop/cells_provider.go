package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/wiretap"
)

// readable is a call whose keys go through the signalling, because Karat's user
// said so (--allow provider).
type readable struct {
	karatCalls bool
	peer       string // baresip or linphone
	codec      string // the only one it speaks, as baresip names them; empty: Opus
	dtls       bool   // DTLS-SRTP, else SDES
	added      bool   // rtpengine adds fingerprints to the peer's SDES, and Karat takes those
}

// providerCells are calls with phones that know no ZRTP.
func providerCells() []cell {
	var all []cell
	for _, r := range []readable{
		{true, "baresip", "", false, false},
		{false, "baresip", "", false, false},
		{true, "linphone", "", false, false},
		{false, "linphone", "", false, false},
		{true, "baresip", "G722/16000/1", false, false},
		{false, "baresip", "G722/16000/1", false, false},
		{true, "baresip", "PCMA/8000/1", false, false},
		{false, "baresip", "PCMU/8000/1", false, false},
		{true, "baresip", "", true, false},
		{false, "baresip", "", true, false},
		{true, "linphone", "", true, false},
		{false, "linphone", "", true, false},
	} {
		name := fmt.Sprintf("provider/karat-%s/%s", r.peer, r.keys())
		if !r.karatCalls {
			name = fmt.Sprintf("provider/%s-karat/%s", r.peer, r.keys())
		}
		proves, items := "", []int{53, 68}
		if codec, _, other := strings.Cut(r.codec, "/"); other {
			name += "/" + strings.ToLower(codec)
			proves, items = "a phone of the telephone network, which speaks no Opus, is heard and hears; ", []int{64}
		}
		all = append(all, cell{
			name:   name,
			proves: proves + "with --allow provider both are heard over SRTP with keys of the signalling, or by its fingerprints, no ZRTP is sent, the assay says that the provider can listen, and Karat exits 3",
			limit:  callLimit, karat: true, items: items, run: r.run,
		})
	}
	return all
}

// keys is how they are agreed on.
func (r readable) keys() string {
	if r.dtls {
		return "dtls"
	}
	return "sdes"
}

// talker is the other phone.
type talker interface {
	listener
	Call(uri string) error
	Hangup() error
}

func (r readable) run(ctx context.Context, b *bench) error {
	proxy, err := b.proxy(ctx, "MD5")
	if err != nil {
		return err
	}
	if err := r.talk(ctx, b, proxy, lab.KaratConfig{}); err != nil {
		return err
	}
	return r.judgeWire(b)
}

// talk makes the call; like says what else Karat is told.
func (r readable) talk(ctx context.Context, b *bench, proxy *lab.Kamailio, like lab.KaratConfig) error {
	karatUser, peerUser, karatSays, peerSays := "alice", "bob", b.alice, b.bob
	if !r.karatCalls {
		karatUser, peerUser, karatSays, peerSays = "bob", "alice", b.bob, b.alice
	}
	peer, begin, err := r.startPeer(ctx, b, proxy, peerUser, peerSays)
	if err != nil {
		return err
	}
	like.Binary, like.User, like.Proxy, like.Transport, like.Speech, like.Allow = b.karat, karatUser, proxy, "tls", karatSays, "provider"
	karat, err := b.NewKarat(ctx, like)
	if err != nil {
		return err
	}
	call, err := r.connect(ctx, proxy, karat, peerUser, peer)
	if err != nil {
		return err
	}
	if _, err := call.WaitEvent(ctx, "media"); err != nil {
		return err
	}
	if err := begin(); err != nil {
		return err
	}
	if !r.karatCalls {
		if err := errors.Join(pause(ctx, talkTime), peer.Hangup()); err != nil {
			return err
		}
	}
	if err := errors.Join(exits(ctx, call, 3), r.judgeAssay(call)); err != nil {
		return err
	}
	if r.karatCalls {
		return b.bothHeard(call, peer)
	}
	return b.bothHeard(peer, call)
}

// startPeer starts the other phone; begin makes it speak once the call is up.
func (r readable) startPeer(ctx context.Context, b *bench, proxy *lab.Kamailio, user, speech string) (talker, func() error, error) {
	if r.peer == "baresip" {
		p, err := b.StartBaresip(ctx, lab.BaresipConfig{User: user, MediaEncryption: map[bool]string{false: "srtp-mand", true: "dtls_srtp"}[r.dtls], Codec: r.codec, Proxy: proxy, Transport: "udp", Speech: speech})
		if err != nil {
			return nil, nil, err
		}
		b.others = append(b.others, p.UDPPorts()...)
		b.servers = append(b.servers, p.ControlPort)
		return p, func() error { return nil }, nil
	}
	p, err := b.newLinphone(ctx, lab.LinphoneConfig{User: user, Encryption: map[bool]string{false: "srtp", true: "dtls"}[r.dtls], Mandatory: true, Proxy: proxy, Transport: "tls"})
	if err != nil {
		return nil, nil, err
	}
	return p, func() error { return errors.Join(p.Speak(speech), p.Record()) }, nil
}

func (r readable) connect(ctx context.Context, proxy *lab.Kamailio, karat *lab.Karat, peer string, p talker) (*lab.KaratCall, error) {
	if r.karatCalls {
		return karat.Dial(ctx, proxy.AOR(peer), talkTime)
	}
	call, err := karat.Answer(ctx)
	if err != nil {
		return nil, err
	}
	return call, p.Call(proxy.AOR(karat.User))
}

// judgeAssay: nobody is told that this was private.
func (readable) judgeAssay(call *lab.KaratCall) error {
	a, err := call.LastAssay()
	if err != nil {
		return err
	}
	if a.Private || call.Has("secure") {
		return errors.New("karat called it private")
	}
	for _, p := range a.Promises {
		if (p.ID == "default" || p.ID == "participants") && p.Verdict != "broken" {
			return fmt.Errorf("karat says that %s is %s: %s", p.ID, p.Verdict, p.Why)
		}
	}
	return nil
}

// judgeWire: encrypted voice, and no ZRTP beside it.
func (r readable) judgeWire(b *bench) error {
	packets, err := b.stopWire()
	if err != nil {
		return err
	}
	sent, err := b.sentByKarat(packets)
	if err != nil {
		return err
	}
	allowed := []wiretap.Class{wiretap.SIP, wiretap.KeepAlive, wiretap.RTP, wiretap.RTCP}
	if r.dtls || r.added {
		allowed = append(allowed, wiretap.DTLS)
	}
	return errors.Join(
		wiretap.Only(sent, allowed...),
		wiretap.LooksEncrypted(wiretap.Of(sent, wiretap.RTP)),
	)
}

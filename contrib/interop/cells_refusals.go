package main

import (
	"context"
	"errors"
	"fmt"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/wiretap"
)

// refusal is a call that must not take place, because the other phone cannot
// or will not agree on keys end to end.
type refusal struct {
	karatCalls bool
	peer       string // "linphone" or "baresip"
	// encryption is the other phone's only one, in its own words.
	encryption string
	// hello: Karat is expected to have sent ZRTP, since only silence shows that
	// the other phone does not speak it.
	hello bool
}

func (r refusal) name() string {
	encryption := r.encryption
	if encryption == "" {
		encryption = "plain"
	}
	if r.karatCalls {
		return fmt.Sprintf("refused/karat-%s/%s", r.peer, encryption)
	}
	return fmt.Sprintf("refused/%s-karat/%s", r.peer, encryption)
}

// refusalCells are calls that Karat must refuse.
func refusalCells() []cell {
	var all []cell
	for _, r := range []refusal{
		{karatCalls: true, peer: "baresip", encryption: "", hello: true},
		{karatCalls: false, peer: "baresip", encryption: "", hello: true},
		{karatCalls: true, peer: "baresip", encryption: "srtp-mand"},
		{karatCalls: false, peer: "baresip", encryption: "srtp-mand"},
		{karatCalls: true, peer: "linphone", encryption: "srtp"},
		{karatCalls: false, peer: "linphone", encryption: "srtp"},
		{karatCalls: true, peer: "linphone", encryption: "dtls"},
		{karatCalls: false, peer: "linphone", encryption: "dtls"},
	} {
		all = append(all, cell{
			name:   r.name(),
			proves: "Karat exits 3, says why, and sent no packet but SIP and ZRTP",
			limit:  refusalLimit, karat: true, items: []int{47, 54, 56}, run: r.run,
		})
	}
	return all
}

func (r refusal) run(ctx context.Context, b *bench) error {
	proxy, err := b.proxy(ctx, "MD5")
	if err != nil {
		return err
	}
	karatUser, peerUser, speech := "bob", "alice", b.alice
	if r.karatCalls {
		karatUser, peerUser, speech = "alice", "bob", b.bob
	}
	dial, err := r.startPeer(ctx, b, proxy, peerUser, speech)
	if err != nil {
		return err
	}
	karat, err := b.newKarat(ctx, karatUser, proxy, r.transport(), b.alice)
	if err != nil {
		return err
	}
	call, err := r.connect(ctx, proxy, karat, peerUser, dial)
	if err != nil {
		return err
	}
	if err := exits(ctx, call, 3); err != nil {
		return err
	}
	if call.Has("secure") || call.Has("media") {
		return errors.New("karat exited with 3 after a secure call")
	}
	refused, err := call.WaitEvent(ctx, "refused")
	if err != nil {
		return err
	}
	if refused.Why == "" {
		return errors.New("karat does not say why")
	}
	// What is still on its way must be recorded too.
	if err := pause(ctx, afterwards); err != nil {
		return err
	}
	if err := r.judge(b); err != nil {
		return err
	}
	b.note("%s", refused.Why)
	return nil
}

// afterwards is how long Karat's silence is watched once it has ended.
const afterwards = talkTime / 10

// transport: a baresip over UDP leaves SIP in clear in the capture; Linphone is
// called over TLS as elsewhere.
func (r refusal) transport() string {
	if r.peer == "baresip" {
		return "udp"
	}
	return "tls"
}

// startPeer starts the other phone and returns how it dials.
func (r refusal) startPeer(ctx context.Context, b *bench, proxy *lab.Kamailio, user, speech string) (func(uri string) error, error) {
	if r.peer == "baresip" {
		p, err := b.StartBaresip(ctx, lab.BaresipConfig{User: user, MediaEncryption: r.encryption, Proxy: proxy, Transport: r.transport(), Speech: speech})
		if err != nil {
			return nil, err
		}
		b.others = append(b.others, p.UDPPorts()...)
		b.servers = append(b.servers, p.ControlPort)
		return p.Call, nil
	}
	p, err := b.newLinphone(ctx, lab.LinphoneConfig{User: user, Encryption: r.encryption, Mandatory: true, Proxy: proxy, Transport: r.transport()})
	if err != nil {
		return nil, err
	}
	return p.Call, nil
}

func (r refusal) connect(ctx context.Context, proxy *lab.Kamailio, karat *lab.Karat, peer string, dial func(string) error) (*lab.KaratCall, error) {
	if r.karatCalls {
		return karat.Dial(ctx, proxy.AOR(peer), talkTime)
	}
	call, err := karat.Answer(ctx)
	if err != nil {
		return nil, err
	}
	return call, dial(proxy.AOR(karat.User))
}

// judge looks at every packet that Karat sent.
func (r refusal) judge(b *bench) error {
	packets, err := b.stopWire()
	if err != nil {
		return err
	}
	sent, err := b.sentByKarat(packets)
	if err != nil {
		return err
	}
	if err := wiretap.Only(sent, wiretap.SIP, wiretap.KeepAlive, wiretap.ZRTP); err != nil {
		return err
	}
	hellos := len(wiretap.Of(sent, wiretap.ZRTP))
	if r.hello && hellos == 0 {
		return errors.New("karat did not even ask for ZRTP")
	}
	if !r.hello && hellos > 0 {
		return fmt.Errorf("karat sent %d ZRTP packets in a call that was never up", hellos)
	}
	if r.transport() == "udp" && len(wiretap.Of(sent, wiretap.SIP)) == 0 {
		return errors.New("nothing of Karat's was recorded: the judgement would be empty")
	}
	if len(sent) == 0 {
		b.note("sent no datagram, only TLS")
	} else {
		b.note("sent %s", wiretap.Tally(sent))
	}
	return nil
}

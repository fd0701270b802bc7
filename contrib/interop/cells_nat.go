package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"time"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/nat"
	"karat/contrib/interop/wiretap"
)

// natCells are calls between phones behind routers that translate addresses,
// with coturn as their relay.
func natCells() []cell {
	call := func(name, proves string, c natCall) cell {
		return cell{
			name: "nat/" + name, proves: proves, limit: callLimit, karat: true, items: []int{57},
			run: func(ctx context.Context, b *bench) error { return c.run(ctx, b) },
		}
	}
	relayed := func(transport string) natCall {
		return natCall{
			caller: natPhone{nat.PortRestricted, transport, true}, answerer: natPhone{nat.Symmetric, "udp", true},
			way: viaRelays,
		}
	}
	linphone := cell{
		name:   "nat/linphone-ice",
		proves: "Karat and a Linphone with ICE, each behind a port-restricted router, find a way and agree on keys over it",
		limit:  callLimit, karat: true, items: []int{57},
		run: func(ctx context.Context, b *bench) error { return natLinphone(ctx, b, nat.PortRestricted) },
	}
	symmetric := cell{
		name:   "nat/linphone-symmetric",
		proves: "Karat and a Linphone with ICE, each behind a symmetric router, between which there is no direct way, find the one by Karat's relay and talk by it",
		limit:  callLimit, karat: true, full: true, items: []int{57},
		run: func(ctx context.Context, b *bench) error { return natLinphone(ctx, b, nat.Symmetric) },
	}
	return []cell{
		linphone,
		symmetric,
		call("relay-only/udp", "both relay-only over UDP: nothing leaves either home but to the provider and the relay", relayed("udp")),
		call("relay-only/tcp", "the caller's relay is reached over TCP", relayed("tcp")),
		call("relay-only/tls", "the caller's relay is reached over TLS", relayed("tls")),
		call("direct", "two homes behind port-restricted routers find the way without the relay", natCall{
			caller: natPhone{nat.PortRestricted, "udp", false}, answerer: natPhone{nat.PortRestricted, "udp", false},
			way: direct,
		}),
		call("symmetric", "two homes behind symmetric routers, between which there is no direct way, talk by the relay", natCall{
			caller: natPhone{nat.Symmetric, "udp", false}, answerer: natPhone{nat.Symmetric, "udp", false},
			way: byRelay,
		}),
		call("one-side", "a relay-only caller, and a phone that has its own way", natCall{
			caller: natPhone{nat.PortRestricted, "udp", true}, answerer: natPhone{nat.PortRestricted, "udp", false},
			way: byRelay,
		}),
	}
}

// natTalkTime is longer than for other cells: ten programs share the machine.
const natTalkTime = 8 * time.Second

// natPhone is one end.
type natPhone struct {
	router    nat.Kind
	transport string // to the relay
	relayOnly bool
}

// natCall is a call and the way that it must take.
type natCall struct {
	caller, answerer natPhone
	way              func(*natRun) error
}

// natRun is such a call while it runs.
type natRun struct {
	natCall
	digest string // of the provider; empty: SHA-256
	homes  []nat.Home
	wires  []*wiretap.Capture // at each home
	sent   [][]wiretap.Packet // by each home
	proxy  *lab.Kamailio
	relay  *lab.Coturn
}

func (c natCall) run(ctx context.Context, b *bench) error {
	r := &natRun{natCall: c}
	if err := r.build(ctx, b); err != nil {
		return err
	}
	err := errors.Join(r.talk(ctx, b), r.stopWires())
	return errors.Join(err, r.judge())
}

// build makes the homes, and the servers outside.
func (r *natRun) build(ctx context.Context, b *bench) error {
	var err error
	if r.homes, err = nat.New(ctx, r.caller.router, r.answerer.router); err != nil {
		return err
	}
	b.IP = nat.Server
	if r.proxy, err = b.proxy(ctx, cmp.Or(r.digest, "SHA-256")); err != nil {
		return err
	}
	if r.relay, err = b.StartCoturn(ctx, r.proxy.Authority); err != nil {
		return err
	}
	for _, h := range r.homes {
		w, err := wiretap.StartOn(h.Link, filepath.Join(b.Dir, h.Link+".pcap"), nil)
		if err != nil {
			return err
		}
		r.wires = append(r.wires, w)
	}
	return nil
}

func (r *natRun) stopWires() error {
	var errs []error
	for _, w := range r.wires {
		packets, err := w.Stop()
		r.sent = append(r.sent, packets)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// natLinphone is a call with a phone whose ICE is another's work, behind routers of
// that kind.
func natLinphone(ctx context.Context, b *bench, kind nat.Kind) error {
	r := &natRun{natCall: natCall{caller: natPhone{kind, "udp", false}, answerer: natPhone{kind, "udp", false}}}
	if err := r.build(ctx, b); err != nil {
		return err
	}
	linphone, err := b.newLinphone(ctx, lab.LinphoneConfig{
		User: "bob", Encryption: "zrtp", Mandatory: true, Proxy: r.proxy, Transport: "tls", STUN: r.relay,
		IP: r.homes[1].Inside.String(), Wrap: r.homes[1].Wrap(), KeyAgreements: []string{"X255"}, SASTypes: []string{"B256"},
	})
	if err != nil {
		return err
	}
	karat, err := r.phone(ctx, b, "alice", r.caller, r.homes[0], b.alice)
	if err != nil {
		return err
	}
	mark := linphone.Mark()
	call, err := karat.Dial(ctx, r.proxy.AOR("bob"), natTalkTime)
	if err != nil {
		return err
	}
	met, err := bothSecure(ctx, call, linphone, mark)
	if err != nil {
		return err
	}
	b.noteAgreed(met.karat)
	if err := errors.Join(linphone.Speak(b.bob), linphone.Record()); err != nil {
		return err
	}
	if err := errors.Join(exits(ctx, call, 0), r.stopWires()); err != nil {
		return err
	}
	// This Linphone has candidates for RTCP too, which a phone with rtcp-mux has
	// not: it never ends its checks, and sends to the address of c= and m=, our
	// relay's. So only our own way is judged.
	direct := r.voiceTo(0, r.homes[1].Outside)
	switch {
	case kind == nat.PortRestricted && direct < enoughVoice:
		return fmt.Errorf("%d packets of Karat's voice took the direct way", direct)
	case kind == nat.Symmetric && direct > 0:
		return fmt.Errorf("%d packets of Karat's voice took a direct way that should not be there", direct)
	}
	return b.bothHeard(call, linphone)
}

// talk makes the call.
func (r *natRun) talk(ctx context.Context, b *bench) error {
	alice, err := r.phone(ctx, b, "alice", r.caller, r.homes[0], b.alice)
	if err != nil {
		return err
	}
	bob, err := r.phone(ctx, b, "bob", r.answerer, r.homes[1], b.bob)
	if err != nil {
		return err
	}
	return b.talk(ctx, alice, bob, natTalkTime)
}

func (r *natRun) phone(ctx context.Context, b *bench, user string, p natPhone, h nat.Home, speech string) (*lab.Karat, error) {
	return b.NewKarat(ctx, r.config(b, user, p, h, speech))
}

func (r *natRun) config(b *bench, user string, p natPhone, h nat.Home, speech string) lab.KaratConfig {
	return lab.KaratConfig{
		Binary: b.karat, User: user, Proxy: r.proxy, Transport: "tls", Speech: speech, Wrap: h.Wrap(),
		Relay: r.relay, RelayTransport: p.transport, RelayOnly: p.relayOnly, STUN: !p.relayOnly,
	}
}

// judge looks at all that left the homes.
func (r *natRun) judge() error {
	var errs []error
	for i, p := range []natPhone{r.caller, r.answerer} {
		if p.relayOnly {
			errs = append(errs, r.onlyRelay(r.sent[i], r.homes[i]))
		}
	}
	return errors.Join(append(errs, r.way(r))...)
}

// onlyRelay: what a home sent went to the provider and the relay, and nowhere
// else.
func (r *natRun) onlyRelay(sent []wiretap.Packet, h nat.Home) error {
	if len(sent) == 0 {
		return fmt.Errorf("nothing from %v was recorded", h.Outside)
	}
	for _, p := range sent {
		if p.From.Addr() == netip.MustParseAddr(nat.Server) {
			continue // not from this home: a capture hears every interface until it is bound to one
		}
		to := int(p.To.Port())
		if p.To.Addr() != netip.MustParseAddr(nat.Server) || to != r.proxy.TLS && to != r.proxy.UDP && to != r.relay.Port && to != r.relay.TLS {
			return fmt.Errorf("a relay-only phone sent %s to %v", p.Class, p.To)
		}
	}
	return nil
}

// voiceTo counts the packets that one home sent straight to an address.
func (r *natRun) voiceTo(from int, to netip.Addr) (n int) {
	for _, p := range wiretap.Of(r.sent[from], wiretap.RTP) {
		if p.To.Addr() == to {
			n++
		}
	}
	return n
}

// enoughVoice is most of what talkTime holds.
const enoughVoice = 200

// direct: the voice went from home to home.
func direct(r *natRun) error {
	a, b := r.voiceTo(0, r.homes[1].Outside), r.voiceTo(1, r.homes[0].Outside)
	if a < enoughVoice || b < enoughVoice {
		return fmt.Errorf("%d and %d packets of voice took the direct way", a, b)
	}
	return nil
}

// byRelay: none of it did.
func byRelay(r *natRun) error {
	if a, b := r.voiceTo(0, r.homes[1].Outside), r.voiceTo(1, r.homes[0].Outside); a+b > 0 {
		return fmt.Errorf("%d and %d packets of voice took a direct way that should not be there", a, b)
	}
	return nil
}

// viaRelays: and what the homes sent is no bare voice either, but TURN.
func viaRelays(r *natRun) error {
	for i := range r.sent {
		if n := len(wiretap.Of(r.sent[i], wiretap.RTP, wiretap.ZRTP)); n > 0 {
			return fmt.Errorf("%d packets of voice or keys left home %d outside TURN", n, i+1)
		}
	}
	return byRelay(r)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/nat"
	"karat/contrib/interop/wiretap"
)

// The matrix: who calls whom, over which transport of Karat's, and by which way
// the voice goes. Every combination is a cell, or impossible for a reason.
var (
	matrixPairs = []pairing{
		{"karat", "karat"},
		{"karat", "linphone"},
		{"linphone", "karat"},
		{"karat", "baresip"},
		{"baresip", "karat"},
	}
	matrixTransports = []string{"udp", "tcp", "tls"}
	matrixWays       = []way{
		{"", "by way of Kamailio alone"},
		{"rtpengine", "the voice relayed by the provider's rtpengine"},
		{"relay-one", "one side relay-only"},
		{"relay-both", "both sides relay-only"},
		{"ipv6", "over IPv6 alone"},
	}
)

type pairing struct{ caller, answerer string }

// peer is the one of the two that is not ours; empty: none.
func (p pairing) peer() string {
	switch {
	case p.caller != "karat":
		return p.caller
	case p.answerer != "karat":
		return p.answerer
	}
	return ""
}

type way struct{ name, what string }

// matrixCell is one combination.
type matrixCell struct {
	pairing
	transport string
	way
}

// everyChange are the cells that run with every change, the others in the full
// matrix: each value of each axis, and each pairing by two ways at least.
var everyChange = []string{
	"karat-karat/udp", "karat-karat/tls", "karat-karat/tcp",
	"karat-karat/udp/rtpengine", "karat-karat/tcp/relay-both", "karat-karat/tls/ipv6",
	"karat-linphone/tls/rtpengine", "karat-linphone/tls/relay-one", "linphone-karat/tcp", "linphone-karat/udp/ipv6",
	"karat-baresip/tls/rtpengine", "baresip-karat/tls/relay-one",
}

func (m matrixCell) cellName() string {
	return strings.TrimSuffix(m.caller+"-"+m.answerer+"/"+m.transport+"/"+m.way.name, "/")
}

// impossible says why there is no such call; empty: there is.
func (m matrixCell) impossible() string {
	switch {
	case m.peer() == "baresip" && m.transport != "tls":
		return "baresip has no ZRTP, and Karat takes keys from the signalling over TLS only"
	case m.transport == "udp" && strings.HasPrefix(m.way.name, "relay-"):
		return "an INVITE with candidates and credentials is too large for a datagram, and Karat says so"
	case m.peer() != "" && m.way.name == "relay-both":
		return "this " + m.peer() + " has no setting that keeps its voice to a relay"
	case m.peer() == "baresip" && m.way.name == "ipv6":
		return "Debian's baresip takes net_interface by one address, and finds none for the media of IPv6 on loopback"
	}
	return ""
}

// matrix are all combinations.
func matrix() []matrixCell {
	var all []matrixCell
	for _, p := range matrixPairs {
		for _, transport := range matrixTransports {
			for _, w := range matrixWays {
				all = append(all, matrixCell{p, transport, w})
			}
		}
	}
	return all
}

func matrixCells() []cell {
	var all []cell
	for _, m := range matrix() {
		if m.impossible() != "" {
			continue
		}
		all = append(all, cell{
			name:   m.cellName(),
			proves: fmt.Sprintf("%s calls %s over %s, %s; both are heard, and Karat sends nothing that it should not", m.caller, m.answerer, strings.ToUpper(m.transport), m.what),
			limit:  callLimit, karat: true, items: m.items(), run: m.run,
			full: !slices.Contains(everyChange, m.cellName()),
		})
	}
	return all
}

// items are the provider's demands that a cell shows to be met.
func (m matrixCell) items() []int {
	items := map[string][]int{"": {6}, "rtpengine": {56, 60}, "relay-one": {56, 57}, "relay-both": {56, 57}, "ipv6": {11}}[m.way.name]
	switch m.transport {
	case "udp":
		items = append(slices.Clone(items), 14, 15)
	case "tls":
		items = append(slices.Clone(items), 7, 8)
	}
	return items
}

// site is what a cell of the matrix has around its phones.
type site struct {
	proxy *lab.Kamailio
	nat   *natRun // with a relay
}

func (m matrixCell) run(ctx context.Context, b *bench) error {
	s, err := m.build(ctx, b)
	if err != nil {
		return err
	}
	linphones, err := m.talk(ctx, b, s)
	if s.nat != nil {
		return errors.Join(err, s.nat.stopWires(), s.nat.judge())
	}
	if err != nil {
		return err
	}
	if m.peer() == "baresip" {
		err = readable{added: m.way.name == "rtpengine"}.judgeWire(b)
	} else {
		err = b.judgeSecure(linphones)
	}
	return errors.Join(err, m.judgeWay(b, s))
}

// build starts the servers. Passwords are proved with SHA-256 where the other
// phone can.
func (m matrixCell) build(ctx context.Context, b *bench) (site, error) {
	var s site
	digest := "SHA-256"
	if m.peer() != "" {
		digest = "MD5"
	}
	c := lab.KamailioConfig{Algorithm: digest, Users: []string{"alice", "bob"}}
	switch m.way.name {
	case "relay-one", "relay-both":
		s.nat = &natRun{natCall: m.homes(), digest: digest}
		err := s.nat.build(ctx, b)
		s.proxy = s.nat.proxy
		return s, err
	case "ipv6":
		b.IP = "::1"
	case "rtpengine":
		var err error
		if c.RTPEngine, err = b.StartRTPEngine(ctx); err != nil {
			return s, err
		}
		b.others = append(b.others, c.RTPEngine.UDPPorts()...)
		b.control = c.RTPEngine.ControlPort
	}
	var err error
	s.proxy, err = b.provider(ctx, c)
	return s, err
}

// homes are where Karats live when there is a relay. Who is not relay-only may
// use it, too, and has a way of its own.
func (m matrixCell) homes() natCall {
	relayed, free := natPhone{nat.PortRestricted, "udp", true}, natPhone{nat.PortRestricted, "udp", false}
	switch {
	case m.peer() != "":
		// It lives beside the servers, at a public address.
		return natCall{caller: relayed, answerer: free, way: viaRelays}
	case m.way.name == "relay-both":
		return natCall{caller: relayed, answerer: relayed, way: viaRelays}
	}
	return natCall{caller: relayed, answerer: free, way: byRelay}
}

// karatAt makes a Karat in the home of that number.
func (m matrixCell) karatAt(ctx context.Context, b *bench, s site, home int, user, speech string) (*lab.Karat, error) {
	return b.NewKarat(ctx, m.config(b, s, home, user, speech))
}

func (m matrixCell) config(b *bench, s site, home int, user, speech string) lab.KaratConfig {
	if s.nat == nil {
		return lab.KaratConfig{Binary: b.karat, User: user, Proxy: s.proxy, Transport: m.transport, Speech: speech}
	}
	p := []natPhone{s.nat.caller, s.nat.answerer}[home]
	c := s.nat.config(b, user, p, s.nat.homes[home], speech)
	c.Transport = m.transport
	return c
}

// talk makes the call.
func (m matrixCell) talk(ctx context.Context, b *bench, s site) ([]*lab.Linphone, error) {
	karatCalls := m.caller == "karat"
	switch m.peer() {
	case "baresip":
		return nil, readable{karatCalls: karatCalls, peer: "baresip"}.talk(ctx, b, s.proxy, m.config(b, s, 0, "", ""))
	case "linphone":
		h := history{karatCalls: karatCalls, keyAgreement: "X255", sasType: "B256"}
		karat, err := m.karatAt(ctx, b, s, 0, h.karatUser(), h.speech(b, karatCalls))
		if err != nil {
			return nil, err
		}
		c := h.linphone(s.proxy)
		c.Transport = m.transport
		linphone, err := b.newLinphone(ctx, c)
		if err != nil {
			return nil, err
		}
		met, err := h.talk(ctx, b, s.proxy, karat, linphone, false)
		if err != nil {
			return nil, err
		}
		b.noteAgreed(met.karat)
		return []*lab.Linphone{linphone}, nil
	}
	alice, err := m.karatAt(ctx, b, s, 0, "alice", b.alice)
	if err != nil {
		return nil, err
	}
	bob, err := m.karatAt(ctx, b, s, 1, "bob", b.bob)
	if err != nil {
		return nil, err
	}
	return nil, b.talk(ctx, alice, bob, talkTime)
}

// judgeWay proves that the voice went where the cell says.
func (m matrixCell) judgeWay(b *bench, s site) error {
	sent, err := b.sentByKarat(b.packets)
	if err != nil {
		return err
	}
	ours := wiretap.Of(sent, wiretap.RTP)
	for _, p := range ours {
		switch e := s.proxy.RTPEngine; {
		case e != nil && (int(p.To.Port()) < e.First || int(p.To.Port()) > e.Last):
			return fmt.Errorf("voice went to %v, past rtpengine", p.To)
		case m.way.name == "ipv6" && p.To.Addr() != netip.IPv6Loopback():
			return fmt.Errorf("voice went to %v, which is not IPv6", p.To)
		}
	}
	if len(ours) < enoughVoice {
		return fmt.Errorf("%d packets of Karat's voice are too few", len(ours))
	}
	return nil
}

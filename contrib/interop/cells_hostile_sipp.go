package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"karat/contrib/hostile"
	"karat/contrib/interop/lab"
	"karat/contrib/interop/wiretap"
)

const (
	// sippAtOnce are how many run at a time: most of them wait.
	sippAtOnce = 12
	// sippPatience is how long the user lets a call ring, or a registration be tried.
	sippPatience = 10 * time.Second
	// sippWait is how long Karat can be called.
	sippWait = 5 * time.Second
	// sippPorts is the first of the ports that they are at, which no other program uses.
	sippPorts = 20_000
	// sampled is each how many of the table is in the sample.
	sampled = 40
)

// sample is a few of all kinds.
func sample(all []hostile.Scenario) (chosen []hostile.Scenario) {
	for i, s := range all {
		if i%sampled == 0 {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

// everyThird is every third wrong answer, which holds each kind of answer and each way to
// be wrong, and all loops and disorders.
func everyThird(all []hostile.Scenario) (chosen []hostile.Scenario) {
	for i, s := range all {
		if i%3 == 0 || s.Story {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

// hostileSIPp lets Karat meet sipps.
func hostileSIPp(ctx context.Context, b *bench, choose func([]hostile.Scenario) []hostile.Scenario) error {
	authority, err := lab.NewAuthority(b.Dir, b.IP)
	if err != nil {
		return err
	}
	scenarios, _ := hostile.Scenarios()
	var all []*meeting
	for i, s := range choose(scenarios) {
		m := &meeting{
			bench: b, what: s.Name, role: s.Role, stream: s.Stream, patience: sippPatience, wait: sippWait, authority: authority,
			name: fmt.Sprintf("sipp%d", i), listen: fmt.Sprintf("udp:%s:%d", b.IP, sippPorts+2*i+1),
		}
		port := sippPorts + 2*i
		b.others, b.servers = append(b.others, port), append(b.servers, port)
		m.serve = func(ctx context.Context) (string, func() error, error) { return m.playSIPp(ctx, s, port) }
		all = append(all, m)
	}
	if err := b.meetAll(ctx, all, sippAtOnce); err != nil {
		return err
	}
	packets, err := b.stopWire()
	if err != nil {
		return err
	}
	sent, err := b.sentByKarat(packets)
	return errors.Join(err, wiretap.Only(sent, wiretap.SIP, wiretap.KeepAlive, wiretap.ZRTP))
}

// playSIPp is serve by a sipp: of one that is called it ends when the scenario was
// played, of one that calls the phone when it has.
func (m *meeting) playSIPp(ctx context.Context, s hostile.Scenario, port int) (at string, stop func() error, err error) {
	c := lab.PlayConfig{Name: m.name + "-server", XML: s.XML, Port: port, Stream: s.Stream}
	if s.Role == hostile.Called {
		c.Peer, c.Delay = strings.TrimPrefix(m.listen, "udp:"), sippWait/4 // the phone starts
	}
	p, err := m.Play(ctx, c)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("%s:%d", m.IP, port), func() error {
		err := p.Stop()
		said, lerr := p.Logged()
		if lerr == nil && !slices.Contains(said, hostile.PlayedLog) {
			lerr = fmt.Errorf("sipp did not come to what is wrong: %s", p.Tail())
		}
		return errors.Join(err, lerr)
	}, nil
}

// Package nat puts phones behind routers that translate addresses, as they are
// in homes: each phone is a network namespace of Linux, behind a router of its
// own, whose outside is joined to the network of whoever calls New.
//
//	phone a ─ router a ┐
//	                   ├ here: servers
//	phone b ─ router b ┘
//
// It needs root, iptables, and a network namespace that nobody else lives in.
// It does NOT delay or lose anything; package link does.
package nat

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// Kind is how a router maps and filters (RFC 4787).
type Kind int

// The kinds.
const (
	// PortRestricted keeps the mapping whoever is sent to, and lets in only who
	// was sent to from there.
	PortRestricted Kind = iota
	// Symmetric has another mapping for each who is sent to.
	Symmetric
)

// Home is one phone behind its router.
type Home struct {
	// Outside is the router's address, the one that the world sees.
	Outside netip.Addr
	// Inside is the phone's.
	Inside netip.Addr
	// Link is the name of our end of the line to the router: what is recorded
	// there is all that the home sends and receives.
	Link string

	phone string
}

// Wrap is what to put before a command so that it runs on the phone.
func (h Home) Wrap() []string { return []string{"ip", "netns", "exec", h.phone} }

// Server is our own address, which all homes reach (RFC 5737).
const Server = "198.51.100.1"

// New makes a home for each router.
func New(ctx context.Context, routers ...Kind) ([]Home, error) {
	if err := begin(ctx); err != nil {
		return nil, err
	}
	var homes []Home
	for i, kind := range routers {
		h, err := build(ctx, i, kind)
		if err != nil {
			return nil, err
		}
		homes = append(homes, h)
	}
	return homes, nil
}

// begin makes a directory of names of our own (the one that is there is the
// machine's), and our address.
func begin(ctx context.Context) error {
	if err := os.MkdirAll("/run/netns", 0o755); err != nil {
		return fmt.Errorf("nat: %w", err)
	}
	if err := unix.Mount("nat", "/run/netns", "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("nat: this needs root: %w", err)
	}
	return runAll(ctx, "ip addr add "+Server+"/32 dev lo", "sysctl -qw net.ipv4.ip_forward=1")
}

func build(ctx context.Context, i int, kind Kind) (Home, error) {
	n := fmt.Sprint(i + 1)
	h := Home{
		Outside: netip.MustParseAddr("198.51.100.1" + n), Inside: netip.MustParseAddr("10.0." + n + ".2"),
		Link: "home" + n, phone: "phone" + n,
	}
	router, gateway := "router"+n, "10.0."+n+".1"
	masquerade := ""
	if kind == Symmetric {
		masquerade = " --random-fully"
	}
	on := "ip netns exec " + router + " "
	return h, runAll(ctx,
		"ip netns add "+router, "ip netns add "+h.phone,
		"ip link add "+h.Link+" type veth peer name wan netns "+router,
		"ip link set "+h.Link+" up", "ip route add "+h.Outside.String()+" dev "+h.Link,
		"ip -n "+router+" addr add "+h.Outside.String()+"/32 dev wan", "ip -n "+router+" link set wan up",
		"ip -n "+router+" route add "+Server+" dev wan", "ip -n "+router+" route add default via "+Server,
		"ip -n "+router+" link add lan type veth peer name eth0 netns "+h.phone,
		"ip -n "+router+" addr add "+gateway+"/24 dev lan", "ip -n "+router+" link set lan up",
		"ip -n "+h.phone+" link set lo up", "ip -n "+h.phone+" addr add "+h.Inside.String()+"/24 dev eth0",
		"ip -n "+h.phone+" link set eth0 up", "ip -n "+h.phone+" route add default via "+gateway,
		on+"sysctl -qw net.ipv4.ip_forward=1",
		on+"iptables -t nat -A POSTROUTING -o wan -j MASQUERADE"+masquerade,
		// What was not asked for stays outside: no answer tells that a port is shut.
		on+"iptables -A INPUT -i wan -j DROP",
		on+"iptables -A FORWARD -i wan -m conntrack --ctstate NEW -j DROP",
	)
}

func runAll(ctx context.Context, commands ...string) error {
	for _, c := range commands {
		f := strings.Fields(c)
		if out, err := exec.CommandContext(ctx, f[0], f[1:]...).CombinedOutput(); err != nil {
			return errors.Join(fmt.Errorf("nat: %s: %w: %s", c, err, out))
		}
	}
	return nil
}

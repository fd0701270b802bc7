package sip

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"karat/sip/locate"
)

const (
	// searchTime bounds the questions of RFC 3263 before an address is looked up: a
	// network without name servers is no reason to wait for long.
	searchTime = 5 * time.Second
	// resolvConf names the name servers.
	resolvConf = "/etc/resolv.conf"
)

// newLocator asks the name servers of this machine.
func newLocator(network Network) locate.Resolver {
	return &locate.Client{Servers: nameServers, Dial: network.Dial}
}

func nameServers() []string {
	conf, err := dns.ClientConfigFromFile(resolvConf)
	if err != nil {
		return nil
	}
	servers := make([]string, 0, len(conf.Servers))
	for _, s := range conf.Servers {
		servers = append(servers, net.JoinHostPort(s, conf.Port))
	}
	return servers
}

// servers are the places to try for a hop, in their order. A hop that names a port
// or an address is one; else the domain is asked. A hop that names TLS never
// becomes one without, and where one of the servers has TLS, none without is tried
// after it: who stops the packets of the first must gain nothing.
func (d *dialer) servers(ctx context.Context, h hop) ([]hop, error) {
	if h.ported || d.locator == nil || !asked(h.host) {
		return []hop{h}, nil
	}
	q := locate.Query{Host: h.host, Accept: []locate.Transport{locate.TLS, locate.TCP, locate.UDP}}
	if h.said {
		q.Accept, q.Said = []locate.Transport{transports[h.kind]}, true
	}
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	found, err := locate.Servers(ctx, d.locator, q, rand.IntN)
	switch {
	case errors.Is(err, locate.ErrLookup) || errors.Is(err, context.DeadlineExceeded):
		return []hop{h}, nil // the system may know the name itself
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	hops := make([]hop, 0, len(found))
	secure := false
	for _, s := range found {
		secure = secure || s.Transport.Secure()
		for kind, t := range transports {
			if t == s.Transport && (kind.secure() || !secure) {
				hops = append(hops, hop{kind: kind, host: s.Host, port: s.Port, web: h.at(kind, s.Port)})
			}
		}
	}
	return hops, nil
}

// transports are ours by the names of package locate.
var transports = map[transport]locate.Transport{
	udp: locate.UDP, tcp: locate.TCP, overTLS: locate.TLS, overWS: locate.WS, overWSS: locate.WSS,
}

// asked tells whether the DNS can know of servers for a host: not for addresses,
// nor for names of this machine and its neighbourhood (RFC 6761, RFC 6762).
func asked(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil || !strings.Contains(host, ".") {
		return false
	}
	for _, local := range []string{".local", ".localhost", ".invalid"} {
		if strings.HasSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), local) {
			return false
		}
	}
	return true
}

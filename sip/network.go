package sip

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// namer is a Network that is given names, not what they mean: nobody is asked about
// them, and each has a made-up address that Dial knows.
type namer interface{ Alias(host string) netip.Addr }

// Machine is the Network of the machine that we run on.
func Machine() Network { return machine{} }

// machine is the Network of the machine that we run on.
type machine struct{}

// ListenPacket opens a UDP socket.
func (machine) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	var lc net.ListenConfig
	return lc.ListenPacket(ctx, network, address)
}

// Listen opens a TCP listener.
func (machine) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, network, address)
}

// Dial opens a TCP connection.
func (machine) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// LocalFor asks the routing table, by a UDP socket that sends nothing.
func (machine) LocalFor(remote netip.Addr) (netip.Addr, error) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(remote, 9)))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%w: no route: %w", ErrUnreachable, err)
	}
	defer c.Close()
	local, _ := addrPort(c.LocalAddr())
	return local.Addr(), nil
}

// hop is where requests are sent: over what, to which host and port.
type hop struct {
	kind transport
	host string
	port uint16
	// said and ported: the transport, and the port, were named. What was not, the
	// host's domain may tell (RFC 3263).
	said, ported bool
	// web is the URL of a WebSocket as it was named; empty: it was not.
	web string
}

// parseHop reads the next hop from a SIP URI. The port is 5060, or 5061 for
// TLS, if none is said; the transport UDP, or TLS for sips.
func parseHop(uri string) (hop, error) {
	u, err := parseURI(uri)
	if err != nil {
		return hop{}, err
	}
	h := hop{host: strings.Trim(u.Host, "[]"), port: uint16(u.Port), ported: u.Port != 0}
	said, _ := u.UriParams.Get("transport")
	h.said = said != "" || u.Scheme == "sips"
	switch strings.ToLower(said) {
	case "tls":
		h.kind = overTLS
	case "tcp":
		h.kind = tcp
	case "udp", "":
		h.kind = udp
	case "ws":
		h.kind = overWS
	case "wss": // no RFC has it, and many write it
		h.kind = overWSS
	default:
		return hop{}, fmt.Errorf("%w: transport %q is not supported", ErrAddress, said)
	}
	if u.Scheme == "sips" {
		// RFC 3261, Section 26.2.2: each hop of a sips URI is secured by TLS.
		if said != "" && h.kind == udp {
			return hop{}, fmt.Errorf("%w: sips does not go over UDP", ErrAddress)
		}
		if h.kind = overTLS; strings.HasPrefix(strings.ToLower(said), "ws") {
			h.kind = overWSS
		}
	}
	if h.port == 0 {
		h.port = h.kind.defaultPort()
	}
	return h, nil
}

// accountHop is parseHop for an account: TLS, where no transport is named (unsaid).
// An account may name a WebSocket by its URL.
func accountHop(uri string) (h hop, unsaid bool, err error) {
	if strings.Contains(uri, "://") {
		h, err = parseWeb(uri)
		return h, false, err
	}
	if h, err = parseHop(uri); err != nil || h.said {
		return h, false, err
	}
	h.kind, h.said = overTLS, true
	if !h.ported {
		h.port = h.kind.defaultPort()
	}
	return h, true, nil
}

// parseURI reads a sip or sips URI that names a host.
func parseURI(s string) (u sip.Uri, err error) {
	if !printable(s) || strings.ContainsAny(s, " \t<>\"") {
		return u, ErrAddress
	}
	if err := sip.ParseUri(s, &u); err != nil {
		return u, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	if u.Scheme != "sip" && u.Scheme != "sips" || u.Host == "" || u.Wildcard || u.Port < 0 || u.Port > 65535 {
		return u, ErrAddress
	}
	return u, nil
}

func (h hop) String() string { return net.JoinHostPort(h.host, strconv.Itoa(int(h.port))) }

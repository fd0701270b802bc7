package path

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
)

// Network opens sockets; an in-memory network may be one.
type Network interface {
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
	Dial(ctx context.Context, network, address string) (net.Conn, error)
}

// machine is the Network of the machine that we run on.
type machine struct{}

func (machine) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	var lc net.ListenConfig
	return lc.ListenPacket(ctx, network, address)
}

func (machine) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// server is a TURN server as its URL names it.
type server struct {
	network string // udp or tcp
	tls     bool
	host    string
	port    string
}

// parseRelay reads a URL of RFC 7065, and "turn:…?transport=tls", which says
// the same as "turns:…".
func parseRelay(url string) (server, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	rest, query, asked := strings.Cut(rest, "?")
	s := server{network: "udp"}
	switch strings.ToLower(scheme) {
	case "turn":
	case "turns":
		s.tls, s.network = true, "tcp"
	default:
		return server{}, ErrRelayURL
	}
	if asked {
		switch strings.ToLower(query) {
		case "transport=udp":
			if s.tls {
				return server{}, ErrRelayURL // TURN over DTLS is not spoken here
			}
		case "transport=tcp":
			s.network = "tcp"
		case "transport=tls":
			s.network, s.tls = "tcp", true
		default:
			return server{}, ErrRelayURL
		}
	}
	var ok bool
	// RFC 7065, Section 3.2: the default port is 3478, for TLS 5349.
	s.host, s.port, ok = splitServer(rest, map[bool]string{false: "3478", true: "5349"}[s.tls])
	if !ok {
		return server{}, ErrRelayURL
	}
	return s, nil
}

// splitServer reads "host", "host:port", "[2001:db8::1]:port".
func splitServer(s, port string) (host, p string, ok bool) {
	if h, p, err := net.SplitHostPort(s); err == nil {
		host, port = h, p
	} else {
		host = strings.Trim(s, "[]")
	}
	if n, err := net.LookupPort("udp", port); err != nil || n == 0 {
		return "", "", false
	}
	_, notAddress := netip.ParseAddr(host)
	if host == "" || strings.ContainsAny(host, "/@ \t\r\n%") || notAddress != nil && strings.Contains(host, ":") {
		return "", "", false
	}
	return host, port, true
}

// CheckRelay tells whether a URL names a relay, before anything is opened.
func CheckRelay(url string) error {
	_, err := parseRelay(url)
	return err
}

// CheckStreamRelay tells whether a URL names a relay that is reached over TCP or TLS.
func CheckStreamRelay(url string) error {
	s, err := parseRelay(url)
	if err == nil && s.network != "tcp" {
		err = fmt.Errorf("%w: this one is reached over UDP", ErrRelay)
	}
	return err
}

// CheckSTUN tells whether a text names a STUN server.
func CheckSTUN(hostPort string) error {
	if _, _, ok := splitServer(hostPort, "3478"); !ok {
		return fmt.Errorf("%w: a STUN server is named like host:port", ErrSTUN)
	}
	return nil
}

// allocation is an address of ours at a relay (RFC 8656): a packetConn whose
// socket is the one connection to the relay. pion/turn allocates for each packet,
// which nothing here can help: measured once through coturn 4.6, 15 times and 496
// bytes to send one packet and to receive one (BenchmarkICE has its own server
// beside), where a path without relay allocates nothing.
type allocation struct {
	net.PacketConn // as pion/turn relays
	client         *turn.Client
	conn           net.Conn

	mu sync.Mutex   // guards to
	to *net.UDPAddr // the last peer, so that sending to it again allocates nothing here
}

// allocate opens the connection to the relay, and an address there.
func allocate(ctx context.Context, cfg ICEConfig) (*allocation, error) {
	s, err := parseRelay(cfg.Relay.URL)
	if err != nil {
		return nil, err
	}
	conn, err := s.dial(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: it cannot be reached", ErrRelay) // err names addresses
	}
	a := &allocation{conn: conn}
	if err := a.open(ctx, cfg, s.network == "tcp"); err != nil {
		a.Close()
		return nil, relayError(err)
	}
	return a, nil
}

func (s server) dial(ctx context.Context, cfg ICEConfig) (net.Conn, error) {
	conn, err := cfg.Network.Dial(ctx, s.network, net.JoinHostPort(s.host, s.port))
	if err != nil || !s.tls {
		return conn, err
	}
	secured := tls.Client(conn, &tls.Config{ServerName: s.host, RootCAs: cfg.Relay.Roots, MinVersion: tls.VersionTLS12})
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}

// open asks for an address of the family that our own has: a peer that is
// offered c=IN IP4 reaches no other.
func (a *allocation) open(ctx context.Context, cfg ICEConfig, stream bool) error {
	var pc net.PacketConn = connected{a.conn}
	if stream {
		pc = turn.NewSTUNConn(a.conn)
	}
	family := turn.RequestedAddressFamilyIPv4
	if cfg.Local.Unmap().Is6() {
		family = turn.RequestedAddressFamilyIPv6
	}
	var err error
	a.client, err = turn.NewClient(&turn.ClientConfig{
		Conn: pc, Username: cfg.Relay.User, Password: string(cfg.Relay.Password.Expose()),
		RequestedAddressFamily: family, LoggerFactory: silence{},
	})
	if err != nil {
		return err
	}
	if err := a.client.Listen(); err != nil {
		return err
	}
	a.PacketConn, err = a.client.AllocateWithContext(ctx)
	return err
}

// relayError says what a person can do about it, without an address.
func relayError(err error) error {
	var refused *stun.TurnError
	switch {
	case errors.As(err, &refused) && (refused.ErrorCodeAttr.Code == stun.CodeUnauthorized || refused.ErrorCodeAttr.Code == stun.CodeForbidden):
		return ErrRelayAuth
	case errors.As(err, &refused):
		return fmt.Errorf("%w: it answers with error %d", ErrRelay, refused.ErrorCodeAttr.Code)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: it does not answer", ErrRelay)
	}
	return ErrRelay
}

// ReadFromUDPAddrPort receives what the relay relays.
func (a *allocation) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, from, err := a.ReadFrom(b)
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	return n, addrPort(from), nil
}

// WriteToUDPAddrPort sends through the relay.
func (a *allocation) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return a.WriteTo(b, a.udpAddr(to))
}

// udpAddr is an address as pion/turn wants it; it keeps none of them.
func (a *allocation) udpAddr(to netip.AddrPort) *net.UDPAddr {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.to == nil || a.to.AddrPort() != to {
		a.to = net.UDPAddrFromAddrPort(to)
	}
	return a.to
}

// Close gives the address back, and closes the connection to the relay.
func (a *allocation) Close() error {
	if a.PacketConn != nil {
		_ = a.PacketConn.Close() // it sends a Refresh of lifetime 0, and waits for nothing
	}
	if a.client != nil {
		a.client.Close()
	}
	return a.conn.Close()
}

// connected is a connected socket as a PacketConn: the kernel keeps away what
// comes from anyone but the relay.
type connected struct{ net.Conn }

// ReadFrom receives from the one peer.
func (c connected) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := c.Read(b)
	return n, c.RemoteAddr(), err
}

// WriteTo sends to the one peer, whatever the address.
func (c connected) WriteTo(b []byte, _ net.Addr) (int, error) { return c.Write(b) }

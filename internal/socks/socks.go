// Package socks makes connections through a SOCKS5 proxy (RFC 1928, RFC 1929), so
// that the network sees them go to the proxy and to nowhere else.
//
// Names are the proxy's to look up: this package asks nobody, and gives those who
// want addresses a made-up one for each name, which [Network.Dial] turns back. What
// does not go through the proxy is refused: UDP, and whoever wants to listen.
//
// It does NOT encrypt anything: the proxy sees where connections go, and what is in
// them unless that is encrypted already.
package socks

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"

	"golang.org/x/net/proxy"

	"karat/internal/secret"
)

// What can go wrong, as sentences. None names an address.
var (
	ErrAddress = errors.New("a SOCKS proxy is named like 127.0.0.1:9050; by its address, for looking up a name would go around it")
	ErrProxy   = errors.New("the SOCKS proxy cannot be reached; is it running?")
	ErrRefused = errors.New("the SOCKS proxy makes no such connection")
	ErrUDP     = errors.New("a SOCKS proxy carries TCP only")
)

// Proxy is a SOCKS5 proxy, and who we are there.
type Proxy struct {
	Address netip.AddrPort
	// User and Password may be empty; then the user is a random one. Tor takes any,
	// and keeps apart what comes by different ones.
	User     string
	Password secret.Bytes
}

// ParseAddress reads host:port. localhost stands for 127.0.0.1.
func ParseAddress(s string) (netip.AddrPort, error) {
	if port, ok := strings.CutPrefix(s, "localhost:"); ok {
		s = "127.0.0.1:" + port
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil || a.Port() == 0 || a.Addr().IsUnspecified() || a.Addr().IsMulticast() {
		return netip.AddrPort{}, ErrAddress
	}
	return a, nil
}

// Below is the network that the proxy is reached by.
type Below interface {
	Dial(ctx context.Context, network, address string) (net.Conn, error)
	LocalFor(remote netip.Addr) (netip.Addr, error)
}

// Network is a network on which nothing is reached but through the proxy.
type Network struct {
	proxy  Proxy
	below  Below
	dialer proxy.ContextDialer

	mu    sync.Mutex // guards what follows
	names map[netip.Addr]string
	known map[string]netip.Addr
}

const (
	// maxNames bounds the names that have a made-up address; an account needs two.
	maxNames = 1 << 12
	// userLength of a random user, in bytes.
	userLength = 16
)

// New makes a network of a proxy.
func New(p Proxy, below Below) (*Network, error) {
	if p.User == "" {
		b := make([]byte, userLength)
		rand.Read(b) // never fails (crypto/rand)
		p.User, p.Password = hex.EncodeToString(b), secret.Copy([]byte("0"))
	}
	// RFC 1929, Section 2: both are 1 to 255 bytes long.
	if len(p.User) > 255 || p.Password.Len() == 0 || p.Password.Len() > 255 {
		return nil, errors.New("a SOCKS proxy takes a user and a password of 1 to 255 bytes")
	}
	n := &Network{proxy: p, below: below, names: make(map[netip.Addr]string), known: make(map[string]netip.Addr)}
	auth := &proxy.Auth{User: p.User, Password: string(p.Password.Expose())}
	d, err := proxy.SOCKS5("tcp", p.Address.String(), auth, toProxy{below})
	if err != nil {
		return nil, fmt.Errorf("socks: %w", err)
	}
	n.dialer = d.(proxy.ContextDialer) // x/net's own has both
	return n, nil
}

// toProxy connects to the proxy itself.
type toProxy struct{ below Below }

// Dial is DialContext for ever; x/net wants it by its type and calls the other.
func (t toProxy) Dial(network, address string) (net.Conn, error) {
	return t.DialContext(context.Background(), network, address)
}

// DialContext says which end it was that could not be reached.
func (t toProxy) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := t.below.Dial(ctx, network, address)
	if err != nil {
		return nil, ErrProxy
	}
	return conn, nil
}

// Dial opens a TCP connection through the proxy, which looks the name up.
func (n *Network) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if !strings.HasPrefix(network, "tcp") {
		return nil, ErrUDP
	}
	conn, err := n.dialer.DialContext(ctx, "tcp", n.named(address))
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded): // the connection's own clock was first
		return nil, context.DeadlineExceeded
	case errors.Is(err, ErrProxy):
		return nil, ErrProxy
	}
	return nil, fmt.Errorf("%w: %s", ErrRefused, strings.TrimPrefix(innermost(err).Error(), "unknown error "))
}

// innermost is what happened, without the addresses that are around it.
func innermost(err error) error {
	for op := (*net.OpError)(nil); errors.As(err, &op) && op.Err != nil; {
		err = op.Err
	}
	return err
}

// named puts the name in for its made-up address.
func (n *Network) named(address string) string {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return address
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if name, ok := n.names[at.Addr()]; ok {
		return fmt.Sprintf("%s:%d", name, at.Port())
	}
	return address
}

// standIns begin the made-up addresses: of a block that no machine has (RFC 1112,
// Section 4: class E), so that one that escapes leads nowhere.
var standIns = [2]byte{241, 0}

// Alias is a made-up address for a name.
func (n *Network) Alias(name string) netip.Addr {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	n.mu.Lock()
	defer n.mu.Unlock()
	if a, ok := n.known[name]; ok {
		return a
	}
	if len(n.known) >= maxNames {
		clear(n.known)
		clear(n.names)
	}
	number := len(n.known) + 1
	a := netip.AddrFrom4([4]byte{standIns[0], standIns[1], byte(number >> 8), byte(number)})
	n.names[a], n.known[name] = name, a
	return a
}

// LocalFor is our address on the way to the proxy, for that is where all goes.
func (n *Network) LocalFor(netip.Addr) (netip.Addr, error) {
	local, err := n.below.LocalFor(n.proxy.Address.Addr())
	if err != nil {
		return netip.Addr{}, ErrProxy
	}
	return local, nil
}

// ListenPacket refuses.
func (n *Network) ListenPacket(context.Context, string, string) (net.PacketConn, error) {
	return nil, ErrUDP
}

// Listen refuses: who calls directly would see where we are.
func (n *Network) Listen(context.Context, string, string) (net.Listener, error) {
	return nil, fmt.Errorf("%w, and outward only", ErrUDP)
}

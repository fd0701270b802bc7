package simnet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Host is a machine on the network. It opens sockets as a sip.Network does.
type Host struct {
	network *Network

	where     sync.RWMutex // guards addresses
	addresses []netip.Addr

	mu        sync.Mutex // guards what follows
	nextPort  uint16
	packets   map[netip.AddrPort]*PacketConn
	listeners map[netip.AddrPort]*listener
	conns     map[*Conn]bool
}

// The methods of sip.Network, which this package does not import.
var _ interface {
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
	Listen(ctx context.Context, network, address string) (net.Listener, error)
	Dial(ctx context.Context, network, address string) (net.Conn, error)
	LocalFor(remote netip.Addr) (netip.Addr, error)
} = (*Host)(nil)

// Addr is the host's preferred address; the zero value if it has none.
func (h *Host) Addr() netip.Addr {
	if all := h.all(); len(all) > 0 {
		return all[0]
	}
	return netip.Addr{}
}

// all are the host's addresses now.
func (h *Host) all() []netip.Addr {
	h.where.RLock()
	defer h.where.RUnlock()
	return h.addresses
}

// Move takes a host to another place: it has these addresses from now on, or none.
// Sockets and connections of the old ones stay open, and nothing of them arrives.
func (h *Host) Move(addresses ...string) {
	h.where.Lock()
	defer h.where.Unlock()
	h.network.release(h.addresses)
	h.addresses = h.network.claim(h, addresses)
}

// LocalFor is the address that packets to remote leave from.
func (h *Host) LocalFor(remote netip.Addr) (netip.Addr, error) {
	remote = remote.Unmap()
	all := h.all()
	for _, a := range all {
		if a == remote {
			return a, nil
		}
	}
	for _, a := range all {
		if a.Is4() == remote.Is4() {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("simnet: no address to reach %s from: %w", remote, syscall.ENETUNREACH)
}

// ListenPacket opens a datagram socket. The result is a *PacketConn. Port 0
// takes a free one; an empty or unspecified host means all addresses.
func (h *Host) ListenPacket(_ context.Context, network, address string) (net.PacketConn, error) {
	c, err := h.openPacket(network, address)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	return c, nil
}

func (h *Host) openPacket(network, address string) (*PacketConn, error) {
	if !strings.HasPrefix(network, "udp") {
		return nil, net.UnknownNetworkError(network)
	}
	want, err := h.bindAddress(network, address)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	local, err := freePort(h, h.packets, want)
	if err != nil {
		return nil, err
	}
	c := &PacketConn{host: h, local: local}
	h.packets[local] = c
	return c, nil
}

// Listen opens a listener for streams.
func (h *Host) Listen(_ context.Context, network, address string) (net.Listener, error) {
	l, err := h.openListener(network, address)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	return l, nil
}

func (h *Host) openListener(network, address string) (*listener, error) {
	if !strings.HasPrefix(network, "tcp") {
		return nil, net.UnknownNetworkError(network)
	}
	want, err := h.bindAddress(network, address)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	local, err := freePort(h, h.listeners, want)
	if err != nil {
		return nil, err
	}
	l := &listener{host: h, local: local}
	h.listeners[local] = l
	return l, nil
}

// bindAddress reads the address to listen at and checks that it is ours.
func (h *Host) bindAddress(network, address string) (netip.AddrPort, error) {
	host, port, err := splitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	a := netip.IPv6Unspecified()
	if h.Addr().Is4() || strings.HasSuffix(network, "4") {
		a = netip.IPv4Unspecified()
	}
	if host != "" {
		if a, err = netip.ParseAddr(host); err != nil {
			return netip.AddrPort{}, err
		}
	}
	a = a.Unmap()
	if !a.IsUnspecified() && h.network.hostOf(a) != h {
		return netip.AddrPort{}, fmt.Errorf("simnet: %s is not an address of this host: %w", a, syscall.EADDRNOTAVAIL)
	}
	return netip.AddrPortFrom(a, port), nil
}

// freePort fills in a port where want has none, and refuses one that is taken.
// The caller holds h.mu.
func freePort[T any](h *Host, taken map[netip.AddrPort]T, want netip.AddrPort) (netip.AddrPort, error) {
	if want.Port() != 0 {
		if _, ok := taken[want]; ok {
			return want, syscall.EADDRINUSE
		}
		return want, nil
	}
	for range 1<<16 - firstEphemeral {
		local := netip.AddrPortFrom(want.Addr(), h.ephemeral())
		if _, ok := taken[local]; !ok {
			return local, nil
		}
	}
	return want, syscall.EADDRINUSE
}

// ephemeral is the next port in turn. The caller holds h.mu.
func (h *Host) ephemeral() uint16 {
	p := h.nextPort
	if h.nextPort++; h.nextPort == 0 {
		h.nextPort = firstEphemeral
	}
	return p
}

// packetConn is the socket that receives what is sent to an address of ours.
func (h *Host) packetConn(to netip.AddrPort) *PacketConn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return lookup(h.packets, to)
}

func (h *Host) listenerAt(to netip.AddrPort) *listener {
	h.mu.Lock()
	defer h.mu.Unlock()
	return lookup(h.listeners, to)
}

// lookup prefers who listens at the very address to who listens at all.
func lookup[T comparable](m map[netip.AddrPort]T, to netip.AddrPort) T {
	var none T
	if v := m[to]; v != none {
		return v
	}
	if to.Addr().Is4() {
		if v := m[netip.AddrPortFrom(netip.IPv4Unspecified(), to.Port())]; v != none {
			return v
		}
	}
	return m[netip.AddrPortFrom(netip.IPv6Unspecified(), to.Port())]
}

// Dial connects to an address or a name given to the network. "udp" gives a
// *PacketConn that sends there and hears nobody else; "tcp" takes a round trip.
func (h *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	remote, err := h.resolve(network, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	var c net.Conn
	switch {
	case strings.HasPrefix(network, "udp"):
		c, err = h.dialPacket(network, remote)
	case strings.HasPrefix(network, "tcp"):
		c, err = h.dialStream(ctx, remote)
	default:
		err = net.UnknownNetworkError(network)
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(remote), Err: err}
	}
	return c, nil
}

func (h *Host) dialPacket(network string, remote netip.AddrPort) (net.Conn, error) {
	local, err := h.LocalFor(remote.Addr())
	if err != nil {
		return nil, err
	}
	c, err := h.openPacket(network, netip.AddrPortFrom(local, 0).String())
	if err != nil {
		return nil, err
	}
	c.remote = remote
	return c, nil
}

// resolve finds the first address of the name that we have a family for.
func (h *Host) resolve(network, address string) (netip.AddrPort, error) {
	host, port, err := splitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for _, a := range h.network.addressesOf(host) {
		if strings.HasSuffix(network, "4") && !a.Is4() || strings.HasSuffix(network, "6") && a.Is4() {
			continue
		}
		if _, err := h.LocalFor(a); err == nil {
			return netip.AddrPortFrom(a, port), nil
		}
	}
	return netip.AddrPort{}, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func (n *Network) addressesOf(host string) []netip.Addr {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.names[host]
}

func splitHostPort(address string) (string, uint16, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", 0, &net.AddrError{Err: "invalid port", Addr: address}
	}
	return host, uint16(p), nil
}

func (h *Host) closeAll() {
	h.mu.Lock()
	var all []interface{ Close() error }
	for _, c := range h.packets {
		all = append(all, c)
	}
	for _, l := range h.listeners {
		all = append(all, l)
	}
	for c := range h.conns {
		all = append(all, c)
	}
	h.mu.Unlock()
	for _, c := range all {
		c.Close()
	}
}

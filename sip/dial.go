package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"karat/sip/locate"
)

// dialTimeout bounds connecting and the TLS handshake.
const dialTimeout = 15 * time.Second

// dialer opens flows to a next hop.
type dialer struct {
	network Network
	numbers *numbers
	locator locate.Resolver // nil: names are not asked for servers
	trust   trust
}

// dial opens a flow to a hop, at the first of its servers that can be reached. names are those that a TLS certificate may be
// for; the first is asked for (SNI).
func (d *dialer) dial(ctx context.Context, h hop, names []string) (*flow, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	servers, err := d.servers(ctx, h)
	if err != nil {
		return nil, err
	}
	for _, server := range servers {
		var f *flow
		if f, err = d.reach(ctx, server, names); err == nil || distrusted(err) {
			return f, err
		}
	}
	return nil, err
}

// reach opens a flow to one server.
func (d *dialer) reach(ctx context.Context, h hop, names []string) (*flow, error) {
	addrs, err := resolve(ctx, h.host)
	if err != nil {
		return nil, err
	}
	for _, addr := range addrs {
		var f *flow
		if f, err = d.connect(ctx, h.kind, netip.AddrPortFrom(addr, h.port), names); err == nil {
			return f, nil
		}
		if distrusted(err) {
			break // that was the server; another address is no remedy
		}
	}
	return nil, err
}

func (d *dialer) connect(ctx context.Context, kind transport, remote netip.AddrPort, names []string) (*flow, error) {
	if kind == udp {
		return d.socket(ctx, remote)
	}
	open := func(ctx context.Context) (net.Conn, error) {
		conn, err := d.network.Dial(ctx, "tcp", remote.String())
		if err != nil {
			return nil, unreachable(err)
		}
		return conn, nil
	}
	begin := open
	if kind == overTLS {
		begin = func(ctx context.Context) (net.Conn, error) { return d.trust.secure(ctx, open, names) }
	}
	conn, err := begin(ctx)
	if err != nil {
		return nil, err
	}
	local, _ := addrPort(conn.LocalAddr())
	f := newFlow(kind, d.numbers.next(), local, remote)
	f.conn = conn
	return f, nil
}

// socket opens a UDP socket of its own toward remote.
func (d *dialer) socket(ctx context.Context, remote netip.AddrPort) (*flow, error) {
	local, err := d.network.LocalFor(remote.Addr())
	if err != nil {
		return nil, unreachable(err)
	}
	socket, err := d.network.ListenPacket(ctx, "udp", netip.AddrPortFrom(local, 0).String())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	bound, _ := addrPort(socket.LocalAddr())
	f := newFlow(udp, d.numbers.next(), bound, remote)
	f.socket = socket
	return f, nil
}

// unreachable says why something cannot be reached, without the addresses.
func unreachable(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return fmt.Errorf("%w: %w", ErrUnreachable, number)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: it does not answer", ErrUnreachable)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

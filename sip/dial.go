package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"karat/sip/locate"
)

// dialer opens flows to a next hop.
type dialer struct {
	network Network
	numbers *numbers
	locator locate.Resolver         // nil: names are not asked for servers
	alias   func(string) netip.Addr // not nil: the network takes names for addresses
	machine bool                    // what the system knows of names counts, too
	trust   trust
	waits   waits
}

// whom is who a connection is to lead to.
type whom struct {
	names []string // that a certificate may be for; the first is asked for (SNI)
	web   string   // the URL of a WebSocket there; empty: none
}

// connect opens a connection.
func (d *dialer) connect(ctx context.Context, p place, to whom) (net.Conn, error) {
	open := func(ctx context.Context) (net.Conn, error) {
		conn, err := d.network.Dial(ctx, "tcp", p.addr.String())
		if err != nil {
			return nil, unreachable(err)
		}
		return conn, nil
	}
	if p.kind.secure() {
		plain := open
		open = func(ctx context.Context) (net.Conn, error) { return d.trust.secure(ctx, plain, to) }
	}
	conn, err := open(ctx)
	if err != nil || !p.kind.web() {
		return conn, err
	}
	web, err := upgrade(ctx, conn, to.web)
	if err != nil {
		_ = conn.Close()
	}
	return web, err
}

// carry makes a flow of a connection.
func (d *dialer) carry(p place, conn net.Conn) *flow {
	local, _ := addrPort(conn.LocalAddr())
	f := newFlow(p.kind, d.numbers.next(), local, p.addr)
	f.conn = conn
	if w, is := conn.(*webSocket); is {
		f.onWeb(w)
	}
	return f
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

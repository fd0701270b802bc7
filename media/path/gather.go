package path

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/stun/v4"
)

// gather opens the sockets of a generation, all at once: the relay's first,
// for its address is the default one.
func gather(ctx context.Context, cfg ICEConfig) (*generation, error) {
	ctx, cancel := context.WithTimeout(ctx, gatherTime)
	defer cancel()
	var wg sync.WaitGroup
	var relayed, host *base
	var relayErr, hostErr error
	if cfg.Relay.URL != "" {
		wg.Go(func() { relayed, relayErr = relayBase(ctx, cfg) })
	} else if cfg.RelayOnly {
		return nil, fmt.Errorf("%w: none is configured", ErrRelay)
	}
	if !cfg.RelayOnly {
		wg.Go(func() { host, hostErr = hostBase(ctx, cfg) })
	}
	wg.Wait()
	var bases []*base
	for _, b := range []*base{relayed, host} {
		if b != nil {
			bases = append(bases, b)
		}
	}
	if len(bases) == 0 {
		return nil, errors.Join(relayErr, hostErr)
	}
	return newGeneration(bases)
}

func relayBase(ctx context.Context, cfg ICEConfig) (*base, error) {
	a, err := allocate(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &base{conn: a, relay: a, local: addrPort(a.LocalAddr())}, nil
}

// hostBase opens a socket of our own, and asks how the world sees it.
func hostBase(ctx context.Context, cfg ICEConfig) (*base, error) {
	network := "udp4"
	if cfg.Local.Unmap().Is6() {
		network = "udp6"
	}
	pc, err := cfg.Network.ListenPacket(ctx, network, netip.AddrPortFrom(cfg.Local.Unmap(), 0).String())
	if err != nil {
		return nil, ErrNoSocket // err names our address
	}
	conn, ok := pc.(packetConn)
	if !ok {
		conn = slowConn{pc}
	}
	b := &base{conn: conn, local: addrPort(pc.LocalAddr())}
	if cfg.STUN != "" {
		b.stun, b.mapped, _ = reflexive(ctx, conn, network, cfg.STUN) // without it, there is a candidate less
	}
	return b, nil
}

// The retransmissions of a STUN request.
//
// RFC 8489, Section 6.2.1: RTO SHOULD be 500 ms or more, and doubles.
const stunTimeout = 500 * time.Millisecond

// reflexive asks a STUN server for the address that a socket has outside.
func reflexive(ctx context.Context, conn packetConn, network, hostPort string) (server, mapped netip.AddrPort, err error) {
	server, err = lookup(ctx, network, hostPort)
	if err != nil {
		return server, mapped, err
	}
	request, err := bindingRequest()
	if err != nil {
		return server, mapped, err
	}
	defer func() { _ = conn.SetReadDeadline(time.Time{}) }() // it took one before
	for wait := stunTimeout; ctx.Err() == nil; wait *= 2 {
		if _, err := conn.WriteToUDPAddrPort(request, server); err != nil {
			return server, mapped, fmt.Errorf("path: ask the STUN server: %w", err)
		}
		if mapped, ok := awaitBinding(ctx, conn, request, time.Now().Add(wait)); ok {
			return server, mapped, nil
		}
	}
	return server, mapped, ErrSTUN
}

// awaitBinding reads until the answer to a request came, or its time is over.
func awaitBinding(ctx context.Context, conn packetConn, request []byte, until time.Time) (netip.AddrPort, bool) {
	if end, ok := ctx.Deadline(); ok && end.Before(until) {
		until = end
	}
	if conn.SetReadDeadline(until) != nil {
		return netip.AddrPort{}, false
	}
	buf := make([]byte, MaxDatagram)
	for {
		n, _, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return netip.AddrPort{}, false
		}
		if mapped, ok := bindingAnswer(buf[:n], request); ok {
			return mapped, true
		}
	}
}

// bindingRequest is a STUN Binding request with nothing in it.
func bindingRequest() ([]byte, error) {
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest)
	if err != nil {
		return nil, fmt.Errorf("path: build a STUN request: %w", err)
	}
	return m.Raw, nil
}

// bindingAnswer reads the address out of a response to the request. Its
// transaction id, 96 random bits, is what makes it one.
func bindingAnswer(b, request []byte) (netip.AddrPort, bool) {
	m := &stun.Message{Raw: b}
	var x stun.XORMappedAddress
	if !stun.IsMessage(b) || m.Decode() != nil || m.Type != stun.BindingSuccess ||
		[12]byte(request[8:20]) != m.TransactionID || x.GetFrom(m) != nil {
		return netip.AddrPort{}, false
	}
	a, ok := netip.AddrFromSlice(x.IP)
	return netip.AddrPortFrom(a.Unmap(), uint16(x.Port)), ok && x.Port > 0
}

// lookup finds a server of the family that the socket has.
func lookup(ctx context.Context, network, hostPort string) (netip.AddrPort, error) {
	host, port, ok := splitServer(hostPort, "3478")
	if !ok {
		return netip.AddrPort{}, ErrSTUN
	}
	n, err := net.DefaultResolver.LookupPort(ctx, network, port)
	if err != nil {
		return netip.AddrPort{}, ErrSTUN
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return netip.AddrPortFrom(a.Unmap(), uint16(n)), nil
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip"+network[len(network)-1:], host)
	if err != nil || len(all) == 0 {
		return netip.AddrPort{}, fmt.Errorf("%w: its name is unknown", ErrSTUN)
	}
	return netip.AddrPortFrom(all[0].Unmap(), uint16(n)), nil
}

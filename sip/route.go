package sip

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"

	"github.com/emiago/sipgo/sip"

	"karat/sip/dialog"
)

// parseListen reads "udp:host:port".
func parseListen(s string) (kind, address string, err error) {
	kind, address, _ = strings.Cut(s, ":")
	if _, _, err := net.SplitHostPort(address); err != nil {
		return "", "", fmt.Errorf("sip: listen %q: want udp:host:port or tcp:host:port", s)
	}
	if kind != "udp" && kind != "tcp" {
		return "", "", fmt.Errorf("sip: listen %q: only udp and tcp can be listened on", s)
	}
	return kind, address, nil
}

func (a *Agent) listen(ctx context.Context, l string) error {
	kind, address, err := parseListen(l)
	if err != nil {
		return err
	}
	if kind == "udp" {
		socket, err := a.network.ListenPacket(ctx, "udp", address)
		if err != nil {
			return fmt.Errorf("sip: listen on %s: %w", l, err)
		}
		local, _ := addrPort(socket.LocalAddr())
		f := newFlow(udp, a.dialer.numbers.next(), local, netip.AddrPort{})
		f.socket = socket
		return a.add(f)
	}
	ln, err := a.network.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("sip: listen on %s: %w", l, err)
	}
	a.wg.Go(func() { <-a.dead; _ = ln.Close() })
	a.wg.Go(func() { a.accept(ln) })
	return nil
}

// accept takes the connections that others open.
func (a *Agent) accept(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		if !a.room() {
			_ = conn.Close()
			continue
		}
		local, _ := addrPort(conn.LocalAddr())
		remote, _ := addrPort(conn.RemoteAddr())
		f := newFlow(tcp, a.dialer.numbers.next(), local, remote)
		f.conn, f.inbound = conn, true
		if a.add(f) != nil {
			return
		}
	}
}

// room tells whether one more connection may be taken. If there are too many,
// one on which nothing sensible came makes room, so that connections that are
// only held open keep nobody out.
func (a *Agent) room() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	count := 0
	var useless *flow
	for f := range a.flows {
		if f.inbound {
			count++
			if !f.good.Load() && (useless == nil || f.number < useless.number) {
				useless = f
			}
		}
	}
	if count < maxConnections {
		return true
	}
	if useless == nil {
		return false
	}
	useless.close()
	delete(a.flows, useless)
	return true
}

// add takes a flow into use until it breaks or the Agent is closed.
func (a *Agent) add(f *flow) error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		f.close()
		return ErrClosed
	}
	a.flows[f] = struct{}{}
	a.wg.Add(1) // for this function: Close waits for it
	defer a.wg.Done()
	a.wg.Go(func() { a.watch(f) })
	a.mu.Unlock()
	if err := a.stack.add(f); err != nil {
		f.close()
		return err
	}
	return nil
}

// watch keeps a flow alive until it breaks, and forgets it then.
func (a *Agent) watch(f *flow) {
	if f.remote.IsValid() {
		a.keep(f)
	}
	<-f.done
	a.mu.Lock()
	delete(a.flows, f)
	a.mu.Unlock()
	if f.account && f.spare.Load() && f.calls.Load() > 0 {
		a.tell(Reconnected{}) // its calls go over the account's own flow from now on
	}
	if n := f.bad.Load(); n > 0 {
		a.log.Info("sip: a flow ended", "refused_messages", n)
	}
}

// reuse finds an open flow for a direct call: a listening socket for UDP, a
// connection to that very address otherwise.
func (a *Agent) reuse(kind transport, remote netip.AddrPort) *flow {
	a.mu.Lock()
	defer a.mu.Unlock()
	for f := range a.flows {
		if f.kind != kind || f.closed() {
			continue
		}
		if f.remote == remote || kind == udp && !f.remote.IsValid() && sameFamily(f.local, remote) {
			return f
		}
	}
	return nil
}

func sameFamily(a, b netip.AddrPort) bool {
	return a.Addr().Is4() == b.Addr().Is4() || a.Addr() == netip.IPv6Unspecified()
}

// MediaAddr is our address toward a target: what a c= line names.
func (a *Agent) MediaAddr(target string) (netip.Addr, error) {
	if a.line != nil {
		if f := a.line.current(); f != nil {
			return a.network.LocalFor(f.remote.Addr())
		}
		return a.mediaAddr(a.line.hop)
	}
	h, err := parseHop(target)
	if err != nil {
		return netip.Addr{}, err
	}
	return a.mediaAddr(h)
}

// mediaAddr is our address toward the servers of a hop.
func (a *Agent) mediaAddr(h hop) (netip.Addr, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	servers, err := a.dialer.servers(ctx, h)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, server := range servers {
		var addrs []netip.Addr
		if addrs, err = a.dialer.addresses(ctx, server.host); err == nil {
			return a.toward(addrs)
		}
	}
	return netip.Addr{}, err
}

// toward is our address toward the first of several that we have a way to.
func (a *Agent) toward(addrs []netip.Addr) (local netip.Addr, err error) {
	for _, addr := range addrs {
		if local, err = a.network.LocalFor(addr); err == nil {
			break
		}
	}
	return local, err
}

// local is what our messages on a flow name. On that of the account nothing of
// this machine: the proxy answers to where the request came from. On others the
// address that the peer is to answer to.
func (a *Agent) local(f *flow, peer netip.AddrPort) dialog.Local {
	l := dialog.Local{Identifier: newID, Random: rand.IntN}
	if f.account {
		l.URI = a.line.aor
		l.Via = f.via()
		l.Contact = a.line.instance.contact(a.line.contact(f.kind))
		l.Authorize = a.line.keys.authorize
		l.Fields = a.line.userAgent()
		l.Routes = a.line.serviceRoutes()
		return l
	}
	local := f.local
	if local.Addr().IsUnspecified() && peer.IsValid() {
		if addr, err := a.network.LocalFor(peer.Addr()); err == nil {
			local = netip.AddrPortFrom(addr, local.Port())
		}
	}
	l.URI = "sip:anonymous@" + nobody
	l.Via = "SIP/2.0/" + f.kind.String() + " " + local.String()
	l.Contact = "<sip:" + local.String() + transportParam(f.kind) + ">"
	return l
}

// via is the transport and sent-by of Via on a flow of the account, which names
// nothing of this machine.
func (f *flow) via() string {
	host := nobody
	if f.kind.web() {
		host = webHost() // new each time, so that it links nothing
	}
	return "SIP/2.0/" + f.kind.String() + " " + host
}

// transportParam is the URI parameter for a transport; UDP needs none.
func transportParam(kind transport) string {
	switch {
	case kind == udp:
		return ""
	case kind.web():
		return ";transport=ws" // RFC 7118, Section 5.2: with TLS and without
	}
	return ";transport=" + kind.param()
}

// nextHop is the address that a request of a direct call goes to: the one that
// its route or its target names, else where the peer was found.
func nextHop(req *sip.Request, kind transport, found netip.AddrPort) netip.AddrPort {
	h, err := parseHop(dialog.NextHop(req))
	if err != nil || h.kind != kind {
		return found
	}
	addr, err := netip.ParseAddr(h.host)
	if err != nil {
		return found
	}
	return netip.AddrPortFrom(addr.Unmap(), h.port)
}

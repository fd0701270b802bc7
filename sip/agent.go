package sip

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"karat/sip/dialog"
)

const (
	// agentEvents is the buffer of Agent.Events. Who does not read it loses news of
	// the registration, and calls: those are answered as all unanswered ones are.
	agentEvents = 64
	// maxCalls bounds the calls that exist at once, those that nobody is told of
	// included. INVITEs beyond are not answered at all.
	maxCalls = 1024
	// maxRinging bounds the unanswered incoming calls that the owner is told of.
	// More are answered in the same way, unseen.
	maxRinging = 32
	// maxConnections bounds the TCP connections that others opened to us.
	maxConnections = 64
	// nobody is the host in Via and Contact where an address is not needed, and in
	// From where there is no account (RFC 3323, Section 4.1.1.3).
	nobody = "anonymous.invalid"
)

// Agent is a SIP user agent: at most one account, and direct calls.
type Agent struct {
	config  Config
	network Network
	log     *slog.Logger
	events  chan Event
	stack   *stack
	dialer  *dialer
	line    *line         // nil: no account
	dead    chan struct{} // closed when nothing is to be waited for any more
	wg      sync.WaitGroup
	stop    context.CancelFunc // ends registration
	closing sync.Once

	mu      sync.Mutex         // guards what follows
	closed  bool               // no new calls, no new flows
	calls   map[callKey]*Call  // by Call-ID and our tag
	invites map[string]*Call   // the peer's INVITEs, by branch
	merged  map[string]string  // Call-ID, From-tag and CSeq of them: the branch
	flows   map[*flow]struct{} // all that are open
	ringing int                // incoming calls that the owner was told of
	inbound int                // connections that others opened
}

// callKey is what requests within a dialog are matched by.
type callKey struct{ callID, tag string }

// NewAgent checks a configuration and makes an Agent of it. It opens nothing.
func NewAgent(cfg Config) (*Agent, error) {
	a := &Agent{
		config:  cfg,
		network: cfg.Network,
		log:     cfg.Logger,
		events:  make(chan Event, agentEvents),
		dead:    make(chan struct{}),
		calls:   make(map[callKey]*Call),
		invites: make(map[string]*Call),
		merged:  make(map[string]string),
		flows:   make(map[*flow]struct{}),
	}
	if a.network == nil {
		a.network = machine{}
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	for _, l := range cfg.Listen {
		if _, _, err := parseListen(l); err != nil {
			return nil, err
		}
	}
	a.dialer = &dialer{network: a.network, numbers: &numbers{}}
	if cfg.Account != nil {
		var err error
		if a.line, err = newLine(a, cfg.Account); err != nil {
			return nil, err
		}
		a.dialer.roots = cfg.Account.Roots
	}
	a.stack = newStack(a.acknowledged, a.requested)
	return a, nil
}

// Events tells what happens. It is closed by Close.
func (a *Agent) Events() <-chan Event { return a.events }

// Start opens the sockets, and the flow to the registrar; the first REGISTER
// goes out. What comes of that is told by Events. After an error the Agent is
// closed; a new one may try again.
func (a *Agent) Start(ctx context.Context) error {
	a.stack.start()
	if err := a.open(ctx); err != nil {
		_ = a.Close(ctx)
		return err
	}
	return nil
}

func (a *Agent) open(ctx context.Context) error {
	for _, l := range a.config.Listen {
		if err := a.listen(ctx, l); err != nil {
			return err
		}
	}
	if a.line == nil {
		return nil
	}
	f, err := a.line.dial(ctx)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.wg.Go(func() { a.line.run(running, f) })
	return nil
}

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
		a.mu.Lock()
		full := a.inbound >= maxConnections
		if !full {
			a.inbound++
		}
		a.mu.Unlock()
		if full {
			_ = conn.Close()
			continue
		}
		local, _ := addrPort(conn.LocalAddr())
		remote, _ := addrPort(conn.RemoteAddr())
		f := newFlow(tcp, a.dialer.numbers.next(), local, remote)
		f.conn = conn
		if a.add(f) != nil {
			return
		}
		a.wg.Go(func() {
			<-f.done
			a.mu.Lock()
			a.inbound--
			a.mu.Unlock()
		})
	}
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
		f.keep()
	}
	<-f.done
	a.mu.Lock()
	delete(a.flows, f)
	a.mu.Unlock()
	if n := f.bad.Load(); n > 0 {
		a.log.Info("sip: a flow ended", "refused_messages", n)
	}
}

// Invite calls target with an offer. ctx bounds the setting up of a connection,
// not the call.
func (a *Agent) Invite(ctx context.Context, target string, sdp []byte) (*Call, error) {
	uri, err := parseURI(target)
	if err != nil {
		return nil, err
	}
	f, remote, err := a.flowFor(ctx, target)
	if err != nil {
		return nil, err
	}
	c := a.newCall(f)
	c.outgoing, c.peer, c.remote = true, target, remote
	// RFC 3261, Section 19.1.1: a Request-URI holds no headers.
	uri.Headers = nil
	c.machine, err = dialog.Place(a.local(f, remote), uri.String(), sdp)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	if err := a.enter(c, nil); err != nil {
		return nil, err
	}
	return c, nil
}

// enter starts the goroutine of a call. invite is the peer's, nil for ours.
func (a *Agent) enter(c *Call, invite *sip.Request) error {
	id, tag := c.machine.ID()
	key := callKey{id, tag}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.closed:
		return ErrClosed
	case len(a.calls) >= maxCalls:
		return ErrBusy
	}
	a.calls[key] = c
	if invite != nil {
		a.invites[dialog.Branch(invite)] = c
		a.merged[mergeKey(invite)] = dialog.Branch(invite)
		c.silent = a.ringing >= maxRinging || len(a.events) == cap(a.events)
		if !c.silent {
			a.ringing++
		}
	}
	a.wg.Go(func() {
		c.run()
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.calls, key)
		if invite != nil {
			delete(a.invites, dialog.Branch(invite))
			delete(a.merged, mergeKey(invite))
		}
	})
	return nil
}

// isDead tells that nothing is to be waited for any more.
func (a *Agent) isDead() bool {
	select {
	case <-a.dead:
		return true
	default:
		return false
	}
}

// rung says that the owner was told the end of an incoming call.
func (a *Agent) rung() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ringing--
}

// mergeKey is equal for requests that a proxy forked to us twice.
func mergeKey(req *sip.Request) string {
	return dialog.CallID(req) + "\x00" + dialog.FromTag(req) + "\x00" + dialog.Value(req, "CSeq")
}

// flowFor finds or opens the flow for a call to target, and the address there:
// with an account always that of the registrar, so that nobody else learns ours.
func (a *Agent) flowFor(ctx context.Context, target string) (*flow, netip.AddrPort, error) {
	if a.line != nil {
		if f := a.line.current(); f != nil {
			return f, f.remote, nil
		}
		return nil, netip.AddrPort{}, ErrNoFlow
	}
	h, err := parseHop(target)
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	addrs, err := resolve(ctx, h.host)
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	for _, addr := range addrs {
		remote := netip.AddrPortFrom(addr, h.port)
		if f := a.reuse(h.kind, remote); f != nil {
			return f, remote, nil
		}
	}
	f, err := a.dialer.dial(ctx, h, []string{h.host})
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	return f, f.remote, a.add(f)
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
		target = a.line.hopURI
	}
	h, err := parseHop(target)
	if err != nil {
		return netip.Addr{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	addrs, err := resolve(ctx, h.host)
	if err != nil {
		return netip.Addr{}, err
	}
	return a.network.LocalFor(addrs[0])
}

// local is what our messages on a flow name. On that of the account nothing of
// this machine: the proxy answers to where the request came from. On others the
// address that the peer is to answer to.
func (a *Agent) local(f *flow, peer netip.AddrPort) dialog.Local {
	l := dialog.Local{Identifier: newID}
	if f.account {
		l.URI = a.line.aor
		l.Via = "SIP/2.0/" + f.kind.String() + " " + nobody
		l.Contact = a.line.contact(f.kind)
		l.Authorize = a.line.keys.authorize
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

// transportParam is the URI parameter for a transport; UDP needs none.
func transportParam(kind transport) string {
	if kind == udp {
		return ""
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

// tell passes an event to the owner; it is lost if the owner does not read.
func (a *Agent) tell(e Event) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	select {
	case a.events <- e:
		return true
	default:
		return false
	}
}

// Close ends all calls, unregisters, and closes everything. ctx bounds the
// waiting for others; nothing of ours is left running when it returns.
func (a *Agent) Close(ctx context.Context) error {
	a.closing.Do(func() {
		a.mu.Lock()
		a.closed = true
		calls := make([]*Call, 0, len(a.calls))
		for _, c := range a.calls {
			calls = append(calls, c)
		}
		close(a.events)
		a.mu.Unlock()
		for _, c := range calls {
			c.post(func(now time.Time) { c.machine.Close(now) })
		}
		a.drain(ctx, calls)
		if a.stop != nil {
			a.stop()
			a.line.unregister(ctx)
		}
		close(a.dead)
		a.mu.Lock()
		flows := make([]*flow, 0, len(a.flows))
		for f := range a.flows {
			flows = append(flows, f)
		}
		a.mu.Unlock()
		for _, f := range flows {
			f.close()
		}
		a.wg.Wait()
		a.stack.close()
	})
	return nil
}

// drain waits until the BYEs of the calls are answered, or ctx ends.
func (a *Agent) drain(ctx context.Context, calls []*Call) {
	for _, c := range calls {
		select {
		case <-c.settled:
		case <-c.done:
		case <-ctx.Done():
			return
		}
	}
}

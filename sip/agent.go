package sip

import (
	"context"
	"fmt"
	"log/slog"
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
	own := a.network == nil
	if own {
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
	a.dialer = &dialer{network: a.network, numbers: &numbers{}, locator: newLocator(a.network), machine: own}
	if n, takes := a.network.(namer); takes {
		a.dialer.locator, a.dialer.alias = nil, n.Alias
	}
	if cfg.Account != nil {
		var err error
		if a.line, err = newLine(a, cfg.Account); err != nil {
			return nil, err
		}
		a.dialer.trust = cfg.Account.trust(a)
	}
	a.stack = newStack(a.acknowledged, a.requested)
	return a, nil
}

// Events tells what happens. It is closed by Close.
func (a *Agent) Events() <-chan Event { return a.events }

// Start opens the sockets for direct calls, and begins to connect to the
// registrar and to register. What comes of that is told by Events: without a
// network it is tried until there is one. After an error the Agent is closed; a
// new one may try again.
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
	running, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.wg.Go(func() { a.line.run(running) })
	return nil
}

// Invite calls target with an offer. ctx bounds the setting up of a connection,
// not the call.
func (a *Agent) Invite(ctx context.Context, target string, sdp []byte) (*Call, error) {
	return a.InviteAs(ctx, target, Manner{}, sdp)
}

// InviteAs is Invite for a call that is not like every other.
func (a *Agent) InviteAs(ctx context.Context, target string, how Manner, sdp []byte) (*Call, error) {
	uri, err := parseURI(target)
	if err != nil {
		return nil, err
	}
	w, err := a.wayFor(ctx, target, nil)
	if err != nil {
		return nil, err
	}
	c := a.newCall(w)
	c.outgoing, c.peer = true, target
	f, remote := w.flow, w.remote
	// RFC 3261, Section 19.1.1: a Request-URI holds no headers.
	uri.Headers = nil
	local := a.local(f, remote)
	var extra []dialog.Field
	if how.Anonymous {
		extra = a.anonymous(f, &local)
		c.contactUser = newID()
		local.Contact = c.contact(f, local.Contact)
	}
	if how.Replaces != "" {
		extra = append(extra, dialog.Field{Name: "Replaces", Value: how.Replaces})
	}
	c.machine, err = dialog.Place(local, uri.String(), sdp, extra...)
	if err != nil {
		c.flow.leave()
		return nil, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	if err := a.enter(c, nil); err != nil {
		c.flow.leave()
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
		c.flow.leave()
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

// isClosed tells that no new flows are to be opened.
func (a *Agent) isClosed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closed
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

// tell passes an event to the owner; it is lost if the owner does not read.
func (a *Agent) tell(e Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	select {
	case a.events <- e:
	default:
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

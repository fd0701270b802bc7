package path

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"karat/internal/secret"
)

// ICEConfig is what an ICE path is made of.
type ICEConfig struct {
	// Local is our address on the way to the peer or the provider: the one host
	// candidate there is. Addresses of other interfaces are nobody's business.
	Local netip.Addr
	// Relay is a TURN server; the zero value: none.
	Relay Relay
	// STUN is the host:port of a server that tells our public address; empty:
	// none. It is asked over UDP.
	STUN string
	// RelayOnly opens no socket but the one to the relay, and names no address
	// but the relay's.
	RelayOnly bool
	// Network opens the sockets; nil: the machine's.
	Network Network
}

// Relay is a TURN server (RFC 8656) and who we are there.
type Relay struct {
	// URL is "turn:host:port?transport=udp", tcp or tls, or "turns:host".
	URL      string
	User     string
	Password secret.Bytes
	// Roots are trusted for TLS; nil: the system's.
	Roots *x509.CertPool
}

// What opening an ICE path may answer.
var (
	ErrRelayURL  = errors.New("a relay is named like turn:host:port?transport=udp, tcp or tls")
	ErrRelay     = errors.New("the relay gives no way for the voice")
	ErrRelayAuth = fmt.Errorf("%w: it does not accept this user and password", ErrRelay)
	ErrSTUN      = errors.New("the STUN server does not answer")
	ErrNoSocket  = errors.New("no port for the voice could be opened")
	ErrICE       = errors.New("path: the other end's ICE attributes make no sense")
)

// gatherTime is how long servers may take to answer when a path is opened: a
// relay over TLS needs five round trips.
const gatherTime = 5 * time.Second

// Description is our or the peer's side of ICE, as an offer or answer says it.
type Description struct {
	Ufrag, Pwd string
	// Candidates are values of a=candidate (RFC 8839, Section 5.1).
	Candidates []string
	// Lite: a=ice-lite, a peer that checks nothing itself.
	Lite bool
}

// ICE is a Path that finds its way through NATs (RFC 8445). It owns all its
// sockets: pion/ice only makes and judges the connectivity checks, which it is
// handed packet by packet, so that voice passes it by and costs no allocation.
//
// Until a peer that speaks ICE was answered (Check), it is like UDP: it sends
// to the address that signalling named, from the default candidate, and moves
// when a packet proved genuine. So peers without ICE, and relays on the way
// that rewrite addresses, are served by the same path. From the moment that a
// pair is selected, the pair decides alone.
type ICE struct {
	cfg   ICEConfig
	forks forks

	wg   sync.WaitGroup
	done chan struct{}

	mu       sync.Mutex // guards what follows
	handler  Handler
	present  *generation // the sockets that are sent from
	pending  *generation // after Restart, until a pair of it is selected
	old      []*generation
	sending  *base // of the present generation
	selected bool  // by ICE
	closed   bool
}

var _ Path = (*ICE)(nil)

// OpenICE opens the sockets and asks the servers, which takes some round trips;
// ctx may end that sooner. With RelayOnly, or without any other address, a
// relay that does not answer is an error; else its candidate is missing, and so
// is that of a STUN server.
func OpenICE(ctx context.Context, cfg ICEConfig) (*ICE, error) {
	if cfg.Network == nil {
		cfg.Network = machine{}
	}
	g, err := gather(ctx, cfg)
	if err != nil {
		return nil, err
	}
	p := &ICE{cfg: cfg, done: make(chan struct{}), present: g, sending: g.standard()}
	return p, nil
}

// AsICE finds the ICE path in p, which may be Tapped; ok is false if ICE is off.
func AsICE(p Path) (ice *ICE, ok bool) { return as[*ICE](p) }

// as finds a kind of path in p.
func as[P Path](p Path) (found P, ok bool) {
	for {
		if q, is := p.(P); is {
			return q, true
		}
		below, is := p.(interface{ Unwrap() Path })
		if !is {
			return found, false
		}
		p = below.Unwrap()
	}
}

// Local is the default candidate: the relay's address if there is one.
//
// RFC 8445, Section 5.1.4: "it is RECOMMENDED that default candidates be chosen
// based on the likelihood of those candidates to work with the peer that is
// being contacted [...] relayed candidates", then reflexive, then host.
func (p *ICE) Local() netip.AddrPort {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.latest().standard().public()
}

// Host is our own address, which no offer names where only a relay's may be.
func (p *ICE) Host() netip.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cfg.Local
}

// Describe is what our next offer or answer says of ICE.
func (p *ICE) Describe() Description {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.latest().describe()
}

// latest is the generation that an offer speaks of. The caller holds mu.
func (p *ICE) latest() *generation {
	if p.pending != nil {
		return p.pending
	}
	return p.present
}

// Remote adds or moves a fork, for as long as no pair is selected.
func (p *ICE) Remote(fork Fork, to netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.selected {
		return
	}
	p.forks.put(fork, to)
}

// Authenticated latches a fork, for as long as no pair is selected.
func (p *ICE) Authenticated(fork Fork, from netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.selected {
		return
	}
	p.forks.latch(fork, from)
}

// Select keeps one fork only.
func (p *ICE) Select(fork Fork) { p.forks.selectOne(fork) }

// Peer is where Send goes for a fork at present; the zero value if nowhere.
func (p *ICE) Peer(fork Fork) netip.AddrPort {
	to, _ := p.forks.address(fork)
	return to
}

// Send sends one datagram. What has no way yet, because the relay has still to
// permit it, is dropped like any packet that the network loses.
func (p *ICE) Send(fork Fork, b []byte) error {
	if len(b) > MaxDatagram {
		return ErrTooLarge
	}
	p.mu.Lock()
	from, closed := p.sending, p.closed
	p.mu.Unlock()
	if closed {
		return ErrClosed
	}
	to, ok := p.forks.address(fork)
	if !ok {
		return ErrNoFork
	}
	return from.send(b, to)
}

// Receive starts the goroutines that deliver to h. Later calls do nothing.
func (p *ICE) Receive(h Handler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.handler != nil || p.closed {
		return
	}
	p.handler = serialized(h)
	p.listen(p.present)
}

// serialized keeps the Handler's promise of one goroutine: several sockets may
// receive at once.
func serialized(h Handler) Handler {
	var mu sync.Mutex // guards h
	return func(class Class, fork Fork, from netip.AddrPort, b []byte) {
		mu.Lock()
		defer mu.Unlock()
		h(class, fork, from, b)
	}
}

// listen reads the sockets of a generation that are not read yet. The caller
// holds mu.
func (p *ICE) listen(g *generation) {
	for _, b := range g.bases {
		if b.reading {
			continue
		}
		b.reading = true
		handler := p.handler
		p.wg.Go(func() {
			b.read(p.done, func(class Class, from netip.AddrPort, d []byte) {
				handler(class, p.forks.owner(from), from, d)
			})
		})
		p.wg.Go(func() { b.keepAlive(p.done) })
	}
}

// connectTime is how long connectivity checks may take before the address of
// c= and m= is tried instead; they go on beside it.
const connectTime = 8 * time.Second

// Check begins connectivity checks with the fork that was answered. The channel
// is closed when a pair is selected, or when none was within 8 s: then packets
// go to the address that Remote named.
//
// RFC 8445, Section 6.1.1: the end that made the first offer controls, and a
// peer that is lite never does. One call has one agent: forks that were not
// answered are never checked, so the address of nobody but the one who answered
// is tried.
func (p *ICE) Check(fork Fork, controlling bool, remote Description) (<-chan struct{}, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	g := p.latest()
	ready := make(chan struct{})
	once := sync.OnceFunc(func() { close(ready) })
	err := g.check(controlling || remote.Lite, remote, func(from *base, to netip.AddrPort) {
		p.choose(g, fork, from, to)
		once()
	})
	if err != nil {
		return nil, err
	}
	p.wg.Go(func() {
		t := time.NewTimer(connectTime)
		defer t.Stop()
		select {
		case <-ready:
		case <-p.done:
		case <-t.C:
		}
		once()
	})
	return ready, nil
}

// choose sends over a pair from now on.
func (p *ICE) choose(g *generation, fork Fork, from *base, to netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || g != p.present && g != p.pending {
		return
	}
	if g == p.pending {
		p.takeOver(g)
	}
	p.forks.latch(fork, to)
	p.sending, p.selected = from, true
}

// retireAfter is how long a generation's sockets still receive after another
// took over: what is on the way then still arrives.
const retireAfter = 3 * time.Second

// retire closes the generations that were replaced.
func (p *ICE) retire() {
	t := time.NewTimer(retireAfter)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.done:
		return // Close does it
	}
	p.mu.Lock()
	old, kept := p.old, slices.Clone(p.present.bases)
	if p.pending != nil {
		kept = append(kept, p.pending.bases...)
	}
	p.old = nil
	p.mu.Unlock()
	for _, g := range old {
		g.close(kept)
	}
}

// Restart prepares for a way from another address, after the network changed
// (RFC 8445, Section 9): new credentials, new sockets, new candidates. What was
// selected goes on until a pair of the new ones is. The caller puts Describe
// and Local into a re-INVITE, and calls Check with what the peer answers.
func (p *ICE) Restart(ctx context.Context, local netip.Addr) error {
	p.mu.Lock()
	cfg := p.cfg
	p.mu.Unlock()
	cfg.Local = local
	g, err := gather(ctx, cfg)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.cfg.Local = local
	p.mu.Unlock()
	return p.succeed(g)
}

// Renew prepares for the peer's restart: new credentials over the same sockets.
// The answer carries Describe, then comes Check.
func (p *ICE) Renew() error {
	p.mu.Lock()
	bases := p.present.bases
	p.mu.Unlock()
	g, err := newGeneration(bases)
	if err != nil {
		return err
	}
	return p.succeed(g)
}

// Abandon goes back to the address that Remote names, for a peer that does not
// speak ICE, or no longer.
func (p *ICE) Abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.pending == nil && !p.selected {
		return
	}
	if p.pending != nil { // a restart of ours, which such a peer does not check
		p.takeOver(p.pending)
	}
	p.selected, p.sending = false, p.present.standard()
}

// takeOver makes the pending generation the present one. The caller holds mu.
func (p *ICE) takeOver(g *generation) {
	p.old = append(p.old, p.present)
	p.present, p.pending = g, nil
	p.wg.Go(p.retire)
}

// succeed makes a generation the next one.
func (p *ICE) succeed(g *generation) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		g.close(nil)
		return ErrClosed
	}
	given := p.pending
	p.pending = g
	if p.handler != nil {
		p.listen(g)
	}
	kept := append(slices.Clone(p.present.bases), g.bases...)
	p.mu.Unlock()
	if given != nil {
		given.close(kept)
	}
	return nil
}

// Close closes all sockets and waits for the Handler's last call.
func (p *ICE) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.wg.Wait()
		return nil
	}
	p.closed = true
	all := append(p.old, p.present)
	if p.pending != nil {
		all = append(all, p.pending)
	}
	p.mu.Unlock()
	close(p.done)
	var errs []error
	for _, g := range all {
		errs = append(errs, g.close(nil))
	}
	p.wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("path: close: %w", err)
	}
	return nil
}

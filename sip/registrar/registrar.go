// Package registrar is a small SIP registrar and record-routing proxy
// (RFC 3261, Sections 10 and 16) for loopback: the demonstration and the tests
// need a provider, and this is one. It is NOT for the open network: it has no
// database, no protection of one user from another's flood, and trusts whoever
// started it.
//
// It registers users of one domain with digest (SHA-256 and MD5, RFC 8760),
// rings all phones of a user at once, ends the ringing of the others when one
// answers, and stays in the way of a call by Record-Route. A phone is reached
// over the flow on which it was heard last, so that its Contact need not name an
// address (sip:x@anonymous.invalid).
//
// It does NOT relay to other domains, subscribe, do Path, GRUU or outbound
// (RFC 5626, 5627), or touch media. It reads messages by itself rather than
// with the phone's parser, so that the two do not share a mistake.
//
// The work is in core, which has neither sockets nor clock; Server gives it
// both.
package registrar

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"karat/internal/secret"
)

const (
	// inboxSize is how many packets wait for the core; then sockets wait.
	inboxSize = 256
	// streamQueue is how many messages wait for one connection; then it is cut.
	streamQueue = 64
	// maxStreams at a time.
	maxStreams = 256
	// handshakeTime is what a TLS client has for its part.
	handshakeTime = 10 * time.Second
)

// Config of a Server. Domain and Users are needed.
type Config struct {
	// Domain that the users belong to, also the realm of their passwords.
	Domain string
	// Users and their passwords.
	Users map[string]secret.Bytes
	// TLS is what ServeTLS shows: see Authority.
	TLS *tls.Config
	// Logger; nil: none.
	Logger *slog.Logger
	// Observe is told what happens, one event after another. It must not block
	// and must not call the Server; nil: nobody asks.
	Observe func(Event)
	// MinExpires below which a registration is refused (423), MaxExpires to
	// which it is cut, DefaultExpires when it names none. Zero: 0, 1 h, 1 h.
	MinExpires, MaxExpires, DefaultExpires time.Duration
	// NonceLife is after what a nonce is stale. Zero: 5 minutes.
	NonceLife time.Duration
	// Algorithms to ask for, the first first. Nil: SHA-256, MD5.
	Algorithms []string
	// ChallengeInDialog asks for a password in every request, as some providers
	// do, not only in the first of a call.
	ChallengeInDialog bool
}

// Server is a registrar and proxy.
type Server struct {
	cfg   Config
	core  *core
	inbox chan func(now time.Time)
	done  chan struct{}
	wg    sync.WaitGroup

	// Owned by the loop.
	packets map[*listener]net.PacketConn
	streams map[flow]*stream

	mu     sync.Mutex // guards what follows
	open   map[interface{ Close() error }]bool
	nextID uint64
	closed bool
}

// New makes a server that serves nothing yet. It must be closed.
func New(cfg Config) *Server {
	setDefault(&cfg.MaxExpires, time.Hour)
	setDefault(&cfg.DefaultExpires, time.Hour)
	setDefault(&cfg.NonceLife, 5*time.Minute)
	if cfg.Algorithms == nil {
		cfg.Algorithms = []string{"SHA-256", "MD5"}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		cfg: cfg, core: newCore(cfg),
		inbox: make(chan func(time.Time), inboxSize), done: make(chan struct{}),
		packets: map[*listener]net.PacketConn{}, streams: map[flow]*stream{},
		open: map[interface{ Close() error }]bool{},
	}
	s.wg.Go(s.loop)
	return s
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// loop owns the core.
func (s *Server) loop() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case f := <-s.inbox:
			f(time.Now())
		case <-timer.C:
			s.core.advance(time.Now())
		case <-s.done:
			return
		}
		s.flush()
		if d := s.core.deadline(); !d.IsZero() {
			timer.Reset(time.Until(d))
		}
	}
}

// flush sends what the core wants sent.
func (s *Server) flush() {
	for _, p := range s.core.takeOut() {
		if st := s.streams[p.to]; st != nil {
			st.send(p.bytes)
		} else if pc := s.packets[p.to.listener]; pc != nil {
			// What cannot be sent is sent again, or given up, by its timers.
			if _, err := pc.WriteTo(p.bytes, net.UDPAddrFromAddrPort(p.to.remote)); err != nil {
				s.cfg.Logger.Debug("registrar: not sent", "error", err)
			}
		}
	}
}

// do has the loop run f; false: the server is closed.
func (s *Server) do(f func(now time.Time)) bool {
	select {
	case s.inbox <- f:
		return true
	case <-s.done:
		return false
	}
}

// hold keeps something to be closed by Close; false: the server is closed, or
// has enough of them.
func (s *Server) hold(c interface{ Close() error }) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.open) >= maxStreams {
		c.Close()
		return false
	}
	s.open[c] = true
	return true
}

func (s *Server) release(c interface{ Close() error }) {
	c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

// Close closes sockets and connections and waits for all goroutines, those in
// Serve excepted: they return.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.done) // first: Serve tells by it why its socket closed
	for c := range s.open {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return nil
}

var errWildcard = errors.New("registrar: listen at a definite address, it goes into Via and Record-Route")

// listen makes a listener known.
func (s *Server) listen(transport string, a net.Addr, pc net.PacketConn) (*listener, error) {
	address, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return nil, err
	}
	if address.Addr().IsUnspecified() {
		return nil, errWildcard
	}
	l := &listener{transport: transport, address: address}
	s.do(func(time.Time) {
		s.core.listeners[l] = true
		if pc != nil {
			s.packets[l] = pc
		}
	})
	return l, nil
}

// ServeUDP serves a socket until Close, then returns nil. It takes the socket
// over.
func (s *Server) ServeUDP(pc net.PacketConn) error {
	if !s.hold(pc) {
		return nil
	}
	defer s.release(pc)
	l, err := s.listen("UDP", pc.LocalAddr(), pc)
	if err != nil {
		return err
	}
	b := make([]byte, maxMessage)
	for {
		n, from, err := pc.ReadFrom(b)
		if err != nil {
			return s.unlessClosed(err)
		}
		remote, err := netip.ParseAddrPort(from.String())
		if err != nil {
			continue
		}
		text := append([]byte(nil), b[:n]...)
		f := flow{listener: l, remote: netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())}
		s.do(func(now time.Time) { s.core.receive(now, f, text) })
	}
}

// unlessClosed is nil for the error that Close causes.
func (s *Server) unlessClosed(err error) error {
	select {
	case <-s.done:
		return nil
	default:
		return err
	}
}

// ServeTCP serves a listener until Close, then returns nil. It takes the
// listener over.
func (s *Server) ServeTCP(l net.Listener) error { return s.serveStreams("TCP", l, nil) }

// ServeTLS is ServeTCP with TLS on top, as Config.TLS says.
func (s *Server) ServeTLS(l net.Listener) error {
	if s.cfg.TLS == nil {
		return errors.New("registrar: Config.TLS is needed for TLS")
	}
	return s.serveStreams("TLS", l, s.cfg.TLS)
}

package sip

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"

	"github.com/emiago/sipgo/sip"

	"karat/sip/dialog"
)

// stack is sipgo reduced to what it does here: parsing and transactions. It has
// no socket. Flows of ours enter its pools through listeners that yield them,
// under made-up addresses that no machine has (RFC 1112, Section 4: class E), so
// that a connection that is gone can only lead to an error: dialling is blocked,
// resolving is blocked, and a UDP socket cannot be bound to such an address.
type stack struct {
	transport    *sip.TransportLayer
	transactions *sip.TransactionLayer
	tcp, tls     *yield
	wg           sync.WaitGroup

	mu    sync.Mutex // guards what follows
	udp   map[string]*replies
	ended []string // keys of UDP flows that are gone, oldest first
	// invites are our INVITEs whose transactions run, by branch.
	invites map[string]*invitation
}

// invitation is an INVITE of ours.
type invitation struct {
	flow    *flow
	req     *sip.Request
	to      netip.AddrPort
	refused bool // a final response of 300 and above has come
}

// maxEnded is how many UDP flows that are gone are remembered: a request that
// came over one may still be handled, and must not be answered over a socket
// that sipgo opens for want of the old one.
const maxEnded = 16

// flowHost and peerHost are the two ends of a flow as sipgo knows them; the
// port is the flow's number.
var (
	flowHost = netip.AddrFrom4([4]byte{240, 0, 0, 1})
	peerHost = netip.AddrFrom4([4]byte{240, 0, 0, 2})
)

// cancelMethod stands in for CANCEL on its way through sipgo, which would
// answer CANCELs itself, with a tag and a shape of its own.
const cancelMethod sip.RequestMethod = "CANCEL*"

// sipgo logs whole messages, some of it through a logger of its package only:
// numbers and bodies have no place in logs.
func init() { sip.SetDefaultLogger(slog.New(slog.DiscardHandler)) }

// newStack makes a stack. request gets each request with its transaction, ack
// each ACK, in the order in which they came.
func newStack(ack func(*sip.Request), request func(*sip.Request, *sip.ServerTx)) *stack {
	quiet := slog.New(slog.DiscardHandler)
	blocked := func(net.Addr) net.Dialer {
		return net.Dialer{Control: func(string, string, syscall.RawConn) error { return errBlocked }}
	}
	resolver := &net.Resolver{
		PreferGo: true,
		Dial:     func(context.Context, string, string) (net.Conn, error) { return nil, errBlocked },
	}
	s := &stack{tcp: newYield(), tls: newYield(), udp: make(map[string]*replies), invites: make(map[string]*invitation)}
	s.transport = sip.NewTransportLayer(resolver, newParser(), nil,
		sip.WithTransportLayerLogger(quiet),
		sip.WithTransportLayerTransports(sip.TransportsConfig{
			TCP: &sip.TransportTCP{DialerCreate: blocked},
			TLS: &sip.TransportTLS{TransportTCP: &sip.TransportTCP{DialerCreate: blocked}},
		}))
	// Ours comes first, in the goroutine that read the message: sipgo starts one
	// for each message and so loses their order.
	s.transport.OnMessage(func(msg sip.Message) {
		s.own(msg)
		req, ok := msg.(*sip.Request)
		switch {
		case ok && req.Method == sip.ACK:
			ack(req)
		case ok && req.Method == sip.CANCEL:
			req.Method = cancelMethod
		case !ok:
			s.absorb(msg.(*sip.Response))
		}
	})
	s.transactions = sip.NewTransactionLayer(s.transport,
		sip.WithTransactionLayerLogger(quiet),
		sip.WithTransactionLayerUnhandledResponseHandler(func(*sip.Response) {}))
	s.transactions.OnRequest(func(req *sip.Request, tx *sip.ServerTx) {
		if req.Method == sip.ACK {
			tx.Terminate()
			return
		}
		request(req, tx)
	})
	return s
}

// start runs the listeners that yield our flows.
func (s *stack) start() {
	s.wg.Go(func() { _ = s.transport.ServeTCP(s.tcp) })
	s.wg.Go(func() { _ = s.transport.ServeTLS(s.tls) })
}

// close ends all transactions, then everything that serves.
func (s *stack) close() {
	s.transactions.Close()
	s.tcp.Close()
	s.tls.Close()
	s.wg.Wait() // our flows are closed: sipgo's readers have ended, or are about to
}

// add hands a flow to sipgo, and returns when requests can be sent on it.
func (s *stack) add(f *flow) error {
	var err error
	switch f.kind {
	case udp:
		s.remember(f)
		s.wg.Go(func() {
			_ = s.transport.ServeUDP(&packets{f})
			s.forget(f)
		})
	case tcp, overWS:
		err = s.tcp.give(&streamReader{stream: &stream{f}})
	case overTLS, overWSS:
		err = s.tls.give(&streamReader{stream: &stream{f}})
	}
	if err != nil {
		return err
	}
	select {
	case <-f.ready:
		return nil
	case <-f.done:
		return ErrNoFlow
	}
}

// replies is the connection that responses to requests of a UDP flow take. It
// stands in sipgo's pool in place of sipgo's own, which vanishes with the socket.
type replies struct{ f *flow }

// WriteMsg sends a response.
func (r *replies) WriteMsg(msg sip.Message) error {
	if r.f.closed() {
		return ErrNoFlow
	}
	to, err := netip.ParseAddrPort(msg.Destination())
	if err != nil {
		return ErrNoFlow
	}
	_, err = (&packets{r.f}).WriteTo([]byte(msg.String()), net.UDPAddrFromAddrPort(to))
	return err
}

// LocalAddr is made up.
func (r *replies) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(r.f.key()) }

// Ref and its like count nothing: the flow is ours to close.
func (r *replies) Ref(int) int { return 1 }

// TryClose does nothing.
func (r *replies) TryClose() (int, error) { return 1, nil }

// Close does nothing.
func (r *replies) Close() error { return nil }

func (s *stack) remember(f *flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.udp[f.peerKey().String()] = &replies{f}
}

// own puts our connection into sipgo's pool: sipgo has just put its own there,
// in the same goroutine, and does so once for each flow.
func (s *stack) own(msg sip.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.udp[msg.Source()]; r != nil {
		s.transport.Pool("udp").Add(msg.Source(), r)
	}
}

// forget drops the oldest of the flows that are gone.
func (s *stack) forget(f *flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = append(s.ended, f.peerKey().String())
	if len(s.ended) > maxEnded {
		delete(s.udp, s.ended[0])
		s.transport.Pool("udp").Delete(s.ended[0])
		s.ended = s.ended[1:]
	}
}

// request starts a client transaction on a flow. to is used on a socket without
// a fixed peer. Each response goes to each, in order; closed is called last.
func (s *stack) request(f *flow, req *sip.Request, to netip.AddrPort, each func(*sip.Response), closed func(error)) error {
	f.address(req, to)
	if req.Method == sip.INVITE {
		branch := dialog.Branch(req)
		s.invited(branch, &invitation{flow: f, req: req, to: to})
		forward := closed
		closed = func(err error) { s.invited(branch, nil); forward(err) }
	}
	ctx := context.Background() // nothing below blocks on it: the flow exists or not
	tx, err := s.transactions.NewClientTransaction(ctx, req)
	if err == nil {
		tx.OnRetransmission(each)
		if err = tx.Init(); err != nil {
			tx.Terminate()
		}
	}
	if err != nil {
		s.invited(dialog.Branch(req), nil)
		return wireError(err)
	}
	s.wg.Go(func() { closed(attend(f, tx, each)) })
	return nil
}

// attend hands on what comes for a request until its transaction ends, or the
// connection that it went over: sipgo's own option for that panics where the
// connection breaks between the two steps of starting a transaction.
func attend(f *flow, tx *sip.ClientTx, each func(*sip.Response)) error {
	broken := f.done
	if f.kind == udp {
		broken = nil // a datagram may still be answered, or goes out again
	}
	for {
		select {
		case res := <-tx.Responses():
			each(res)
		case <-tx.Done():
			return wireError(tx.Err())
		case <-broken:
			tx.Terminate()
			return ErrNoFlow
		}
	}
}

func (s *stack) invited(branch string, inv *invitation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if inv == nil {
		delete(s.invites, branch)
		return
	}
	s.invites[branch] = inv
}

// absorb keeps repeated refusals of our INVITEs from sipgo, and repeats the ACK
// at once (RFC 3261, Section 17.1.1.2): sipgo would do so after four seconds,
// holding the lock of the transaction all the while.
func (s *stack) absorb(res *sip.Response) {
	_, method, _ := dialog.Seq(res)
	branch := dialog.Branch(res)
	s.mu.Lock()
	inv := s.invites[branch]
	again := inv != nil && inv.refused
	if inv != nil && method == "INVITE" && res.StatusCode >= 300 {
		inv.refused = true
	}
	s.mu.Unlock()
	if !again || method != "INVITE" {
		return
	}
	res.Via().Params.Add("branch", sip.RFC3261BranchMagicCookie+"-absorbed") // that of no transaction
	if res.StatusCode >= 300 {
		_ = inv.ack(res)
	}
}

// ack sends the ACK for a refusal again. RFC 3261, Section 17.1.1.3: Request-URI,
// From, Call-ID, Route and Via are those of the INVITE, To that of the response.
func (inv *invitation) ack(res *sip.Response) error {
	number, _, _ := dialog.Seq(inv.req)
	via, _, _ := strings.Cut(dialog.Value(inv.req, "Via"), ";")
	req, err := dialog.Outgoing{
		Method: "ACK", URI: inv.req.Recipient.String(), Via: via,
		Branch: strings.TrimPrefix(dialog.Branch(inv.req), sip.RFC3261BranchMagicCookie),
		Routes: dialog.Values(inv.req, "Route"),
		From:   dialog.Value(inv.req, "From"), To: dialog.Value(res, "To"),
		CallID: dialog.CallID(inv.req), Seq: number, Contact: dialog.Value(inv.req, "Contact"),
	}.Build()
	if err != nil {
		return err
	}
	if inv.flow.kind != udp {
		_, err = (&stream{inv.flow}).Write([]byte(req.String()))
		return err
	}
	_, err = (&packets{inv.flow}).WriteTo([]byte(req.String()), net.UDPAddrFromAddrPort(inv.to))
	return err
}

// ack sends an ACK for a 2xx, outside of any transaction.
func (s *stack) ack(f *flow, req *sip.Request, to netip.AddrPort) error {
	f.address(req, to)
	return wireError(s.transport.WriteMsg(req))
}

// wireError says what sipgo's errors mean to us.
func wireError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sip.ErrUDPMTUCongestion):
		return ErrTooLarge
	case errors.Is(err, sip.ErrTransactionTimeout):
		return ErrNoResponse
	case errors.Is(err, sip.ErrTransactionTerminated), errors.Is(err, sip.ErrTransactionCanceled):
		return ErrNoResponse
	default:
		return ErrNoFlow
	}
}

// yield is a listener whose connections we made.
type yield struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newYield() *yield { return &yield{conns: make(chan net.Conn), done: make(chan struct{})} }

func (y *yield) give(c net.Conn) error {
	select {
	case y.conns <- c:
		return nil
	case <-y.done:
		return ErrClosed
	}
}

// Accept returns the next flow.
func (y *yield) Accept() (net.Conn, error) {
	select {
	case c := <-y.conns:
		return c, nil
	case <-y.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (y *yield) Close() error { y.once.Do(func() { close(y.done) }); return nil }

// Addr is made up.
func (y *yield) Addr() net.Addr { return net.TCPAddrFromAddrPort(netip.AddrPortFrom(flowHost, 1)) }

// setDestination notes where a message goes.
func setDestination(msg sip.Message, kind transport, to netip.AddrPort) {
	msg.SetTransport(kind.carried())
	msg.SetDestination(to.String())
}

// sourceOf is the real address that a message came from.
func sourceOf(msg sip.Message) netip.AddrPort { return dialog.Source(msg) }

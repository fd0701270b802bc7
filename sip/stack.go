package sip

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
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
}

// flowHost and peerHost are the two ends of a flow as sipgo knows them; the
// port is the flow's number.
var (
	flowHost = netip.AddrFrom4([4]byte{240, 0, 0, 1})
	peerHost = netip.AddrFrom4([4]byte{240, 0, 0, 2})
)

// cancelMethod stands in for CANCEL on its way through sipgo, which would
// answer CANCELs itself, with a tag and a shape of its own.
const cancelMethod sip.RequestMethod = "CANCEL*"

// Two settings of sipgo are variables of its package only.
func init() {
	// It logs whole messages: numbers and bodies have no place in logs.
	sip.SetDefaultLogger(slog.New(slog.DiscardHandler))
	// It refuses to send any larger message over UDP, responses too; the limit
	// for requests is ours (maxDatagram).
	sip.UDPMTUSize = 1 << 16
}

// maxDatagram bounds an INVITE over UDP. RFC 3261, Section 18.1.1: a request
// larger than 1300 bytes MUST be sent over a congestion controlled transport;
// in fragments it often does not arrive.
const maxDatagram = 1300

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
	s := &stack{tcp: newYield(), tls: newYield()}
	s.transport = sip.NewTransportLayer(resolver, newParser(), nil,
		sip.WithTransportLayerLogger(quiet),
		sip.WithTransportLayerTransports(sip.TransportsConfig{
			TCP: &sip.TransportTCP{DialerCreate: blocked},
			TLS: &sip.TransportTLS{TransportTCP: &sip.TransportTCP{DialerCreate: blocked}},
		}))
	// Ours comes first, in the goroutine that read the message: sipgo starts one
	// for each message and so loses their order.
	s.transport.OnMessage(func(msg sip.Message) {
		req, ok := msg.(*sip.Request)
		switch {
		case ok && req.Method == sip.ACK:
			ack(req)
		case ok && req.Method == sip.CANCEL:
			req.Method = cancelMethod
		}
	})
	s.transactions = sip.NewTransactionLayer(s.transport,
		sip.WithTransactionLayerLogger(quiet),
		sip.WithTransactionLayerTerminateOnConnClose(),
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
		s.wg.Go(func() { _ = s.transport.ServeUDP(&packets{f}) })
	case tcp:
		err = s.tcp.give(&streamReader{stream: &stream{f}})
	case overTLS:
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

// request starts a client transaction on a flow. to is used on a socket without
// a fixed peer. Each response goes to each, in order; closed is called last.
func (s *stack) request(f *flow, req *sip.Request, to netip.AddrPort, each func(*sip.Response), closed func(error)) error {
	if f.kind == udp && req.Method == sip.INVITE && len(req.String()) > maxDatagram {
		return ErrTooLarge
	}
	f.address(req, to)
	ctx := context.Background() // nothing below blocks on it: the flow exists or not
	tx, err := s.transactions.NewClientTransaction(ctx, req)
	if err != nil {
		return wireError(err)
	}
	tx.OnRetransmission(each)
	if err := tx.Init(); err != nil {
		tx.Terminate()
		return wireError(err)
	}
	s.wg.Go(func() {
		for {
			select {
			case res := <-tx.Responses():
				each(res)
			case <-tx.Done():
				closed(wireError(tx.Err()))
				return
			}
		}
	})
	return nil
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
	msg.SetTransport(kind.String())
	msg.SetDestination(to.String())
}

// sourceOf is the real address that a message came from.
func sourceOf(msg sip.Message) netip.AddrPort { return dialog.Source(msg) }

package sip

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"karat/internal/secret"
)

// Account is a user at a SIP provider.
type Account struct {
	AOR string // sip:alice@example.org
	// Registrar is sip:host:port;transport=tls; empty: the AOR's domain. Without a
	// transport it is TLS: who forges DNS answers must not choose a clear one.
	Registrar string
	AuthUser  string // empty: the AOR's user
	Password  secret.Bytes
	// Roots are trusted beside the system's when not nil (--ca).
	Roots *x509.CertPool
	// Certificate is ours, shown to a server that asks for one; nil: none.
	Certificate *tls.Certificate
	// Pin is by what key the server is known; nil: by authorities only.
	Pin *Pin
	// ContactUser forces the user part of Contact where a provider demands it;
	// empty: 16 random bytes, new with each registration.
	ContactUser string
	// WeakDigest answers challenges with MD5 or without qop outside of TLS, and
	// ones that ask for less than the registrar does.
	WeakDigest bool
	// Instance says which of the account's phones this is, by a number that is new
	// with each Agent, for providers that demand SIP outbound (RFC 5626) or give
	// phones addresses of their own (GRUU, RFC 5627).
	Instance bool
	// NoUDP: the account's way carries none, such as a SOCKS proxy.
	NoUDP bool
	// UserAgent is what requests say of the program, where a provider demands that;
	// empty: nothing.
	UserAgent string
}

// Manner is what sets a call of ours apart; the zero value: nothing.
type Manner struct {
	// Replaces is what a TransferAsked said: the call is to take the place of one
	// that the target has.
	Replaces string
	// Anonymous: the call does not say who calls, and asks the provider not to
	// (RFC 3323, RFC 3325).
	Anonymous bool
}

// Config is what an Agent is made of.
type Config struct {
	// Account may be nil: then only direct calls, sip:user@host:port.
	Account *Account
	// Listen says where direct calls are received: "udp:127.0.0.1:5060". Empty
	// with an account: only the flow to the registrar is open.
	Listen []string
	Logger *slog.Logger
	// Network opens sockets; nil: the machine's. Tests give an in-memory one.
	Network Network
}

// Network opens sockets.
type Network interface {
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
	Listen(ctx context.Context, network, address string) (net.Listener, error)
	Dial(ctx context.Context, network, address string) (net.Conn, error)
	// LocalFor is the local address that packets to that address leave from,
	// needed for c= lines.
	LocalFor(remote netip.Addr) (netip.Addr, error)
}

// Event is what an Agent tells its owner: Registered, RegistrationLost, Pinned,
// Reconnected, Incoming, MessagesWaiting, Message.
type Event interface{ event() }

// Registered: the registrar has accepted us, until Expires from now.
type Registered struct{ Expires time.Duration }

// RegistrationLost: it has not, or no longer; Why is a sentence. Retry is when
// the next attempt comes (0: none, the user must act).
type RegistrationLost struct {
	Why   error
	Retry time.Duration
}

// Pinned: the server is known by this key from now on. Vouched: an authority says
// that it is the provider's.
type Pinned struct {
	Key     []byte
	Vouched bool
}

// Reconnected: we are registered over another connection than before. Calls that
// are up should Change, so that their peers learn where we are.
type Reconnected struct{}

// Incoming is a call that came in. It has been answered 100, and is answered
// 180 after 200 ms whatever happens.
type Incoming struct{ Call *Call }

// MessagesWaiting is what the provider says about the user's mailbox. New and Old
// are numbers of voice messages, 0 where it does not say.
type MessagesWaiting struct {
	Waiting  bool
	New, Old int
}

// Message is a message in writing, outside of any call. From is the sender's word,
// and everybody on the way could read it.
type Message struct{ From, Body string }

func (Registered) event()       {}
func (MessagesWaiting) event()  {}
func (Message) event()          {}
func (RegistrationLost) event() {}
func (Pinned) event()           {}
func (Reconnected) event()      {}
func (Incoming) event()         {}

// CallEvent is what a Call tells its owner: Progress, Answered, Reoffered,
// Reanswered, Changed, TransferAsked, Transferring, Rejected, Text, Failed, Ended.
type CallEvent interface{ callEvent() }

// Progress is a provisional answer of one fork (18x). SDP is nil without one.
type Progress struct {
	Fork int // numbered from 1 in order of appearance (To-tag)
	Code int
	SDP  []byte
}

// Answered: the call is up. The ACK has been sent (or received).
type Answered struct {
	Fork int
	SDP  []byte // the peer's answer; for incoming calls nil, unless the offer was ours
}

// Reoffered: the peer sent a re-INVITE or UPDATE; without SDP it asks us to
// offer. Exactly one of Call.Accept and Call.Refuse must follow.
type Reoffered struct{ SDP []byte }

// Reanswered: the peer's answer to an offer that it had asked for.
type Reanswered struct{ SDP []byte }

// Changed is the outcome of Call.Change: the peer's answer, or why not.
type Changed struct {
	SDP []byte
	Err error
}

// TransferAsked: the peer asks us to call somebody else in place of it.
// Call.TransferProgress must follow. Replaces is for Manner.
type TransferAsked struct{ Target, Replaces string }

// Transferring is how far the peer has come whom we sent on (Call.Transfer).
// Code is the status of its new call, 0 if it does not say; Done: nothing
// follows.
type Transferring struct {
	Code int
	Done bool
}

// Rejected: the peer does not take a request of ours within the call.
type Rejected struct {
	Method string
	Code   int
}

// Text is a message in writing that came within the call. Everybody on the way
// could read it.
type Text struct{ Body string }

// Failed: an outgoing call was not answered. Code is the final SIP code (0: no
// answer came at all), Why a sentence.
type Failed struct {
	Code int
	Why  error
	// Contacts are the addresses that a redirection (3xx) names, the most wanted
	// first. Nothing was sent there.
	Contacts []string
}

// Ended: an established call, or an incoming one, is over. It is the last event.
type Ended struct {
	ByPeer bool
	Why    error // nil: a normal hang-up
}

func (Progress) callEvent()      {}
func (Answered) callEvent()      {}
func (Reoffered) callEvent()     {}
func (Reanswered) callEvent()    {}
func (Changed) callEvent()       {}
func (TransferAsked) callEvent() {}
func (Transferring) callEvent()  {}
func (Rejected) callEvent()      {}
func (Text) callEvent()          {}
func (Failed) callEvent()        {}
func (Ended) callEvent()         {}

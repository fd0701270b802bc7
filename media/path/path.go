// Package path owns the media socket: what arrives is classified by its first
// byte (RFC 7983) and handed on, and what leaves goes to the address of a fork.
//
// It knows nothing of SRTP or ZRTP. It moves a fork's address only when told
// that a packet from the new address proved genuine (Path.Authenticated), so
// nobody can draw the media to themselves by sending bytes. UDP is one socket
// and never sends STUN; ICE (RFC 8445) has a socket of its own and an address at
// a relay (TURN, RFC 8656), or, relay-only, nothing but the latter. RFC 4571
// framing is not here.
package path

import (
	"errors"
	"net/netip"
)

// Class is what a datagram on the media port is, by its first byte (RFC 7983,
// and RFC 5764, Section 5.1.2).
type Class uint8

// The classes.
const (
	Unknown Class = iota
	STUN          // 0..3
	ZRTP          // 16..19
	DTLS          // 20..63
	RTP           // 128..191, RTP and (with rtcp-mux) RTCP
)

// Fork names one early dialog, one peer that may turn out to be the one who
// answers. Forks are numbered by the call, from 1. 0 means not known.
type Fork int

// Handler hears each datagram on the path's own goroutine. b is valid until it
// returns. It must not block, and must not allocate for RTP. fork is the one
// whose address the datagram came from, 0 when no fork owns that address.
type Handler func(class Class, fork Fork, from netip.AddrPort, b []byte)

// Path is one way that media packets take: it alone owns the socket.
type Path interface {
	// Local is the address that an offer names.
	Local() netip.AddrPort
	// Remote adds or moves a fork: where to send, as its SDP says. Told the
	// same address again it changes nothing, so a re-INVITE that moves nobody
	// does not undo latching.
	Remote(fork Fork, to netip.AddrPort)
	// Send sends to the fork's present address. It does not keep b, never
	// blocks for long, and allocates nothing.
	Send(fork Fork, b []byte) error
	// Authenticated tells that a packet of this fork from that address proved
	// genuine (an SRTP tag, a ZRTP message of the signalled Hello): the path
	// sends there from now on (latching). Nothing else moves the address.
	Authenticated(fork Fork, from netip.AddrPort)
	// Select says which fork was answered; the others are forgotten.
	Select(fork Fork)
	// Receive starts delivery to h. It is called once.
	Receive(h Handler)
	// Close stops, and returns after the last call of the Handler. It must not
	// be called from the Handler.
	Close() error
}

// MaxDatagram bounds what is sent and received. The largest message of a call
// is a ZRTP one with an ML-KEM public value, about 1.4 kB; larger datagrams are
// dropped whole, never cut.
const MaxDatagram = 2048

// What Send may answer, beside errors of the socket.
var (
	ErrNoFork   = errors.New("path: this fork has no address to send to")
	ErrTooLarge = errors.New("path: the datagram is larger than any of a call")
	ErrClosed   = errors.New("path: closed")
)

// Classify tells what a datagram is by its first byte.
//
// RFC 7983, Section 7: 0..3 STUN, 16..19 ZRTP, 20..63 DTLS, 64..79 TURN
// channel, 128..191 RTP or RTCP. TURN channels end below a Path, so here they
// are Unknown like all the rest.
func Classify(b []byte) Class {
	if len(b) == 0 {
		return Unknown
	}
	switch c := b[0]; {
	case c <= 3:
		return STUN
	case c >= 16 && c <= 19:
		return ZRTP
	case c >= 20 && c <= 63:
		return DTLS
	case c >= 128 && c <= 191:
		return RTP
	}
	return Unknown
}

// String names the class.
func (c Class) String() string {
	switch c {
	case STUN:
		return "STUN"
	case ZRTP:
		return "ZRTP"
	case DTLS:
		return "DTLS"
	case RTP:
		return "RTP"
	case Unknown:
	}
	return "unknown"
}

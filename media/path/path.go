package path

import "net/netip"

// Class is what a datagram on the media port is, by its first byte (RFC 7983,
// and RFC 5764 Section 5.1.2).
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
	// Remote adds or moves a fork: where to send, as its SDP says.
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
	// Close stops, and returns after the last call of the Handler.
	Close() error
}

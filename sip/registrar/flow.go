package registrar

import "net/netip"

// listener is a socket that we serve.
type listener struct {
	transport string // UDP, TCP, TLS
	address   netip.AddrPort
}

func (l *listener) reliable() bool { return l.transport != "UDP" }

// flow is the way to one phone and back: whatever its Contact or Via say,
// packets for it go where its own come from (RFC 5626 does so with more words).
type flow struct {
	listener *listener
	stream   uint64 // which connection; 0: UDP
	remote   netip.AddrPort
}

// packet is something to send.
type packet struct {
	to    flow
	bytes []byte
}

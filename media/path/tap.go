package path

import "net/netip"

// Tap hears of every datagram that was received, and of every one that was
// handed to the network. b is valid during the call. It is called from several
// goroutines. peer is the other end; it is the zero value for a sent datagram
// when the Path below does not tell where its forks are.
type Tap func(sent bool, class Class, peer netip.AddrPort, b []byte)

// Tapped returns p with t listening in.
func Tapped(p Path, t Tap) Path { return &tapped{Path: p, tap: t} }

type tapped struct {
	Path
	tap Tap
}

// peerer is what a Path has that tells where its forks are (UDP does).
type peerer interface{ Peer(Fork) netip.AddrPort }

// Unwrap is the Path below.
func (t *tapped) Unwrap() Path { return t.Path }

func (t *tapped) Peer(fork Fork) netip.AddrPort {
	if p, ok := t.Path.(peerer); ok {
		return p.Peer(fork)
	}
	return netip.AddrPort{}
}

func (t *tapped) Send(fork Fork, b []byte) error {
	peer := t.Peer(fork) // before: the address may move while we send
	if err := t.Path.Send(fork, b); err != nil {
		return err
	}
	t.tap(true, Classify(b), peer, b)
	return nil
}

func (t *tapped) Receive(h Handler) {
	t.Path.Receive(func(class Class, fork Fork, from netip.AddrPort, b []byte) {
		t.tap(false, class, from, b)
		h(class, fork, from, b)
	})
}

// Package pathtest is the suite that every path.Path has to pass.
package pathtest

import (
	"bytes"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"karat/media/path"
)

// Run tests a kind of Path. open returns a new one on a network where all that
// it opened reach each other at their Local addresses; Run closes it. The
// suite waits in real or in a bubble's time.
func Run(t *testing.T, open func(t *testing.T) path.Path) {
	t.Run("Delivers", func(t *testing.T) { delivers(t, open) })
	t.Run("Classifies", func(t *testing.T) { classifies(t, open) })
	t.Run("LatchesOnlyWhenTold", func(t *testing.T) { latches(t, open) })
	t.Run("KeepsLatchingAtTheSameRemote", func(t *testing.T) { keeps(t, open) })
	t.Run("Selects", func(t *testing.T) { selects(t, open) })
	t.Run("Refuses", func(t *testing.T) { refuses(t, open) })
	t.Run("ForkTableIsBounded", func(t *testing.T) { bounded(t, open) })
	t.Run("Closes", func(t *testing.T) { closes(t, open) })
}

// RunAllocations tests that Send allocates nothing, for paths over real
// sockets.
func RunAllocations(t *testing.T, open func(t *testing.T) path.Path) { allocates(t, open) }

// timeout is more than any local network takes.
const timeout = 5 * time.Second

// quiet is how long nothing must come where nothing may come.
const quiet = 50 * time.Millisecond

// node is a path and what it received.
type node struct {
	path.Path
	t   *testing.T
	got chan datagram
}

type datagram struct {
	class path.Class
	fork  path.Fork
	from  netip.AddrPort
	b     []byte
}

func newNode(t *testing.T, open func(t *testing.T) path.Path) *node {
	t.Helper()
	n := &node{Path: open(t), t: t, got: make(chan datagram, 1000)}
	n.Receive(func(class path.Class, fork path.Fork, from netip.AddrPort, b []byte) {
		n.got <- datagram{class, fork, from, bytes.Clone(b)}
	})
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return n
}

func (n *node) send(fork path.Fork, text string) {
	n.t.Helper()
	b := []byte(text)
	if err := n.Send(fork, b); err != nil {
		n.t.Errorf("Send(%d): %v", fork, err)
	}
	clear(b) // Send must not keep it
}

// want is the next datagram, with this text from there, by that fork.
func (n *node) want(text string, from *node, fork path.Fork) {
	n.t.Helper()
	select {
	case d := <-n.got:
		if string(d.b) != text || d.from != from.Local() || d.fork != fork {
			n.t.Errorf("received %q from %v, fork %d; want %q from %v, fork %d", d.b, d.from, d.fork, text, from.Local(), fork)
		}
	case <-time.After(timeout):
		n.t.Errorf("nothing received, want %q", text)
	}
}

func (n *node) wantNothing() {
	n.t.Helper()
	select {
	case d := <-n.got:
		n.t.Errorf("received %q from %v, want nothing", d.b, d.from)
	case <-time.After(quiet):
	}
}

func delivers(t *testing.T, open func(*testing.T) path.Path) {
	a, b, c := newNode(t, open), newNode(t, open), newNode(t, open)
	a.Remote(1, b.Local())
	a.Remote(2, c.Local())
	b.Remote(7, a.Local())
	a.send(1, "to b")
	a.send(2, "to c")
	b.want("to b", a, 7)
	c.want("to c", a, 0)
	b.send(7, "back")
	a.want("back", b, 1)
	largest := string(bytes.Repeat([]byte{0x80}, path.MaxDatagram))
	a.send(1, largest)
	b.want(largest, a, 7)
	a.send(1, "")
	b.want("", a, 7)
}

func classifies(t *testing.T, open func(*testing.T) path.Path) {
	a, b := newNode(t, open), newNode(t, open)
	a.Remote(1, b.Local())
	for first, want := range map[byte]path.Class{0: path.STUN, 16: path.ZRTP, 22: path.DTLS, 128: path.RTP, 200: path.Unknown} {
		a.send(1, string([]byte{first, 1, 2, 3}))
		select {
		case d := <-b.got:
			if d.class != want {
				t.Errorf("first byte %d: class %v, want %v", first, d.class, want)
			}
		case <-time.After(timeout):
			t.Fatalf("first byte %d: nothing received", first)
		}
	}
}

func latches(t *testing.T, open func(*testing.T) path.Path) {
	a, b, moved := newNode(t, open), newNode(t, open), newNode(t, open)
	a.Remote(1, b.Local())
	moved.Remote(1, a.Local())
	moved.send(1, "I am b, believe me")
	a.want("I am b, believe me", moved, 0)
	a.send(1, "to b")
	b.want("to b", a, 0)
	moved.wantNothing()

	a.Authenticated(1, moved.Local())
	a.send(1, "to b's new address")
	moved.want("to b's new address", a, 1)
	b.wantNothing()
	moved.send(1, "hello")
	a.want("hello", moved, 1)

	a.Authenticated(5, b.Local()) // a fork that does not exist
	a.Authenticated(1, netip.AddrPort{})
	a.send(1, "still there")
	moved.want("still there", a, 1)
}

func keeps(t *testing.T, open func(*testing.T) path.Path) {
	a, b, moved := newNode(t, open), newNode(t, open), newNode(t, open)
	a.Remote(1, b.Local())
	a.Authenticated(1, moved.Local())
	a.Remote(1, b.Local()) // a re-INVITE that moves nobody
	a.send(1, "latched")
	moved.want("latched", a, 0)
	a.Remote(1, moved.Local())
	a.Remote(1, b.Local()) // and one that does
	a.send(1, "moved")
	b.want("moved", a, 0)
}

func selects(t *testing.T, open func(*testing.T) path.Path) {
	a, b, c := newNode(t, open), newNode(t, open), newNode(t, open)
	a.Remote(1, b.Local())
	a.Remote(2, c.Local())
	a.Select(2)
	if err := a.Send(1, []byte("x")); !errors.Is(err, path.ErrNoFork) {
		t.Errorf("Send to a fork that was not answered: %v, want ErrNoFork", err)
	}
	a.send(2, "to c")
	c.want("to c", a, 0)
	a.Remote(1, b.Local()) // a late answer does not bring it back
	a.Select(1)
	if err := a.Send(1, []byte("x")); !errors.Is(err, path.ErrNoFork) {
		t.Errorf("Send to a fork that came back: %v, want ErrNoFork", err)
	}
	b.wantNothing()
	a.Remote(2, b.Local())
	a.send(2, "moved")
	b.want("moved", a, 0)
}

func refuses(t *testing.T, open func(*testing.T) path.Path) {
	a, b := newNode(t, open), newNode(t, open)
	if err := a.Send(1, []byte("x")); !errors.Is(err, path.ErrNoFork) {
		t.Errorf("Send without a Remote: %v, want ErrNoFork", err)
	}
	a.Remote(0, b.Local())
	if err := a.Send(0, []byte("x")); !errors.Is(err, path.ErrNoFork) {
		t.Errorf("Send to fork 0: %v, want ErrNoFork", err)
	}
	a.Remote(1, b.Local())
	if err := a.Send(1, make([]byte, path.MaxDatagram+1)); !errors.Is(err, path.ErrTooLarge) {
		t.Errorf("Send of too much: %v, want ErrTooLarge", err)
	}
	b.wantNothing()
}

func bounded(t *testing.T, open func(*testing.T) path.Path) {
	a, b := newNode(t, open), newNode(t, open)
	for fork := range path.Fork(1000) {
		a.Remote(fork, b.Local())
	}
	a.send(1, "the first still counts")
	b.want("the first still counts", a, 0)
}

func closes(t *testing.T, open func(*testing.T) path.Path) {
	a, b := open(t), newNode(t, open)
	b.Remote(1, a.Local())
	a.Remote(1, b.Local())
	var mu sync.Mutex // guards closed
	var closed bool
	heard := make(chan struct{}, 1)
	a.Receive(func(path.Class, path.Fork, netip.AddrPort, []byte) {
		mu.Lock()
		defer mu.Unlock()
		if closed {
			t.Error("the Handler was called after Close had returned")
		}
		select {
		case heard <- struct{}{}:
		default:
		}
	})
	b.send(1, "one")
	select {
	case <-heard:
	case <-time.After(timeout):
		t.Error("nothing received")
	}
	for range 100 {
		b.send(1, "more")
	}
	if err := a.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	mu.Lock()
	closed = true
	mu.Unlock()
	if err := a.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if err := a.Send(1, []byte("x")); err == nil {
		t.Error("Send after Close did not fail")
	}
	never := open(t)
	if err := never.Close(); err != nil {
		t.Errorf("Close without Receive: %v", err)
	}
}

func allocates(t *testing.T, open func(*testing.T) path.Path) {
	a, b := newNode(t, open), open(t)
	t.Cleanup(func() { b.Close() })
	a.Remote(1, b.Local())
	packet := bytes.Repeat([]byte{0x80}, 82)
	n := testing.AllocsPerRun(100, func() {
		if err := a.Send(1, packet); err != nil {
			t.Error(err)
		}
	})
	if n > 0 {
		t.Errorf("Send allocates %v times", n)
	}
}

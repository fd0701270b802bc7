package dtlssrtp

import (
	"net"
	"os"
	"sync"
	"time"
)

// datagrams is the media path as pion/dtls wants it: a socket with one peer.
type datagrams struct {
	send   func([]byte) error
	in     <-chan []byte
	closed chan struct{}
	once   sync.Once

	mu      sync.Mutex // guards: read, changed
	read    time.Time  // deadline
	changed chan struct{}
}

func newDatagrams(send func([]byte) error, in <-chan []byte) *datagrams {
	return &datagrams{send: send, in: in, closed: make(chan struct{}), changed: make(chan struct{})}
}

// peer is an address that says nothing: the path knows where to send.
type peer struct{}

func (peer) Network() string { return "media" }
func (peer) String() string  { return "peer" }

// RemoteAddr stands for the peer.
func (*datagrams) RemoteAddr() net.Addr { return peer{} }

// LocalAddr stands for us.
func (*datagrams) LocalAddr() net.Addr { return peer{} }

// ReadFrom returns the next datagram.
func (d *datagrams) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		d.mu.Lock()
		deadline, changed := d.read, d.changed
		d.mu.Unlock()
		var late <-chan time.Time
		if !deadline.IsZero() {
			timer := time.NewTimer(time.Until(deadline))
			defer timer.Stop()
			late = timer.C
		}
		select {
		case p := <-d.in:
			return copy(b, p), peer{}, nil
		case <-late:
			return 0, nil, os.ErrDeadlineExceeded
		case <-changed:
		case <-d.closed:
			return 0, nil, net.ErrClosed
		}
	}
}

// WriteTo sends a datagram. One that the path refuses is sent again, as if the
// network had lost it.
func (d *datagrams) WriteTo(b []byte, _ net.Addr) (int, error) {
	select {
	case <-d.closed:
		return 0, net.ErrClosed
	default:
	}
	_ = d.send(b)
	return len(b), nil
}

// Close ends reading and writing.
func (d *datagrams) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

// SetReadDeadline bounds reading, also one that waits already.
func (d *datagrams) SetReadDeadline(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.read = t
	close(d.changed)
	d.changed = make(chan struct{})
	return nil
}

// SetDeadline is SetReadDeadline: writing waits for nothing.
func (d *datagrams) SetDeadline(t time.Time) error { return d.SetReadDeadline(t) }

// SetWriteDeadline does nothing.
func (d *datagrams) SetWriteDeadline(time.Time) error { return nil }

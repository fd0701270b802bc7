package hostile

import (
	"bytes"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Server plays one script.
type Server struct {
	Script Script
	// Local is its address, as it stands in what it writes.
	Local string
	// Requests counts what the phone sent.
	Requests atomic.Int64
}

// maxDatagram is what UDP carries. A message that is longer is sent cut.
const maxDatagram = 65_000

// Serve plays to whom a socket hears from, and first to peer, until it is closed.
func (v *Server) Serve(conn net.PacketConn, peer net.Addr) {
	s := v.session()
	s.send = func(b []byte) { _, _ = conn.WriteTo(b[:min(len(b), maxDatagram)], peer) }
	if peer != nil {
		s.peer = peer.String()
		v.begin(s)
	}
	buffer := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		peer = from
		v.take(s, buffer[:n])
	}
}

// ServeStream plays to each who connects, one after the other, until the listener is
// closed.
func (v *Server) ServeStream(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		v.connection(conn)
		_ = conn.Close()
	}
}

func (v *Server) connection(conn net.Conn) {
	s := v.session()
	s.send = func(b []byte) {
		if b == nil {
			_ = conn.Close()
			return
		}
		_, _ = conn.Write(b)
	}
	var pending []byte
	buffer := make([]byte, 1<<16)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		pending = append(pending, buffer[:n]...)
		for {
			message, rest, ok := cutMessage(pending)
			if !ok {
				break
			}
			pending = rest
			v.take(s, message)
		}
	}
}

// cutMessage takes the first whole message of the phone from a stream.
func cutMessage(b []byte) (message, rest []byte, ok bool) {
	b = bytes.TrimLeft(b, "\r\n")
	head, _, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok {
		return nil, b, false
	}
	length := 0
	for line := range strings.SplitSeq(string(head), "\r\n") {
		if value, is := strings.CutPrefix(line, "Content-Length:"); is {
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		}
	}
	end := len(head) + 4 + length
	if len(b) < end {
		return nil, b, false
	}
	return b[:end], b[end:], true
}

func (v *Server) session() *session {
	return &session{sleep: time.Sleep, local: v.Local, seen: map[string]int{}}
}

func (v *Server) begin(s *session) {
	if v.Script.begin != nil {
		v.Script.begin(s)
	}
}

// take reacts to a request of the phone. What is an answer gets none.
func (v *Server) take(s *session, b []byte) {
	r, ok := parse(b)
	if !ok {
		return
	}
	v.Requests.Add(1)
	s.seen[r.method]++
	if r.method == "INVITE" && !strings.Contains(r.get("To"), "tag=") {
		s.invite = r
	}
	v.Script.react(s, r)
}

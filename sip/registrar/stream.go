package registrar

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// lineSize is the longest line that is read from a stream.
const lineSize = 16 << 10

// stream is a connection with a phone.
type stream struct {
	conn net.Conn
	raw  net.Conn // below TLS, whose Close may wait for the peer
	out  chan []byte
}

// send never blocks: a phone that does not read is cut off.
func (st *stream) send(b []byte) {
	select {
	case st.out <- b:
	default:
		st.raw.Close()
	}
}

func (s *Server) serveStreams(transport string, nl net.Listener, config *tls.Config) error {
	if !s.hold(nl) {
		return nil
	}
	defer s.release(nl)
	l, err := s.listen(transport, nl.Addr(), nil)
	if err != nil {
		return err
	}
	for {
		conn, err := nl.Accept()
		if err != nil {
			return s.unlessClosed(err)
		}
		s.accept(l, conn, config)
	}
}

// accept starts the goroutines of a connection, unless the server is closed.
func (s *Server) accept(l *listener, conn net.Conn, config *tls.Config) {
	if !s.hold(conn) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.nextID++
	f := flow{listener: l, stream: s.nextID}
	s.wg.Go(func() {
		defer s.release(conn)
		s.serveStream(f, conn, config)
	})
}

func (s *Server) serveStream(f flow, conn net.Conn, config *tls.Config) {
	remote, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return
	}
	f.remote = remote
	raw := conn
	if config != nil {
		conn = tls.Server(conn, config)
		_ = raw.SetDeadline(time.Now().Add(handshakeTime)) // it fails on a closed connection, as the handshake does
		if err := conn.(*tls.Conn).Handshake(); err != nil {
			s.cfg.Logger.Info("registrar: a TLS handshake failed", "error", err)
			return
		}
		_ = raw.SetDeadline(time.Time{})
	}
	st := &stream{conn: conn, raw: raw, out: make(chan []byte, streamQueue)}
	ended := make(chan struct{})
	s.wg.Go(func() { st.write(ended) })
	s.do(func(time.Time) { s.streams[f] = st })
	s.readStream(f, st)
	close(ended)
	s.do(func(time.Time) {
		delete(s.streams, f)
		s.core.closed(f)
	})
}

// write sends what is queued until the connection has ended.
func (st *stream) write(ended chan struct{}) {
	for {
		select {
		case b := <-st.out:
			if _, err := st.conn.Write(b); err != nil {
				st.raw.Close()
				return
			}
		case <-ended:
			return
		}
	}
}

func (s *Server) readStream(f flow, st *stream) {
	r := bufio.NewReaderSize(st.conn, lineSize)
	for {
		text, err := readMessage(r, func() { st.send([]byte("\r\n")) })
		if err != nil {
			return
		}
		if !s.do(func(now time.Time) { s.core.receive(now, f, text) }) {
			return
		}
	}
}

// readMessage reads one message, by its Content-Length (RFC 3261, Section
// 18.3). A double CRLF before it is a ping (RFC 5626, Section 3.5.1).
func readMessage(r *bufio.Reader, pong func()) ([]byte, error) {
	if err := skipPings(r, pong); err != nil {
		return nil, err
	}
	var text []byte
	length := 0
	for !bytes.HasSuffix(text, []byte("\r\n\r\n")) {
		line, err := r.ReadSlice('\n') // at most lineSize
		if err != nil {
			return nil, err
		}
		if text = append(text, line...); len(text) > maxMessage {
			return nil, errMessage
		}
		if n, ok := contentLength(string(line)); ok {
			length = n
		}
	}
	if length > maxMessage-len(text) {
		return nil, errMessage
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	return append(text, body...), nil
}

// skipPings passes over empty lines and answers every second in a row.
func skipPings(r *bufio.Reader, pong func()) error {
	for lines := 0; ; {
		b, err := r.Peek(1)
		if err != nil {
			return err
		}
		if b[0] != '\r' && b[0] != '\n' {
			return nil
		}
		newline := b[0] == '\n'
		if _, err := r.Discard(1); err != nil {
			return err
		}
		if !newline {
			continue
		}
		if lines++; lines%2 == 0 {
			pong()
		}
	}
}

func contentLength(line string) (int, bool) {
	name, value, found := strings.Cut(line, ":")
	name = strings.ToLower(strings.TrimSpace(name))
	if !found || name != "content-length" && name != "l" {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16)
	return int(n), err == nil
}

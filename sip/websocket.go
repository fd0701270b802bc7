package sip

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// SIP over WebSocket (RFC 7118): a message of the one is a message of the other.
//
// sipgo's own WebSocket transport is not used: it would dial by itself, or answer as
// a server would. To sipgo such a flow is one over TCP or TLS; what it is differs in
// Via and Contact, which are ours.

const (
	// subprotocol is what both ends say that they speak (RFC 7118, Section 4.1).
	subprotocol = "sip"
	// closeTime is how long a connection that is being closed may take to accept that
	// we say so.
	closeTime = time.Second
	// maxUpgrade bounds a server's answer to the request for a WebSocket; real ones take
	// half a KiB.
	maxUpgrade = 16 << 10
	// webHostLength of a random host is as long as those of browsers' phones.
	webHostLength = 12
)

var errWebSocket = errors.New("it does not open a WebSocket for SIP; the path in its address may be wrong")

// webHost is a host that names us where there is no address to name.
//
// RFC 7118, Section 8.1: "a random ".invalid" domain name for the Via header
// "sent-by" parameter and for the hostport of the URI in the Contact header".
func webHost() string { return newID()[:webHostLength] + ".invalid" }

// parseWeb reads ws://host:port/path, or wss.
func parseWeb(s string) (hop, error) {
	u, err := url.Parse(s)
	if err != nil || !printable(s) || strings.ContainsAny(s, " \t<>\"") {
		return hop{}, fmt.Errorf("%w: it is no URL", ErrAddress)
	}
	h := hop{host: u.Hostname(), said: true, ported: true, web: s}
	switch u.Scheme {
	case "ws":
		h.kind = overWS
	case "wss":
		h.kind = overWSS
	default:
		return hop{}, fmt.Errorf("%w: %q is not supported", ErrAddress, u.Scheme)
	}
	h.port = h.kind.defaultPort()
	if u.Port() != "" {
		port, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil || port == 0 {
			return hop{}, fmt.Errorf("%w: its port is no number up to 65535", ErrAddress)
		}
		h.port = uint16(port)
	}
	if h.host == "" || u.User != nil || u.Fragment != "" {
		return hop{}, fmt.Errorf("%w: a WebSocket is named like wss://host/path", ErrAddress)
	}
	return h, nil
}

// webURL is where a WebSocket is asked for: as it was named, else at the root.
func (h hop) webURL() string {
	if h.web != "" || !h.kind.web() {
		return h.web
	}
	u := url.URL{Scheme: h.kind.param(), Host: h.host, Path: "/"}
	if h.port != h.kind.defaultPort() || strings.Contains(h.host, ":") {
		u.Host = h.String()
	}
	return u.String()
}

// at is the URL of a WebSocket at a server that was found for a hop: what is asked for
// there is what was named, whatever the server is called.
func (h hop) at(kind transport, port uint16) string {
	return hop{kind: kind, host: h.host, port: port}.webURL()
}

// webSocket is a connection with a WebSocket on it. One goroutine reads.
type webSocket struct {
	net.Conn // TCP or TLS
	reader   wsutil.Reader
	// heard is told of each frame that says nothing of SIP, and whether it is a pong.
	heard func(pong bool)
}

// upgrade asks for a WebSocket over a connection. Nothing in the request tells of the
// program: no Origin, which is for pages of browsers (RFC 6455, Section 4.1), no
// User-Agent, no cookies. No redirection is followed.
func upgrade(ctx context.Context, conn net.Conn, web string) (net.Conn, error) {
	u, err := url.Parse(web)
	if err != nil {
		return nil, ErrAddress
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	// gobwas/ws reads lines however long, and as many as there are.
	bounded := struct {
		io.Reader
		io.Writer
	}{io.LimitReader(conn, maxUpgrade), conn}
	ahead, shaken, err := ws.Dialer{Protocols: []string{subprotocol}}.Upgrade(bounded, u)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	var status ws.StatusError
	switch {
	case err == nil && shaken.Protocol == subprotocol:
	case ctx.Err() != nil:
		return nil, unreachable(ctx.Err())
	case errors.As(err, &status):
		return nil, fmt.Errorf("%w: it answers %d to the request for a WebSocket; the path in its address may be wrong", ErrUnreachable, int(status))
	default:
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, errWebSocket)
	}
	if ahead != nil { // what came right behind the answer
		return newWebSocket(conn, io.MultiReader(ahead, conn)), nil
	}
	return newWebSocket(conn, conn), nil
}

func newWebSocket(conn net.Conn, from io.Reader) *webSocket {
	w := &webSocket{Conn: conn, heard: func(bool) {}}
	w.reader = wsutil.Reader{Source: from, State: ws.StateClientSide, MaxFrameSize: maxMessage, OnIntermediate: w.control}
	return w
}

// next reads one message, and answers what comes between.
func (w *webSocket) next() ([]byte, error) {
	for {
		h, err := w.reader.NextFrame()
		if err != nil {
			return nil, fmt.Errorf("sip: read a frame: %w", err)
		}
		if h.OpCode.IsControl() {
			if err := w.control(h, &w.reader); err != nil {
				return nil, err
			}
			continue
		}
		// RFC 7118, Section 4.2: both text and binary frames must be accepted.
		b, err := io.ReadAll(io.LimitReader(&w.reader, maxMessage+1))
		switch {
		case err != nil:
			return nil, fmt.Errorf("sip: read a frame: %w", err)
		case len(b) > maxMessage:
			return nil, fmt.Errorf("%w: larger than %d bytes", errMessage, maxMessage)
		}
		return b, nil
	}
}

// control answers a ping with a pong, and a close with one (RFC 6455, Section 5.5).
func (w *webSocket) control(h ws.Header, payload io.Reader) error {
	b, err := io.ReadAll(payload) // 125 bytes at most, which the reader has checked
	if err != nil {
		return fmt.Errorf("sip: read a frame: %w", err)
	}
	w.heard(h.OpCode == ws.OpPong)
	if h.OpCode == ws.OpPing {
		return w.frame(ws.NewPongFrame(b))
	}
	if h.OpCode == ws.OpClose {
		return io.EOF // Close says so, too
	}
	return nil
}

// frame sends one, in one piece. RFC 6455, Section 5.3: a client's are masked.
func (w *webSocket) frame(f ws.Frame) error {
	b, err := ws.CompileFrame(ws.MaskFrameInPlace(f))
	if err == nil {
		_, err = w.Conn.Write(b)
	}
	if err != nil {
		return fmt.Errorf("sip: write a frame: %w", err)
	}
	return nil
}

// Write sends one message.
func (w *webSocket) Write(b []byte) (int, error) {
	f := ws.NewTextFrame(bytes.Clone(b))
	if !utf8.Valid(b) {
		f = ws.NewBinaryFrame(bytes.Clone(b)) // RFC 7118, Section 4.2
	}
	if err := w.frame(f); err != nil {
		return 0, err
	}
	return len(b), nil
}

// ping asks whether the other end is there (RFC 7118, Section 6).
func (w *webSocket) ping() error { return w.frame(ws.NewPingFrame(nil)) }

// Close says that it closes, and does.
func (w *webSocket) Close() error {
	_ = w.SetWriteDeadline(time.Now().Add(closeTime))
	_ = w.frame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))
	return w.Conn.Close()
}

// webMessage reads one message of a WebSocket. Line ends alone are a keep-alive there
// as well.
func (r *streamReader) webMessage() ([]byte, error) {
	for {
		b, err := r.web.next()
		if err != nil {
			return nil, err
		}
		r.buf = b
		r.pongs()
		b, r.buf = r.buf, nil
		if len(b) > 0 {
			r.came.Add(1)
			return b, nil
		}
		r.bucket.wait(r.done)
	}
}

// onWeb makes a flow hear of the frames of its WebSocket. A server that sends nothing
// but those is slowed down like any other.
func (f *flow) onWeb(w *webSocket) {
	f.web = w
	w.heard = func(pong bool) {
		f.came.Add(1)
		if pong {
			f.ponged()
		}
		f.bucket.wait(f.done)
	}
}

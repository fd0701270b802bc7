package sip

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"karat/internal/secret"
	"karat/internal/simnet"
	"karat/sip/dialog"
	"karat/sip/locate"
)

// webEnd is the server's end of a WebSocket, as a stream of the messages in it.
type webEnd struct {
	net.Conn
	r    *wsutil.Reader
	rest []byte

	mu     sync.Mutex  // guards what follows
	kinds  []ws.OpCode // of the frames that came
	silent bool        // answers no ping
}

// came gives the kinds of the frames that came since it was called last.
func (w *webEnd) came() []ws.OpCode {
	w.mu.Lock()
	defer w.mu.Unlock()
	kinds := w.kinds
	w.kinds = nil
	return kinds
}

// mute has it answer no ping any more.
func (w *webEnd) mute() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent = true
}

// note notes a frame, and tells whether pings are answered.
func (w *webEnd) note(kind ws.OpCode) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kinds = append(w.kinds, kind)
	return !w.silent
}

func newWebEnd(conn net.Conn) *webEnd {
	return &webEnd{Conn: conn, r: wsutil.NewServerSideReader(conn)}
}

// Read reads on in the messages.
func (w *webEnd) Read(b []byte) (int, error) {
	for len(w.rest) == 0 {
		h, err := w.r.NextFrame()
		if err != nil {
			return 0, err
		}
		answers := w.note(h.OpCode)
		payload, err := io.ReadAll(w.r)
		switch {
		case err != nil:
			return 0, err
		case h.OpCode == ws.OpPing && answers:
			_, err = w.Conn.Write(ws.MustCompileFrame(ws.NewPongFrame(payload)))
		case h.OpCode == ws.OpClose:
			return 0, io.EOF
		case h.OpCode.IsData():
			w.rest = payload
		}
		if err != nil {
			return 0, err
		}
	}
	n := copy(b, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

// Write sends one message.
func (w *webEnd) Write(b []byte) (int, error) {
	w.send(ws.NewTextFrame(b))
	return len(b), nil
}

// send sends frames as they are.
func (w *webEnd) send(frames ...ws.Frame) {
	for _, f := range frames {
		_, _ = w.Conn.Write(ws.MustCompileFrame(f))
	}
}

// upgraded answers the request for a WebSocket.
func upgraded(t *testing.T, conn net.Conn) *webEnd {
	t.Helper()
	shaken, err := ws.Upgrader{Protocol: func(p []byte) bool { return string(p) == "sip" }}.Upgrade(conn)
	if err != nil || shaken.Protocol != "sip" {
		t.Fatalf("the request for a WebSocket: %q, %v", shaken.Protocol, err)
	}
	return newWebEnd(conn)
}

// overWeb runs a test with an account that is registered over a WebSocket.
func overWeb(t *testing.T, f func(t *testing.T, l lines, a *Agent, w *wire, end *webEnd)) {
	t.Helper()
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		ln, err := ph.Listen(t.Context(), "tcp", "10.0.0.1:80")
		if err != nil {
			t.Fatal(err)
		}
		a := accountAgent(t, us, func(acc *Account) { acc.Registrar = "ws://10.0.0.1/sip" })
		l := lines{t, ln}
		w := l.accept()
		end := upgraded(t, w.conn)
		w.conn = end
		w.register()
		wantRegistered(t, a)
		f(t, l, a, w, end)
	})
}

// What is asked for and what registers, over TLS. RFC 7118, Sections 4.1 and 5: the
// subprotocol is sip; Via says WSS, Contact ws, and both name a host that is none.
func TestItem12_RegistersOverWSS(t *testing.T) {
	onWSS(t, named("sip.example.net"), func(t *testing.T, l lines, phone func(func(*Account)) *Agent) {
		a := phone(func(acc *Account) { acc.Registrar = "wss://sip.example.net:8443/ws/sip?v=1" })
		w := l.accept()
		asked, err := http.ReadRequest(bufio.NewReader(w.conn))
		if err != nil {
			t.Fatal(err)
		}
		if asked.Method != "GET" || asked.RequestURI != "/ws/sip?v=1" || asked.Host != "sip.example.net:8443" {
			t.Errorf("asked by %s for %s of %s", asked.Method, asked.RequestURI, asked.Host)
		}
		key := asked.Header.Get("Sec-WebSocket-Key")
		asked.Header.Del("Sec-WebSocket-Key")
		want := http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Protocol": {"sip"}}
		if fmt.Sprint(asked.Header) != fmt.Sprint(want) {
			t.Errorf("the request says %v and no less or more than %v was wanted", asked.Header, want)
		}
		w.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Accept: " + acceptOf(key) + "\r\n\r\n")
		end := newWebEnd(w.conn)
		w.conn = end
		m := w.request("REGISTER")
		if via := dialog.Value(m, "Via"); !regexp.MustCompile(`^SIP/2.0/WSS [0-9a-f]{12}\.invalid;`).MatchString(via) {
			t.Errorf("Via: %s", via)
		}
		contact := dialog.Value(m, "Contact")
		if !regexp.MustCompile(`^<sip:[0-9a-f]{32}@[0-9a-f]{12}\.invalid;transport=ws>$`).MatchString(contact) {
			t.Errorf("Contact: %s", contact)
		}
		w.respond(m, "SIP/2.0 200 OK", "r", "Contact: "+contact+";expires=600")
		if e := wantRegistered(t, a); e.Expires != 10*time.Minute {
			t.Errorf("registered for %v", e.Expires)
		}
		if !a.Secure() {
			t.Error("a WebSocket over TLS does not count as secure")
		}
	})
}

// acceptOf is the answer to a key (RFC 6455, Section 4.2.2), written out here so that
// the library does not agree with itself.
func acceptOf(key string) string { return sha1Base64(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11") }

// The certificate is to be for the host that the user named, as on the web (RFC 7118,
// Section 9.1): wildcards count, the account's domain and the SIP names do not.
func TestItem12_Certificates(t *testing.T) {
	for _, tc := range []struct {
		name string
		cert func(*x509.Certificate)
		want error
	}{
		{"the host", named("sip.example.net"), nil},
		{"a wildcard", named("*.example.net"), nil},
		{"the account's domain", named("example.org"), ErrCertificate},
		{"another host", named("www.example.net"), ErrCertificate},
	} {
		onWSS(t, tc.cert, func(t *testing.T, l lines, phone func(func(*Account)) *Agent) {
			var w *wire
			done := make(chan struct{})
			go func() {
				defer close(done)
				conn, err := l.ln.Accept()
				if err != nil || conn.(*tls.Conn).HandshakeContext(t.Context()) != nil {
					return
				}
				w = &wire{t: t, conn: upgraded(t, conn)}
			}()
			a := phone(func(acc *Account) { acc.Registrar = "wss://sip.example.net:8443" })
			<-done
			if tc.want == nil {
				w.register()
				wantRegistered(t, a)
				return
			}
			if lost := wantLost(t, a); !errors.Is(lost.Why, tc.want) {
				t.Errorf("%s: %v", tc.name, lost.Why)
			}
			if w != nil {
				t.Errorf("%s: a WebSocket was asked for", tc.name)
			}
		})
	}
}

// A pin and a certificate of our own are for WebSockets, too.
func TestItem12_PinAndClientCertificate(t *testing.T) {
	onWSS(t, named("sip.example.net"), func(t *testing.T, l lines, phone func(func(*Account)) *Agent) {
		own := newAuthority(t).issue(t, named("alice"))
		a := phone(func(acc *Account) {
			acc.Registrar, acc.Pin, acc.Certificate = "wss://sip.example.net:8443", &Pin{}, &own
		})
		w := l.accept()
		w.conn = upgraded(t, w.conn)
		shown := w.conn.(*webEnd).Conn.(*tls.Conn).ConnectionState().PeerCertificates
		if len(shown) != 1 || !bytes.Equal(shown[0].Raw, own.Certificate[0]) {
			t.Errorf("the server saw %d certificates", len(shown))
		}
		if e, ok := (<-a.Events()).(Pinned); !ok || !e.Vouched || len(e.Key) != 32 {
			t.Errorf("pinned: %+v", e)
		}
		w.register()
		wantRegistered(t, a)
	})
}

// onWSS runs a test with a TLS server that asks for a certificate, at sip.example.net.
func onWSS(t *testing.T, cert func(*x509.Certificate), f func(t *testing.T, l lines, phone func(func(*Account)) *Agent)) {
	t.Helper()
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		ca := newAuthority(t)
		ln, err := ph.Listen(t.Context(), "tcp", "10.0.0.1:8443")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ln.Close() })
		config := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, cert)}, ClientAuth: tls.RequestClientCert}
		f(t, lines{t, tls.NewListener(ln, config)}, func(change func(*Account)) *Agent {
			acc := &Account{AOR: "sip:alice@example.org", Password: secret.Copy([]byte("x")), Roots: x509.NewCertPool()}
			acc.Roots.AddCert(ca.cert)
			change(acc)
			a, err := NewAgent(Config{Network: us, Account: acc})
			if err != nil {
				t.Fatal(err)
			}
			a.dialer.locator = here{&zone{}}
			if err := a.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { shut(a) })
			return a
		})
	})
}

// here knows one host.
type here struct{ *zone }

// Addrs is where it is.
func (here) Addrs(context.Context, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, 1})}, nil
}

// Servers that do not open a WebSocket for SIP are told of in a sentence, within the
// time that any server has, and tried again later.
func TestItem12_WrongServers(t *testing.T) {
	const ok = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	for _, tc := range []struct {
		name   string
		answer func(w *wire, accept string)
		says   string
	}{
		{"no subprotocol", func(w *wire, accept string) { w.write(ok + accept + "\r\n") }, "WebSocket for SIP"},
		{"another subprotocol", func(w *wire, accept string) { w.write(ok + accept + "Sec-WebSocket-Protocol: xmpp\r\n\r\n") }, "WebSocket for SIP"},
		{"a wrong key", func(w *wire, _ string) {
			w.write(ok + "Sec-WebSocket-Accept: AAAA\r\nSec-WebSocket-Protocol: sip\r\n\r\n")
		}, "WebSocket for SIP"},
		{"not found", func(w *wire, _ string) { w.write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") }, "404"},
		{"a redirection", func(w *wire, _ string) {
			w.write("HTTP/1.1 301 Moved\r\nLocation: ws://10.0.0.1:81/\r\nContent-Length: 0\r\n\r\n")
		}, "301"},
		{"a page", func(w *wire, _ string) { w.write("HTTP/1.1 200 OK\r\n\r\n<html>") }, "200"},
		{"an extension nobody asked for", func(w *wire, accept string) {
			w.write(ok + accept + "Sec-WebSocket-Protocol: sip\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
		}, "WebSocket for SIP"},
		{"a SIP server", func(w *wire, _ string) { w.write("SIP/2.0 400 Bad Request\r\n\r\n") }, "WebSocket for SIP"},
		{"silence", func(*wire, string) {}, "does not answer"},
		{"header fields for ever", func(w *wire, _ string) {
			w.write(ok)
			for _, err := fmt.Fprint(w.conn, "X: y\r\n"); err == nil; _, err = fmt.Fprint(w.conn, "X: y\r\n") {
				time.Sleep(time.Millisecond)
			}
		}, "WebSocket for SIP"},
		{"slow bytes", func(w *wire, _ string) {
			for _, b := range []byte(ok) {
				time.Sleep(time.Second)
				if _, err := w.conn.Write([]byte{b}); err != nil {
					return
				}
			}
		}, "does not answer"},
		{"a line for ever", func(w *wire, _ string) {
			_, _ = fmt.Fprint(w.conn, ok+"X: "+strings.Repeat("y", 1<<20))
		}, "WebSocket for SIP"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
				ln, err := ph.Listen(t.Context(), "tcp", "10.0.0.1:80")
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				a := accountAgent(t, us, func(acc *Account) { acc.Registrar = "ws://10.0.0.1" })
				w := lines{t, ln}.accept()
				asked := w.until("\r\n\r\n")
				key := regexp.MustCompile(`Sec-WebSocket-Key: (\S+)`).FindStringSubmatch(asked)
				if len(key) != 2 {
					t.Fatalf("asked by %q", asked)
				}
				var answering sync.WaitGroup
				answering.Go(func() { tc.answer(w, "Sec-WebSocket-Accept: "+acceptOf(key[1])+"\r\n") })
				lost := wantLost(t, a)
				if !errors.Is(lost.Why, ErrUnreachable) || !strings.Contains(lost.Why.Error(), tc.says) || lost.Retry == 0 {
					t.Errorf("%v, again after %v; want %q in it", lost.Why, lost.Retry, tc.says)
				}
				if d := time.Since(began); d > dialTimeout {
					t.Errorf("told after %v", d)
				}
				if strings.Contains(lost.Why.Error(), "10.0.0.1") {
					t.Errorf("it names an address: %v", lost.Why)
				}
				_ = w.conn.Close()
				answering.Wait()
			})
		})
	}
}

const webOptions = "OPTIONS sip:alice@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/WS proxy.invalid;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\n" +
	"From: <sip:p@example.org>;tag=p\r\nTo: <sip:alice@example.org>\r\nCall-ID: o%d\r\nCSeq: 1 OPTIONS\r\n%s\r\n"

// A message may come in text or binary, in one frame or many, with a ping between
// them, with its length or without (RFC 7118, Sections 4.2 and 5).
func TestItem12_Frames(t *testing.T) {
	for i, tc := range []struct {
		name   string
		frames func(m []byte) []ws.Frame
		fields string
	}{
		{"text", func(m []byte) []ws.Frame { return []ws.Frame{ws.NewTextFrame(m)} }, "Content-Length: 0\r\n"},
		{"binary", func(m []byte) []ws.Frame { return []ws.Frame{ws.NewBinaryFrame(m)} }, "Content-Length: 0\r\n"},
		{"no length", func(m []byte) []ws.Frame { return []ws.Frame{ws.NewTextFrame(m)} }, ""},
		{"line ends before it", func(m []byte) []ws.Frame { return []ws.Frame{ws.NewTextFrame(append([]byte("\r\n"), m...))} }, ""},
		{"fragments", func(m []byte) []ws.Frame {
			all := []ws.Frame{ws.NewFrame(ws.OpText, false, m[:1])}
			for _, b := range m[1 : len(m)-1] {
				all = append(all, ws.NewFrame(ws.OpContinuation, false, []byte{b}), ws.NewFrame(ws.OpContinuation, false, nil))
			}
			return append(all, ws.NewPingFrame([]byte("between")), ws.NewFrame(ws.OpContinuation, true, m[len(m)-1:]))
		}, ""},
	} {
		overWeb(t, func(t *testing.T, _ lines, _ *Agent, w *wire, end *webEnd) {
			end.came()
			end.send(tc.frames(fmt.Appendf(nil, webOptions, i, i, tc.fields))...)
			if head := w.until("\r\n\r\n"); !strings.HasPrefix(head, "SIP/2.0 200 ") {
				t.Errorf("%s: answered by %q", tc.name, head)
			}
			want := []ws.OpCode{ws.OpText}
			if tc.name == "fragments" {
				want = []ws.OpCode{ws.OpPong, ws.OpText}
			}
			if got := end.came(); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: frames %v came, want %v", tc.name, got, want)
			}
		})
	}
}

// What no WebSocket may bring, or too much of it, ends the connection at once, and a
// new one is made.
func TestItem12_WrongFrames(t *testing.T) {
	long := bytes.Repeat([]byte("x"), maxMessage/2+1)
	masked := ws.MaskFrame(ws.NewTextFrame([]byte("x")))
	for _, tc := range []struct {
		name   string
		frames []ws.Frame
	}{
		{"a giant frame, of which the head is enough", []ws.Frame{{Header: ws.Header{Fin: true, OpCode: ws.OpText, Length: 1 << 40}}}},
		{"a giant message in frames", []ws.Frame{ws.NewFrame(ws.OpText, false, long), ws.NewFrame(ws.OpContinuation, true, long)}},
		{"a mask, which only clients have", []ws.Frame{masked}},
		{"reserved bits", []ws.Frame{{Header: ws.Header{Fin: true, Rsv: 4, OpCode: ws.OpText, Length: 1}, Payload: []byte("x")}}},
		{"an unknown kind", []ws.Frame{ws.NewFrame(ws.OpCode(5), true, nil)}},
		{"a continuation of nothing", []ws.Frame{ws.NewFrame(ws.OpContinuation, true, nil)}},
		{"a message within a message", []ws.Frame{ws.NewFrame(ws.OpText, false, nil), ws.NewTextFrame(nil)}},
		{"a ping too long", []ws.Frame{{Header: ws.Header{Fin: true, OpCode: ws.OpPing, Length: 126}, Payload: make([]byte, 126)}}},
		{"a ping in parts", []ws.Frame{ws.NewFrame(ws.OpPing, false, nil)}},
		{"a close", []ws.Frame{ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusGoingAway, "restart"))}},
	} {
		overWeb(t, func(t *testing.T, l lines, a *Agent, _ *wire, end *webEnd) {
			for _, f := range tc.frames {
				head := new(bytes.Buffer)
				_ = ws.WriteHeader(head, f.Header)
				_, _ = end.Conn.Write(append(head.Bytes(), f.Payload...))
			}
			if lost := wantLost(t, a); !errors.Is(lost.Why, ErrUnreachable) || lost.Retry > time.Second+1 {
				t.Errorf("%s: %+v", tc.name, lost)
			}
			end.came()
			_, err := end.Read(make([]byte, 1))
			if got := end.came(); err == nil || fmt.Sprint(got) != fmt.Sprint([]ws.OpCode{ws.OpClose}) {
				t.Errorf("%s: we left with %v, %v; want a close", tc.name, got, err)
			}
			again := l.accept()
			again.conn = upgraded(t, again.conn)
			again.register()
			wantRegistered(t, a)
		})
	}
}

// A message that is no SIP is dropped, as on any other way; what follows counts.
func TestItem12_NoSIP(t *testing.T) {
	overWeb(t, func(t *testing.T, _ lines, _ *Agent, w *wire, end *webEnd) {
		for _, junk := range []string{"", "{}", "\x00", "\r\n", "SIP/2.0 200 OK\r\n\r\n", "\xff\xfe", strings.Repeat("x", maxMessage)} {
			end.send(ws.NewTextFrame([]byte(junk)))
		}
		end.send(ws.NewTextFrame(fmt.Appendf(nil, webOptions, 1, 1, "")))
		if head := w.until("\r\n\r\n"); !strings.HasPrefix(head, "SIP/2.0 200 ") {
			t.Errorf("answered by %q", head)
		}
	})
}

// Pings of WebSockets keep the connection, and show that the server is there; line
// ends are understood as well (RFC 7118, Section 6).
func TestItem12_KeepAlive(t *testing.T) {
	overWeb(t, func(t *testing.T, _ lines, a *Agent, w *wire, end *webEnd) {
		end.send(ws.NewTextFrame([]byte("\r\n\r\n")))
		if got := w.until("\r\n"); got != "\r\n" || len(w.buf) > 0 {
			t.Errorf("a ping by line ends is answered by %q", got)
		}
		end.came()
		began := time.Now()
		go func() { _, _ = end.Read(make([]byte, 1)) }()
		time.Sleep(10 * time.Minute)
		pings := 0
		for _, k := range end.came() {
			if k != ws.OpPing {
				t.Errorf("a frame of kind %v came", k)
			}
			pings++
		}
		if least, most := int(time.Since(began)/mostKeepAlive), int(time.Since(began)/leastKeepAlive); pings < least || pings > most {
			t.Errorf("%d pings in 10 min, want %d to %d", pings, least, most)
		}
		end.mute()
		silent := time.Now()
		if lost := wantLost(t, a); !errors.Is(lost.Why, ErrUnreachable) {
			t.Errorf("lost: %v", lost.Why)
		}
		if d := time.Since(silent); d > mostKeepAlive+pongTime {
			t.Errorf("noticed after %v", d)
		}
	})
}

// A call over a WebSocket, out and in: its Via and Contact are of the WebSocket, and
// all of it goes over the connection.
func TestItem12_Calls(t *testing.T) {
	overWeb(t, func(t *testing.T, _ lines, a *Agent, w *wire, _ *webEnd) {
		var vias []string
		for range 2 {
			c, err := a.Invite(t.Context(), "sip:bob@example.org", []byte("v=0\r\n"))
			if err != nil {
				t.Fatal(err)
			}
			invite := w.request("INVITE")
			via := strings.Split(dialog.Value(invite, "Via"), ";")[0]
			if !regexp.MustCompile(`^SIP/2.0/WS [0-9a-f]{12}\.invalid$`).MatchString(via) {
				t.Errorf("Via: %s", via)
			}
			vias = append(vias, via)
			if contact := dialog.Value(invite, "Contact"); !regexp.MustCompile(`^<sip:[0-9a-f]{32}@[0-9a-f]{12}\.invalid;transport=ws>$`).MatchString(contact) {
				t.Errorf("Contact: %s", contact)
			}
			w.respond(invite, "SIP/2.0 200 OK", "b", "Contact: <sip:bob@192.0.2.9:5060;transport=tcp>", "Content-Type: application/sdp")
			wantEvent[Answered](t, c)
			if ack := w.request("ACK"); ack.Recipient.Host != "192.0.2.9" {
				t.Errorf("ACK for %s", ack.Recipient.Host)
			}
			c.Hangup()
			w.respond(w.request("BYE"), "SIP/2.0 200 OK", "")
			wantEvent[Ended](t, c)
		}
		if vias[0] == vias[1] {
			t.Errorf("two calls have one host: %s", vias[0])
		}
		w.write("INVITE sip:alice@x.invalid;transport=ws SIP/2.0\r\nVia: SIP/2.0/WSS y.invalid;branch=z9hG4bKin\r\nMax-Forwards: 70\r\n" +
			"From: <sip:bob@example.org>;tag=in\r\nTo: <sip:alice@example.org>\r\nCall-ID: in\r\nCSeq: 1 INVITE\r\n" +
			"Contact: <sip:bob@y.invalid;transport=ws>\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n")
		in := wantIncoming(t, a)
		if string(in.Offer()) != "v=0\r\n" {
			t.Errorf("offered %q", in.Offer())
		}
		for _, want := range []string{"SIP/2.0 100", "SIP/2.0 180"} {
			if head := w.until("\r\n\r\n"); !strings.HasPrefix(head, want) {
				t.Fatalf("got %q, want %s", head, want)
			}
		}
		if err := in.Answer([]byte("v=1\r\n")); err != nil {
			t.Fatal(err)
		}
		head := w.until("\r\n\r\n")
		res, err := sip.ParseMessage([]byte(head + w.until("v=1\r\n")))
		if err != nil || !strings.HasPrefix(head, "SIP/2.0 200") {
			t.Fatalf("got %q", head)
		}
		w.write("ACK " + dialog.ParseAddress(dialog.Value(res, "Contact")).URI + " SIP/2.0\r\nVia: SIP/2.0/WSS y.invalid;branch=z9hG4bKack\r\nMax-Forwards: 70\r\n" +
			"From: <sip:bob@example.org>;tag=in\r\nTo: " + dialog.Value(res, "To") + "\r\nCall-ID: in\r\nCSeq: 1 ACK\r\n\r\n")
		wantEvent[Answered](t, in)
		in.Hangup()
		if bye := w.request("BYE"); bye.Recipient.Host != "y.invalid" {
			t.Errorf("BYE for %s", bye.Recipient.Host)
		}
	})
}

// How a WebSocket is named, and what it means.
func TestItem12_Addresses(t *testing.T) {
	for uri, want := range map[string]hop{
		"wss://example.org/ws":               {kind: overWSS, host: "example.org", port: 443, said: true, ported: true, web: "wss://example.org/ws"},
		"ws://example.org":                   {kind: overWS, host: "example.org", port: 80, said: true, ported: true, web: "ws://example.org"},
		"wss://[2001:db8::1]:8443/":          {kind: overWSS, host: "2001:db8::1", port: 8443, said: true, ported: true, web: "wss://[2001:db8::1]:8443/"},
		"sip:example.org;transport=ws":       {kind: overWS, host: "example.org", port: 80, said: true},
		"sip:example.org;transport=wss":      {kind: overWSS, host: "example.org", port: 443, said: true},
		"sips:example.org;transport=ws":      {kind: overWSS, host: "example.org", port: 443, said: true},
		"sip:example.org:8443;transport=WSS": {kind: overWSS, host: "example.org", port: 8443, said: true, ported: true},
	} {
		if h, _, err := accountHop(uri); err != nil || h != want {
			t.Errorf("%s: %+v, %v", uri, h, err)
		}
	}
	for _, uri := range []string{
		"https://example.org/", "wss:///ws", "wss://user:pass@example.org/", "wss://example.org/#x", "wss://example.org:0/",
		"wss://example.org:70000/", "wss://example.org:https/", "wss://exa mple.org/", "wss://example.org/\r\nX: y", "wss://", "sip:example.org;transport=http",
	} {
		if h, _, err := accountHop(uri); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %+v, %v", uri, h, err)
		}
	}
	for h, want := range map[hop]string{
		{kind: overWSS, host: "example.org", port: 443}:  "wss://example.org/",
		{kind: overWSS, host: "example.org", port: 8443}: "wss://example.org:8443/",
		{kind: overWS, host: "2001:db8::1", port: 80}:    "ws://[2001:db8::1]:80/",
		{kind: overTLS, host: "example.org", port: 5061}: "",
	} {
		if got := h.webURL(); got != want {
			t.Errorf("%+v: %s", h, got)
		}
	}
}

// A server that NAPTR records name is asked for what the user named.
func TestItem12_FoundByNAPTR(t *testing.T) {
	z := &zone{
		naptr: map[string][]locate.NAPTR{"example.org": {{Order: 1, Preference: 1, Flags: "s", Service: "SIPS+D2W", Replacement: "_sips._ws.example.org"}}},
		srv:   map[string][]locate.SRV{"_sips._ws.example.org": {{Port: 8443, Target: "edge.example.net"}}},
	}
	h, err := parseHop("sips:example.org;transport=ws")
	if err != nil {
		t.Fatal(err)
	}
	found, err := (&dialer{locator: z}).servers(t.Context(), h)
	want := hop{kind: overWSS, host: "edge.example.net", port: 8443, web: "wss://example.org:8443/"}
	if err != nil || len(found) != 1 || found[0] != want {
		t.Errorf("found %+v, %v", found, err)
	}
}

func sha1Base64(s string) string {
	sum := sha1.Sum([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// said is a connection that has said all it will.
type said struct {
	net.Conn
	io.Reader
}

// Read reads on.
func (s said) Read(b []byte) (int, error) { return s.Reader.Read(b) }

// Write loses what is sent.
func (said) Write(b []byte) (int, error) { return len(b), nil }

// FuzzFrames: whatever a server sends, reading ends, and no message is too large.
func FuzzFrames(f *testing.F) {
	for _, frame := range []ws.Frame{
		ws.NewTextFrame([]byte("x")), ws.NewBinaryFrame(nil), ws.NewPingFrame([]byte("p")), ws.NewFrame(ws.OpText, false, []byte("a")),
		ws.NewFrame(ws.OpContinuation, true, []byte("b")), ws.NewCloseFrame(nil), ws.MaskFrame(ws.NewTextFrame([]byte("m"))),
	} {
		f.Add(ws.MustCompileFrame(frame))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		conn := said{Reader: bytes.NewReader(b)}
		w := newWebSocket(conn, conn)
		for range len(b) + 1 {
			m, err := w.next()
			if err != nil {
				return
			}
			if len(m) > maxMessage {
				t.Fatalf("a message of %d bytes", len(m))
			}
		}
		t.Fatal("reading does not end")
	})
}

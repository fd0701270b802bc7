package sip

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"

	"karat/internal/simnet"
	"karat/sip/dialog"
)

// authority signs certificates for a test.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{key, cert}
}

// issue makes a server's certificate.
func (a authority) issue(t *testing.T, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
}

func named(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.DNSNames = names }
}

// Items: 3, 4, 7.
func TestItem03_ReferenceIdentity(t *testing.T) {
	cases := []struct {
		name    string
		change  func(*x509.Certificate)
		server  func(*tls.Config)
		trusted bool
		want    error
		says    string
	}{
		{"domain", named("example.org"), nil, true, nil, ""},
		{"registrar set by the user", func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 1)} }, nil, true, nil, ""},
		{"URI of the domain", func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "sip", Opaque: "example.org"}} }, nil, true, nil, ""},
		{"URI of a user", func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "sip", Opaque: "a@example.org"}} }, nil, true, ErrCertificate, "another name"},
		{"other name", named("example.com"), nil, true, ErrCertificate, "another name"},
		{"wildcard", named("*.org", "*.example.org"), nil, true, ErrCertificate, "another name"},
		{"common name only", func(c *x509.Certificate) { c.Subject.CommonName = "example.org" }, nil, true, ErrCertificate, "another name"},
		{"expired", func(c *x509.Certificate) {
			c.DNSNames = []string{"example.org"}
			c.NotAfter = time.Now().Add(-time.Minute)
		}, nil, true, ErrCertificate, "expired"},
		{"untrusted", named("example.org"), nil, false, ErrCertificate, "not trusted"},
		{"for clients", func(c *x509.Certificate) {
			c.DNSNames = []string{"example.org"}
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}, nil, true, ErrCertificate, ""},
		{"TLS 1.1", named("example.org"), func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, true, ErrUnreachable, "TLS"},
	}
	for _, tc := range cases {
		bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
			ca := newAuthority(t)
			config := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, tc.change)}}
			var asked string // first
			config.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
				asked = cmp.Or(asked, h.ServerName)
				return nil, nil
			}
			if tc.server != nil {
				tc.server(config)
			}
			ln, err := ph.Listen(t.Context(), "tcp", "10.0.0.1:5061")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					conn, err := tls.NewListener(ln, config).Accept()
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, conn)
					_ = conn.Close()
				}
			}()
			acc := &Account{AOR: "sip:alice@example.org", Registrar: "sip:10.0.0.1;transport=tls", Roots: x509.NewCertPool()}
			if tc.trusted {
				acc.Roots.AddCert(ca.cert)
			}
			a, err := NewAgent(Config{Network: us, Account: acc})
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			err = outcome(a)
			if !errors.Is(err, tc.want) {
				t.Errorf("%s: got %v, want %v", tc.name, err, tc.want)
			}
			if err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%s: %q does not say %q", tc.name, err, tc.says)
			}
			if asked != "example.org" {
				t.Errorf("%s: asked for %q", tc.name, asked)
			}
			shut(a)
			_ = ln.Close()
			<-done
		})
	}
}

// outcome waits for the first attempt to connect; nil: it went well, and a
// REGISTER is on its way.
func outcome(a *Agent) error {
	synctest.Wait()
	select {
	case e := <-a.Events():
		lost, _ := e.(RegistrationLost)
		return lost.Why
	default:
		return nil
	}
}

// lines is a registrar on a stream: it accepts connections one after the other.
type lines struct {
	t  *testing.T
	ln net.Listener
}

func (l lines) accept() *wire {
	conn, err := l.ln.Accept()
	if err != nil {
		l.t.Fatal(err)
	}
	return &wire{t: l.t, conn: conn}
}

type wire struct {
	t    *testing.T
	conn net.Conn
	buf  []byte
}

// until returns what came up to and including end.
func (w *wire) until(end string) string {
	w.t.Helper()
	b := make([]byte, 4096)
	for {
		if i := strings.Index(string(w.buf), end); i >= 0 {
			got := string(w.buf[:i+len(end)])
			w.buf = w.buf[i+len(end):]
			return got
		}
		n, err := w.conn.Read(b)
		if err != nil {
			w.t.Fatalf("read: %v after %q", err, w.buf)
		}
		w.buf = append(w.buf, b[:n]...)
	}
}

// register accepts a REGISTER.
func (w *wire) register() {
	w.t.Helper()
	text := w.until("\r\n\r\n")
	msg, err := sip.ParseMessage([]byte(text))
	if err != nil || !strings.HasPrefix(text, "REGISTER ") {
		w.t.Fatalf("want REGISTER, got %q", text)
	}
	var b strings.Builder
	b.WriteString("SIP/2.0 200 OK\r\n")
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq", "Contact"} {
		b.WriteString(name + ": " + dialog.Value(msg, name) + "\r\n")
	}
	w.write(b.String() + "Expires: 3600\r\nContent-Length: 0\r\n\r\n")
}

func (w *wire) write(s string) {
	w.t.Helper()
	if _, err := w.conn.Write([]byte(s)); err != nil {
		w.t.Fatal(err)
	}
}

// overTCP runs a test with an account whose registrar is reached over TCP.
func overTCP(t *testing.T, f func(t *testing.T, l lines, a *Agent, w *wire)) {
	t.Helper()
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		ln, err := ph.Listen(t.Context(), "tcp", "10.0.0.1:5060")
		if err != nil {
			t.Fatal(err)
		}
		a := accountAgent(t, us, byTCP)
		l := lines{t, ln}
		w := l.accept()
		w.register()
		if e, ok := (<-a.Events()).(Registered); !ok {
			t.Fatalf("got %+v", e)
		}
		f(t, l, a, w)
		shut(a)
	})
}

// A ping at times that are drawn anew; theirs are answered, pongs and stray line
// ends ignored.
func TestItem09_KeepAlive(t *testing.T) {
	overTCP(t, func(t *testing.T, _ lines, a *Agent, w *wire) {
		start := time.Now()
		w.until("\r\n\r\n")
		if d := time.Since(start); d < leastKeepAlive || d > mostKeepAlive {
			t.Errorf("ping after %v", d)
		}
		w.write("\r\n")     // pong
		w.write("\r\n\r\n") // ping
		if got := w.until("\r\n"); got != "\r\n" || len(w.buf) != 0 {
			t.Errorf("pong is %q, then %q", got, w.buf)
		}
		// A message in pieces, with line ends before it, and two at once.
		options := strings.ReplaceAll(strings.ReplaceAll(inviteText("o"), "INVITE", "OPTIONS"), "\n", "\r\n")
		options = strings.ReplaceAll(options, "UDP", "TCP") + "\r\nContent-Length: 0\r\n\r\n"
		for i := range options {
			w.write(options[i : i+1])
			if i%40 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		if got := w.until("\r\n\r\n"); !strings.HasPrefix(got, "SIP/2.0 200 OK\r\n") {
			t.Errorf("got %q", got)
		}
		two := strings.ReplaceAll(options, "z9hG4bKo", "z9hG4bKp") + strings.ReplaceAll(options, "z9hG4bKo", "z9hG4bKq")
		w.write("\r\n" + two)
		for range 2 {
			if got := w.until("\r\n\r\n"); !strings.HasPrefix(got, "SIP/2.0 200 OK\r\n") {
				t.Errorf("got %q", got)
			}
		}
	})
}

// Pings that come together are answered together: line ends without end are no work.
func TestPingsWithoutEnd(t *testing.T) {
	overTCP(t, func(t *testing.T, _ lines, _ *Agent, w *wire) {
		w.write(strings.Repeat("\r\n\r\n", 10_000))
		options := strings.ReplaceAll(strings.ReplaceAll(inviteText("o"), "INVITE", "OPTIONS"), "\n", "\r\n")
		w.write(strings.ReplaceAll(options, "UDP", "TCP") + "\r\nContent-Length: 0\r\n\r\n")
		got := w.until("SIP/2.0 200 OK\r\n")
		const most = 20 // 40 kB in pieces of 4 kB, and their seams
		if pongs := strings.Count(got, "\r\n") - 1; pongs < 1 || pongs > most {
			t.Errorf("%d pongs", pongs)
		}
	})
}

// A broken connection is noticed, dialled again after a while, and registered on
// with the same Contact.
//
// Items: 9.
func TestRedial(t *testing.T) {
	overTCP(t, func(t *testing.T, l lines, a *Agent, w *wire) {
		_ = w.conn.Close()
		lost, ok := (<-a.Events()).(RegistrationLost)
		if !ok || !errors.Is(lost.Why, ErrUnreachable) || lost.Retry <= 0 || lost.Retry > soon {
			t.Fatalf("got %+v", lost)
		}
		if _, err := a.Invite(t.Context(), "sip:bob@example.org", nil); !errors.Is(err, ErrNoFlow) {
			t.Errorf("got %v", err)
		}
		broken := time.Now()
		w = l.accept()
		if d := time.Since(broken); d != lost.Retry {
			t.Errorf("dialled after %v, said %v", d, lost.Retry)
		}
		w.register()
		if e, ok := (<-a.Events()).(Registered); !ok {
			t.Fatalf("got %+v", e)
		}
	})
}

// Rubbish on a stream breaks that connection, and nothing else.
func TestRubbishOnStream(t *testing.T) {
	for _, rubbish := range []string{
		"\x00\x01\x02\x03\r\n\r\n",
		strings.Repeat("A", maxMessage+1),
		"OPTIONS sip:a SIP/2.0\r\nContent-Length: 99999999\r\n\r\n",
		"OPTIONS sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n",
		"OPTIONS sip:a SIP/2.0\r\n" + strings.Repeat("X: y\r\n", maxHeaders+1) + "\r\n",
	} {
		overTCP(t, func(t *testing.T, l lines, a *Agent, w *wire) {
			w.write(rubbish)
			lost, ok := (<-a.Events()).(RegistrationLost)
			if !ok || !errors.Is(lost.Why, ErrUnreachable) {
				t.Fatalf("%.40q: got %+v", rubbish, lost)
			}
			l.accept().register()
			<-a.Events()
		})
	}
}

// Only the provider can reach the port of an account.
func TestStrangersStayOut(t *testing.T) {
	bubble(t, func(t *testing.T, n *simnet.Network, ph, us *simnet.Host) {
		p, a := newPeer(t, ph), accountAgent(t, us)
		p.register()
		<-a.Events()
		to, _ := addrPort(p.to)
		text := strings.ReplaceAll(inviteText("x", "Content-Length: 0"), "\n", "\r\n") + "\r\n\r\n"
		n.Inject(netip.MustParseAddrPort("10.9.9.9:5060"), to, []byte(text))
		p.wantSilence(time.Second)
		n.Inject(netip.MustParseAddrPort(peerAddr), to, []byte(text))
		p.wantResponse(100)
	})
}

// sipgo opens nothing of its own: what is not on a flow of ours fails. A real
// socket would hang this bubble.
//
// Items: 6.
func TestDiallingBlocked(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, _, _ *simnet.Host) {
		blocked(t, "127.0.0.1", "[::1]")
	})
}

// Nor does it look names up. (Not in a bubble: the net package keeps channels
// for good.)
func TestResolvingBlocked(t *testing.T) { blocked(t, "localhost", "sip.example.org") }

func blocked(t *testing.T, hosts ...string) {
	t.Helper()
	s := newStack(func(*sip.Request) {}, func(*sip.Request, *sip.ServerTx) {})
	s.start()
	defer s.close()
	for _, host := range hosts {
		for _, kind := range []transport{udp, tcp, overTLS} {
			req, err := dialog.Outgoing{
				Method: "OPTIONS", URI: "sip:" + host, Via: "SIP/2.0/" + kind.String() + " " + nobody, Branch: newID(),
				From: "<sip:a@b>;tag=1", To: "<sip:c@d>", CallID: newID(), Seq: 1,
			}.Build()
			if err != nil {
				t.Fatal(err)
			}
			gone := newFlow(kind, 77, netip.AddrPort{}, netip.AddrPort{})
			err = s.request(gone, req, netip.AddrPort{}, func(*sip.Response) {}, func(error) {})
			if !errors.Is(err, ErrNoFlow) {
				t.Errorf("%s to %s over a flow that is gone: %v", kind, host, err)
			}
			if kind == udp {
				continue
			}
			// Behind our back, as sipgo itself would.
			req.SetDestination(host + ":5060")
			if c, err := s.transport.ClientRequestConnection(t.Context(), req); err == nil {
				t.Errorf("%s: sipgo connected to %v", kind, c.LocalAddr())
			} else if net.ParseIP(strings.Trim(host, "[]")) != nil && !errors.Is(err, errBlocked) {
				t.Errorf("%s: sipgo's dialling gives %v, want errBlocked", kind, err)
			}
		}
	}
}

func TestBucket(t *testing.T) {
	now := time.Unix(0, 0)
	b := bucket{rate: 10, burst: 5}
	took := 0
	for range 20 {
		if b.take(now) {
			took++
		}
	}
	if took != 5 || b.take(now.Add(50*time.Millisecond)) || !b.take(now.Add(150*time.Millisecond)) {
		t.Errorf("took %d of 5", took)
	}
}

// Connections that say nothing are bounded, and keep nobody out.
func TestConnectionsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		a, err := NewAgent(Config{Listen: []string{"tcp:10.0.0.2:5060"}, Network: us})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer shut(a)
		options := strings.ReplaceAll(strings.ReplaceAll(inviteText("o", "Content-Length: 0"), "INVITE", "OPTIONS"), "\n", "\r\n") + "\r\n\r\n"
		// One empty line ends it: a second would be a ping, and its pong could come
		// before the answer.
		options = strings.TrimRight(strings.ReplaceAll(options, "UDP", "TCP"), "\r\n") + "\r\n\r\n"
		for i := range 3 * maxConnections {
			conn, err := ph.Dial(t.Context(), "tcp", "10.0.0.2:5060")
			if err != nil {
				t.Fatal(err)
			}
			if i != 10 && i != 2*maxConnections {
				continue
			}
			w := &wire{t: t, conn: conn}
			// A branch of its own: with the same one it would be the same request, sent
			// again over another connection.
			w.write(strings.ReplaceAll(options, "z9hG4bKo", fmt.Sprint("z9hG4bKfirst", i)))
			if got := w.until("\r\n\r\n"); !strings.HasPrefix(got, "SIP/2.0 200 OK\r\n") {
				t.Errorf("connection %d got %q", i, got)
			}
			defer func() {
				w.write(strings.ReplaceAll(options, "z9hG4bKo", fmt.Sprint("z9hG4bKagain", i)))
				if got := w.until("\r\n\r\n"); !strings.HasPrefix(got, "SIP/2.0 200 OK\r\n") {
					t.Errorf("connection %d, later, got %q", i, got)
				}
			}()
		}
		synctest.Wait()
		a.mu.Lock()
		defer a.mu.Unlock()
		if len(a.flows) > maxConnections {
			t.Errorf("%d connections", len(a.flows))
		}
	})
}

// request returns the next request, which must be such a one; pings are left out.
func (w *wire) request(method string) *sip.Request {
	w.t.Helper()
	for {
		text := w.until("\r\n\r\n")
		if text == "\r\n\r\n" {
			continue
		}
		if n := regexp.MustCompile(`Content-Length: (\d+)`).FindStringSubmatch(text); n != nil && n[1] != "0" {
			length, _ := strconv.Atoi(n[1])
			for len(w.buf) < length {
				b := make([]byte, 4096)
				n, err := w.conn.Read(b)
				if err != nil {
					w.t.Fatal(err)
				}
				w.buf = append(w.buf, b[:n]...)
			}
			text, w.buf = text+string(w.buf[:length]), w.buf[length:]
		}
		msg, err := sip.ParseMessage([]byte(text))
		req, ok := msg.(*sip.Request)
		if err != nil || !ok || method != "" && string(req.Method) != method {
			w.t.Fatalf("want %s, got %q", method, text)
		}
		return req
	}
}

// respond answers a request.
func (w *wire) respond(req *sip.Request, status, tag string, fields ...string) {
	w.t.Helper()
	var b strings.Builder
	b.WriteString(status + "\r\n")
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		value := dialog.Value(req, name)
		if name == "To" && tag != "" && dialog.Tag(value) == "" {
			value += ";tag=" + tag
		}
		b.WriteString(name + ": " + value + "\r\n")
	}
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	w.write(b.String() + "Content-Length: 0\r\n\r\n")
}

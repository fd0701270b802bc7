package sip

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"karat/internal/secret"
	"karat/internal/simnet"
	"karat/sip/dialog"
	"karat/sip/locate"
)

// secured is a provider's TLS server, message by message.
type secured struct {
	lines
	ca     authority
	config *tls.Config
}

const securedAddr = "10.0.0.1:5061"

// overTLSTo runs a test with a TLS server that shows a certificate, and a function
// that makes an agent with an account there.
func overTLSTo(t *testing.T, cert func(*x509.Certificate), f func(t *testing.T, s secured, phone func(change func(*Account)) *Agent)) {
	t.Helper()
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		ca := newAuthority(t)
		config := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, cert)}}
		ln, err := ph.Listen(t.Context(), "tcp", securedAddr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ln.Close() })
		s := secured{lines{t, tls.NewListener(ln, config)}, ca, config}
		f(t, s, func(change func(*Account)) *Agent {
			acc := &Account{
				AOR: "sip:alice@example.org", Registrar: "sip:" + securedAddr + ";transport=tls",
				Password: secret.Copy([]byte("x")), Roots: x509.NewCertPool(),
			}
			acc.Roots.AddCert(ca.cert)
			change(acc)
			a, err := NewAgent(Config{Network: us, Account: acc})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { shut(a) })
			return a
		})
	})
}

// accepting takes connections until the listener is closed, and hands out each
// that had its handshake.
func (s secured) accepting() <-chan *wire {
	all := make(chan *wire, 16)
	go func() {
		defer close(all)
		for {
			conn, err := s.ln.Accept()
			if err != nil {
				return
			}
			if conn.(*tls.Conn).HandshakeContext(s.t.Context()) != nil {
				_ = conn.Close()
				continue
			}
			all <- &wire{t: s.t, conn: conn}
		}
	}()
	return all
}

func same(*Account) {}

// A server that the DNS names must be the account's domain: its own name in a
// certificate proves nothing, for whoever forges DNS answers has one, too.
func TestItem03_ServerFoundByDNS(t *testing.T) {
	for _, tc := range []struct {
		name string
		cert func(*x509.Certificate)
		want error
	}{
		{"the domain", named("example.org"), nil},
		{"URI of the domain", func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "sip", Opaque: "example.org"}} }, nil},
		{"the name in the SRV record", func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 1)} }, ErrCertificate},
	} {
		overTLSTo(t, tc.cert, func(t *testing.T, s secured, phone func(func(*Account)) *Agent) {
			all := s.accepting()
			a := phone(func(acc *Account) { acc.Registrar = "" })
			a.dialer.locator = &zone{srv: map[string][]locate.SRV{"_sips._tcp.example.org": {{Port: 5061, Target: "10.0.0.1"}}}}
			if err := a.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if tc.want == nil {
				(<-all).register()
				wantRegistered(t, a)
			} else if lost := wantLost(t, a); !errors.Is(lost.Why, tc.want) {
				t.Errorf("%s: %+v, want %v", tc.name, lost, tc.want)
			}
		})
	}
}

// A host that knows itself only by the name that the user set is asked by that
// name next; one that has neither name is not taken.
func TestItem03_SNIOfTheHostThatTheUserSet(t *testing.T) {
	for _, tc := range []struct {
		knows string
		want  string // in the certificate
		err   error
	}{{"example.org", "example.org", nil}, {"localhost", "localhost", nil}, {"localhost", "other.example", ErrCertificate}} {
		bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
			ca := newAuthority(t)
			cert := ca.issue(t, named(tc.want))
			var asked []string
			s := secured{ca: ca, config: &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
				asked = append(asked, h.ServerName)
				if h.ServerName != tc.knows {
					return nil, errors.New("no such host here")
				}
				return &cert, nil
			}}}
			ln, err := ph.Listen(t.Context(), "tcp", securedAddr)
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			s.lines = lines{t, tls.NewListener(ln, s.config)}
			all := s.accepting()
			roots := x509.NewCertPool()
			roots.AddCert(ca.cert)
			d := &dialer{network: us, numbers: &numbers{}, trust: trust{roots: roots}}
			open := func(ctx context.Context) (net.Conn, error) { return us.Dial(ctx, "tcp", securedAddr) }
			conn, err := d.trust.secure(t.Context(), open, whom{names: []string{"example.org", "localhost"}})
			if tc.err == nil && err != nil || tc.err != nil && err == nil {
				t.Errorf("%+v: %v", tc, err)
			}
			if asked[0] != "example.org" {
				t.Errorf("asked for %q", asked)
			}
			if conn != nil {
				_ = conn.Close()
			}
			_ = ln.Close()
			for w := range all {
				_ = w.conn.Close()
			}
		})
	}
}

// The first key is pinned and told; another one is refused, whoever vouches for
// it, and the refusal says what can be done.
func TestItem04_Pin(t *testing.T) {
	overTLSTo(t, named("whatever"), func(t *testing.T, s secured, phone func(func(*Account)) *Agent) {
		all := s.accepting()
		first := phone(func(acc *Account) { acc.Pin, acc.Roots = &Pin{}, nil })
		if err := first.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		(<-all).register()
		pinned, ok := (<-first.Events()).(Pinned)
		leaf, err := x509.ParseCertificate(s.config.Certificates[0].Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		if want := Fingerprint(leaf.RawSubjectPublicKeyInfo); !ok || !bytes.Equal(pinned.Key, want) || pinned.Vouched {
			t.Errorf("got %+v", pinned)
		}
		wantRegistered(t, first)

		again := phone(func(acc *Account) { acc.Pin, acc.Roots = &Pin{Key: pinned.Key}, nil })
		if err := again.Start(t.Context()); err != nil {
			t.Errorf("the same key: %v", err)
		}
		(<-all).register()
		wantRegistered(t, again)

		other := newAuthority(t)
		s.config.Certificates[0] = other.issue(t, named("example.org"))
		third := phone(func(acc *Account) { acc.Pin = &Pin{Key: pinned.Key}; acc.Roots.AddCert(other.cert) })
		if err := third.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if lost := wantLost(t, third); !errors.Is(lost.Why, ErrPin) || !strings.Contains(lost.Why.Error(), "--fingerprint") {
			t.Errorf("another key: %+v", lost)
		}
	})
	overTLSTo(t, named("example.org"), func(t *testing.T, s secured, phone func(func(*Account)) *Agent) {
		all := s.accepting()
		a := phone(func(acc *Account) { acc.Pin = &Pin{} })
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		(<-all).register()
		if pinned, ok := (<-a.Events()).(Pinned); !ok || !pinned.Vouched {
			t.Errorf("got %+v", pinned)
		}
	})
}

func TestItem04_Fingerprints(t *testing.T) {
	key := Fingerprint([]byte("key"))
	if got, err := ParseFingerprint(WriteFingerprint(key)); err != nil || !bytes.Equal(got, key) {
		t.Errorf("%x, %v", got, err)
	}
	if got, err := ParseFingerprint("SHA256:" + strings.TrimSuffix(strings.Repeat("AB:", 32), ":")); err != nil || got[31] != 0xab {
		t.Errorf("%x, %v", got, err)
	}
	for _, bad := range []string{"", "sha256:", "sha256:00", "md5:" + strings.Repeat("00", 32), strings.Repeat("00", 32), "sha256:" + strings.Repeat("0g", 32)} {
		if got, err := ParseFingerprint(bad); err == nil {
			t.Errorf("%q: %x", bad, got)
		}
	}
}

// A server that asks for a certificate gets the account's, and no other does.
func TestItem05_ClientCertificate(t *testing.T) {
	overTLSTo(t, named("example.org"), func(t *testing.T, s secured, phone func(func(*Account)) *Agent) {
		ours := s.ca.issue(t, func(c *x509.Certificate) {
			c.Subject.CommonName, c.ExtKeyUsage = "alice", []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		})
		all := s.accepting()
		shown := func(a *Agent) int {
			if err := a.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			w := <-all
			w.register()
			wantRegistered(t, a)
			return len(w.conn.(*tls.Conn).ConnectionState().PeerCertificates)
		}
		with := func(acc *Account) { acc.Certificate = &ours }
		if n := shown(phone(with)); n != 0 {
			t.Errorf("shown %d certificates unasked", n)
		}
		s.config.ClientAuth, s.config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		s.config.ClientCAs.AddCert(s.ca.cert)
		if n := shown(phone(with)); n != 1 {
			t.Errorf("shown %d certificates", n)
		}
		a := phone(same)
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		// In TLS 1.3 the server's no comes after the handshake.
		if lost := wantLost(t, a); !errors.Is(lost.Why, ErrUnreachable) && !errors.Is(lost.Why, ErrNoFlow) {
			t.Errorf("got %+v", lost)
		}
	})
}

// What belongs to a dialog goes over the connection that is there, also when
// Contact and Record-Route are addresses, for which no certificate could be.
func TestItem06_DialogsStayOnTheConnection(t *testing.T) {
	overTLSTo(t, named("example.org"), func(t *testing.T, s secured, phone func(func(*Account)) *Agent) {
		all := s.accepting()
		a := phone(same)
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		w := <-all
		w.register()
		wantRegistered(t, a)
		c, err := a.Invite(t.Context(), "sip:bob@example.org", offer)
		if err != nil {
			t.Fatal(err)
		}
		w.respond(w.request("INVITE"), "SIP/2.0 200 OK", "b", "Record-Route: <sip:192.0.2.7:5061;transport=tls;lr>", "Contact: <sip:bob@192.0.2.9:5061;transport=tls>")
		ack := w.request("ACK")
		if !strings.Contains(ack.String(), "Route: <sip:192.0.2.7:5061;transport=tls;lr>") || !strings.HasPrefix(ack.String(), "ACK sip:bob@192.0.2.9:5061") {
			t.Errorf("got\n%s", ack)
		}
		wantEvent[Answered](t, c)
		c.Hangup()
		w.respond(w.request("BYE"), "SIP/2.0 200 OK", "")
		wantEvent[Ended](t, c)
		if len(all) > 0 {
			t.Error("a second connection was opened")
		}
	})
}

// TLS is sip: with transport=tls; nothing that we send says sips:, also where the
// account is written so.
func TestItem07_NothingSaysSIPS(t *testing.T) {
	for _, uri := range []string{"sip:" + securedAddr + ";transport=tls", "sips:" + securedAddr} {
		overTLSTo(t, named("example.org"), func(t *testing.T, s secured, phone func(func(*Account)) *Agent) {
			all := s.accepting()
			a := phone(func(acc *Account) {
				acc.Registrar = uri
				acc.AOR = strings.SplitN(uri, ":", 2)[0] + ":alice@example.org"
			})
			if err := a.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			w := <-all
			m := w.request("REGISTER")
			w.respond(m, "SIP/2.0 200 OK", "r", "Expires: 3600")
			wantRegistered(t, a)
			if _, err := a.Invite(t.Context(), "sip:bob@example.org", offer); err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{m.String(), w.request("INVITE").String()} {
				if strings.Contains(text, "sips:") || !strings.Contains(text, ";transport=tls>") || !strings.Contains(text, "SIP/2.0/TLS ") {
					t.Errorf("got\n%s", text)
				}
			}
		})
	}
}

// Each request asks to be answered where it came from, and needs no address of
// ours for that.
func TestItem14_Rport(t *testing.T) {
	withAccount(t, nil, func(t *testing.T, p *peer, a *Agent) {
		m := p.wantRequest("REGISTER")
		p.answer(m, 200, "r", "Contact: "+dialog.Value(m, "Contact")+";expires=3600")
		wantRegistered(t, a)
		if _, err := a.Invite(t.Context(), "sip:bob@example.org", offer); err != nil {
			t.Fatal(err)
		}
		for _, m := range []heard{m, p.wantRequest("INVITE")} {
			if via := dialog.Value(m, "Via"); !strings.HasSuffix(via, ";rport") || !strings.HasPrefix(via, "SIP/2.0/UDP "+nobody+";") {
				t.Errorf("Via is %s", via)
			}
		}
		if from, _ := addrPort(p.to); from.Port() == 5060 || from.Addr().String() != "10.0.0.2" {
			t.Errorf("it came from %v", from)
		}
		time.Sleep(time.Second)
	})
}

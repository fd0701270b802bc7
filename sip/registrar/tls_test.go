package registrar

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// newTLSProvider has a certificate for sip.test and phones that trust it.
func newTLSProvider(t *testing.T) (*provider, func(user, address string) *phone) {
	ca, err := NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := ca.Server("sip.test", "10.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	p := newProvider(t, func(c *Config) { c.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}} })
	return p, func(user, address string) *phone {
		raw, err := p.net.Host(address).Dial(context.Background(), "tcp", "10.0.0.1:5061")
		if err != nil {
			t.Fatal(err)
		}
		conn := tls.Client(raw, &tls.Config{RootCAs: ca.Pool(), ServerName: "sip.test"})
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		return &phone{t: t, user: user, id: user + address, password: user + "pw", conn: conn, reader: bufio.NewReader(conn), contact: "sip:" + user + "@anonymous.invalid;transport=tls"}
	}
}

// TestTLSToUDP: a call from a phone on TLS to one on UDP and back has a
// Record-Route for each side.
func TestTLSToUDP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, dial := newTLSProvider(t)
		defer p.close()
		alice, bob := dial("alice", "10.0.0.2"), p.phone("bob", "10.0.0.3")
		alice.register(3600)
		bob.register(3600)
		invite := alice.call("bob")
		in := bob.want("INVITE")
		routes := in.all("Record-Route")
		if len(routes) != 2 || !strings.HasSuffix(routes[0], "@10.0.0.1:5060;transport=udp;lr>") || !strings.HasSuffix(routes[1], "@10.0.0.1:5061;transport=tls;lr>") {
			t.Errorf("Record-Route %q", routes)
		}
		bob.reply(in, 200, "OK")
		ok := alice.want("SIP/2.0 200")
		alice.send(alice.inDialog("ACK", invite, ok))
		bob.want("ACK")
		bob.send(bob.fromCallee("BYE", in))
		alice.reply(alice.want("BYE sip:alice@anonymous.invalid;transport=tls"), 200, "OK")
		bob.want("SIP/2.0 200")
		p.wantEvents("alice registered over TLS for 1h0m0s", "bob registered over UDP for 1h0m0s", "alice calls bob",
			"bob answered the call of alice", "bob ended the call with alice")
	})
}

func TestConnectionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, dial := newTLSProvider(t)
		defer p.close()
		alice := dial("alice", "10.0.0.2")
		alice.conn.Write([]byte("\r\n\r\n")) // ping
		pong := make([]byte, 2)
		if _, err := io.ReadFull(alice.reader, pong); err != nil || string(pong) != "\r\n" {
			t.Errorf("the ping was answered %q, %v", pong, err)
		}
		alice.register(3600)
		alice.conn.Close()
		synctest.Wait()
		p.wantEvents("alice registered over TLS for 1h0m0s", "a phone of alice is gone")

		silent, err := p.net.Host("10.0.0.9").Dial(context.Background(), "tcp", "10.0.0.1:5061")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := silent.Read(make([]byte, 1)); err == nil || time.Since(start) != handshakeTime {
			t.Errorf("who does not speak TLS is cut off after %v (%v), want %v", time.Since(start), err, handshakeTime)
		}
	})
}

// TestDeafPhoneIsCutOff: a connection that is not read holds nobody up.
func TestDeafPhoneIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, dial := newTLSProvider(t)
		defer p.close()
		deaf := dial("alice", "10.0.0.2")
		m := deaf.request("OPTIONS", "sip:sip.test", "sip:sip.test")
		m.add("Call-ID", strings.Repeat("x", 8000)) // comes back in each answer
		go func() {
			for {
				if _, err := deaf.conn.Write(deaf.with(m).bytes()); err != nil {
					return
				}
			}
		}()
		time.Sleep(time.Second)
		other := dial("bob", "10.0.0.3")
		other.register(60)
		if _, err := deaf.conn.Write(m.bytes()); err == nil {
			t.Error("who does not read is still connected")
		}
	})
}

func TestServeRefusals(t *testing.T) {
	s := New(Config{Domain: "sip.test"})
	if err := s.ServeTLS(nil); err == nil {
		t.Error("TLS is served without a certificate")
	}
	pc := &fakeSocket{}
	if err := s.ServeUDP(pc); !errors.Is(err, errWildcard) || !pc.closed {
		t.Errorf("a socket at 0.0.0.0: %v, closed %v", err, pc.closed)
	}
	s.Close()
	s.Close()
	if err := s.ServeUDP(pc); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

// fakeSocket only has an address.
type fakeSocket struct {
	net.PacketConn
	closed bool
}

func (f *fakeSocket) LocalAddr() net.Addr { return &net.UDPAddr{IP: net.IPv4zero, Port: 5060} }
func (f *fakeSocket) Close() error        { f.closed = true; return nil }

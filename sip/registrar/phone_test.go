package registrar

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	icholy "github.com/icholy/digest"

	"karat/internal/secret"
	"karat/internal/simnet"
)

const serverAddress = "10.0.0.1:5060"

// provider is a server on a simulated network, with what it told.
type provider struct {
	t      *testing.T
	net    *simnet.Network
	server *Server
	serve  chan error

	mu     sync.Mutex // guards events
	events []string
}

func newProvider(t *testing.T, adjust func(*Config)) *provider {
	p := &provider{t: t, net: simnet.New(simnet.Config{}), serve: make(chan error, 2)}
	cfg := Config{
		Domain: "sip.test",
		Users:  map[string]secret.Bytes{"alice": secret.Copy([]byte("alicepw")), "bob": secret.Copy([]byte("bobpw"))},
		Observe: func(e Event) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.events = append(p.events, e.String())
		},
	}
	if adjust != nil {
		adjust(&cfg)
	}
	p.server = New(cfg)
	host := p.net.Host("10.0.0.1")
	pc, err := host.ListenPacket(context.Background(), "udp", serverAddress)
	if err != nil {
		t.Fatal(err)
	}
	go func() { p.serve <- p.server.ServeUDP(pc) }()
	if cfg.TLS != nil {
		l, err := host.Listen(context.Background(), "tcp", "10.0.0.1:5061")
		if err != nil {
			t.Fatal(err)
		}
		go func() { p.serve <- p.server.ServeTLS(l) }()
	}
	return p
}

// close ends everything and checks that Serve returned without an error.
func (p *provider) close() {
	p.t.Helper()
	p.server.Close()
	if err := <-p.serve; err != nil {
		p.t.Error("serving:", err)
	}
	p.net.Close()
}

func (p *provider) wantEvents(want ...string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Equal(p.events, want) {
		p.t.Errorf("told:\n%s\nwant:\n%s", strings.Join(p.events, "\n"), strings.Join(want, "\n"))
	}
}

// phone is a scripted SIP phone: it sends what it is told and shows what comes.
type phone struct {
	t        *testing.T
	user     string
	pc       net.PacketConn // UDP
	conn     net.Conn       // or a stream
	reader   *bufio.Reader
	password string
	id       string // in tags, branches and Call-IDs
	cseq     int
	contact  string
	branches int
}

// phone makes one at an address of its own.
func (p *provider) phone(user, address string) *phone {
	p.t.Helper()
	pc, err := p.net.Host(address).ListenPacket(context.Background(), "udp", ":5070")
	if err != nil {
		p.t.Fatal(err)
	}
	return &phone{t: p.t, user: user, pc: pc, id: user + address, password: user + "pw", contact: "sip:" + user + "@anonymous.invalid"}
}

func (f *phone) local() string {
	if f.conn != nil {
		return "TLS " + f.conn.LocalAddr().String()
	}
	return "UDP anonymous.invalid"
}

func (f *phone) send(m *message) {
	f.t.Helper()
	var err error
	if f.conn != nil {
		_, err = f.conn.Write(m.bytes())
	} else {
		_, err = f.pc.WriteTo(m.bytes(), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(serverAddress)))
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// read waits for a message for at most d.
func (f *phone) read(d time.Duration) (*message, error) {
	if f.conn != nil {
		f.conn.SetReadDeadline(time.Now().Add(d))
		text, err := readMessage(f.reader, func() {})
		if err != nil {
			return nil, err
		}
		return parse(text)
	}
	f.pc.SetReadDeadline(time.Now().Add(d))
	b := make([]byte, maxMessage)
	n, _, err := f.pc.ReadFrom(b)
	if err != nil {
		return nil, err
	}
	return parse(b[:n])
}

// want reads the next message and checks that it begins like this.
func (f *phone) want(start string) *message {
	f.t.Helper()
	m, err := f.read(time.Minute)
	if err != nil {
		f.t.Fatalf("%s waited for %q: %v", f.user, start, err)
	}
	if got := string(m.bytes()); !strings.HasPrefix(got, start) {
		f.t.Fatalf("%s received\n%s\nwant %q", f.user, got, start)
	}
	return m
}

func (f *phone) wantNothing(d time.Duration) {
	f.t.Helper()
	if m, err := f.read(d); err == nil {
		f.t.Fatalf("%s received\n%s\nwant nothing for %v", f.user, m.bytes(), d)
	}
}

// request begins a new one.
func (f *phone) request(method, uri, to string) *message {
	f.cseq++
	f.branches++
	m := &message{method: method, uri: uri}
	m.add("Via", fmt.Sprintf("SIP/2.0/%s;branch=z9hG4bK%s-%d;rport", f.local(), f.id, f.branches))
	m.add("Max-Forwards", "70")
	m.add("From", fmt.Sprintf("<sip:%s@sip.test>;tag=%s", f.user, f.id))
	m.add("To", "<"+to+">")
	m.add("Call-ID", "call"+f.id)
	m.add("CSeq", fmt.Sprintf("%d %s", f.cseq, method))
	m.add("Contact", "<"+f.contact+">")
	return m
}

// again is the request with credentials and all that must be new.
func (f *phone) again(m, challenge *message, algorithm string) *message {
	f.t.Helper()
	ask, name := "WWW-Authenticate", "Authorization"
	if challenge.code == 407 {
		ask, name = "Proxy-Authenticate", "Proxy-Authorization"
	}
	for _, v := range challenge.lines(ask) {
		c, err := icholy.ParseChallenge(v)
		if err != nil {
			f.t.Fatal(err)
		}
		if c.Algorithm != algorithm {
			continue
		}
		cred, err := icholy.Digest(c, icholy.Options{Method: m.method, URI: m.uri, Username: f.user, Password: f.password})
		if err != nil {
			f.t.Fatal(err)
		}
		return f.with(m, header{name, cred.String()})
	}
	f.t.Fatalf("no challenge for %s in\n%s", algorithm, challenge.bytes())
	return nil
}

// with is the request anew, with more headers.
func (f *phone) with(m *message, more ...header) *message {
	f.cseq++
	f.branches++
	n := m.clone()
	n.replace("Via", fmt.Sprintf("SIP/2.0/%s;branch=z9hG4bK%s-%d;rport", f.local(), f.id, f.branches))
	n.replace("CSeq", fmt.Sprintf("%d %s", f.cseq, m.method))
	n.headers = append(n.headers, more...)
	return n
}

// register registers, or removes the registration with 0 seconds.
func (f *phone) register(seconds int) *message {
	f.t.Helper()
	m := f.request("REGISTER", "sip:sip.test", "sip:"+f.user+"@sip.test")
	m.add("Expires", fmt.Sprint(seconds))
	f.send(m)
	f.send(f.again(m, f.want("SIP/2.0 401"), "SHA-256"))
	return f.want("SIP/2.0 200")
}

// reply answers a request, with a tag of our own.
func (f *phone) reply(m *message, code int, reason string) {
	f.t.Helper()
	r := &message{code: code, reason: reason}
	for _, h := range m.headers {
		switch h.name {
		case "Via", "From", "Call-ID", "CSeq", "Record-Route":
			r.headers = append(r.headers, h)
		case "To":
			if m.tag("To") == "" {
				h.value += ";tag=" + f.id
			}
			r.headers = append(r.headers, h)
		}
	}
	r.add("Contact", "<"+f.contact+">")
	f.send(r)
}

// call calls a user with credentials and returns the INVITE that was taken.
func (f *phone) call(user string) *message {
	f.t.Helper()
	m := f.request("INVITE", "sip:"+user+"@sip.test", "sip:"+user+"@sip.test")
	f.send(m)
	challenge := f.want("SIP/2.0 407")
	f.send(ackOf(m, challenge))
	m = f.again(m, challenge, "SHA-256")
	f.send(m)
	f.want("SIP/2.0 100")
	return m
}

// ackOf acknowledges a final answer that is not 2xx.
func ackOf(m, answer *message) *message {
	a := m.clone()
	a.method = "ACK"
	a.replace("To", answer.get("To"))
	n, _, _ := m.cseq()
	a.replace("CSeq", fmt.Sprintf("%d ACK", n))
	return a
}

// inDialog is a request of the caller's after the 2xx answer.
func (f *phone) inDialog(method string, invite, answer *message) *message {
	m := f.request(method, parseAddress(answer.get("Contact")).uri, "")
	for _, name := range []string{"From", "Call-ID"} {
		m.replace(name, invite.get(name))
	}
	m.replace("To", answer.get("To"))
	routes := answer.all("Record-Route")
	slices.Reverse(routes) // RFC 3261, Section 12.1.2
	m.replace("Route", routes...)
	return m
}

// fromCallee is a request of the callee's after its 2xx.
func (f *phone) fromCallee(method string, invite *message) *message {
	m := f.request(method, parseAddress(invite.get("Contact")).uri, "")
	m.replace("From", invite.get("To")+";tag="+f.id)
	m.replace("To", invite.get("From"))
	m.replace("Call-ID", invite.get("Call-ID"))
	m.replace("Route", invite.all("Record-Route")...)
	return m
}

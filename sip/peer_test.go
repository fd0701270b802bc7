package sip

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"

	"karat/internal/secret"
	"karat/internal/simnet"
	"karat/sip/dialog"
)

// A scripted peer: the test is the other end, message by message.
type peer struct {
	t     *testing.T
	conn  net.PacketConn
	to    net.Addr
	start time.Time
	asked bool // the test answers OPTIONS, with which we look whether the peer is there
}

// heard is a message that the peer got, and when.
type heard struct {
	sip.Message
	raw string
	at  time.Duration // since the peer was made
}

const (
	peerAddr  = "10.0.0.1:5060"
	agentAddr = "10.0.0.2:5060"
)

// bubble runs a test in a synctest bubble, with a network of two hosts.
func bubble(t *testing.T, f func(t *testing.T, n *simnet.Network, peerHost, ourHost *simnet.Host)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Config{})
		defer n.Close()
		f(t, n, n.Host("10.0.0.1"), n.Host("10.0.0.2"))
	})
}

func newPeer(t *testing.T, h *simnet.Host) *peer {
	t.Helper()
	conn, err := h.ListenPacket(t.Context(), "udp", peerAddr)
	if err != nil {
		t.Fatal(err)
	}
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(agentAddr))
	return &peer{t: t, conn: conn, to: to, start: time.Now()}
}

// directAgent listens for direct calls; it has no account.
func directAgent(t *testing.T, h *simnet.Host) *Agent {
	t.Helper()
	a, err := NewAgent(Config{Listen: []string{"udp:" + agentAddr}, Network: h})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(a) })
	return a
}

// accountAgent has an account at the peer, with changes.
func accountAgent(t *testing.T, h *simnet.Host, changes ...func(*Account)) *Agent {
	t.Helper()
	acc := &Account{
		AOR: "sip:alice@example.org", Registrar: "sip:" + peerAddr + ";transport=udp", Password: secret.Copy([]byte("wonderland")),
	}
	for _, change := range changes {
		change(acc)
	}
	a, err := NewAgent(Config{Network: h, Account: acc})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(a) })
	return a
}

// byTCP has an account reach its registrar over TCP.
func byTCP(a *Account) { a.Registrar = "sip:" + peerAddr + ";transport=tcp" }

// shut closes an agent without waiting for its peer.
func shut(a *Agent) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = a.Close(ctx)
}

// send sends a message, written with bare line feeds.
func (p *peer) send(text string) {
	p.t.Helper()
	head, body, _ := strings.Cut(strings.TrimLeft(text, "\n"), "\n\n")
	head = strings.ReplaceAll(strings.TrimSpace(head), "\n", "\r\n")
	if _, err := p.conn.WriteTo([]byte(head+"\r\n\r\n"+body), p.to); err != nil {
		p.t.Fatal(err)
	}
}

// next returns the next message within a day.
func (p *peer) next() heard {
	p.t.Helper()
	m, ok := p.within(24 * time.Hour)
	if !ok {
		p.t.Fatal("nothing came")
	}
	return m
}

// within returns the next message, keep-alives left out, if one comes in time.
// OPTIONS are answered.
func (p *peer) within(d time.Duration) (heard, bool) {
	p.t.Helper()
	buf := make([]byte, 1<<16)
	_ = p.conn.SetReadDeadline(time.Now().Add(d))
	for {
		n, from, err := p.conn.ReadFrom(buf)
		if err != nil {
			return heard{}, false
		}
		if n <= 4 {
			continue
		}
		p.to = from
		msg, err := sip.ParseMessage(buf[:n])
		if err != nil {
			p.t.Fatalf("not a SIP message: %v\n%s", err, buf[:n])
		}
		m := heard{msg, string(buf[:n]), time.Since(p.start)}
		if req, ok := msg.(*sip.Request); ok && req.Method == sip.OPTIONS && !p.asked {
			p.answer(m, 200, "o")
			continue
		}
		return m, true
	}
}

// wantRequest returns the next message, which must be such a request.
func (p *peer) wantRequest(method string) heard {
	p.t.Helper()
	m := p.next()
	if req, ok := m.Message.(*sip.Request); !ok || string(req.Method) != method {
		p.t.Fatalf("got\n%s\nwant %s", m.raw, method)
	}
	return m
}

// wantResponse returns the next message, which must be such a response.
func (p *peer) wantResponse(code int) heard {
	p.t.Helper()
	m := p.next()
	if res, ok := m.Message.(*sip.Response); !ok || res.StatusCode != code {
		p.t.Fatalf("got\n%s\nwant %d", m.raw, code)
	}
	return m
}

// wantSilence fails if anything comes within d.
func (p *peer) wantSilence(d time.Duration) {
	p.t.Helper()
	if m, ok := p.within(d); ok {
		p.t.Fatalf("want silence, got after %v\n%s", m.at, m.raw)
	}
}

// answer responds to a request; lines are further header fields, a body after
// an empty one.
func (p *peer) answer(m heard, code int, tag string, lines ...string) {
	p.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d Whatever\n", code)
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		value := dialog.Value(m, name)
		if name == "To" && tag != "" && dialog.Tag(value) == "" {
			value += ";tag=" + tag
		}
		fmt.Fprintf(&b, "%s: %s\n", name, value)
	}
	b.WriteString(strings.Join(lines, "\n"))
	if !strings.Contains(b.String(), "\n\n") {
		b.WriteString("\n\n")
	}
	p.send(b.String())
}

// invite is an INVITE of the peer; branch and Call-ID are made of id.
func (p *peer) invite(id string, lines ...string) {
	p.t.Helper()
	p.send(inviteText(id, lines...))
}

func inviteText(id string, lines ...string) string {
	return strings.Join(append([]string{
		"INVITE sip:alice@10.0.0.2 SIP/2.0",
		"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK" + id + ";rport",
		"Max-Forwards: 70",
		"From: <sip:bob@example.org>;tag=" + id,
		"To: <sip:alice@example.org>",
		"Call-ID: " + id,
		"CSeq: 1 INVITE",
		"Contact: <sip:bob@10.0.0.1:5060>",
	}, lines...), "\n")
}

var withSDP = []string{"Content-Type: application/sdp", "", "v=0\r\n"}

// inDialog is a request of the peer within the dialog of a response to its
// INVITE.
func (p *peer) inDialog(res heard, method string, seq int, id string, lines ...string) {
	p.t.Helper()
	uri := dialog.ParseAddress(dialog.Value(res, "Contact")).URI
	if uri == "" {
		uri = "sip:alice@10.0.0.2" // an ACK for an error response goes where the INVITE went
	}
	p.send(strings.Join(append([]string{
		method + " " + uri + " SIP/2.0",
		"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK" + id + ";rport",
		"Max-Forwards: 70",
		"From: " + dialog.Value(res, "From"),
		"To: " + dialog.Value(res, "To"),
		"Call-ID: " + dialog.CallID(res),
		fmt.Sprintf("CSeq: %d %s", seq, method),
		"Contact: <sip:bob@10.0.0.1:5060>",
	}, lines...), "\n"))
}

// request sends a request of the peer within a dialog that our INVITE m made.
func (p *peer) request(m heard, tag, method string, seq int, id string, lines ...string) {
	p.t.Helper()
	p.send(strings.Join(append([]string{
		method + " " + dialog.ParseAddress(dialog.Value(m, "Contact")).URI + " SIP/2.0",
		"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK" + id + ";rport",
		"Max-Forwards: 70",
		"From: " + dialog.Value(m, "To") + ";tag=" + tag,
		"To: " + dialog.Value(m, "From"),
		"Call-ID: " + dialog.CallID(m),
		fmt.Sprintf("CSeq: %d %s", seq, method),
		"Contact: <sip:bob@10.0.0.1:5060>",
	}, lines...), "\n"))
}

// register lets an account agent register without a challenge.
func (p *peer) register() {
	p.t.Helper()
	m := p.wantRequest("REGISTER")
	p.answer(m, 200, "r", "Contact: "+dialog.Value(m, "Contact")+";expires=3600")
}

var identifiers = regexp.MustCompile(`[0-9a-f]{32}`)

// shape is a message with its random identifiers replaced.
func (m heard) shape() string {
	return strings.ReplaceAll(identifiers.ReplaceAllString(m.raw, "ID"), "\r\n", "\n")
}

// wantEvent returns the next event of a call, which must be of type T.
func wantEvent[T CallEvent](t *testing.T, c *Call) T {
	t.Helper()
	select {
	case e, ok := <-c.Events():
		want, is := e.(T)
		if !ok || !is {
			t.Fatalf("got event %T %+v (open: %v), want %T", e, e, ok, want)
		}
		return want
	case <-time.After(24 * time.Hour):
		t.Fatal("no event came")
		panic("unreachable")
	}
}

// wantClosed fails unless the events of a call are at their end.
func wantClosed(t *testing.T, c *Call) {
	t.Helper()
	if e, ok := <-c.Events(); ok {
		t.Fatalf("got event %T %+v after the last", e, e)
	}
}

// wantIncoming returns the next call that comes in.
func wantIncoming(t *testing.T, a *Agent) *Call {
	t.Helper()
	for e := range a.Events() {
		if in, ok := e.(Incoming); ok {
			return in.Call
		}
	}
	t.Fatal("no call came in")
	return nil
}

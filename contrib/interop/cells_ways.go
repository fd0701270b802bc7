package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/wiretap"
)

// wayCells are about accounts whose signalling takes another way than a plain
// connection to the provider.
func wayCells() []cell {
	return []cell{
		{
			name:   "karat-karat/wss",
			proves: "two Karats talk through a Kamailio that they reach over WebSocket and TLS (RFC 7118)",
			limit:  callLimit, karat: true, items: []int{12}, run: webCall,
		},
		{
			name:   "karat-karat/socks",
			proves: "two Karats talk through a SOCKS proxy, one over TLS and one over WebSocket, their voice by a relay over TLS: neither opens a connection to anything but the proxy, sends a datagram, or asks a name server",
			limit:  callLimit, karat: true, run: socksCall,
		},
	}
}

func webCall(ctx context.Context, b *bench) error {
	proxy, err := b.provider(ctx, lab.KamailioConfig{Algorithm: "SHA-256", Users: []string{"alice", "bob"}, WebSocket: true})
	if err != nil {
		return err
	}
	alice, err := b.newKarat(ctx, "alice", proxy, "wss", b.alice)
	if err != nil {
		return err
	}
	bob, err := b.newKarat(ctx, "bob", proxy, "wss", b.bob)
	if err != nil {
		return err
	}
	if err := b.talk(ctx, alice, bob, talkTime); err != nil {
		return err
	}
	return errors.Join(b.judgeSecure(nil), refusedInClear(ctx, proxy))
}

// refusedInClear asks for a WebSocket without TLS, which a provider is not to give.
func refusedInClear(ctx context.Context, proxy *lab.Kamailio) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(proxy.IP, strconv.Itoa(proxy.UDP)))
	if err != nil {
		return fmt.Errorf("a WebSocket without TLS: %w", err)
	}
	defer conn.Close()
	_, _, err = ws.Dialer{Protocols: []string{"sip"}}.Upgrade(conn, &url.URL{Scheme: "ws", Host: proxy.Host(), Path: "/"})
	if !errors.Is(err, ws.StatusError(http.StatusForbidden)) {
		return fmt.Errorf("a WebSocket without TLS was not refused: %w", err)
	}
	return nil
}

// socksRun is a call through a proxy.
type socksRun struct {
	proxy *lab.Kamailio
	relay *lab.Coturn
	socks *lab.Microsocks
	began time.Time // when the phones started that are to go through it
}

func socksCall(ctx context.Context, b *bench) error {
	b.IP = lab.Elsewhere() // the relay relays to no loopback
	var r socksRun
	var err error
	if r.proxy, err = b.provider(ctx, lab.KamailioConfig{Algorithm: "SHA-256", Users: []string{"alice", "bob", "carol"}, WebSocket: true}); err != nil {
		return err
	}
	if r.relay, err = b.StartCoturn(ctx, r.proxy.Authority); err != nil {
		return err
	}
	if r.socks, err = b.StartMicrosocks(ctx); err != nil {
		return err
	}
	if err := r.askDNS(ctx, b); err != nil {
		return err
	}
	r.began = time.Now()
	var phones []*lab.Karat
	for _, c := range []lab.KaratConfig{{User: "alice", Transport: "tls", Speech: b.alice}, {User: "bob", Transport: "wss", Speech: b.bob}} {
		c.Binary, c.Proxy, c.SOCKS, c.Named = b.karat, r.proxy, r.socks, r.socks.Name
		c.Relay, c.RelayTransport, c.RelayOnly = r.relay, "tls", true
		k, err := b.NewKarat(ctx, c)
		if err != nil {
			return err
		}
		phones = append(phones, k)
	}
	if err := b.talk(ctx, phones[0], phones[1], talkTime); err != nil {
		return err
	}
	packets, err := b.stopWire()
	if err != nil {
		return err
	}
	return r.judge(b, packets)
}

// askDNS has a Karat without the proxy look for the same server: what it asks name
// servers is recorded, so that silence later says something.
func (r *socksRun) askDNS(ctx context.Context, b *bench) error {
	k, err := b.NewKarat(ctx, lab.KaratConfig{Binary: b.karat, User: "carol", Proxy: r.proxy, Transport: "tls", Named: r.socks.Name, Speech: b.alice})
	if err != nil {
		return err
	}
	return k.TryFor(ctx, 2*time.Second)
}

// portDNS is where name servers are asked.
const portDNS = 53

// judge proves that nothing went around the proxy.
func (r *socksRun) judge(b *bench, packets []wiretap.Packet) error {
	asked := func(p wiretap.Packet) bool { return p.To.Port() == portDNS || p.From.Port() == portDNS }
	first := slices.IndexFunc(packets, func(p wiretap.Packet) bool { return p.At.After(r.began) })
	if first < 0 || !slices.ContainsFunc(packets[:first], asked) {
		return errors.New("a Karat without the proxy was not seen to ask a name server: the recording shows nothing")
	}
	packets = packets[first:]
	servers := []int{r.proxy.TLS, r.relay.TLS}
	for _, p := range packets {
		from, to := int(p.From.Port()), int(p.To.Port())
		relayed := func(port int) bool { return port >= r.relay.First && port <= r.relay.Last }
		switch {
		case asked(p):
			return fmt.Errorf("a name server was asked: %v>%v", p.From, p.To)
		case !p.Stream && (!relayed(from) || !relayed(to)):
			return fmt.Errorf("a datagram went around the proxy: %v>%v", p.From, p.To)
		case p.Stream && slices.Contains(servers, to) && p.From.Addr().String() != r.socks.Outward:
			return fmt.Errorf("a connection went around the proxy: %v>%v", p.From, p.To)
		case p.Stream && !slices.Contains(servers, from) && !slices.Contains(servers, to) && from != r.socks.Port && to != r.socks.Port:
			return fmt.Errorf("a connection to no server: %v>%v", p.From, p.To)
		}
	}
	for _, name := range r.socks.Asked() {
		if !strings.HasPrefix(name, r.socks.Name+":") {
			return fmt.Errorf("the proxy was asked for %s, not by the name", name)
		}
	}
	b.note("the proxy was asked for %d connections, all by name", len(r.socks.Asked()))
	if len(r.socks.Asked()) < 4 {
		return errors.New("the proxy was asked for fewer connections than two phones and two relays need")
	}
	relayed := wiretap.Datagrams(packets)
	err := errors.Join(wiretap.Only(relayed, wiretap.STUN, wiretap.ZRTP, wiretap.RTP, wiretap.RTCP), wiretap.NoEarlyVoice(packets, relayed))
	talked := 0
	for _, own := range wiretap.Sockets(relayed) {
		if len(wiretap.Of(own, wiretap.RTP)) > 0 {
			talked++
			err = errors.Join(err, wiretap.LooksEncrypted(own))
		}
	}
	if talked != 2 {
		err = errors.Join(err, fmt.Errorf("%d relayed addresses sent voice, not 2", talked))
	}
	return err
}

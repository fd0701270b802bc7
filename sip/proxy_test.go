package sip

import (
	"crypto/tls"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"karat/internal/secret"
	"karat/internal/simnet"
	"karat/sip/registrar"
)

// Two phones with accounts call each other through a provider that is as strict
// as they come, over a network that delays, and over UDP loses, packets.
//
// Items: 6, 8.
func TestThroughProvider(t *testing.T) {
	for _, tc := range []struct {
		uri  string
		loss float64
		seed uint64
	}{
		{"sip:10.0.0.1:5060;transport=udp", 0, 1},
		{"sip:10.0.0.1:5060;transport=udp", 0.1, 1},
		{"sip:10.0.0.1:5060;transport=udp", 0.1, 2},
		{"sip:10.0.0.1:5060;transport=udp", 0.2, 3},
		{"sip:10.0.0.1:5060;transport=udp", 0.2, 4},
		{"sip:10.0.0.1:5060;transport=tcp", 0, 1},
		{"sip:10.0.0.1:5061;transport=tls", 0, 1},
	} {
		t.Run(fmt.Sprintf("%s loss %v seed %d", tc.uri, tc.loss, tc.seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := simnet.New(simnet.Config{Seed: tc.seed, Plan: simnet.Loss(tc.loss, simnet.Delay(20*time.Millisecond))})
				defer n.Close()
				ca, stop := provider(t, n.Host("10.0.0.1"))
				defer stop()
				phone := func(name, host string) *Agent {
					a, err := NewAgent(Config{Network: n.Host(host), Account: &Account{
						AOR: "sip:" + name + "@10.0.0.1", Registrar: tc.uri,
						Password: secret.Copy([]byte(name + "'s")), Roots: ca.Pool(),
					}})
					if err != nil {
						t.Fatal(err)
					}
					if err := a.Start(t.Context()); err != nil {
						t.Fatal(err)
					}
					if e, ok := (<-a.Events()).(Registered); !ok || e.Expires != 10*time.Minute {
						t.Fatalf("%s: got %+v", name, e)
					}
					t.Cleanup(func() { shut(a) })
					return a
				}
				alice, bob := phone("alice", "10.0.0.2"), phone("bob", "10.0.0.3")
				for round := range 2 {
					throughProvider(t, alice, bob, round == 0)
				}
				_ = alice.Close(t.Context())
				_ = bob.Close(t.Context())
			})
		})
	}
}

// throughProvider makes a call with a change in it, hung up by one side.
func throughProvider(t *testing.T, alice, bob *Agent, callerEnds bool) {
	t.Helper()
	out, err := alice.Invite(t.Context(), "sip:bob@10.0.0.1", []byte("v=0\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	in := wantIncoming(t, bob)
	if string(in.Offer()) != "v=0\r\n" || in.Peer() != "sip:alice@10.0.0.1" {
		t.Errorf("offered %q by %s", in.Offer(), in.Peer())
	}
	if err := in.Answer([]byte("v=1\r\n")); err != nil {
		t.Fatal(err)
	}
	e := <-out.Events()
	if _, ok := e.(Progress); ok { // where the 180 did not get lost
		e = <-out.Events()
	}
	if e, ok := e.(Answered); !ok || string(e.SDP) != "v=1\r\n" {
		t.Fatalf("got %+v", e)
	}
	wantEvent[Answered](t, in)
	changed := make(chan error, 1)
	go func() {
		sdp, err := in.Reinvite(t.Context(), []byte("v=2\r\n"))
		if err == nil && string(sdp) != "v=3\r\n" {
			err = fmt.Errorf("answer %q", sdp)
		}
		changed <- err
	}()
	wantEvent[Reoffered](t, out)
	if err := out.Accept([]byte("v=3\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := <-changed; err != nil {
		t.Fatal(err)
	}
	ends, hears := out, in
	if !callerEnds {
		ends, hears = in, out
	}
	ends.Hangup()
	if e := wantEvent[Ended](t, ends); e.ByPeer || e.Why != nil {
		t.Errorf("got %+v", e)
	}
	if e := wantEvent[Ended](t, hears); !e.ByPeer || e.Why != nil {
		t.Errorf("got %+v", e)
	}
}

// provider runs one with all that is annoying: it challenges everything, forgets
// nonces, grants less than is asked for.
func provider(t *testing.T, h *simnet.Host) (*registrar.Authority, func()) {
	t.Helper()
	ca, err := registrar.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := ca.Server("10.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	s := registrar.New(registrar.Config{
		Domain:            "10.0.0.1",
		Users:             map[string]secret.Bytes{"alice": secret.Copy([]byte("alice's")), "bob": secret.Copy([]byte("bob's"))},
		TLS:               &tls.Config{Certificates: []tls.Certificate{certificate}},
		MaxExpires:        10 * time.Minute,
		NonceLife:         time.Second,
		ChallengeInDialog: true,
	})
	udp, err := h.ListenPacket(t.Context(), "udp", "10.0.0.1:5060")
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := h.Listen(t.Context(), "tcp", "10.0.0.1:5060")
	if err != nil {
		t.Fatal(err)
	}
	secured, err := h.Listen(t.Context(), "tcp", "10.0.0.1:5061")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.ServeUDP(udp) })
	wg.Go(func() { _ = s.ServeTCP(tcp) })
	wg.Go(func() { _ = s.ServeTLS(secured) })
	return ca, func() { _ = s.Close(); wg.Wait() }
}

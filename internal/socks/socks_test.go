package socks_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"karat/internal/secret"
	"karat/internal/simnet"
	"karat/internal/socks"
	"karat/internal/socks/sockstest"
)

// throughOne runs a test with a proxy at 10.0.0.7, an echo at 10.0.0.9, and us.
func throughOne(t *testing.T, p *sockstest.Proxy, f func(t *testing.T, us *simnet.Host)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		net := simnet.New(simnet.Config{})
		t.Cleanup(func() { net.Close() })
		proxy, far := net.Host("10.0.0.7"), net.Host("10.0.0.9")
		ln, err := proxy.Listen(t.Context(), "tcp", "10.0.0.7:1080")
		if err != nil {
			t.Fatal(err)
		}
		echo, err := far.Listen(t.Context(), "tcp", "10.0.0.9:443")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = echo.Close() })
		go func() {
			for {
				c, err := echo.Accept()
				if err != nil {
					return
				}
				go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
			}
		}()
		sockstest.Serve(t, p, ln, proxy.Dial)
		f(t, net.Host("10.0.0.2"))
	})
}

var at = netip.MustParseAddrPort("10.0.0.7:1080")

func network(t *testing.T, p socks.Proxy, below socks.Below) *socks.Network {
	t.Helper()
	n, err := socks.New(p, below)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A name goes to the proxy as it is, also by way of its made-up address; an address
// goes as an address.
func TestNamesAreTheProxys(t *testing.T) {
	p := &sockstest.Proxy{Names: map[string]string{"far.example.org": "10.0.0.9"}}
	throughOne(t, p, func(t *testing.T, us *simnet.Host) {
		n := network(t, socks.Proxy{Address: at}, us)
		alias := n.Alias("FAR.example.org.")
		if alias != n.Alias("far.example.org") || alias == n.Alias("other.example.org") || alias.As4()[0] < 240 {
			t.Errorf("the made-up address is %v", alias)
		}
		for _, to := range []string{"far.example.org:443", netip.AddrPortFrom(alias, 443).String(), "10.0.0.9:443"} {
			c, err := n.Dial(t.Context(), "tcp", to)
			if err != nil {
				t.Fatalf("%s: %v", to, err)
			}
			b := make([]byte, 5)
			_, _ = c.Write([]byte("hello"))
			if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
				t.Errorf("%s: %q, %v", to, b, err)
			}
			_ = c.Close()
		}
		if got := fmt.Sprint(p.Asked()); got != "[far.example.org:443 far.example.org:443 10.0.0.9:443]" {
			t.Errorf("the proxy was asked for %s", got)
		}
		if local, err := n.LocalFor(netip.MustParseAddr("203.0.113.1")); err != nil || local != netip.MustParseAddr("10.0.0.2") {
			t.Errorf("our address is %v, %v", local, err)
		}
	})
}

// Without a user, each network is a random one, so that Tor keeps them apart; a user
// who was named is that user.
func TestUsers(t *testing.T) {
	p := &sockstest.Proxy{}
	throughOne(t, p, func(t *testing.T, us *simnet.Host) {
		for range 2 {
			n := network(t, socks.Proxy{Address: at}, us)
			for range 2 {
				c, err := n.Dial(t.Context(), "tcp", "10.0.0.9:443")
				if err != nil {
					t.Fatal(err)
				}
				_ = c.Close()
			}
		}
		u := p.Users()
		if len(u) != 4 || len(u[0]) != 32 || u[0] != u[1] || u[2] != u[3] || u[0] == u[2] {
			t.Errorf("the proxy saw %q", u)
		}
	})
	p = &sockstest.Proxy{User: "alice", Password: "secret"}
	throughOne(t, p, func(t *testing.T, us *simnet.Host) {
		for password, good := range map[string]bool{"secret": true, "wrong": false} {
			n := network(t, socks.Proxy{Address: at, User: "alice", Password: secret.Copy([]byte(password))}, us)
			c, err := n.Dial(t.Context(), "tcp", "10.0.0.9:443")
			if good {
				_ = c.Close()
			}
			if (err == nil) != good || !good && !errors.Is(err, socks.ErrRefused) {
				t.Errorf("with %s: %v", password, err)
			}
		}
	})
	if _, err := socks.New(socks.Proxy{Address: at, User: "alice"}, nil); err == nil {
		t.Error("a user without a password was taken")
	}
}

// Failures are told in a sentence without an address, in the time that there is.
func TestFailures(t *testing.T) {
	throughOne(t, &sockstest.Proxy{}, func(t *testing.T, us *simnet.Host) {
		n := network(t, socks.Proxy{Address: at}, us)
		for to, says := range map[string]string{"nowhere.example.org:443": "host unreachable", "10.0.0.9:444": "host unreachable"} {
			_, err := n.Dial(t.Context(), "tcp", to)
			if !errors.Is(err, socks.ErrRefused) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "10.0.0") || strings.Contains(err.Error(), "nowhere") {
				t.Errorf("%s: %v", to, err)
			}
		}
		none := network(t, socks.Proxy{Address: netip.MustParseAddrPort("10.0.0.7:9")}, us)
		if _, err := none.Dial(t.Context(), "tcp", "10.0.0.9:443"); !errors.Is(err, socks.ErrProxy) || strings.Contains(err.Error(), "10.0.0") {
			t.Errorf("no proxy: %v", err)
		}
		if _, err := n.Dial(t.Context(), "udp", "10.0.0.9:443"); !errors.Is(err, socks.ErrUDP) {
			t.Errorf("UDP: %v", err)
		}
		if _, err := n.ListenPacket(t.Context(), "udp", "10.0.0.2:0"); !errors.Is(err, socks.ErrUDP) {
			t.Errorf("a socket: %v", err)
		}
		if _, err := n.Listen(t.Context(), "tcp", "10.0.0.2:0"); !errors.Is(err, socks.ErrUDP) {
			t.Errorf("a listener: %v", err)
		}
		mute, err := us.Listen(t.Context(), "tcp", "10.0.0.2:1080")
		if err != nil {
			t.Fatal(err)
		}
		defer mute.Close()
		slow := network(t, socks.Proxy{Address: netip.MustParseAddrPort("10.0.0.2:1080")}, us)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if _, err := slow.Dial(ctx, "tcp", "10.0.0.9:443"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("a proxy that says nothing: %v after %v", err, time.Since(began))
		}
	})
}

func TestParseAddress(t *testing.T) {
	for s, want := range map[string]string{
		"127.0.0.1:9050": "127.0.0.1:9050", "localhost:9050": "127.0.0.1:9050", "[::1]:1080": "[::1]:1080",
	} {
		if a, err := socks.ParseAddress(s); err != nil || a.String() != want {
			t.Errorf("%s: %v, %v", s, a, err)
		}
	}
	wrong := []string{"", "127.0.0.1", "127.0.0.1:0", "proxy.example.org:1080", "0.0.0.0:1080", "127.0.0.1:70000", "socks5://127.0.0.1:1080"}
	if i := slices.IndexFunc(wrong, func(s string) bool { _, err := socks.ParseAddress(s); return !errors.Is(err, socks.ErrAddress) }); i >= 0 {
		t.Errorf("%q was taken", wrong[i])
	}
}

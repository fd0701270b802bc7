package phone

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"karat/contrib/zrtpspec/spec"
)

// free is a UDP port of loopback that nobody has.
func free(t *testing.T) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// A tester that calls and one that waits are each other's target: descriptions,
// datagrams and the end of the call cross.
func TestSIP(t *testing.T) {
	at := free(t)
	bob, err := NewSIP(t.Context(), "", at, false)
	if err != nil {
		t.Fatal(err)
	}
	defer bob.Close()
	alice, err := NewSIP(t.Context(), "sip:bob@"+at.String(), free(t), true)
	if err != nil {
		t.Fatal(err)
	}
	defer alice.Close()
	if bob.Abilities()&^alice.Abilities() != spec.Media {
		t.Error("a silent phone is asked for media")
	}

	waiting := make(chan spec.Call, 1)
	go func() {
		defer close(waiting)
		p, _ := bob.Phone()
		if call, err := p.Call([]string{"1.10 bob"}); err == nil {
			waiting <- call
		}
	}()
	p, _ := alice.Phone()
	there, err := p.Call([]string{"1.10 alice", "2.00 alice"})
	if err != nil {
		t.Fatal(err)
	}
	here := <-waiting
	if here == nil {
		t.Fatal("bob was not called")
	}
	if a := here.Announced(); len(a) != 2 || a[0] != "1.10 alice" {
		t.Errorf("bob hears of %q", a)
	}
	if a := there.Announced(); len(a) != 1 || a[0] != "1.10 bob" {
		t.Errorf("alice hears of %q", a)
	}
	if err := there.Send([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if b := here.Receive(time.Second); string(b) != "hello" {
		t.Errorf("bob received %q", b)
	}
	if b := here.Receive(0); b != nil {
		t.Errorf("bob received %q, which nobody sent", b)
	}
	there.Hangup()
	here.Hangup()
}

// A phone that is not there.
func TestSIPNobody(t *testing.T) {
	alice, err := NewSIP(t.Context(), "sip:nobody@127.0.0.1:badport", free(t), true)
	if err != nil {
		t.Fatal(err)
	}
	defer alice.Close()
	p, _ := alice.Phone()
	if _, err := p.Call(nil); err == nil {
		t.Error("a call to nobody was answered")
	}
}

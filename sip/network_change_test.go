package sip

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"karat/internal/simnet"
)

// A machine that is at another address dials anew at once, registers over the new
// connection, and tells its calls.
func TestItem13_AnotherAddress(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		ln, err := ph.Listen(t.Context(), "tcp", "10.0.0.1:5060")
		if err != nil {
			t.Fatal(err)
		}
		a := accountAgent(t, us, byTCP)
		l := lines{t, ln}
		l.accept().register()
		wantRegistered(t, a)

		us.Move() // no network: nothing can be done, and nothing is
		a.NetworkChanged(false)
		time.Sleep(time.Second)
		us.Move("10.0.0.77")
		at := time.Now()
		a.NetworkChanged(false)
		if lost := wantLost(t, a); !errors.Is(lost.Why, ErrUnreachable) {
			t.Errorf("got %+v", lost)
		}
		w := l.accept()
		if from, _ := addrPort(w.conn.RemoteAddr()); from.Addr() != netip.MustParseAddr("10.0.0.77") {
			t.Errorf("it comes from %v", from)
		}
		w.register()
		wantRegistered(t, a)
		if _, ok := (<-a.Events()).(Reconnected); !ok {
			t.Error("calls are not told")
		}
		if d := time.Since(at); d > 5*time.Second {
			t.Errorf("it took %v", d)
		}

		// At the same address the registration shows whether the connection works.
		a.NetworkChanged(false)
		w.register()
		wantRegistered(t, a)
		a.NetworkChanged(false)
		w.want("REGISTER")
		at = time.Now()
		wantLost(t, a)
		l.accept().register()
		wantRegistered(t, a)
		if d := time.Since(at); d > 5*time.Second {
			t.Errorf("a connection that is dead was replaced after %v", d)
		}
	})
}

// What waits to be tried again is tried as soon as there is a network.
func TestItem13_NetworkComesBack(t *testing.T) {
	bubble(t, func(t *testing.T, _ *simnet.Network, ph, us *simnet.Host) {
		us.Move()
		p, a := newPeer(t, ph), accountAgent(t, us)
		for range 12 {
			wantLost(t, a)
		}
		if lost := wantLost(t, a); lost.Retry < time.Minute {
			t.Fatalf("it tries again in %v already", lost.Retry)
		}
		us.Move("10.0.0.2")
		at := time.Now()
		a.NetworkChanged(false)
		p.register()
		wantRegistered(t, a)
		if d := time.Since(at); d > time.Second {
			t.Errorf("registered after %v", d)
		}
	})
}

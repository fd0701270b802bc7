package softphone_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"karat/internal/secret"
	"karat/internal/simnet"
	"karat/media/path"
	"karat/media/path/pathtest"
	"karat/softphone"
	"karat/softphone/assay"
)

const relayHost = "10.0.0.8"

// relay starts a TURN and STUN server.
func (w *world) relay() {
	pathtest.Relay(w.t, w.net.Host(relayHost), netip.MustParseAddrPort(relayHost+":3478"), nil)
}

// relayed are two users whose phones are on: alice's voice goes by the relay and no
// other way, bob's has none.
func (w *world) relayed() (alice, bob *user) {
	w.relay()
	alice, bob = w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
	alice.useRelay(true)
	alice.start()
	bob.start(auto)
	return alice, bob
}

// useRelay changes a user's account before its phone starts.
func (u *user) useRelay(only bool) {
	u.w.t.Helper()
	a := u.store.Accounts()[0]
	a.Registrar = "sip:" + providerAddr + ":5060;transport=tcp"
	a.Relay.URL, a.Relay.User, a.Relay.Only = "turn:"+relayHost, pathtest.RelayUser, only
	a.Relay.Password = secret.Copy([]byte(pathtest.RelayPassword))
	if err := u.store.SetAccount(a); err != nil {
		u.w.t.Fatal(err)
	}
}

// apart puts alice and bob behind NATs of their own: they reach the relay and
// the provider, and not each other.
func (w *world) apart() {
	p := simnet.Delay(10 * time.Millisecond)
	w.net.SetPlan(simnet.Between("10.0.0.1", "10.0.0.2", simnet.Loss(1, p), p))
}

// ICE and ZRTP together: two phones that do not reach each other agree on keys
// and talk by way of a relay.
func TestItem57_ICEAndZRTP(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.relay()
		w.apart()
		alice, bob := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
		alice.useRelay(false)
		bob.useRelay(false)
		alice.start()
		bob.start(auto)
		a, b := talk(alice, bob)
		if a.SAS != b.SAS || a.KeyAgreement != "X2M2" {
			t.Errorf("agreed on %+v and %+v", a, b)
		}
		time.Sleep(3 * time.Second)
		for _, u := range []*user{alice, bob} {
			if m := expect[softphone.Media](u); m.Received < 40 {
				t.Errorf("%s heard %+v", u.name, m)
			}
		}
		if a, b := hangUp(alice, bob); a.Outcome != softphone.Private || b.Outcome != softphone.Private {
			t.Errorf("ended as %+v, %+v", a, b)
		}
	})
}

// Relay-only against a phone without ICE: nothing leaves for anybody but the
// provider and the relay, and bob never hears of alice's address.
func TestItem56_RelayOnlyCall(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.relayed()
		talk(alice, bob)
		time.Sleep(2 * time.Second)
		f := lastAssay(alice).Finding(assay.Undisclosed)
		hangUp(alice, bob)
		for _, p := range w.sentBy("10.0.0.1") {
			switch to := p.To.Addr().String(); {
			case to != relayHost && to != providerAddr:
				t.Fatalf("alice's phone sent %v to %v", path.Classify(p.Data), p.To)
			case strings.Contains(string(p.Data), "m=audio") && strings.Contains(string(p.Data), "IP4 10.0.0.1"):
				t.Errorf("the offer names alice's address:\n%s", p.Data)
			}
		}
		for _, p := range w.sentBy("10.0.0.2") {
			if p.To.Addr().String() == "10.0.0.1" {
				t.Fatalf("bob's phone found alice's: %v", p.To)
			}
		}
		if !strings.Contains(f.Why, "relay's address") {
			t.Errorf("the assay says of it %+v", f)
		}
	})
}

// A relay that is not there ends a relay-only call before anything leaves.
func TestItem60_RelayOnlyFailsClosed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.net.Host(relayHost) // a machine on which nobody listens
		alice, bob := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
		alice.useRelay(true)
		alice.start()
		bob.start(auto)
		alice.dial("bob")
		if e := expect[softphone.Ended](alice); e.Outcome != softphone.Unreachable || !strings.Contains(e.Why, "relay") {
			t.Errorf("ended as %+v", e)
		}
		if n := len(w.classes("10.0.0.1")); n > 1 || w.classes("10.0.0.1")[path.STUN] == 0 {
			t.Errorf("alice sent %v", w.classes("10.0.0.1"))
		}
	})
}

// ICE is off where no server is configured: not one STUN packet, whatever the
// peer has.
func TestItem57_NoSTUNUnasked(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.relay()
		alice, bob := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
		alice.useRelay(false)
		alice.start()
		bob.start(auto)
		talk(alice, bob)
		time.Sleep(20 * time.Second)
		hangUp(alice, bob)
		if n := w.classes("10.0.0.2")[path.STUN]; n != 0 {
			t.Errorf("a phone without relay sent %d STUN packets", n)
		}
	})
}

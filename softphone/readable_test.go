package softphone_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"karat/media/dtlssrtp"
	"karat/media/path"
	"karat/sip"
	"karat/softphone"
	"karat/softphone/assay"
)

func allowProvider(c *softphone.Config) { c.Policy.AllowProvider = true }

// readers are alice and bob at a provider reached over TLS, both of whom allow it
// to listen.
func (w *world) readers(bobs ...change) (alice, bob *user) {
	alice, bob = w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
	alice.overTLS()
	bob.overTLS()
	alice.start(allowProvider)
	bob.start(append(bobs, auto)...)
	return alice, bob
}

// A call that both users named as readable by the provider: SRTP with keys by
// DTLS-SRTP, or with those of the signalling where the other phone refuses that; no
// ZRTP, and an assay that says what it is.
func TestItem68_ReadableByTheProvider(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.readers(allowProvider)
		alice.dial("bob")
		expect[softphone.Talking](alice)
		expect[softphone.Talking](bob)
		time.Sleep(3 * time.Second)
		for _, u := range []*user{alice, bob} {
			if m := expect[softphone.Media](u); m.Received < 40 || m.Lost != 0 {
				t.Errorf("%s heard %+v", u.name, m)
			}
			r := lastAssay(u)
			for _, p := range []assay.Promise{assay.Default, assay.Participants, assay.Unforged} {
				if f := r.Finding(p); f.Verdict != assay.Broken || !strings.Contains(f.Why, "provider") {
					t.Errorf("%s's assay says %+v", u.name, f)
				}
			}
			if r.Private || saw[softphone.Secure](u) {
				t.Errorf("%s is told that it is private", u.name)
			}
		}
		if c := w.classes("10.0.0.1"); c[path.ZRTP] != 0 || c[path.DTLS] < 2 {
			t.Errorf("alice sent %v", c)
		}
		// Hold and resume keep the keys.
		if err := alice.phone.Hold(alice.call); err != nil {
			t.Fatal(err)
		}
		expect[softphone.Held](alice)
		if err := alice.phone.Resume(alice.call); err != nil {
			t.Fatal(err)
		}
		expect[softphone.Held](alice)
		time.Sleep(2 * time.Second)
		if m := expect[softphone.Media](bob); m.Received < 40 {
			t.Errorf("after hold bob heard %+v", m)
		}
		ea, eb := hangUp(alice, bob)
		if ea.Outcome != softphone.NotPrivate || eb.Outcome != softphone.NotPrivate {
			t.Errorf("ended as %+v, %+v", ea, eb)
		}
	})
}

// Without the word of each user nothing of it happens: who did not say so neither
// offers keys in the signalling nor takes them.
func TestItem53_NeverReadableUnasked(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.readers()
		alice.dial("bob")
		if in := expect[softphone.Incoming](bob); !in.Refused {
			t.Errorf("bob is shown %+v", in)
		}
		if e := expect[softphone.Ended](alice); e.Outcome != softphone.NotAnswered {
			t.Errorf("ended as %+v", e)
		}
		bob.dial("alice") // a private offer, to one who would allow less
		s := expect[softphone.Incoming](alice)
		alice.phone.Answer(s.Call)
		expect[softphone.Talking](bob)
		expect[softphone.Talking](alice)
		if r := lastAssay(bob); !r.Private {
			t.Errorf("bob's assay: %+v", r)
		}
	})
}

// Over signalling that is not encrypted everyone could read the keys: refused.
func TestItem53_ReadableNeedsTLS(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
		alice.overTCP()
		alice.start(allowProvider)
		bob.start(auto, allowProvider)
		alice.dial("bob")
		e := expect[softphone.Ended](alice)
		if e.Outcome != softphone.NotPrivate || !strings.Contains(e.Why, "transport=tls") {
			t.Errorf("ended as %+v", e)
		}
		for _, p := range w.sentBy("10.0.0.1") {
			if strings.Contains(string(p.Data), "a=crypto") {
				t.Fatal("keys left over signalling that is not encrypted")
			}
		}
	})
}

// A phone that shows another certificate than the signalling announced is refused.
func TestItem68_AnotherCertificate(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, mallory := w.user("alice", "10.0.0.1"), w.stranger()
		defer mallory.close()
		alice.overTLS()
		alice.start(allowProvider)
		alice.dial("mallory")
		first, ok := (<-mallory.agent.Events()).(sip.Incoming)
		if !ok || !strings.Contains(string(first.Call.Offer()), "UDP/TLS/RTP/SAVP") || strings.Contains(string(first.Call.Offer()), "crypto") {
			t.Fatalf("offered\n%s", first.Call.Offer())
		}
		first.Call.Answer(sdp("UDP/TLS/RTP/SAVP 96", dtlsLine, "a=setup:active"))
		server, err := dtlssrtp.NewCertificate()
		if err != nil {
			t.Fatal(err)
		}
		in := make(chan []byte, 64)
		to := net.UDPAddrFromAddrPort(mediaAddress(t, first.Call.Offer()))
		h := dtlssrtp.Start(dtlssrtp.Config{
			Certificate: server, Fingerprints: []string{"sha-256 00"}, Active: true, In: in,
			Send: func(b []byte) error { _, err := mallory.conn.WriteTo(b, to); return err },
		})
		go func() {
			buf := make([]byte, 2048)
			for {
				n, _, err := mallory.conn.ReadFrom(buf)
				if err != nil {
					return
				}
				in <- append([]byte(nil), buf[:n]...)
			}
		}()
		if e := expect[softphone.Ended](alice); e.Outcome != softphone.NotPrivate || saw[softphone.Talking](alice) {
			t.Errorf("%+v", e)
		}
		h.Close()
		for range first.Call.Events() {
		}
	})
}

package softphone_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"karat/internal/simnet"
	"karat/media/path"
	"karat/sip"
	"karat/softphone"
	"karat/softphone/assay"
	"karat/softphone/store"
	"karat/zrtp"
)

// A caller whose private offer the other phone refuses reads why, and what can be
// done, and not just that nothing came of it.
func TestItem47_TheCallerReadsWhy(t *testing.T) {
	for _, status := range []string{"488 Not Acceptable Here", "415 Unsupported Media Type", "606 Not Acceptable"} {
		inWorld(t, func(t *testing.T, w *world) {
			alice, r, _ := w.direct()
			if _, err := alice.phone.Call("sip:x@" + rawAddr); err != nil {
				t.Fatal(err)
			}
			r.want("INVITE ")
			r.answer(status, nil)
			r.want("ACK ")
			e := expect[softphone.Refused](alice)
			if !strings.Contains(e.Why, "refused an offer of end-to-end encryption") || !strings.Contains(e.Why, "ask for a phone with ZRTP") {
				t.Errorf("%s: the user reads %q", status, e.Why)
			}
			if e := expect[softphone.Ended](alice); e.Outcome != softphone.NotPrivate {
				t.Errorf("%s: %+v", status, e)
			}
		})
	}
}

// Nothing is sent but ZRTP, and nothing is played, before the keys are there: not
// to a phone that talks in clear at once, nor to one that agrees on keys.
func TestItem54_NoVoiceBeforeTheKeys(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var e ear
		alice, r, mallory := w.direct(listening(t, &e))
		if _, err := alice.phone.Call("sip:x@" + rawAddr); err != nil {
			t.Fatal(err)
		}
		to := mediaAddress(t, []byte(r.want("INVITE ")))
		r.answer("200 OK", sdp("RTP/AVP 0 96"))
		r.want("ACK ")
		loud := make([]byte, 160) // PCMU at full level, or so
		for i := range loud {
			loud[i] = byte(i % 2 * 0x80)
		}
		for i := range 100 {
			mallory.conn.WriteTo(append([]byte{0x80, 0, 0, byte(i), 0, 0, byte(i), 0, 0, 0, 0, 66}, loud...), net.UDPAddrFromAddrPort(to))
			time.Sleep(20 * time.Millisecond)
		}
		if n := e.heard(time.Time{}); n != 0 {
			t.Errorf("%d frames of a clear voice were played", n)
		}
		w.wantRefusal(alice)
	})
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.aliceAndBob(auto)
		alice.dial("bob")
		expect[softphone.Secure](alice)
		if n := w.classes("10.0.0.1")[path.RTP]; n != 0 {
			t.Errorf("%d voice packets left before the keys", n)
		}
		expect[softphone.Talking](alice)
		if n := w.voice("10.0.0.1", time.Second); n < 45 {
			t.Errorf("%d voice packets after", n)
		}
		hangUp(alice, bob)
	})
}

// A hash that is missing (a server on the way took it out) makes the call a tier
// lower, in words, and no less possible; one that is there and matches is said too.
func TestItem55_MissingHashIsALowerTier(t *testing.T) {
	for _, announced := range []bool{true, false} {
		inWorld(t, func(t *testing.T, w *world) {
			bob, mallory := w.user("bob", "10.0.0.2"), w.stranger()
			defer mallory.close()
			bob.start(auto)
			session, err := zrtp.NewSession(zrtp.Config{ZID: zrtp.ZID{6}, SSRC: 66})
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			offered, words := sdp("RTP/AVP 96"), "was not announced in the signalling"
			if announced {
				offered, words = sdp("RTP/AVP 96", "a=zrtp-hash:"+session.HelloHash()), "was announced in the signalling, and matches"
			}
			call, err := mallory.agent.Invite(t.Context(), "sip:bob@example.org", offered)
			if err != nil {
				t.Fatal(err)
			}
			for ev := range call.Events() {
				if up, ok := ev.(sip.Answered); ok {
					mallory.agree(session, mediaAddress(t, up.SDP))
					break
				}
			}
			expect[softphone.Talking](bob)
			if r := lastAssay(bob); !r.Private || !strings.Contains(r.Finding(assay.Unforged).Why, words) {
				t.Errorf("announced %v: %+v", announced, r.Finding(assay.Unforged))
			}
			call.Hangup()
			for range call.Events() {
			}
		})
	}
}

// A phone with a new ZID is a new phone and no alarm; where its owner was verified
// with another one, that is said.
func TestItem58_NewPhoneIsNoMismatch(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.aliceAndBob(auto)
		if err := alice.store.SetContact(store.Contact{Name: "Bob", URIs: []string{"sip:bob@example.org"}}); err != nil {
			t.Fatal(err)
		}
		talk(alice, bob)
		alice.phone.SASCompared(alice.call, true)
		hangUp(alice, bob)
		bob.stop()
		w.started = w.started[:1] // switched off already
		if err := bob.store.RemoveAccount("sip:bob@example.org"); err != nil {
			t.Fatal(err)
		}
		bob.store.Close()
		bob = w.user("bob", "10.0.0.7") // with another ZID
		bob.start(auto)
		alice.dial("bob")
		s := expect[softphone.Secure](alice)
		expect[softphone.Talking](alice)
		f := lastAssay(alice).Finding(assay.Participants)
		if saw[softphone.Mismatch](alice) || s.Continuity || s.Verified || f.Verdict != assay.Unconfirmed || !strings.Contains(f.Why, "You verified “Bob” with another phone") {
			t.Errorf("seen %s; %+v; %+v", names(alice.seen), s, f)
		}
		expect[softphone.Talking](bob)
		hangUp(alice, bob)
	})
}

// Where nothing comes for ten seconds after the keys, or later, the user reads so,
// and reads when it comes; the call lasts.
func TestItem71_SilenceIsTold(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.aliceAndBob(auto)
		mute := simnet.Drop(func(p simnet.Packet) bool {
			return p.From.Addr() == netip.MustParseAddr("10.0.0.2") && path.Classify(p.Data) == path.RTP
		}, simnet.Delay(10*time.Millisecond))
		for _, heard := range []time.Duration{0, 30 * time.Second} {
			w.net.SetPlan(simnet.Delay(10 * time.Millisecond))
			if heard == 0 {
				w.net.SetPlan(mute)
				talk(alice, bob)
			}
			time.Sleep(heard)
			w.net.SetPlan(mute)
			began := time.Now()
			if e := expect[softphone.VoiceMissing](alice); e.Back || e.Unauthenticated != 0 || time.Since(began) < 9*time.Second || time.Since(began) > 12*time.Second {
				t.Errorf("after %v: %+v", time.Since(began), e)
			}
			time.Sleep(30 * time.Second)
			w.net.SetPlan(simnet.Delay(10 * time.Millisecond))
			if e := expect[softphone.VoiceMissing](alice); !e.Back {
				t.Errorf("%+v", e)
			}
		}
		if a, _ := hangUp(alice, bob); a.Outcome != softphone.Private {
			t.Errorf("%+v", a)
		}
	})
}

// Packets without the call's keys are counted where people and scripts see them.
// Many are worth a word, and where they come in place of the voice the warning
// says so.
func TestItem74_ForgedPacketsAreShown(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.aliceAndBob(auto)
		talk(alice, bob)
		time.Sleep(time.Second)
		var last simnet.Packet
		for _, p := range w.sentBy("10.0.0.2") {
			if path.Classify(p.Data) == path.RTP && p.Data[1] < 192 { // no report
				last = p
			}
		}
		forge := func() {
			for i := range 80 {
				b := append([]byte(nil), last.Data...)
				// Ahead: what is behind counts as repeated.
				binary.BigEndian.PutUint16(b[2:], binary.BigEndian.Uint16(b[2:])+uint16(1000+i))
				b[20] ^= 1
				w.net.Inject(last.From, last.To, b)
			}
		}
		forge()
		if n := expect[softphone.Notice](alice); !strings.Contains(n.Text, "80 packets came that do not carry this call's keys") {
			t.Errorf("%+v", n)
		}
		if m := expect[softphone.Media](alice); m.Unauthenticated != 80 || m.Received < 40 {
			t.Errorf("%+v", m)
		}
		var open atomic.Bool // to what is injected
		w.net.SetPlan(simnet.Drop(func(p simnet.Packet) bool {
			return !open.Load() && p.From.Addr() == netip.MustParseAddr("10.0.0.2") && path.Classify(p.Data) == path.RTP
		}, simnet.Delay(10*time.Millisecond)))
		time.Sleep(2 * time.Second)
		open.Store(true)
		forge()
		open.Store(false)
		if e := expect[softphone.VoiceMissing](alice); e.Unauthenticated != 80 {
			t.Errorf("%+v", e)
		}
		w.net.SetPlan(simnet.Delay(10 * time.Millisecond))
		expect[softphone.VoiceMissing](alice)
		if a, _ := hangUp(alice, bob); a.Outcome != softphone.Private {
			t.Errorf("%+v", a)
		}
	})
}

// With a phone of the telephone network the call is as private as any, its packets
// have one size, and the user reads why it sounds worse.
func TestItem64_CallWithoutOpus(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		bob, mallory := w.user("bob", "10.0.0.2"), w.stranger()
		defer mallory.close()
		bob.start(auto)
		session, err := zrtp.NewSession(zrtp.Config{ZID: zrtp.ZID{6}, SSRC: 66})
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		call, err := mallory.agent.Invite(t.Context(), "sip:bob@example.org", sdp("RTP/AVP 8 0 102", "a=rtpmap:102 telephone-event/8000", "a=zrtp-hash:"+session.HelloHash()))
		if err != nil {
			t.Fatal(err)
		}
		for ev := range call.Events() {
			if up, ok := ev.(sip.Answered); ok {
				if !strings.Contains(string(up.SDP), "RTP/AVP 8 102\r\n") {
					t.Errorf("answered\n%s", up.SDP)
				}
				mallory.agree(session, mediaAddress(t, up.SDP))
				break
			}
		}
		expect[softphone.Talking](bob)
		if n := expect[softphone.Notice](bob); !strings.Contains(n.Text, "does not speak Opus") {
			t.Errorf("%+v", n)
		}
		time.Sleep(time.Second)
		voice := 0
		for _, p := range w.sentBy("10.0.0.2") {
			if path.Classify(p.Data) == path.RTP && p.To.Port() != 5060 {
				voice++
				if p.Data[1]&0x7f != 8 || len(p.Data) != 12+160+10 && len(p.Data) != 12+160+4 {
					t.Fatalf("a packet of %d bytes, payload type %d", len(p.Data), p.Data[1]&0x7f)
				}
			}
		}
		if r := lastAssay(bob); !r.Private || voice < 45 {
			t.Errorf("%d packets; %+v", voice, r.Findings[0])
		}
		call.Hangup()
		for range call.Events() {
		}
	})
}

package media_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// Each test here is named after the item of the interoperability list that it
// holds.

// Only a packet that proved genuine moves where we send; a copy of one from
// another address, or a forged one, moves nothing. (Plain latching is the RTP
// bleed attack.)
func TestItem59_LatchingNeedsAGenuinePacket(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.talk()
		time.Sleep(time.Second)
		p := newPeer(t, r.bob.keys, agreed.ReceivePT)
		thief := netip.MustParseAddrPort("10.6.6.6:666")
		before := peerOf(r.alice)
		forged := p.voice()
		forged[len(forged)-1] ^= 1
		r.alice.HandleRTP(0, thief, forged)
		heard := r.bob.voice()
		r.alice.HandleRTP(0, thief, heard[len(heard)-1].b) // captured, and sent again
		r.alice.HandleRTP(0, thief, []byte{0x80, 0x60, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3})
		if got := peerOf(r.alice); got != before {
			t.Errorf("sends to %v now", got)
		}
		moved := netip.MustParseAddrPort("10.0.0.9:9000")
		p.header.SSRC = 0xBEEF // a phone that began its stream anew behind another address
		r.alice.HandleRTP(0, moved, p.voice())
		if got := peerOf(r.alice); got != moved {
			t.Errorf("sends to %v, want where the genuine packet came from", got)
		}
	})
}

// A new SSRC in the middle of a call has a rollover counter and a replay list of
// its own (RFC 3711, Section 3.2.3), and is heard at once.
func TestItem61_NewSSRCHasItsOwnContext(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.arm()
		p := newPeer(t, r.bob.keys, agreed.ReceivePT)
		p.header.SequenceNumber = 65500
		for range 100 { // over the roll-over: its counter is 1 now
			r.alice.HandleRTP(1, r.bob.addr, p.voice())
		}
		p.header.SSRC, p.header.SequenceNumber, p.header.Timestamp = 0xBEEF, 7, 99
		first := p.voice()
		r.alice.HandleRTP(1, r.bob.addr, first)
		for range 9 {
			r.alice.HandleRTP(1, r.bob.addr, p.voice())
		}
		r.alice.HandleRTP(1, r.bob.addr, first)
		if st := r.alice.Stats(); st.Received != 110 || st.Unauthenticated != 0 || st.Replayed != 1 {
			t.Errorf("%+v, want 110 heard and one replay", st)
		}
	})
}

// A call of more than 65,536 packets, 22 minutes, rolls over unheard, in both
// directions.
func TestItem62_LongCall(t *testing.T) {
	if testing.Short() {
		t.Skip("time: 23 minutes of a call take some seconds")
	}
	inRig(t, instantly, func(r *rig) {
		r.talk()
		time.Sleep(23 * time.Minute)
		for _, e := range []*end{r.alice, r.bob} {
			st := e.Stats()
			if st.Received <= 65536 || st.Lost > 0 || st.Unauthenticated > 0 || st.Replayed > 0 {
				t.Errorf("after 23 minutes: %+v", st)
			}
		}
	})
}

// With packets lost around the roll-over its counter is guessed right, and one
// that comes late still has the old one (RFC 3711, Section 3.3.1).
func TestItem62_LossAtTheRollOver(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.arm()
		p := newPeer(t, r.bob.keys, agreed.ReceivePT)
		p.header.SequenceNumber = 65000
		var late []byte
		for n := range 1000 {
			b := p.voice()
			switch {
			case n == 500:
				late = b
			case n > 500 && n < 560: // lost, the roll-over at 536 among them
				continue
			}
			r.alice.HandleRTP(1, r.bob.addr, b)
			if n == 570 {
				r.alice.HandleRTP(1, r.bob.addr, late)
			}
		}
		if st := r.alice.Stats(); st.Unauthenticated != 0 || st.Received != 941 || st.Replayed != 1 {
			t.Errorf("%+v, want 941 heard, and the late one known as a replay", st)
		}
	})
}

// With rtcp-mux, what arrives counts only when it authenticates, and the name in
// our own reports is random for each call. Without it no report leaves, whatever
// port the peer names in a=rtcp: see TestNoMuxNoReports.
func TestItem72_RTCP(t *testing.T) {
	name := func() (cname string) {
		inRig(t, instantly, func(r *rig) {
			r.talk()
			time.Sleep(10 * time.Second)
			reports := r.alice.reports()
			if len(reports) == 0 {
				t.Fatal("no report left")
			}
			plain, err := opener(t, r.alice.keys).DecryptRTCP(nil, reports[0].b, nil)
			if err != nil {
				t.Fatal(err)
			}
			all, err := rtcp.Unmarshal(plain)
			if err != nil {
				t.Fatal(err)
			}
			cname = all[1].(*rtcp.SourceDescription).Chunks[0].Items[0].Text

			before := r.bob.Stats()
			forged := append([]byte(nil), reports[0].b...)
			forged[len(forged)-12] ^= 1 // its number: a new one, or it would be a replay
			r.bob.HandleRTP(1, r.alice.addr, forged)
			if after := r.bob.Stats(); after.Unauthenticated != before.Unauthenticated+1 {
				t.Errorf("a forged report: %+v", after)
			}
		})
		return cname
	}
	if a, b := name(), name(); a == b || len(a) != 16 {
		t.Errorf("the names %q and %q", a, b)
	}
}

// Comfort noise (payload type 13, RFC 3389) is taken and not played, and ends no
// call. We send none ourselves: see TestConstant.
func TestItem73_ComfortNoise(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.arm()
		p := newPeer(t, r.bob.keys, agreed.ReceivePT)
		for n := range 99 {
			if n%3 == 2 {
				p.header.PayloadType = 13
				r.alice.HandleRTP(1, r.bob.addr, p.seal([]byte{40, 100, 100}))
			} else {
				p.header.PayloadType = agreed.ReceivePT
				r.alice.HandleRTP(1, r.bob.addr, p.voice())
			}
			time.Sleep(20 * ms)
		}
		if st := r.alice.Stats(); st.Ignored != 33 || st.Unauthenticated != 0 || r.alice.Err() != nil {
			t.Errorf("%+v, %v", st, r.alice.Err())
		}
	})
}

// Packets that do not authenticate are counted where it shows, and bring nothing
// down: what is sent stays encrypted, and what came in clear is never played.
func TestItem74_FailuresAreCounted(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.talk()
		time.Sleep(time.Second)
		plain, err := (&rtp.Packet{
			Header:  rtp.Header{Version: 2, PayloadType: agreed.ReceivePT, SSRC: 1, SequenceNumber: 1},
			Payload: make([]byte, 60),
		}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			r.alice.HandleRTP(1, r.bob.addr, plain)
		}
		n := len(r.alice.voice())
		time.Sleep(time.Second)
		if st := r.alice.Stats(); st.Unauthenticated != 50 || st.Received < 90 {
			t.Errorf("%+v, want 50 counted and the peer still heard", st)
		}
		ctx := opener(t, r.alice.keys)
		for _, s := range r.alice.voice() {
			if _, err := ctx.DecryptRTP(nil, s.b, nil); err != nil {
				t.Fatalf("a packet that is not SRTP left: %v", err)
			}
		}
		if len(r.alice.voice()) < n+49 {
			t.Error("forged packets held up the voice")
		}
	})
}

package media_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"karat/media/codec"
	"karat/media/path"
)

// TestEarly: before the keys are there, RTP is dropped and counted.
func TestEarly(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		p := newPeer(t, r.bob.keys, agreed.ReceivePT)
		for range 5 {
			r.alice.HandleRTP(1, r.bob.addr, p.voice())
		}
		r.arm()
		if st := r.alice.Stats(); st.Early != 5 || st.Received != 0 {
			t.Errorf("%+v, want 5 early", st)
		}
		select {
		case <-r.alice.FirstAuthenticated():
			t.Error("a packet authenticated before there were keys")
		default:
		}
	})
}

// TestForged: what does not authenticate is counted, not played, and moves
// nothing; what comes twice is refused.
func TestForged(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.talk()
		thief := netip.MustParseAddrPort("10.6.6.6:666")
		p := newPeer(t, r.bob.keys, agreed.ReceivePT)
		good := p.voice()
		bad := append([]byte(nil), good...)
		bad[20] ^= 1
		var verdicts []bool
		for _, b := range [][]byte{bad, good, good, bad, good[:11], good[:40], {0x80}, {}} {
			before := r.alice.Stats()
			r.alice.HandleRTP(0, thief, b)
			verdicts = append(verdicts, r.alice.Stats().Received > before.Received)
			if bytes.Equal(b, bad) && peerOf(r.alice) != r.bob.addr && len(verdicts) == 1 {
				t.Error("a forged packet moved the address")
			}
		}
		for i, v := range verdicts {
			if v != (i == 1) {
				t.Errorf("datagram %d: counted as received: %v", i, v)
			}
		}
		// Forged ones with a number that was seen count as replayed: the replay
		// list is asked first.
		if st := r.alice.Stats(); st.Replayed != 3 || st.Unauthenticated != 4 {
			t.Errorf("%+v, want 3 replayed and 4 unauthenticated", st)
		}
	})
}

// TestLatching: a genuine packet from elsewhere moves where we send, a forged
// or repeated or older one does not.
func TestLatching(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.arm()
		p := newPeer(t, r.bob.keys, agreed.ReceivePT)
		first, second, third := p.voice(), p.voice(), p.voice()
		moved := netip.MustParseAddrPort("10.0.0.9:9000")
		thief := netip.MustParseAddrPort("10.6.6.6:666")

		// Before Start the fork may not be known yet.
		r.alice.HandleRTP(0, moved, first)
		if got := peerOf(r.alice); got != r.bob.addr {
			t.Fatalf("moved to %v with no fork known", got)
		}
		if err := r.alice.Start(1); err != nil {
			t.Fatal(err)
		}
		if got := peerOf(r.alice); got != moved {
			t.Errorf("sends to %v, want where the genuine packet came from", got)
		}
		r.alice.HandleRTP(1, r.bob.addr, third)
		if got := peerOf(r.alice); got != r.bob.addr {
			t.Errorf("sends to %v, want %v, where the newest packet came from", got, r.bob.addr)
		}
		r.alice.HandleRTP(0, thief, first)  // repeated
		r.alice.HandleRTP(0, thief, second) // genuine, but older
		if got := peerOf(r.alice); got != r.bob.addr {
			t.Errorf("a repeated or older packet moved the address to %v", got)
		}
	})
}

func peerOf(e *end) netip.AddrPort {
	return e.path.(interface {
		Peer(path.Fork) netip.AddrPort
	}).Peer(1)
}

// TestNewSource: a changed SSRC is heard, within limits, and the old one is
// not any more.
func TestNewSource(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.arm()
		p := newPeer(t, r.bob.keys, agreed.ReceivePT)
		for n := range 20 {
			p.header.SSRC = uint32(1000 + n)
			for range 3 {
				r.alice.HandleRTP(1, r.bob.addr, p.voice())
			}
		}
		const known = 8
		st := r.alice.Stats()
		if st.Received != known*3 || st.Unauthenticated != (20-known)*3 {
			t.Errorf("20 sources of 3 packets: %+v; want %d sources heard", st, known)
		}
		p.header.SSRC = 1000
		r.alice.HandleRTP(1, r.bob.addr, p.voice())
		if got := r.alice.Stats(); got.Received != st.Received || got.Ignored != 1 {
			t.Errorf("the first source came back: %+v", got)
		}
	})
}

// TestStrangers: packets of sources never heard are tried without end where they
// come from the peer, and only so many each second from elsewhere.
func TestStrangers(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.arm()
		p := newPeer(t, r.bob.keys, agreed.ReceivePT)
		r.alice.HandleRTP(1, r.bob.addr, p.voice())
		elsewhere := netip.MustParseAddrPort("10.6.6.6:666")
		junk := p.voice()
		junk[len(junk)-1] ^= 1
		for n := range 5000 {
			junk[8], junk[9], junk[10] = byte(n>>8), byte(n), 1
			r.alice.HandleRTP(0, elsewhere, junk)
		}
		p.header.SSRC = 0xBEEF
		r.alice.HandleRTP(0, elsewhere, p.voice()) // genuine, but not looked at
		if st := r.alice.Stats(); st.Received != 1 || st.Unauthenticated != 5001 {
			t.Errorf("%+v, want one heard and 5001 refused", st)
		}
		r.alice.HandleRTP(1, r.bob.addr, p.voice())
		time.Sleep(time.Second)
		p.header.SSRC = 0xF00D
		r.alice.HandleRTP(0, elsewhere, p.voice()) // a phone that moved, and began anew
		if st := r.alice.Stats(); st.Received != 3 {
			t.Errorf("%+v, want three heard", st)
		}
	})
}

// TestNotVoice: events, other payload types and garbage inside genuine packets
// are ignored.
func TestNotVoice(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.arm()
		p := newPeer(t, r.bob.keys, agreed.ReceivePT)
		p.header.PayloadType = agreed.EventPT
		r.alice.HandleRTP(1, r.bob.addr, p.seal([]byte{5, 0x80, 3, 0xC0}))
		p.header.PayloadType = 13
		r.alice.HandleRTP(1, r.bob.addr, p.seal([]byte{40}))
		p.header.PayloadType = agreed.ReceivePT
		r.alice.HandleRTP(1, r.bob.addr, p.seal(nil))
		r.alice.HandleRTP(1, r.bob.addr, p.seal([]byte{0x0B}))
		r.alice.HandleRTP(1, r.bob.addr, p.seal(make([]byte, 1600)))
		r.alice.HandleRTP(1, r.bob.addr, p.seal([]byte{0xFF, 0xFF, 0, 0, 0}))
		p.header.Padding, p.header.PaddingSize = true, 200
		r.alice.HandleRTP(1, r.bob.addr, p.seal([]byte{1, 2, 3}))
		time.Sleep(200 * ms)
		if st := r.alice.Stats(); st.Ignored < 5 || st.Unauthenticated > 0 {
			t.Errorf("%+v, want them ignored", st)
		}
		if p := peak(r.alice.sound.heard()); p > -100 {
			t.Errorf("something was played at %.1f dBFS", p)
		}
	})
}

// TestFrameSizes: peers may send 2.5 to 120 ms a packet.
func TestFrameSizes(t *testing.T) {
	for _, frames := range []int{1, 2, 3, 6} { // of 20 ms in a packet
		inRig(t, instantly, func(r *rig) {
			r.arm()
			p := newPeer(t, r.bob.keys, agreed.ReceivePT)
			enc, err := codec.NewEncoder(packetSamples, 60, false)
			if err != nil {
				t.Fatal(err)
			}
			sound := tone(frames * 960)
			for range 120 / frames {
				// Code 3, so many frames of one size.
				payload := []byte{0, byte(frames)}
				for f := range frames {
					var b [60]byte
					if err := enc.Encode(b[:], sound[f*960:][:960]); err != nil {
						t.Fatal(err)
					}
					toc, frame := unpadded(b[:])
					payload[0] = toc | 3
					payload = append(payload, frame...)
				}
				r.alice.HandleRTP(1, r.bob.addr, p.seal(payload))
				p.header.Timestamp += uint32((frames - 1) * 960)
				time.Sleep(time.Duration(frames) * 20 * ms)
			}
			heard := r.alice.sound.heard()
			if got := peak(heard[48000:]); got < -16 || got > -9 {
				t.Errorf("%d frames a packet: the tone of -12 dBFS came out at %.1f", frames, got)
			}
			if st := r.alice.Stats(); st.Concealed > 1 || st.Late > 0 {
				t.Errorf("%d frames a packet: %+v", frames, st)
			}
		})
	}
}

// unpadded takes a packet apart, into a frame of always the same length: bytes
// behind the end of a frame change nothing.
func unpadded(b []byte) (toc byte, frame []byte) {
	frame = make([]byte, len(b)-1)
	if b[0]&3 == 0 {
		copy(frame, b[1:])
		return b[0], frame
	}
	header := 2
	if b[1]&0x40 != 0 { // one byte that tells the length of the padding
		header = 3
	}
	copy(frame, b[header:])
	return b[0] &^ 3, frame
}

package media_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"karat/internal/secret"
	"karat/internal/simnet"
	"karat/media"
	"karat/media/codec"
	"karat/media/correlate"
	"karat/media/path"
)

var instantly = simnet.Delay(0)

// TestConversation: both hear each other and not themselves, over a network
// that delays, shuffles and loses.
func TestConversation(t *testing.T) {
	alice, bob := speech(t, "alice"), speech(t, "bob")
	for name, plan := range map[string]simnet.Plan{
		"good network": simnet.Delay(30 * ms),
		"bad network":  simnet.Loss(0.05, simnet.Jitter(60*ms, simnet.Delay(30*ms))),
	} {
		t.Run(name, func(t *testing.T) {
			inRig(t, plan, func(r *rig) {
				r.alice.sound.mic, r.bob.sound.mic = alice, bob
				r.talk()
				time.Sleep(8 * time.Second)
				for _, c := range []struct {
					e         *end
					own, peer []int16
				}{{r.alice, alice, bob}, {r.bob, bob, alice}} {
					heard := c.e.sound.heard()
					peer, own := correlate.Contains(heard, c.peer), correlate.Contains(heard, c.own)
					t.Logf("%x: the peer's speech %.2f, its own %.2f, %+v", c.e.ssrc, peer, own, c.e.Stats())
					if peer < correlate.Threshold || own > correlate.Threshold {
						t.Errorf("%x hears the peer %.2f and itself %.2f", c.e.ssrc, peer, own)
					}
				}
			})
		})
	}
}

// TestConstant is the promise on the wire: one size, and exactly 20 ms apart,
// whatever is said.
func TestConstant(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]int16, 48000)
	for i := range noise {
		noise[i] = int16(random.NormFloat64() * 8000)
	}
	mic := append(speech(t, "alice")[:2*48000], make([]int16, 48000)...) // then digital silence
	mic = append(append(mic, noise...), tone(48000)...)
	inRig(t, instantly, func(r *rig) {
		r.alice.sound.mic = mic
		r.talk()
		time.Sleep(3 * time.Second)
		r.alice.SetMuted(true)
		time.Sleep(time.Second)
		r.alice.SetMuted(false)
		time.Sleep(3 * time.Second)

		got := r.alice.voice()
		if len(got) < 345 {
			t.Fatalf("%d packets in 7 s", len(got))
		}
		for i, p := range got {
			if want := got[0].at + time.Duration(i)*20*ms; p.at != want {
				t.Fatalf("packet %d left at %v, want %v", i, p.at, want)
			}
			if len(p.b) != 12+60+10 {
				t.Fatalf("packet %d has %d bytes, want 82", i, len(p.b))
			}
		}
	})
}

// TestHeaders: consecutive numbers and times, no marker, our SSRC.
func TestHeaders(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.talk()
		time.Sleep(time.Second)
		var first rtp.Header
		for i, p := range r.alice.voice() {
			var h rtp.Header
			if _, err := h.Unmarshal(p.b); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = h
			}
			if h.SequenceNumber != first.SequenceNumber+uint16(i) || h.Timestamp != first.Timestamp+uint32(i*960) ||
				h.SSRC != r.alice.ssrc || h.PayloadType != agreed.SendPT || h.Marker || h.Padding || h.Extension || len(h.CSRC) > 0 {
				t.Fatalf("packet %d: %+v after %+v", i, h, first)
			}
		}
		if first.SequenceNumber >= 1<<15 {
			t.Errorf("the first sequence number %d is not below 2^15", first.SequenceNumber)
		}
	})
}

// TestSilentBeforeStart: keys alone send nothing.
func TestSilentBeforeStart(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.alice.sound.mic = tone(48000)
		r.alice.SetMuted(false)
		if err := r.alice.Start(1); !errors.Is(err, media.ErrNotArmed) {
			t.Errorf("started without keys: %v", err)
		}
		r.arm()
		time.Sleep(10 * time.Second)
		if n := len(r.alice.packets()) + len(r.bob.packets()); n != 0 {
			t.Errorf("%d packets left before Start", n)
		}
	})
}

// TestStop: not one packet after Stop has returned, whenever it comes.
func TestStop(t *testing.T) {
	for _, after := range []time.Duration{0, 44 * ms, 45 * ms, 45*ms + 1, 64 * ms, 65 * ms, 2545 * ms, 3333 * ms} {
		inRig(t, instantly, func(r *rig) {
			r.talk()
			time.Sleep(after)
			r.alice.Stop()
			n := len(r.alice.packets())
			r.alice.Stop()
			r.alice.SetMuted(false)
			time.Sleep(11 * time.Second)
			if got := len(r.alice.packets()); got != n {
				t.Errorf("stopped after %v: %d packets left after that", after, got-n)
			}
			if err := r.alice.Start(1); !errors.Is(err, media.ErrStopped) {
				t.Errorf("started after Stop: %v", err)
			}
			if r.alice.Stats().Received < 100 {
				t.Error("the peer is not received any more after Stop")
			}
		})
	}
}

// TestMutedFirst: muted is the initial state; what leaves is room tone, never
// the microphone, and never digital zero.
func TestMutedFirst(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.alice.sound.mic = tone(2 * 48000)
		r.arm()
		if err := r.alice.Start(1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		pcm := decode(t, r.alice.keys, r.alice.voice())
		if p := peak(pcm[48000:]); p > -45 || p < -75 {
			t.Errorf("muted, the sound peaks at %.1f dBFS, want quiet room tone", p)
		}
	})
}

// TestMuteIsStrict: when SetMuted(true) has returned, no packet carries what
// the microphone heard, not the one that was encoded already either.
func TestMuteIsStrict(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.alice.sound.mic = tone(5 * 48000)
		r.talk()
		time.Sleep(1010 * ms)
		before := r.alice.voice()
		r.alice.SetMuted(true)
		time.Sleep(time.Second)
		after := r.alice.voice()[len(before):]
		if p := peak(decode(t, r.alice.keys, before)); p < -20 {
			t.Fatalf("before muting the tone is at %.1f dBFS", p)
		}
		// A new decoder: the old one would ring on.
		if p := peak(decode(t, r.alice.keys, after)); p > -45 {
			t.Errorf("after SetMuted(true) the sound peaks at %.1f dBFS", p)
		}
		r.alice.SetMuted(false)
		time.Sleep(time.Second)
		if p := peak(decode(t, r.alice.keys, r.alice.voice()[len(before)+len(after):])); p < -20 {
			t.Errorf("unmuted again, the tone is at %.1f dBFS", p)
		}
	})
}

// TestProfiles: each key and tag length is heard by the other end.
func TestProfiles(t *testing.T) {
	for _, c := range []struct{ key, tag int }{{16, 32}, {16, 80}, {32, 32}, {32, 80}} {
		inRig(t, instantly, func(r *rig) {
			r.alice.keys, r.bob.keys = keys(c.key, c.tag)
			r.talk()
			time.Sleep(time.Second)
			st := r.bob.Stats()
			if st.Received < 45 || st.Unauthenticated > 0 {
				t.Errorf("AES-%d, %d bits: %+v", c.key*8, c.tag, st)
			}
			if n := len(r.alice.voice()[0].b); n != 72+c.tag/8 {
				t.Errorf("AES-%d, %d bits: packets of %d bytes", c.key*8, c.tag, n)
			}
		})
	}
}

func TestBadKeys(t *testing.T) {
	good, _ := keys(32, 80)
	for name, change := range map[string]func(k *media.Keys){
		"no key":      func(k *media.Keys) { k.SendKey = secret.Bytes{} },
		"odd key":     func(k *media.Keys) { k.ReceiveKey = secret.Own(make([]byte, 24)) },
		"wiped key":   func(k *media.Keys) { k.SendKey = secret.Own(make([]byte, 32)) },
		"wiped salt":  func(k *media.Keys) { k.ReceiveSalt = secret.Own(make([]byte, 14)) },
		"short salt":  func(k *media.Keys) { k.SendSalt = secret.Own([]byte{1, 2, 3}) },
		"no tag":      func(k *media.Keys) { k.TagBits = 0 },
		"tag of 64":   func(k *media.Keys) { k.TagBits = 64 },
		"mixed sizes": func(k *media.Keys) { k.SendKey = secret.Own([]byte("sixteen bytes...")[:15]) },
	} {
		k := good
		change(&k)
		inRig(t, instantly, func(r *rig) {
			if err := r.alice.ArmReceive(k, agreed); !errors.Is(err, media.ErrKeys) {
				t.Errorf("%s: %v, want ErrKeys", name, err)
			}
			if err := r.alice.Start(1); !errors.Is(err, media.ErrNotArmed) {
				t.Errorf("%s: started: %v", name, err)
			}
		})
	}
}

// TestCloseWipes: the keys' memory is cleared, and a second Close does nothing.
func TestCloseWipes(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.talk()
		if err := r.alice.ArmReceive(r.alice.keys, agreed); !errors.Is(err, media.ErrArmed) {
			t.Errorf("armed twice: %v", err)
		}
		if err := r.alice.Start(1); !errors.Is(err, media.ErrStarted) {
			t.Errorf("started twice: %v", err)
		}
		time.Sleep(100 * ms)
		k := r.alice.keys
		if err := r.alice.Close(); err != nil {
			t.Error(err)
		}
		for _, s := range []secret.Bytes{k.SendKey, k.SendSalt, k.ReceiveKey, k.ReceiveSalt} {
			if !bytes.Equal(s.Expose(), make([]byte, s.Len())) {
				t.Error("a key is still in memory after Close")
			}
		}
		r.alice.HandleRTP(1, r.bob.addr, make([]byte, 82)) // late packets do no harm
	})
}

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
			enc, err := codec.NewEncoder()
			if err != nil {
				t.Fatal(err)
			}
			sound := tone(frames * 960)
			for range 120 / frames {
				// Code 3, so many frames of one size.
				payload := []byte{0, byte(frames)}
				for f := range frames {
					var b [codec.PacketBytes]byte
					if err := enc.Encode(&b, (*[960]int16)(sound[f*960:])); err != nil {
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
			if st := r.alice.Stats(); st.Concealed > 0 || st.Late > 0 {
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

// TestDeviceBreaks: a sound card that fails ends neither the call nor the
// packets; Err tells.
func TestDeviceBreaks(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.talk()
		time.Sleep(500 * ms)
		n := len(r.alice.voice())
		r.alice.sound.breakDown(errors.New("unplugged"))
		time.Sleep(500 * ms)
		if got := len(r.alice.voice()); got != n+25 {
			t.Errorf("%d packets in half a second without a sound card, want 25", got-n)
		}
		if err := r.alice.Err(); err == nil {
			t.Error("Err tells nothing")
		}
	})
}

// TestOversleep: after a pause of the machine the missed packets are given up,
// not sent in a burst, and the timestamps tell of the time that passed.
func TestOversleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowPath{start: time.Now()}
		s, err := media.New(media.Config{Path: slow, Device: newSound(t, nil), SSRC: 1})
		if err != nil {
			t.Fatal(err)
		}
		k, _ := keys(32, 80)
		if err := errors.Join(s.ArmReceive(k, agreed), s.Start(1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		var last rtp.Header
		var before time.Duration
		for i, p := range slow.sent {
			var h rtp.Header
			if _, err := h.Unmarshal(p.b); err != nil {
				t.Fatal(err)
			}
			gap, passed := p.at-before, time.Duration(h.Timestamp-last.Timestamp)*time.Second/48000
			switch {
			case i == 0:
			case i == slowPacket+1:
				if gap < time.Second || gap > time.Second+20*ms || passed < gap-20*ms || passed > gap+20*ms {
					t.Errorf("after the pause: %v passed, the timestamp says %v", gap, passed)
				}
			case gap != 20*ms || passed != 20*ms:
				t.Errorf("packet %d: %v passed, the timestamp says %v", i, gap, passed)
			}
			if i > 0 && h.SequenceNumber != last.SequenceNumber+1 {
				t.Errorf("packet %d: number %d after %d", i, h.SequenceNumber, last.SequenceNumber)
			}
			last, before = h, p.at
		}
		if st := s.Stats(); st.SendFailed != 1 || int(st.Sent) != len(slow.sent)-1 {
			t.Errorf("%d packets, one refused: %+v", len(slow.sent), st)
		}
	})
}

// slowPath hangs for a second at one packet, and refuses another.
type slowPath struct {
	path.Path
	start time.Time
	sent  []sent
}

const slowPacket = 10

func (p *slowPath) Send(_ path.Fork, b []byte) error {
	p.sent = append(p.sent, sent{time.Since(p.start), bytes.Clone(b)})
	switch len(p.sent) - 1 {
	case slowPacket:
		time.Sleep(time.Second)
	case slowPacket + 10:
		return errors.New("no route to host")
	}
	return nil
}

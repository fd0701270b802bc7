package media_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtp"

	"karat/internal/secret"
	"karat/internal/simnet"
	"karat/media"
	"karat/media/correlate"
	"karat/media/profile"
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

// TestConstant is the promise on the wire: one size, and exactly one period apart,
// whatever is said, and whatever shape the payload has.
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
		period := r.alice.period()
		for i, p := range got {
			if want := got[0].at + time.Duration(i)*period; p.at != want {
				t.Fatalf("packet %d left at %v, want %v", i, p.at, want)
			}
			if len(p.b) != 12+82+10 {
				t.Fatalf("packet %d has %d bytes, want 104", i, len(p.b))
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

// TestMuteIsStrictInRepairs: nor does a repair carry it, where much is lost and
// packets have repairs.
func TestMuteIsStrictInRepairs(t *testing.T) {
	inRig(t, simnet.Loss(0.3, instantly), func(r *rig) {
		r.alice.sound.mic = tone(5 * 48000)
		r.talk()
		time.Sleep(1900 * ms) // the background is not learnt before 3 s
		n := len(r.alice.voice())
		r.alice.SetMuted(true)
		time.Sleep(time.Second)
		all := r.alice.voice()
		if p := peak(decode(t, r.alice.keys, all[n:])); p > -45 {
			t.Errorf("after SetMuted(true) the sound peaks at %.1f dBFS", p)
		}
		var frames [][]byte // sent after muting
		repairs := 0
		for i, payload := range payloads(t, r.alice.keys, all[n:]) {
			p, v, ok := profile.Split(payload)
			if !ok || v.Mix != profile.Most {
				t.Fatalf("packet %d has no room for a repair: %+v", i, v)
			}
			frames = append(frames, v.Frame)
			if v.Repair == nil {
				continue
			}
			repairs++
			if i < profile.MaxBack {
				t.Fatalf("packet %d repairs what was said before muting", i)
			}
			want := make([]byte, len(v.Repair))
			var h rtp.Header
			if _, err := h.Unmarshal(all[n+i].b); err != nil {
				t.Fatal(err)
			}
			p.Repair(want, h.SequenceNumber, v.Mix, func(back int) []byte { return frames[i-back] })
			if !bytes.Equal(v.Repair, want) {
				t.Errorf("the repair in packet %d is not of what was sent", i)
			}
		}
		if repairs < 40 {
			t.Errorf("%d repairs in a second", repairs)
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
			if n := len(r.alice.voice()[0].b); n != 94+c.tag/8 {
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

package media_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pion/rtp"

	"karat/internal/simnet"
	"karat/media"
	"karat/media/correlate"
)

// telephone is what two ends agree on where they have no Opus in common.
func telephone(c media.Codec) media.Parameters {
	pt := map[media.Codec]uint8{media.G722: 9, media.PCMU: 0, media.PCMA: 8}[c]
	return media.Parameters{SendPT: pt, ReceivePT: pt, Codec: c, EventPT: 101, EventRate: 8000, RTCPMux: true}
}

// armTelephone has both ends talk so.
func (r *rig) armTelephone(p media.Parameters) {
	r.t.Helper()
	for _, e := range []*end{r.alice, r.bob} {
		if err := e.ArmReceive(e.keys, p); err != nil {
			r.t.Fatal(err)
		}
		if err := e.Start(1); err != nil {
			r.t.Fatal(err)
		}
		e.SetMuted(false)
	}
}

// Each codec of the telephone network carries speech both ways, in packets of one
// size at one pace, whether it is speech, silence or mute, with the timestamps of
// its own clock.
func TestItem64_TelephoneCodecs(t *testing.T) {
	for _, c := range []media.Codec{media.G722, media.PCMU, media.PCMA} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			inRig(t, simnet.Delay(30*ms), func(r *rig) {
				said := speech(t, "alice")
				r.alice.sound.mic, r.bob.sound.mic = said, append([]int16(nil), said...)
				r.armTelephone(telephone(c))
				time.Sleep(time.Duration(len(said))*time.Second/48000 + time.Second)
				r.alice.SetMuted(true)
				time.Sleep(time.Second)
				r.alice.SetMuted(false)
				time.Sleep(time.Second)
				for _, e := range []*end{r.alice, r.bob} {
					if score := correlate.Contains(e.sound.heard(), said); score < 0.9 {
						t.Errorf("what was heard resembles what was said by %.2f", score)
					}
					if st := e.Stats(); st.Lost != 0 || st.Concealed > 2 || st.Ignored != 0 || st.Jitter > ms {
						t.Errorf("%+v", st)
					}
				}
				var first rtp.Header
				v, period := r.alice.voice(), r.alice.period()
				for i, p := range v {
					var h rtp.Header
					if _, err := h.Unmarshal(p.b); err != nil {
						t.Fatal(err)
					}
					if i == 0 {
						first = h
					}
					if len(p.b) != 12+160+10 || p.at != v[0].at+time.Duration(i)*period || h.Timestamp != first.Timestamp+uint32(i*160) || h.SequenceNumber != first.SequenceNumber+uint16(i) {
						t.Fatalf("packet %d at %v: %d bytes, %+v", i, p.at, len(p.b), h)
					}
				}
			})
		})
	}
}

// Keys of a telephone go beside such a voice, on its clock.
func TestItem63_KeysBesideATelephoneVoice(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.armTelephone(telephone(media.PCMA))
		time.Sleep(time.Second)
		if err := r.alice.PressKeys([]byte{7, 11}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []byte{7, 11} {
			if got := <-r.bob.Keys(); got != want {
				t.Errorf("key %d, want %d", got, want)
			}
		}
	})
}

// Whatever was agreed on may come at any time, and what we send may change: each
// packet is taken for what its payload type says, and the voice goes on.
func TestItem65_CodecsChange(t *testing.T) {
	inRig(t, simnet.Delay(30*ms), func(r *rig) {
		both := telephone(media.PCMU)
		opus := media.Parameters{SendPT: 96, ReceivePT: 96, RTCPMux: true, Also: []media.Payload{{PT: 0, Codec: media.PCMU}}}
		both.Also = []media.Payload{{PT: 96, Codec: media.Opus}}
		r.alice.sound.mic = tone(48000 * 12)
		r.armTelephone(opus)
		for i := range 6 {
			p := opus
			if i%2 == 1 {
				p = both
			}
			r.alice.Renegotiate(p)
			before, heard := r.bob.Stats(), len(r.bob.sound.heard())
			time.Sleep(2 * time.Second)
			after := r.bob.Stats()
			if after.Received-before.Received < 95 || after.Ignored != before.Ignored {
				t.Errorf("turn %d: %+v then %+v", i, before, after)
			}
			last := r.bob.sound.heard()[heard+48000:]
			if level := peak(last); level < -20 || level > -8 {
				t.Errorf("turn %d: the tone is heard at %.0f dBFS", i, level)
			}
		}
	})
}

// What is lost of such a voice is made up for by what was heard, and fades.
func TestTelephoneLoss(t *testing.T) {
	inRig(t, simnet.Loss(0.05, simnet.Delay(30*ms)), func(r *rig) {
		said := speech(t, "alice")
		r.alice.sound.mic = said
		r.armTelephone(telephone(media.G722))
		time.Sleep(time.Duration(len(said))*time.Second/48000 + time.Second)
		st := r.bob.Stats()
		if score := correlate.Contains(r.bob.sound.heard(), said); score < 0.8 || st.Lost == 0 || st.Concealed == 0 {
			t.Errorf("%.2f, %+v", score, st)
		}
	})
}

// Any bytes are a voice of the telephone, and no number of them brings it down.
func TestTelephoneGarbage(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		if err := r.alice.ArmReceive(r.alice.keys, telephone(media.G722)); err != nil {
			t.Fatal(err)
		}
		p := newPeer(t, r.bob.keys, 9)
		for _, n := range []int{0, 1, 7, 160, 240, 960, 961, 1200} {
			for range 5 {
				r.alice.HandleRTP(1, r.bob.addr, p.seal(make([]byte, n)))
				time.Sleep(20 * ms)
			}
		}
		if st := r.alice.Stats(); st.Received != 40 || st.Ignored != 15 || r.alice.Err() != nil {
			t.Errorf("%+v, %v", st, r.alice.Err())
		}
	})
}

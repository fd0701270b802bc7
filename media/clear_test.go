package media_test

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtp"

	"karat/media"
	"karat/media/correlate"
)

// What ArmClear is given goes in the clear, and is heard, without a report beside it;
// a packet from another address moves nothing, for nothing proves it.
func TestClear(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		said := speech(t, "alice")
		r.alice.sound.mic = said
		for _, e := range []*end{r.alice, r.bob} {
			if err := e.ArmClear(telephone(media.PCMA)); err != nil {
				t.Fatal(err)
			}
			if err := e.Start(1); err != nil {
				t.Fatal(err)
			}
			e.SetMuted(false)
		}
		if err := r.alice.ArmReceive(r.alice.keys, agreed); !errors.Is(err, media.ErrArmed) {
			t.Errorf("armed twice: %v", err)
		}
		time.Sleep(time.Duration(len(said))*time.Second/48000 + time.Second)
		if score := correlate.Contains(r.bob.sound.heard(), said); score < 0.9 {
			t.Errorf("what was heard resembles what was said by %.2f", score)
		}
		for _, p := range r.alice.packets() {
			if len(p.b) != 12+160 || p.b[1]&0x7f != 8 {
				t.Fatalf("%d bytes left, of type %d", len(p.b), p.b[1]&0x7f)
			}
		}
		before := peerOf(r.alice)
		stranger := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 8, SSRC: 0xBEEF, SequenceNumber: 1}, Payload: bytes.Repeat([]byte{0x55}, 160)}
		b, err := stranger.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		r.alice.HandleRTP(1, netip.MustParseAddrPort("10.6.6.6:666"), b)
		if got := peerOf(r.alice); got != before {
			t.Errorf("sends to %v now", got)
		}
	})
}

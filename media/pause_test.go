package media_test

import (
	"testing"
	"time"

	"github.com/pion/rtp"

	"karat/media"
	"karat/media/profile"
)

// A peer that wants no voice gets none, not even room tone; when it wants some
// again, numbers go on and time has passed. Reports go on all the while.
func TestItem39_PausedStreamSendsNoVoice(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.talk()
		time.Sleep(time.Second)
		r.alice.SetPaused(true)
		before, all := r.alice.voice(), len(r.alice.packets())
		time.Sleep(30 * time.Second)
		if n := len(r.alice.voice()) - len(before); n != 0 {
			t.Errorf("%d voice packets while paused", n)
		}
		if n := len(r.alice.packets()) - all; n < 3 {
			t.Errorf("%d reports in half a minute", n)
		}
		r.alice.SetPaused(false)
		time.Sleep(time.Second)
		after := r.alice.voice()
		var last, next rtp.Header
		last.Unmarshal(before[len(before)-1].b)
		next.Unmarshal(after[len(before)].b)
		gap := after[len(before)].at - before[len(before)-1].at
		if next.SequenceNumber != last.SequenceNumber+1 || next.Timestamp-last.Timestamp != uint32((gap+10*ms)/(20*ms)*960) {
			t.Errorf("after %v: %+v follows %+v", gap, next, last)
		}
		if len(after)-len(before) < 49 {
			t.Errorf("%d voice packets in the second after", len(after)-len(before))
		}
	})
}

// TestRepairsAfterAPause: what is sent after it repairs nothing until it is long enough
// past: the peer still has what came before.
func TestRepairsAfterAPause(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.talk()
		time.Sleep(2 * time.Second)
		r.alice.SetPaused(true)
		before := len(r.alice.voice())
		time.Sleep(time.Second)
		r.alice.SetPaused(false)
		time.Sleep(time.Second)
		all := r.alice.voice()
		first := -1
		for i, b := range payloads(t, r.alice.keys, all)[before:] {
			if _, v, ok := profile.Split(b); ok && v.Repair != nil && first < 0 {
				first = i
			}
		}
		if first != profile.MaxBack {
			t.Errorf("the first repair is in packet %d after the pause, want %d", first, profile.MaxBack)
		}
	})
}

// Payload types may change in the middle of a call.
func TestItem65_PayloadTypesChange(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.talk()
		time.Sleep(time.Second)
		r.alice.Renegotiate(media.Parameters{SendPT: 120, ReceivePT: 97, RTCPMux: true})
		r.bob.Renegotiate(media.Parameters{SendPT: 97, ReceivePT: 120, RTCPMux: true})
		before := r.bob.Stats()
		time.Sleep(time.Second)
		var h rtp.Header
		v := r.alice.voice()
		h.Unmarshal(v[len(v)-1].b)
		after := r.bob.Stats()
		if h.PayloadType != 120 || after.Received-before.Received < 49 || after.Ignored != before.Ignored {
			t.Errorf("payload type %d, %+v then %+v", h.PayloadType, before, after)
		}
	})
}

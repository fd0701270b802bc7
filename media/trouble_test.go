package media_test

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"karat/media"
	"karat/media/path"
)

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
		const period = 20 * ms
		near := func(d time.Duration) bool { return d > period-1000 && d < period+1000 } // 50 ppm
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
			case i == slowPacket+2 && gap < period: // it left late, this one in time
			case !near(gap) || passed != period:
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

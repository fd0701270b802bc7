package media_test

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"karat/internal/simnet"
	"karat/media"
)

// reports are the RTCP packets among those sent.
func (e *end) reports() (r []sent) {
	for _, p := range e.packets() {
		if p.b[1] >= 192 && p.b[1] <= 223 {
			r = append(r, p)
		}
	}
	return r
}

// TestReports: at fixed times, one every five seconds in the end, of one size, with our packets counted, a
// random name, and a report on the peer.
func TestReports(t *testing.T) {
	var names []string
	for range 2 {
		inRig(t, instantly, func(r *rig) {
			r.talk()
			time.Sleep(21 * time.Second)
			got := r.alice.reports()
			after := []uint32{25, 50, 100, 250, 500, 750, 1000} // packets
			if len(got) != len(after) {
				t.Fatalf("%d reports in 21 s, want %d", len(got), len(after))
			}
			period := r.alice.period()
			ctx := opener(t, r.alice.keys)
			for i, p := range got {
				if p.at != got[0].at+time.Duration(after[i]-after[0])*period || len(p.b) != len(got[0].b) {
					t.Errorf("report %d: %d bytes at %v, after %d bytes at %v", i, len(p.b), p.at, len(got[0].b), got[0].at)
				}
				plain, err := ctx.DecryptRTCP(nil, p.b, nil)
				if err != nil {
					t.Fatal(err)
				}
				packets, err := rtcp.Unmarshal(plain)
				if err != nil || len(packets) != 3 {
					t.Fatalf("%d packets in a report, %v", len(packets), err)
				}
				sr := packets[0].(*rtcp.SenderReport)
				if want := after[i] + 1; sr.PacketCount != want || sr.OctetCount != want*82 || len(sr.Reports) != 1 {
					t.Errorf("report %d: %+v, want %d packets", i, sr, want)
				}
				if rr := sr.Reports[0]; rr.SSRC != r.bob.ssrc || rr.TotalLost != 0 || rr.FractionLost != 0 {
					t.Errorf("report %d on the peer: %+v", i, rr)
				}
				// RFC 7022, Section 4.2: 96 random bits, in Base64.
				item := packets[1].(*rtcp.SourceDescription).Chunks[0].Items[0]
				if item.Type != rtcp.SDESCNAME || len(item.Text) != 16 {
					t.Errorf("report %d names us %+v", i, item)
				}
				if app := packets[2].(*rtcp.ApplicationDefined); app.Name != "KRAT" || app.SubType != 1 || app.SSRC != r.alice.ssrc {
					t.Errorf("report %d announces %+v", i, app)
				}
				if i == 0 {
					names = append(names, item.Text)
				}
			}
		})
	}
	if names[0] == names[1] {
		t.Error("two calls have one CNAME")
	}
}

// TestRoundTrip measures what the network takes.
func TestRoundTrip(t *testing.T) {
	inRig(t, simnet.Delay(70*ms), func(r *rig) {
		r.talk()
		time.Sleep(16 * time.Second)
		for _, e := range []*end{r.alice, r.bob} {
			if rtt := e.Stats().RTT; rtt < 139*ms || rtt > 141*ms {
				t.Errorf("%x measured %v, want 140ms", e.ssrc, rtt)
			}
		}
	})
}

// TestLossIsCounted, by both: by the receiver, and in what it reports.
func TestLossIsCounted(t *testing.T) {
	lose := func(p simnet.Packet) bool { return p.From.Addr().String() == "10.0.0.2" && p.Number%10 == 0 }
	inRig(t, simnet.Drop(lose, simnet.Delay(10*ms)), func(r *rig) {
		r.talk()
		time.Sleep(21 * time.Second)
		st := r.alice.Stats()
		if st.Lost < 100 || st.Lost > 108 || st.Restored < 90 || st.Concealed < 1 || st.Concealed > 15 {
			t.Errorf("of 1040 packets 104 were lost, and nearly all mended by the next: %+v", st)
		}
		ctx := opener(t, r.alice.keys)
		var last rtcp.ReceptionReport
		for _, p := range r.alice.reports() {
			plain, err := ctx.DecryptRTCP(nil, p.b, nil)
			if err != nil {
				t.Fatal(err)
			}
			packets, err := rtcp.Unmarshal(plain)
			if err != nil {
				t.Fatal(err)
			}
			last = packets[0].(*rtcp.SenderReport).Reports[0]
		}
		if last.FractionLost < 23 || last.FractionLost > 27 || last.TotalLost < 80 {
			t.Errorf("reported %+v, want about 26/256 lost", last)
		}
	})
}

// TestNoMuxNoReports: without rtcp-mux there is no RTCP.
func TestNoMuxNoReports(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		for e, p := range map[*end]media.Parameters{r.alice: agreed, r.bob: mirrored} {
			p.RTCPMux = false
			if err := e.ArmReceive(e.keys, p); err != nil {
				t.Fatal(err)
			}
			if err := e.Start(1); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(20 * time.Second)
		if n := len(r.alice.reports()); n != 0 {
			t.Errorf("%d reports without rtcp-mux", n)
		}
	})
}

// TestReportsFromOthers: any genuine RTCP is survived, from a bounded number of
// sources.
func TestReportsFromOthers(t *testing.T) {
	inRig(t, instantly, func(r *rig) {
		r.arm()
		p := newPeer(t, r.bob.keys, agreed.ReceivePT)
		seal := func(plain []byte) []byte {
			b, err := p.ctx.EncryptRTCP(nil, plain, nil)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		for n := range 20 {
			bye, err := rtcp.Marshal([]rtcp.Packet{
				&rtcp.ReceiverReport{SSRC: uint32(n), Reports: []rtcp.ReceptionReport{{SSRC: r.alice.ssrc, LastSenderReport: 1, Delay: 1 << 31}}},
				&rtcp.Goodbye{Sources: []uint32{1}},
			})
			if err != nil {
				t.Fatal(err)
			}
			r.alice.HandleRTP(1, r.bob.addr, seal(bye))
		}
		r.alice.HandleRTP(1, r.bob.addr, seal([]byte{0x81, 200, 0, 0, 0, 0, 0, 1, 9, 9}))
		r.alice.HandleRTP(1, r.bob.addr, []byte{0x80, 200})
		if st := r.alice.Stats(); st.Unauthenticated != 13 || st.Ignored != 1 || st.RTT != 0 {
			t.Errorf("%+v, want 8 sources taken, 12 and a stump refused, one ignored", st)
		}
	})
}

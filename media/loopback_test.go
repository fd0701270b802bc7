package media_test

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"karat/media"
	"karat/media/device"
	"karat/media/path"
	"karat/media/wav"
)

// TestLoopback carries a tone over real sockets for a second and a half.
func TestLoopback(t *testing.T) {
	dir := t.TempDir()
	ka, kb := keys(32, 80)
	alice, pa := dial(t, "tone:440", "null", 1)
	bob, pb := dial(t, "null", "file:"+filepath.Join(dir, "bob.wav"), 2)
	pa.Remote(1, pb.Local())
	pb.Remote(1, pa.Local())
	same := media.Parameters{SendPT: 96, ReceivePT: 96, EventPT: 101, RTCPMux: true}
	for s, k := range map[*media.Stream]media.Keys{alice: ka, bob: kb} {
		if err := s.ArmReceive(k, same); err != nil {
			t.Fatal(err)
		}
		if err := s.Start(1); err != nil {
			t.Fatal(err)
		}
		s.SetMuted(false)
	}
	select {
	case <-bob.FirstAuthenticated():
	case <-time.After(5 * time.Second):
		t.Fatal("nothing authenticated within 5 s")
	}
	<-time.After(1500 * time.Millisecond) // real sockets take real time
	st := bob.Stats()
	if err := bob.Close(); err != nil {
		t.Error(err)
	}
	// How many of the 75 come, and when, is the busy machine's affair: TestConstant
	// holds the schedule where the clock is ours.
	if st.Received < 25 || st.Unauthenticated+st.Replayed+st.Early > 0 {
		t.Errorf("after 1.5 s: %+v", st)
	}
	// What is made up where a packet came too late may be louder than the tone.
	if st.ReceivedLevel < -15 || st.ReceivedLevel > -3 {
		t.Errorf("a tone of -12 dBFS came out at %.1f", st.ReceivedLevel)
	}
	a, err := wav.ReadFile(filepath.Join(dir, "bob.wav"))
	if err != nil || len(a.Samples) < 24000 {
		t.Errorf("recorded %d samples, %v", len(a.Samples), err)
	}
}

func dial(t *testing.T, mic, speaker string, ssrc uint32) (*media.Stream, *path.UDP) {
	t.Helper()
	p, err := path.ListenUDP("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d, err := device.Open(mic, speaker, device.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := media.New(media.Config{Path: p, Device: d, SSRC: ssrc})
	if err != nil {
		t.Fatal(err)
	}
	p.Receive(func(class path.Class, fork path.Fork, from netip.AddrPort, b []byte) {
		if class == path.RTP {
			s.HandleRTP(fork, from, b)
		}
	})
	t.Cleanup(func() {
		s.Close()
		p.Close()
	})
	return s, p
}

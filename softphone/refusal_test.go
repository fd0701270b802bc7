package softphone_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"karat/internal/secret"
	"karat/media/path"
	"karat/sip"
	"karat/softphone"
	"karat/zrtp"
)

// stranger is a phone written for a test: signalling of its own SDP, and ZRTP
// when it has a session. It sends no voice.
type stranger struct {
	w     *world
	agent *sip.Agent
	conn  net.PacketConn
	call  *sip.Call
}

const strangerAddr = "10.0.0.66"

func (w *world) stranger() *stranger {
	t := w.t
	host := w.net.Host(strangerAddr)
	conn, err := host.ListenPacket(t.Context(), "udp", strangerAddr+":4000")
	if err != nil {
		t.Fatal(err)
	}
	agent, err := sip.NewAgent(sip.Config{
		Account: &sip.Account{
			AOR: "sip:mallory@example.org", Registrar: "sip:" + providerAddr + ":5060;transport=udp",
			Password: secret.Copy([]byte("m-pw")),
		},
		Network: host,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := (<-agent.Events()).(sip.Registered); !ok {
		t.Fatal("the stranger could not register")
	}
	return &stranger{w: w, agent: agent, conn: conn}
}

func (s *stranger) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s.agent.Close(ctx)
	s.conn.Close()
}

// sdp is a description with this media line and these attributes.
func sdp(media string, attributes ...string) []byte {
	lines := []string{
		"v=0", "o=- 1 1 IN IP4 " + strangerAddr, "s=-", "c=IN IP4 " + strangerAddr, "t=0 0",
		"m=audio 4000 " + media, "a=rtpmap:96 opus/48000/2", "a=rtpmap:0 PCMU/8000",
	}
	return []byte(strings.Join(append(lines, attributes...), "\r\n") + "\r\n")
}

const (
	sdesLine = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
	dtlsLine = "a=fingerprint:sha-256 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:3A:4B:65:2E:7D:46:3F:54:42:CD:54:F1"
)

// unprivate are the descriptions of phones that cannot or will not be private.
var unprivate = []struct {
	name string
	sdp  []byte
}{
	{"plain RTP", sdp("RTP/AVP 96")},
	{"SDES", sdp("RTP/SAVP 96", sdesLine)},
	{"DTLS-SRTP", sdp("UDP/TLS/RTP/SAVP 96", dtlsLine, "a=setup:actpass")},
	{"no common codec", sdp("RTP/AVP 3")},
	{"nonsense", []byte("this is not a description")},
}

// answerWith answers the next call with a description.
func (s *stranger) answerWith(sdp []byte) {
	s.w.t.Helper()
	in, ok := (<-s.agent.Events()).(sip.Incoming)
	if !ok {
		s.w.t.Fatal("the stranger was not called")
	}
	s.call = in.Call
	if err := in.Call.Answer(sdp); err != nil {
		s.w.t.Fatal(err)
	}
}

// Items: 47, 54.
func TestAnswersThatAreNotPrivate(t *testing.T) {
	for _, tc := range unprivate {
		t.Run(tc.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				alice, mallory := w.user("alice", "10.0.0.1"), w.stranger()
				defer mallory.close()
				alice.start()
				alice.dial("mallory")
				mallory.answerWith(tc.sdp)
				w.wantRefusal(alice)
			})
		})
	}
}

// wantRefusal checks that a call was refused in words and that not one voice
// packet left for it.
func (w *world) wantRefusal(u *user) {
	w.t.Helper()
	if r := expect[softphone.Refused](u); len(r.Why) < 20 {
		w.t.Errorf("refused without a reason: %q", r.Why)
	}
	if e := expect[softphone.Ended](u); e.Outcome != softphone.NotPrivate {
		w.t.Errorf("ended as %+v", e)
	}
	time.Sleep(time.Second)
	for class, n := range w.classes(u.addr) {
		if class != path.ZRTP {
			w.t.Errorf("%d %v packets left", n, class)
		}
	}
	if saw[softphone.Talking](u) {
		w.t.Error("the microphone was opened")
	}
}

// Items: 47.
func TestOffersThatAreNotPrivate(t *testing.T) {
	for _, tc := range unprivate {
		t.Run(tc.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				bob, mallory := w.user("bob", "10.0.0.2"), w.stranger()
				defer mallory.close()
				bob.start(auto)
				began := time.Now()
				call, err := mallory.agent.Invite(t.Context(), "sip:bob@example.org", tc.sdp)
				if err != nil {
					t.Fatal(err)
				}
				if tc.name == "plain RTP" { // ZRTP is tried first
					go func() {
						for range call.Events() {
						}
					}()
					w.wantRefusal(bob)
					return
				}
				w.wantRefusal(bob)
				for ev := range call.Events() {
					if f, failed := ev.(sip.Failed); failed && (f.Code != 480 || time.Since(began).Round(time.Second) != 45*time.Second) {
						t.Errorf("the caller was told %d after %v", f.Code, time.Since(began))
					}
				}
			})
		})
	}
}

// agree runs ZRTP for the stranger until its session is secure, then hands the
// session back.
func (s *stranger) agree(session *zrtp.Session, to netip.AddrPort) {
	s.w.t.Helper()
	s.agreeHearing(session, to, func(zrtp.Event) {})
}

// agreeHearing is agree for who wants to hear what the session has to say.
func (s *stranger) agreeHearing(session *zrtp.Session, to netip.AddrPort, hear func(zrtp.Event)) {
	t := s.w.t
	t.Helper()
	flush := func() {
		for {
			pkt, ok := session.NextPacket()
			if !ok {
				return
			}
			s.conn.WriteTo(pkt, net.UDPAddrFromAddrPort(to))
		}
	}
	session.Start(time.Now())
	flush()
	buf := make([]byte, 2048)
	for {
		s.conn.SetReadDeadline(session.Deadline())
		n, _, err := s.conn.ReadFrom(buf)
		if err == nil {
			session.Receive(time.Now(), buf[:n])
		}
		session.Advance(time.Now())
		flush()
		for {
			ev, ok := session.NextEvent()
			if !ok {
				break
			}
			hear(ev)
			switch ev := ev.(type) {
			case zrtp.Secure:
				return
			case zrtp.Failed:
				t.Fatalf("the stranger agreed on no keys: %v", ev.Err)
			}
		}
	}
}

// mediaAddress is where a description wants its media.
func mediaAddress(t *testing.T, sdp []byte) netip.AddrPort {
	t.Helper()
	var host string
	var port uint16
	for line := range strings.Lines(string(sdp)) {
		fmt.Sscanf(line, "c=IN IP4 %s", &host)
		fmt.Sscanf(line, "m=audio %d", &port)
	}
	return netip.AddrPortFrom(netip.MustParseAddr(host), port)
}

// A Hello that is not the one that signalling announced is a man in the middle.
//
// Items: 55.
func TestHelloHashThatDoesNotMatch(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		bob, mallory := w.user("bob", "10.0.0.2"), w.stranger()
		defer mallory.close()
		bob.start(auto)
		session, err := zrtp.NewSession(zrtp.Config{ZID: zrtp.ZID{6}, SSRC: 66})
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		call, err := mallory.agent.Invite(t.Context(), "sip:bob@example.org", sdp("RTP/AVP 96", "a=zrtp-hash:1.10 "+strings.Repeat("ab", 32)))
		if err != nil {
			t.Fatal(err)
		}
		for ev := range call.Events() {
			if up, ok := ev.(sip.Answered); ok {
				session.Start(time.Now())
				pkt, _ := session.NextPacket()
				mallory.conn.WriteTo(pkt, net.UDPAddrFromAddrPort(mediaAddress(t, up.SDP)))
				break
			}
		}
		w.wantRefusal(bob)
		for range call.Events() {
		}
	})
}

package softphone_test

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/srtp/v3"

	"karat/media/device"
	"karat/media/path"
	"karat/sip"
	"karat/softphone"
	"karat/softphone/assay"
	"karat/zrtp"
)

// Each test here is named after the item of the interoperability list that it
// holds; contrib/interop/PROVIDERS.md is made of the names.

// secured is a call of the stranger to bob that has its keys.
type secured struct {
	*stranger
	call    *sip.Call
	session *zrtp.Session
	media   string // the media line
	answer  string
}

// secure calls bob, who answers by himself, and agrees on keys.
func (s *stranger) secure(bob *user) *secured { return s.secureBy(bob, "RTP/AVP 96") }

// secureBy is secure with an offer of that media line and these lines besides.
func (s *stranger) secureBy(bob *user, media string, lines ...string) *secured {
	t := s.w.t
	t.Helper()
	session, err := zrtp.NewSession(zrtp.Config{ZID: zrtp.ZID{6}, SSRC: 66})
	if err != nil {
		t.Fatal(err)
	}
	c := &secured{stranger: s, session: session, media: media}
	if c.call, err = s.agent.Invite(t.Context(), "sip:bob@example.org", c.sdp(lines...)); err != nil {
		t.Fatal(err)
	}
	for ev := range c.call.Events() {
		if up, ok := ev.(sip.Answered); ok {
			c.answer = string(up.SDP)
			s.agree(session, mediaAddress(t, up.SDP))
			break
		}
	}
	expect[softphone.Talking](bob)
	return c
}

// sdp is the stranger's private offer, with these lines besides.
func (c *secured) sdp(lines ...string) []byte {
	return sdp(c.media, append([]string{"a=zrtp-hash:" + c.session.HelloHash()}, lines...)...)
}

func (c *secured) close() {
	c.call.Hangup()
	for range c.call.Events() {
	}
	c.session.Close()
	c.stranger.close()
}

// voice counts the voice packets that a host sends in a time, RTCP left out.
func (w *world) voice(host string, d time.Duration) (n int) {
	before := len(w.sentBy(host))
	time.Sleep(d)
	for _, p := range w.sentBy(host)[before:] {
		if path.Classify(p.Data) == path.RTP && p.To.Port() != 5060 && (p.Data[1] < 192 || p.Data[1] > 223) {
			n++
		}
	}
	return n
}

// A re-INVITE that asks for less is refused, and the call stays as it was: the
// same keys, the same voice. The user is told.
func TestItem38_ReofferForLessIsRefused(t *testing.T) {
	other := "1.10 " + strings.Repeat("ab", 32)
	for name, less := range map[string]func(c *secured) []byte{
		"SDES":              func(*secured) []byte { return sdp("RTP/SAVP 96", sdesLine) },
		"SDES and the hash": func(c *secured) []byte { return sdp("RTP/SAVP 96", sdesLine, "a=zrtp-hash:"+c.session.HelloHash()) },
		"DTLS-SRTP":         func(*secured) []byte { return sdp("UDP/TLS/RTP/SAVP 96", dtlsLine, "a=setup:actpass") },
		"without ZRTP":      func(*secured) []byte { return sdp("RTP/AVP 96") },
		"another ZRTP":      func(*secured) []byte { return sdp("RTP/AVP 96", "a=zrtp-hash:"+other) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				bob, mallory := w.user("bob", "10.0.0.2"), w.stranger()
				bob.start(auto)
				c := mallory.secure(bob)
				defer c.close()
				time.Sleep(time.Second)
				if _, err := c.call.Reinvite(t.Context(), less(c)); err == nil {
					t.Error("a re-INVITE for less was accepted")
				}
				if d := expect[softphone.DowngradeRefused](bob); len(d.Why) < 20 {
					t.Errorf("the user reads %q", d.Why)
				}
				if n := w.voice("10.0.0.2", time.Second); n != 50 {
					t.Errorf("%d voice packets in the second after", n)
				}
				if r := lastAssay(bob); !r.Private || !strings.Contains(r.Finding(assay.Unforged).Why, "was refused") {
					t.Errorf("the assay says %+v", r.Finding(assay.Unforged))
				}
				bob.phone.Hangup(bob.call)
				if e := expect[softphone.Ended](bob); e.Outcome != softphone.Private {
					t.Errorf("ended as %+v", e)
				}
				if saw[softphone.Refused](bob) {
					t.Error("the call was refused")
				}
			})
		})
	}
}

// A phone that is encrypted as far as its provider at least, and knows ZRTP, gets a
// private call: the keys in the signalling encrypt nothing.
func TestItem54_KeysInTheSignallingBeside(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		bob, mallory := w.user("bob", "10.0.0.2"), w.stranger()
		bob.start(auto)
		c := mallory.secureBy(bob, "RTP/SAVP 96", sdesLine)
		defer c.close()
		time.Sleep(time.Second)
		_, inline, ok := strings.Cut(c.answer, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:")
		if !ok || !strings.Contains(c.answer, "a=zrtp-hash:") || !strings.Contains(c.answer, " RTP/SAVP 96") {
			t.Fatalf("answered with\n%s", c.answer)
		}
		shown, err := base64.StdEncoding.DecodeString(strings.TrimSpace(strings.SplitN(inline, "\r\n", 2)[0]))
		if err != nil {
			t.Fatal(err)
		}
		opening, err := srtp.CreateContext(shown[:16], shown[16:], srtp.ProtectionProfileAes128CmHmacSha1_80)
		if err != nil {
			t.Fatal(err)
		}
		sent := 0
		for _, p := range w.sentBy("10.0.0.2") {
			if path.Classify(p.Data) != path.RTP {
				continue
			}
			sent++
			if _, err := opening.DecryptRTP(nil, p.Data, nil); err == nil {
				t.Fatal("the provider can read a packet")
			}
		}
		if sent < 40 {
			t.Errorf("%d packets left", sent)
		}
		if r := lastAssay(bob); !r.Private {
			t.Errorf("the assay: %+v", r)
		}
		if _, err := c.call.Reinvite(t.Context(), c.sdp(sdesLine)); err != nil {
			t.Errorf("the same again: %v", err)
		}
		if _, err := c.call.Reinvite(t.Context(), sdp("RTP/SAVP 96", sdesLine)); err == nil {
			t.Error("a re-INVITE without ZRTP was accepted")
		}
		expect[softphone.DowngradeRefused](bob)
		bob.phone.Hangup(bob.call)
		if e := expect[softphone.Ended](bob); e.Outcome != softphone.Private {
			t.Errorf("ended as %+v", e)
		}
	})
}

// Who announces ZRTP beside such keys and stays silent is not talked to, whatever the
// user allowed; who could not be answered does not even ring.
func TestItem54_KeysInTheSignallingAlone(t *testing.T) {
	hash := "a=zrtp-hash:1.10 " + strings.Repeat("ab", 32)
	for name, offered := range map[string][]byte{
		"silent":         sdp("RTP/SAVP 96", sdesLine, hash),
		"no suite known": sdp("RTP/SAVP 96", "a=crypto:1 F8_128_HMAC_SHA1_80 inline:x", hash),
		"no codec":       sdp("RTP/SAVP 3", sdesLine, hash),
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				bob, mallory := w.user("bob", "10.0.0.2"), w.stranger()
				defer mallory.close()
				bob.start(auto, func(c *softphone.Config) { c.Policy.AllowClear = true })
				call, err := mallory.agent.Invite(t.Context(), "sip:bob@example.org", offered)
				if err != nil {
					t.Fatal(err)
				}
				if in := expect[softphone.Incoming](bob); in.Refused == (name == "silent") {
					t.Errorf("shown as %+v", in)
				}
				go func() {
					for range call.Events() {
					}
				}()
				w.wantRefusal(bob)
			})
		})
	}
}

// A change that cannot be made is refused too, and is no alarm.
func TestItem38_ReofferOfNoUse(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		bob, mallory := w.user("bob", "10.0.0.2"), w.stranger()
		bob.start(auto)
		c := mallory.secure(bob)
		defer c.close()
		for _, text := range [][]byte{[]byte("this is not a description"), sdp("RTP/AVP 3", "a=zrtp-hash:"+c.session.HelloHash())} {
			if _, err := c.call.Reinvite(t.Context(), text); err == nil {
				t.Errorf("accepted:\n%s", text)
			}
			expect[softphone.Notice](bob)
		}
		if n := w.voice("10.0.0.2", time.Second); n != 50 || saw[softphone.DowngradeRefused](bob) {
			t.Errorf("%d voice packets in the second after; seen: %s", n, names(bob.seen))
		}
	})
}

// A peer that lets us wait hears nothing, whatever way it says so, and everything
// again when it comes back, at the address that it never changed.
func TestItem39_HeldByThePeer(t *testing.T) {
	for _, tc := range []struct{ name, line, answer string }{
		{"sendonly", "a=sendonly", "a=recvonly"},
		{"inactive", "a=inactive", "a=inactive"},
		{"c=0.0.0.0", "c=IN IP4 0.0.0.0", "a=recvonly"},
		{"both", "c=IN IP4 0.0.0.0\r\na=inactive", "a=inactive"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				bob, mallory := w.user("bob", "10.0.0.2"), w.stranger()
				bob.start(auto)
				c := mallory.secure(bob)
				defer c.close()
				held, err := c.call.Reinvite(t.Context(), c.sdp(tc.line))
				if err != nil || !strings.Contains(string(held), tc.answer+"\r\n") || !strings.Contains(string(held), "o=- 0 1 IN") {
					t.Fatalf("answered %v:\n%s", err, held)
				}
				if e := expect[softphone.Held](bob); e.Ours || !e.Theirs {
					t.Errorf("%+v", e)
				}
				if n := w.voice("10.0.0.2", 5*time.Second); n != 0 {
					t.Errorf("%d voice packets to a peer that lets us wait", n)
				}
				// A refresh changes nothing, so nor does the version.
				again, err := c.call.Reinvite(t.Context(), c.sdp(tc.line))
				if err != nil || string(again) != string(held) {
					t.Errorf("%v: answered\n%s, before\n%s", err, again, held)
				}
				back, err := c.call.Reinvite(t.Context(), c.sdp())
				if err != nil || !strings.Contains(string(back), "a=sendrecv\r\n") || !strings.Contains(string(back), "o=- 0 2 IN") {
					t.Errorf("answered %v:\n%s", err, back)
				}
				if e := expect[softphone.Held](bob); e.Ours || e.Theirs {
					t.Errorf("%+v", e)
				}
				if n := w.voice("10.0.0.2", time.Second); n != 50 {
					t.Errorf("%d voice packets in the second after", n)
				}
			})
		})
	}
}

// We let the other end wait: it is told by sendonly, and hears room tone; it sends
// nothing. What is shown changes with its 200 only.
func TestItem39_HoldAndResume(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.aliceAndBob(auto)
		talk(alice, bob)
		for range 2 {
			began := time.Now()
			alice.phone.Hold(alice.call)
			if e := expect[softphone.Held](alice); !e.Ours || e.Theirs || time.Since(began) < 40*time.Millisecond {
				t.Errorf("after %v: %+v", time.Since(began), e)
			}
			if e := expect[softphone.Held](bob); e.Ours || !e.Theirs {
				t.Errorf("%+v", e)
			}
			time.Sleep(100 * time.Millisecond)
			if a, b := w.voice("10.0.0.1", time.Second), w.voice("10.0.0.2", time.Second); a != 50 || b != 0 {
				t.Errorf("on hold %d and %d voice packets in a second", a, b)
			}
			alice.phone.Resume(alice.call)
			if e := expect[softphone.Held](alice); e.Ours || e.Theirs {
				t.Errorf("%+v", e)
			}
			expect[softphone.Held](bob)
			time.Sleep(100 * time.Millisecond)
			if a, b := w.voice("10.0.0.1", time.Second), w.voice("10.0.0.2", time.Second); a != 50 || b != 50 {
				t.Errorf("resumed, %d and %d voice packets in a second", a, b)
			}
		}
		for _, p := range w.sentBy("10.0.0.1") {
			if strings.Contains(string(p.Data), "c=IN IP4 0.0.0.0") {
				t.Errorf("held by an address that is none:\n%s", p.Data)
			}
		}
		if a, b := hangUp(alice, bob); a.Outcome != softphone.Private || b.Outcome != softphone.Private {
			t.Errorf("ended as %+v and %+v", a, b)
		}
	})
}

// Both let each other wait, and come back one after the other.
func TestItem39_BothHold(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.aliceAndBob(auto)
		talk(alice, bob)
		alice.phone.Hold(alice.call)
		expect[softphone.Held](alice)
		expect[softphone.Held](bob)
		bob.phone.Hold(bob.call)
		if e := expect[softphone.Held](bob); !e.Ours || !e.Theirs {
			t.Errorf("%+v", e)
		}
		alice.phone.Resume(alice.call)
		if e := expect[softphone.Held](alice); e.Ours || !e.Theirs {
			t.Errorf("alice is back, bob is not: %+v", e)
		}
		if e := expect[softphone.Held](bob); !e.Ours || e.Theirs {
			t.Errorf("%+v", e)
		}
		bob.phone.Resume(bob.call)
		if e := expect[softphone.Held](bob); e.Ours || e.Theirs {
			t.Errorf("%+v", e)
		}
		if e := expect[softphone.Held](alice); e.Ours || e.Theirs {
			t.Errorf("%+v", e)
		}
		time.Sleep(100 * time.Millisecond)
		if a, b := w.voice("10.0.0.1", time.Second), w.voice("10.0.0.2", time.Second); a != 50 || b != 50 {
			t.Errorf("%d and %d voice packets in a second", a, b)
		}
		hangUp(alice, bob)
	})
}

// A call on hold lasts, however long nobody sends anything.
func TestItem71_HoldDoesNotKillTheCall(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		bob, mallory := w.user("bob", "10.0.0.2"), w.stranger()
		bob.start(auto)
		c := mallory.secure(bob)
		defer c.close()
		if _, err := c.call.Reinvite(t.Context(), c.sdp("a=inactive")); err != nil {
			t.Fatal(err)
		}
		expect[softphone.Held](bob)
		time.Sleep(10 * time.Minute)
		if _, err := c.call.Reinvite(t.Context(), c.sdp()); err != nil {
			t.Fatal(err)
		}
		if n := w.voice("10.0.0.2", time.Second); n != 50 {
			t.Errorf("%d voice packets in the second after ten minutes", n)
		}
	})
}

// ear is a device that keeps how loud it was, by time.
type ear struct {
	device.Device
	mu   sync.Mutex // guards loud
	loud []time.Time
}

func (e *ear) Play(fill func(samples []int16)) { e.Device.Play(device.Then(fill, e.listen)) }

func (e *ear) listen(samples []int16) {
	var sum float64
	for _, s := range samples {
		sum += float64(s) * float64(s)
	}
	if sum/float64(len(samples)) > 1000*1000 {
		e.mu.Lock()
		e.loud = append(e.loud, time.Now())
		e.mu.Unlock()
	}
}

// heard tells for how many frames since a time something was heard.
func (e *ear) heard(since time.Time) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, at := range e.loud {
		if at.After(since) {
			n++
		}
	}
	return n
}

// listening gives a phone an ear, and a microphone of silence.
func listening(t *testing.T, e *ear) change {
	return func(c *softphone.Config) {
		c.OpenDevice = func() (dev device.Device, err error) {
			e.Device, err = device.Open("null", "null", device.Options{})
			return e, err
		}
	}
}

// Several calls: who calls while we talk rings, and learns nothing of it; taking
// it lets the other wait. The microphone is in one call at a time.
func TestItem45_CallWaiting(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob, mallory := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2"), w.user("mallory", "10.0.0.3")
		var b, m ear
		alice.start() // a tone as microphone
		bob.start(auto, listening(t, &b))
		mallory.start(listening(t, &m))
		talk(alice, bob)
		first := alice.call
		mallory.dial("alice")
		expect[softphone.Incoming](alice)
		expect[softphone.Ringing](mallory)
		second := alice.call
		began := time.Now()
		time.Sleep(2 * time.Second)
		if n := b.heard(began); n < 90 {
			t.Errorf("while it rings bob hears %d frames of 100", n)
		}
		alice.phone.Answer(second)
		if e := expect[softphone.Held](bob); !e.Theirs {
			t.Errorf("%+v", e)
		}
		expect[softphone.Talking](mallory)
		time.Sleep(500 * time.Millisecond)
		began = time.Now()
		time.Sleep(2 * time.Second)
		if nb, nm := b.heard(began), m.heard(began); nb != 0 || nm < 90 {
			t.Errorf("in the second call bob hears %d frames, mallory %d of 100", nb, nm)
		}
		alice.phone.Resume(first) // switch
		if e := expect[softphone.Held](mallory); !e.Theirs {
			t.Errorf("%+v", e)
		}
		if e := expect[softphone.Held](bob); e.Theirs {
			t.Errorf("%+v", e)
		}
		time.Sleep(500 * time.Millisecond)
		began = time.Now()
		time.Sleep(2 * time.Second)
		if nb, nm := b.heard(began), m.heard(began); nb < 90 || nm != 0 {
			t.Errorf("back in the first call bob hears %d frames of 100, mallory %d", nb, nm)
		}
		alice.phone.Hangup(first)
		expect[softphone.Ended](bob)
		began = time.Now()
		time.Sleep(2 * time.Second)
		if nm := m.heard(began); nm != 0 {
			t.Errorf("a call that waits was resumed by nobody: %d frames", nm)
		}
		alice.phone.Resume(second)
		expect[softphone.Held](mallory)
		time.Sleep(500 * time.Millisecond)
		began = time.Now()
		time.Sleep(2 * time.Second)
		if nm := m.heard(began); nm < 90 {
			t.Errorf("mallory hears %d frames of 100", nm)
		}
		alice.phone.Hangup(second)
		expect[softphone.Ended](mallory)
	})
}

// threeUsers are alice in a call with bob, and carol (as mallory), who answers.
func (w *world) threeUsers() (alice, bob, carol *user) {
	alice, bob, carol = w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2"), w.user("mallory", "10.0.0.3")
	bob.overTCP()
	alice.start()
	bob.start(auto)
	carol.start(auto)
	talk(alice, bob)
	return alice, bob, carol
}

// Blind transfer: the other end is asked, calls by itself, with keys of its own;
// our call ends when it talks there.
func TestItem44_BlindTransfer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob, carol := w.threeUsers()
		old := bob.call
		alice.phone.Transfer(alice.call, "sip:mallory@example.org")
		if e := expect[softphone.Held](alice); !e.Ours {
			t.Errorf("%+v", e)
		}
		if e := expect[softphone.TransferAsked](bob); e.To != "sip:mallory@example.org" || e.Call != old {
			t.Errorf("%+v", e)
		}
		if n := len(w.sentBy("10.0.0.3")); n == 0 || saw[softphone.Incoming](carol) {
			t.Error("carol was called before bob agreed")
		}
		bob.phone.Consent(old, true)
		expect[softphone.Dialing](bob)
		expect[softphone.Secure](carol)
		if e := expect[softphone.Secure](bob); e.Call == old {
			t.Error("no keys of its own")
		}
		expect[softphone.Talking](carol)
		for {
			if e := expect[softphone.TransferProgress](alice); e.Done {
				if !e.OK {
					t.Errorf("%+v", e)
				}
				break
			}
		}
		if e := expect[softphone.Ended](alice); e.Outcome != softphone.Private {
			t.Errorf("%+v", e)
		}
		if e := expect[softphone.Ended](bob); e.Call != old {
			t.Errorf("%+v", e)
		}
		if a, b := w.voice("10.0.0.2", time.Second), w.voice("10.0.0.3", time.Second); a != 50 || b != 50 {
			t.Errorf("%d and %d voice packets in a second", a, b)
		}
		carol.phone.Hangup(carol.call)
		expect[softphone.Ended](carol)
		expect[softphone.Ended](bob)
	})
}

// Who is asked and does not agree, or does not answer, is not transferred; the
// call is there to be resumed.
func TestItem44_TransferNeedsConsent(t *testing.T) {
	for _, says := range []bool{true, false} {
		inWorld(t, func(t *testing.T, w *world) {
			alice, bob, carol := w.threeUsers()
			began := time.Now()
			alice.phone.Transfer(alice.call, "sip:mallory@example.org")
			expect[softphone.TransferAsked](bob)
			if says {
				bob.phone.Consent(bob.call, false)
			}
			for {
				if e := expect[softphone.TransferProgress](alice); e.Done {
					if e.OK {
						t.Errorf("%+v", e)
					}
					break
				}
			}
			if took := time.Since(began).Round(time.Second); !says && took != 30*time.Second {
				t.Errorf("declined after %v", took)
			}
			if saw[softphone.Incoming](carol) || saw[softphone.Ended](alice) {
				t.Error("something was done")
			}
			alice.phone.Resume(alice.call)
			expect[softphone.Held](alice)
			hangUp(alice, bob)
		})
	}
}

// A transfer to a phone that cannot be private fails, and the old call is there.
func TestItem44_TransferIsNeverWeaker(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob, mallory := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2"), w.stranger()
		defer mallory.close()
		alice.start()
		bob.start(auto)
		talk(alice, bob)
		old := bob.call
		alice.phone.Transfer(alice.call, "sip:mallory@example.org")
		expect[softphone.TransferAsked](bob)
		bob.phone.Consent(old, true)
		mallory.answerWith(sdp("RTP/SAVP 96", sdesLine))
		if e := expect[softphone.Refused](bob); e.Call == old {
			t.Errorf("%+v", e)
		}
		for {
			if e := expect[softphone.TransferProgress](alice); e.Done {
				if e.OK {
					t.Errorf("%+v", e)
				}
				break
			}
		}
		alice.phone.Resume(alice.call)
		expect[softphone.Held](alice)
		alice.phone.Hangup(alice.call)
		expect[softphone.Ended](alice)
		for e := expect[softphone.Ended](bob); e.Call != old; e = expect[softphone.Ended](bob) {
		}
	})
}

// Attended transfer: the two that we talk to talk to each other, in a call of
// their own that takes the place of both of ours.
func TestItem44_AttendedTransfer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob, carol := w.threeUsers()
		first := alice.call
		alice.dial("mallory")
		expect[softphone.Held](bob)
		expect[softphone.Talking](carol)
		expect[softphone.Talking](alice)
		second, consulted := alice.call, carol.call
		if err := alice.phone.Connect(first, second); err != nil {
			t.Fatal(err)
		}
		expect[softphone.TransferAsked](bob)
		bob.phone.Consent(bob.call, true)
		if e := expect[softphone.Incoming](carol); e.Replaces != consulted {
			t.Errorf("it takes the place of %q, want %q", e.Replaces, consulted)
		}
		expect[softphone.Talking](carol)
		ended := map[string]bool{}
		for range 2 {
			ended[expect[softphone.Ended](alice).Call] = true
		}
		if !ended[first] || !ended[second] {
			t.Errorf("ended %v", ended)
		}
		if e := expect[softphone.Ended](bob); e.Outcome != softphone.Private {
			t.Errorf("%+v", e)
		}
		if a, b := w.voice("10.0.0.2", time.Second), w.voice("10.0.0.3", time.Second); a != 50 || b != 50 {
			t.Errorf("%d and %d voice packets in a second", a, b)
		}
		carol.phone.Hangup(carol.call)
		expect[softphone.Ended](bob)
	})
}

// Keys of a telephone go in the signalling only where the user asked for that.
func TestItem63_DigitsAreNotSignalledByDefault(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.aliceAndBob(auto)
		talk(alice, bob)
		alice.phone.Digits(alice.call, "12x")
		if n := expect[softphone.Notice](alice); n.Text != softphone.ErrDigits.Error() {
			t.Errorf("%+v", n)
		}
		alice.phone.Digits(alice.call, "12#")
		time.Sleep(time.Second)
		for _, p := range w.sentBy("10.0.0.1") {
			if strings.HasPrefix(string(p.Data), "INFO ") {
				t.Errorf("sent\n%s", p.Data)
			}
		}
		hangUp(alice, bob)
	})
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
		alice.start(func(c *softphone.Config) { c.DigitsInSignalling = true })
		bob.start(auto)
		talk(alice, bob)
		alice.phone.Digits(alice.call, "1#")
		time.Sleep(time.Second)
		var sent []string
		for _, p := range w.sentBy("10.0.0.1") {
			if _, body, _ := strings.Cut(string(p.Data), "\r\n\r\n"); strings.HasPrefix(string(p.Data), "INFO ") {
				sent = append(sent, body)
			}
		}
		if want := []string{"Signal=1\r\nDuration=160\r\n", "Signal=#\r\nDuration=160\r\n"}; fmt.Sprint(sent) != fmt.Sprint(want) {
			t.Errorf("sent %q", sent)
		}
		hangUp(alice, bob)
	})
}

// A moved peer is followed: the voice goes to its new address, under the same keys.
func TestItem41_PeerMoves(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		bob, mallory := w.user("bob", "10.0.0.2"), w.stranger()
		bob.start(auto)
		c := mallory.secure(bob)
		defer c.close()
		moved := strings.ReplaceAll(string(c.sdp()), strangerAddr, "10.0.0.67")
		if _, err := c.call.Reinvite(t.Context(), []byte(moved)); err != nil {
			t.Fatal(err)
		}
		before := len(w.sentBy("10.0.0.2"))
		time.Sleep(time.Second)
		for _, p := range w.sentBy("10.0.0.2")[before:] {
			if path.Classify(p.Data) == path.RTP && p.To != netip.MustParseAddrPort("10.0.0.67:4000") {
				t.Fatalf("voice to %v", p.To)
			}
		}
		if saw[softphone.DowngradeRefused](bob) {
			t.Error("a new address is no downgrade")
		}
	})
}

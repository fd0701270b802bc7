package softphone_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"karat/media/path"
	"karat/softphone"
	"karat/zrtp"
)

// raw is a peer that a test writes message by message, for what no phone of ours
// does. It is called and calls without a provider.
type raw struct {
	w    *world
	conn net.PacketConn // of signalling, 10.0.0.66:5070
	to   net.Addr
	last string // the message that came last
}

const (
	rawAddr    = strangerAddr + ":5070"
	directAddr = "10.0.0.1:5060"
)

// direct is a phone without an account, and a raw peer.
func (w *world) direct(changes ...change) (*user, *raw, *stranger) {
	w.t.Helper()
	u := &user{w: w, name: "alice", addr: "10.0.0.1", home: w.t.TempDir()}
	u.open()
	u.start(append(changes, func(c *softphone.Config) { c.Listen = []string{"udp:" + directAddr} })...)
	host := w.net.Host(strangerAddr)
	conn, err := host.ListenPacket(w.t.Context(), "udp", rawAddr)
	if err != nil {
		w.t.Fatal(err)
	}
	media, err := host.ListenPacket(w.t.Context(), "udp", strangerAddr+":4000")
	if err != nil {
		w.t.Fatal(err)
	}
	r := &raw{w: w, conn: conn, to: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(directAddr))}
	return u, r, &stranger{w: w, conn: media}
}

func (r *raw) send(lines ...string) {
	r.w.t.Helper()
	if _, err := r.conn.WriteTo([]byte(strings.Join(lines, "\r\n")), r.to); err != nil {
		r.w.t.Fatal(err)
	}
}

// want returns the next message that begins so; others are passed over.
func (r *raw) want(begin string) string {
	r.w.t.Helper()
	buf := make([]byte, 4096)
	for {
		r.conn.SetReadDeadline(time.Now().Add(time.Minute))
		n, from, err := r.conn.ReadFrom(buf)
		if err != nil {
			r.w.t.Fatalf("no %q came", begin)
		}
		if strings.HasPrefix(string(buf[:n]), begin) {
			r.to, r.last = from, string(buf[:n])
			return r.last
		}
	}
}

// field is a header field of a message.
func field(message, name string) string {
	for line := range strings.Lines(message) {
		if v, ok := strings.CutPrefix(line, name+": "); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// answer answers the message that came last.
func (r *raw) answer(status string, sdp []byte, fields ...string) {
	r.w.t.Helper()
	lines := []string{
		"SIP/2.0 " + status, "Via: " + field(r.last, "Via"), "From: " + field(r.last, "From"), "To: " + field(r.last, "To") + ";tag=raw",
		"Call-ID: " + field(r.last, "Call-ID"), "CSeq: " + field(r.last, "CSeq"), "Contact: <sip:" + rawAddr + ">",
	}
	lines = append(lines, fields...)
	if sdp != nil {
		lines = append(lines, "Content-Type: application/sdp")
	}
	r.send(append(lines, fmt.Sprint("Content-Length: ", len(sdp)), "", string(sdp))...)
}

// Early media that comes before keys is not played, and nothing is sent for it: the
// user hears that it rings, and no more.
func TestItem35_EarlyMediaIsNotPlayed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var e ear
		alice, r, mallory := w.direct(listening(t, &e))
		if _, err := alice.phone.Call("sip:x@" + rawAddr); err != nil {
			t.Fatal(err)
		}
		invite := r.want("INVITE ")
		r.answer("183 Session Progress", sdp("RTP/AVP 96"))
		expect[softphone.Ringing](alice)
		to := mediaAddress(t, []byte(invite))
		for i := range 100 { // two seconds of something that is not encrypted
			mallory.conn.WriteTo(append([]byte{0x80, 96, 0, byte(i), 0, 0, byte(i), 0, 0, 0, 0, 66}, make([]byte, 60)...), net.UDPAddrFromAddrPort(to))
			time.Sleep(20 * time.Millisecond)
		}
		if n, sent := e.heard(time.Time{}), w.classes("10.0.0.1"); n != 0 || len(sent) != 0 {
			t.Errorf("%d frames were heard, %v sent", n, sent)
		}
		r.answer("486 Busy Here", nil)
		r.want("ACK ")
		expect[softphone.Ended](alice)
	})
}

// A redirection is followed with the user's consent, and not without.
func TestItem43_RedirectionNeedsConsent(t *testing.T) {
	for _, says := range []string{"yes", "no", ""} {
		inWorld(t, func(t *testing.T, w *world) {
			alice, r, _ := w.direct()
			if _, err := alice.phone.Call("sip:x@" + rawAddr); err != nil {
				t.Fatal(err)
			}
			r.want("INVITE ")
			r.answer("302 Moved", nil, "Contact: <sip:elsewhere@"+rawAddr+">")
			r.want("ACK ")
			e := expect[softphone.Redirected](alice)
			if e.To != "sip:elsewhere@"+rawAddr && e.To != "sip:"+rawAddr {
				t.Errorf("%+v", e)
			}
			began := time.Now()
			switch says {
			case "yes":
				alice.phone.Consent(e.Call, true)
				if m := r.want("INVITE "); !strings.HasPrefix(m, "INVITE "+e.To+" ") {
					t.Errorf("got\n%s", m)
				}
				r.answer("480 Gone", nil)
				r.want("ACK ")
			case "no":
				alice.phone.Consent(e.Call, false)
			}
			if e := expect[softphone.Ended](alice); e.Outcome != softphone.NotAnswered {
				t.Errorf("%+v", e)
			}
			if took := time.Since(began).Round(time.Second); says == "" && took != 30*time.Second {
				t.Errorf("given up after %v", took)
			}
		})
	}
}

// wantsOffer calls without an offer, answers in its ACK with the Hello of a session,
// and returns where the media goes.
func (r *raw) wantsOffer(session *zrtp.Session) netip.AddrPort {
	r.w.t.Helper()
	head := []string{
		"Max-Forwards: 70", "From: <sip:x@y>;tag=raw", "Call-ID: late", "Contact: <sip:" + rawAddr + ">",
	}
	r.send(append([]string{"INVITE sip:" + directAddr + " SIP/2.0", "Via: SIP/2.0/UDP " + rawAddr + ";branch=z9hG4bKlate;rport", "To: <sip:z@y>", "CSeq: 1 INVITE"}, append(head, "Content-Length: 0", "", "")...)...)
	ok := r.want("SIP/2.0 200 ")
	text := sdp("RTP/AVP 96", "a=zrtp-hash:"+session.HelloHash())
	r.send(append([]string{"ACK sip:" + directAddr + " SIP/2.0", "Via: SIP/2.0/UDP " + rawAddr + ";branch=z9hG4bKack;rport", "To: " + field(ok, "To"), "CSeq: 1 ACK"},
		append(head, "Content-Type: application/sdp", fmt.Sprint("Content-Length: ", len(text)), "", string(text))...)...)
	return mediaAddress(r.w.t, []byte(ok))
}

// A caller that wants an offer from us gets one, and answers with its ACK; the
// call becomes as private as any.
func TestItem40_CallerWantsAnOffer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, r, mallory := w.direct(auto)
		session, err := zrtp.NewSession(zrtp.Config{ZID: zrtp.ZID{6}, SSRC: 66})
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		mallory.agree(session, r.wantsOffer(session))
		expect[softphone.Talking](alice)
		if r := lastAssay(alice); !r.Private {
			t.Errorf("%+v", r)
		}
		time.Sleep(time.Second)
		if c := w.classes("10.0.0.1"); c[path.RTP] < 40 {
			t.Errorf("sent %v", c)
		}
		alice.phone.Hangup(alice.call)
		expect[softphone.Ended](alice)
	})
}

// Whoever dials for help is told at once to take another phone.
func TestEmergencyNumbers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, _, _ := w.direct()
		for _, target := range []string{"sip:112@example.org", "sips:911@example.org;user=phone", "sip:110@10.0.0.9:5060", "urn:service:sos.fire", "<sip:999@example.org>"} {
			if _, err := alice.phone.Call(target); !errors.Is(err, softphone.ErrEmergency) {
				t.Errorf("%s: %v", target, err)
			}
		}
		if _, err := alice.phone.Call("sip:1123@" + rawAddr); err != nil {
			t.Errorf("1123: %v", err)
		}
		expect[softphone.Dialing](alice)
	})
}

// An emergency number is called where the account allows it and the user says so of
// the call: at once and in the clear, under one's own name, in words. Either alone is
// not enough.
func TestEmergencyCallInTheClear(t *testing.T) {
	for _, tc := range []struct{ account, call bool }{{true, true}, {true, false}, {false, true}} {
		inWorld(t, func(t *testing.T, w *world) {
			alice, mallory := w.user("alice", "10.0.0.1"), w.stranger()
			defer mallory.close()
			account, _ := alice.store.Account("sip:alice@example.org")
			account.EmergencyClear, account.Anonymous = tc.account, true
			if err := alice.store.SetAccount(account); err != nil {
				t.Fatal(err)
			}
			alice.start(func(c *softphone.Config) { c.Policy.AllowClear = tc.call })
			id, err := alice.phone.Call("sip:112@example.org")
			if !tc.account || !tc.call {
				if !errors.Is(err, softphone.ErrEmergency) {
					t.Errorf("%+v: %v", tc, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			alice.call = id
			for {
				if n := expect[softphone.Notice](alice); strings.Contains(n.Text, "Say where you are") {
					break
				}
			}
			expect[softphone.Dialing](alice)
			if e := expect[softphone.Ended](alice); e.Outcome == softphone.Private { // nobody has that number here
				t.Errorf("%+v", e)
			}
			for _, p := range w.sentBy("10.0.0.1") {
				if text := string(p.Data); strings.HasPrefix(text, "INVITE ") && !strings.Contains(text, "From: <sip:alice@example.org>") {
					t.Errorf("it does not say who calls:\n%s", text)
				}
			}
		})
	}
}

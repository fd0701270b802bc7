package softphone_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"karat/media/path"
	"karat/softphone"
	"karat/softphone/assay"
)

func allowClear(c *softphone.Config) { c.Policy.AllowClear = true }

// A call that the user allowed to be heard by everyone asks for keys all the same.
// Where the other phone knows none the voice goes in the clear, with loud words, and
// nothing says that it is private; where it announced some and none come, or the user
// allowed nothing, no word is sent.
func TestItem54_ClearOnlyAsTheUserSaid(t *testing.T) {
	for _, tc := range []struct {
		name    string
		allowed bool
		lines   []string
		clear   bool
	}{
		{"a phone without ZRTP", true, nil, true},
		{"nothing was allowed", false, nil, false},
		{"keys were announced", true, []string{"a=zrtp-hash:1.10 " + strings.Repeat("ab", 32)}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				var changes []change
				if tc.allowed {
					changes = append(changes, allowClear)
				}
				alice, r, mallory := w.direct(changes...)
				id, err := alice.phone.Call("sip:x@" + rawAddr)
				if err != nil {
					t.Fatal(err)
				}
				alice.call = id
				invite := r.want("INVITE ")
				if !strings.Contains(invite, "a=zrtp-hash:") {
					t.Errorf("no keys are asked for:\n%s", invite)
				}
				r.answer("200 OK", sdp("RTP/AVP 0", tc.lines...))
				r.want("ACK ")
				if !tc.clear {
					w.wantRefusal(alice)
					return
				}
				if n := expect[softphone.Notice](alice); !strings.Contains(n.Text, "WARNING") {
					n = expect[softphone.Notice](alice) // of the store's key before it
					if !strings.Contains(n.Text, "WARNING") {
						t.Errorf("the user reads %q", n.Text)
					}
				}
				expect[softphone.Talking](alice)
				to := mediaAddress(t, []byte(invite))
				for i := range 50 {
					mallory.conn.WriteTo(append([]byte{0x80, 0, 0, byte(i), 0, 0, byte(i * 160 >> 8), byte(i * 160), 0, 0, 0, 66}, make([]byte, 160)...), net.UDPAddrFromAddrPort(to))
					time.Sleep(20 * time.Millisecond)
				}
				if m := expect[softphone.Media](alice); m.Received < 20 {
					m = expect[softphone.Media](alice)
					if m.Received < 20 {
						t.Errorf("%+v", m)
					}
				}
				clear := 0
				for _, p := range w.sentBy("10.0.0.1") {
					if path.Classify(p.Data) == path.RTP && len(p.Data) == 12+160 {
						clear++
					}
				}
				rep := lastAssay(alice)
				if clear < 40 || rep.Private {
					t.Errorf("%d packets; private: %v", clear, rep.Private)
				}
				for _, p := range []assay.Promise{assay.Default, assay.Participants, assay.Unforged} {
					if f := rep.Finding(p); f.Verdict != assay.Broken {
						t.Errorf("%+v", f)
					}
				}
				alice.phone.Hangup(alice.call)
				r.want("BYE ")
				r.answer("200 OK", nil)
				if e := expect[softphone.Ended](alice); e.Outcome != softphone.NotPrivate {
					t.Errorf("%+v", e)
				}
			})
		})
	}
}

// In an emergency nobody waits for keys: the voice is open as soon as the call is.
func TestEmergencyWaitsForNoKeys(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice := w.user("alice", "10.0.0.1")
		account, _ := alice.store.Account("sip:alice@example.org")
		account.EmergencyClear = true
		if err := alice.store.SetAccount(account); err != nil {
			t.Fatal(err)
		}
		help := w.user("112", "10.0.0.2")
		help.start(auto)
		alice.start(allowClear)
		alice.dial("112")
		expect[softphone.Answered](alice)
		began := time.Now()
		expect[softphone.Talking](alice)
		if d := time.Since(began); d > 10*time.Millisecond {
			t.Errorf("the voice was open after %v", d)
		}
		if c := w.classes("10.0.0.1"); c[path.ZRTP] != 0 || lastAssay(alice).Private {
			t.Errorf("sent %v", c)
		}
		alice.phone.Hangup(alice.call)
		if e := expect[softphone.Ended](alice); e.Outcome != softphone.NotPrivate {
			t.Errorf("%+v", e)
		}
	})
}

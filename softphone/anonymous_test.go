package softphone_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"karat/media/path"
	"karat/softphone"
	"karat/softphone/assay"
)

// An anonymous call shows the other end no name, no ZID that it saw before or will
// see again, and none of the secrets that would tell who it is; nothing of it is
// remembered. The assay says what it is worth.
func TestItem48_AnonymousCall(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
		alice.start()
		bob.start(auto)
		talk(alice, bob)
		hangUp(alice, bob)
		known := bob.store.Unnamed()
		alice.stop()
		w.started = w.started[1:]
		account, _ := alice.store.Account("sip:alice@example.org")
		account.Anonymous = true
		if err := alice.store.SetAccount(account); err != nil {
			t.Fatal(err)
		}
		before := len(w.sentBy("10.0.0.1"))
		alice.addr = "10.0.0.7"
		alice.start()
		seen := map[[12]byte]bool{account.ZID: true}
		for range 2 {
			a, b := talk(alice, bob)
			if a.Continuity || b.Continuity || saw[softphone.Mismatch](bob) {
				t.Errorf("bob's phone recognised it: %+v, %+v", a, b)
			}
			if f := lastAssay(alice).Finding(assay.Anonymity); !strings.Contains(f.Why, "names neither you nor this phone") || f.Verdict != assay.NotOffered {
				t.Errorf("%+v", f)
			}
			hangUp(alice, bob)
		}
		for _, p := range bob.store.Unnamed() {
			if len(known) == 1 && p.ZID == known[0].ZID {
				continue
			}
			if seen[p.ZID] {
				t.Errorf("the ZID %x was shown twice", p.ZID)
			}
			seen[p.ZID] = true
		}
		if n := len(alice.store.Unnamed()); len(seen) != 3 || n != 1 {
			t.Errorf("bob saw %d ZIDs, alice remembers %d phones", len(seen), n)
		}
		for _, p := range append(w.sentBy("10.0.0.7"), w.sentBy("10.0.0.1")[before:]...) {
			text := string(p.Data)
			if path.Classify(p.Data) == path.Unknown && strings.HasPrefix(text, "INVITE ") && strings.Contains(strings.ReplaceAll(text, `username="alice"`, ""), "alice") {
				t.Errorf("it names alice:\n%s", text)
			}
		}
	})
}

// An asserted identity is told as the provider's word, and so is what waits in its
// mailbox.
func TestItem49_AssertedIdentityIsTheProvidersWord(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		bob := w.user("bob", "10.0.0.2")
		bob.start()
		phone := w.sentBy("10.0.0.2")[0].From
		text := sdp("RTP/AVP 96")
		w.net.Inject(netip.MustParseAddrPort(providerAddr+":5060"), phone, []byte(strings.Join([]string{
			"INVITE sip:bob@anonymous.invalid SIP/2.0", "Via: SIP/2.0/UDP " + providerAddr + ":5060;branch=z9hG4bKpai", "Max-Forwards: 70",
			"From: <sip:anonymous@anonymous.invalid>;tag=pai", "To: <sip:bob@example.org>", "Call-ID: pai", "CSeq: 1 INVITE", "Contact: <sip:gw@" + providerAddr + ">",
			"P-Asserted-Identity: <sip:+49666@example.org>", "Content-Type: application/sdp", fmt.Sprint("Content-Length: ", len(text)), "", string(text),
		}, "\r\n")))
		in := expect[softphone.Incoming](bob)
		if in.Asserted != "sip:+49666@example.org" || !strings.Contains(strings.Join(in.Known, " "), "your provider says that it comes from sip:+49666@example.org; that is its word, and no proof, and the way to it is not encrypted") {
			t.Errorf("%+v", in)
		}
		w.net.Inject(netip.MustParseAddrPort(providerAddr+":5060"), phone, []byte(strings.Join([]string{
			"NOTIFY sip:bob@anonymous.invalid SIP/2.0", "Via: SIP/2.0/UDP " + providerAddr + ":5060;branch=z9hG4bKmwi", "Max-Forwards: 70",
			"From: <sip:bob@example.org>;tag=mwi", "To: <sip:bob@example.org>", "Call-ID: mwi", "CSeq: 1 NOTIFY", "Contact: <sip:mwi@" + providerAddr + ">",
			"Event: message-summary", "Content-Type: application/simple-message-summary", "Content-Length: 49", "", "Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n",
		}, "\r\n")))
		if m := expect[softphone.MessagesWaiting](bob); m.Account != "sip:bob@example.org" || m.New != 2 || m.Old != 8 {
			t.Errorf("%+v", m)
		}
	})
}

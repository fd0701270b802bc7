package softphone_test

import (
	"strings"
	"testing"
	"time"

	"karat/softphone"
)

// Keys of a telephone go inside the encrypted voice, packet for packet in its
// place, and arrive whole; nothing of them is in the signalling.
func TestItem63_KeysInsideTheVoice(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.aliceAndBob(auto)
		talk(alice, bob)
		time.Sleep(time.Second)
		if err := alice.phone.Digits(alice.call, "19#"); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"1", "9", "#"} {
			if n := expect[softphone.Notice](bob); n.Text != "The other end pressed "+want+"." {
				t.Errorf("bob is told %q, want %s", n.Text, want)
			}
		}
		for _, p := range w.sentBy("10.0.0.1") {
			if strings.HasPrefix(string(p.Data), "INFO ") {
				t.Error("a key went in the signalling")
			}
		}
		hangUp(alice, bob)
	})
}

package zrtp

import (
	"testing"
	"time"
)

// Section 3.1.1: the whole of Diffie-Hellman mode, both ends starting at once.
func TestHandshake(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	l.start()
	l.run(time.Second)
	sa, sb := l.wantSecure()
	for _, s := range []Secure{sa, sb} {
		if s.KeyAgreement != "X255" || s.Hash != "S384" || s.Cipher != "AES3" || s.AuthTag != "HS80" || s.SASType != "B256" {
			t.Errorf("the strongest was not chosen: %+v", s)
		}
		if s.Continuity || s.Known || s.Verified || s.Mismatched {
			t.Errorf("strangers who know each other: %+v", s)
		}
	}
	if !l.next().IsZero() {
		t.Error("a timer still runs in the secure state")
	}
}

package offer

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	printA = "sha-256 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:3A:4B:65:2E:7D:46:3F:54:42:CD:54:F1"
	printB = "sha-256 00:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:3A:4B:65:2E:7D:46:3F:54:42:CD:54:F1"
)

// announcing is our side of a call whose keys DTLS brings.
func announcing(print string) Local {
	l := local("203.0.113.1:6000")
	l.Fingerprint = print
	return l
}

// Fingerprints go with UDP/TLS/RTP/SAVP only, never beside ZRTP's hash, and only
// where the call allows them; the one who offers leaves the role open.
func TestItem53_FingerprintsOnlyWhenAllowed(t *testing.T) {
	text := string(Offer(announcing(printA)))
	for _, part := range []string{"m=audio 6000 UDP/TLS/RTP/SAVP 96 ", "a=fingerprint:" + printA + "\r\n", "a=setup:actpass\r\n"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in our offer:\n%s", part, text)
		}
	}
	if strings.Contains(text, "zrtp-hash") || strings.Contains(text, "crypto") {
		t.Errorf("our offer:\n%s", text)
	}
	d := mustParse(t, text)
	if _, _, err := Answer(d, local("192.0.2.1:4000")); !errors.Is(err, ErrDTLS) {
		t.Errorf("a private call: %v", err)
	}
	if _, _, err := Answer(d, readable()); !errors.Is(err, ErrDTLS) {
		t.Errorf("a call with keys in the signalling: %v", err)
	}
	answer, n, err := Answer(d, announcing(printB))
	if err != nil || n.DTLS == nil || !n.DTLS.Active || n.DTLS.Fingerprints[0] != printA || n.SDES != nil {
		t.Fatalf("%+v, %v", n.DTLS, err)
	}
	if !strings.Contains(string(answer), "m=audio 6000 UDP/TLS/RTP/SAVP 96 101\r\n") || !strings.Contains(string(answer), "a=setup:active\r\n") {
		t.Errorf("our answer:\n%s", answer)
	}
	n, err = Accept(announcing(printA), mustParse(t, string(answer)))
	if err != nil || n.DTLS == nil || n.DTLS.Active || n.DTLS.Fingerprints[0] != printB {
		t.Errorf("%+v, %v", n.DTLS, err)
	}
}

// Of an offer with keys in the signalling and a fingerprint the fingerprint is taken,
// and only that is answered; to an offer of keys an answer with both brings keys.
func TestItem53_FingerprintBeforeKeys(t *testing.T) {
	const suite = "AES_CM_128_HMAC_SHA1_80"
	tag := 1 + slices.IndexFunc(Suites(), func(s Suite) bool { return s.Name == suite }) // of our own offer
	both := func(role string) Description {
		return mustParse(t, describing("m=audio 4000 RTP/SAVP 96", "c=IN IP4 192.0.2.9", opus,
			cryptoLine(strconv.Itoa(tag), suite, 30, ""), "a=fingerprint:"+printB, "a=setup:"+role))
	}
	answer, n, err := Answer(both("actpass"), announcing(printA))
	if err != nil || n.SDES != nil || n.DTLS == nil || !n.DTLS.Active || n.DTLS.Fingerprints[0] != printB {
		t.Errorf("their offer of both: %+v, %v", n, err)
	}
	if strings.Contains(string(answer), "crypto") || !strings.Contains(string(answer), "a=fingerprint:"+printA) ||
		!strings.Contains(string(answer), " RTP/SAVP 96") {
		t.Errorf("our answer:\n%s", answer)
	}
	if _, _, err := Answer(both("actpass"), local("192.0.2.1:4000")); !errors.Is(err, ErrNotPrivate) {
		t.Errorf("a private call: %v", err)
	}
	if n, err := Accept(readable(), both("active")); err != nil || n.SDES == nil || n.DTLS != nil {
		t.Errorf("their answer with both to our offer of keys: %+v, %v", n, err)
	}
}

// The roles of a=setup, and what is no answer.
func TestItem53_Roles(t *testing.T) {
	dtls := func(lines ...string) Description {
		return mustParse(t, describing(append([]string{"m=audio 4000 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 192.0.2.9", opus}, lines...)...))
	}
	for _, tc := range []struct {
		setup             string
		answered, accepts string // our role; empty: refused
	}{
		{"actpass", "active", ""}, {"passive", "active", "active"}, {"active", "passive", "passive"}, {"", "passive", "passive"}, {"holdconn", "", ""},
	} {
		lines := []string{"a=fingerprint:" + printB}
		if tc.setup != "" {
			lines = append(lines, "a=setup:"+tc.setup)
		}
		role := func(n Negotiated, err error) string {
			switch {
			case err != nil && errors.Is(err, ErrSuite):
				return ""
			case err != nil || n.DTLS == nil:
				return "wrong"
			case n.DTLS.Active:
				return "active"
			}
			return "passive"
		}
		_, n, err := Answer(dtls(lines...), announcing(printA))
		if got := role(n, err); got != tc.answered {
			t.Errorf("%q offered: %q, want %q (%v)", tc.setup, got, tc.answered, err)
		}
		n, err = Accept(announcing(printA), dtls(lines...))
		if got := role(n, err); got != tc.accepts {
			t.Errorf("%q answered: %q, want %q (%v)", tc.setup, got, tc.accepts, err)
		}
	}
	if _, _, err := Answer(dtls(), announcing(printA)); !errors.Is(err, ErrSuite) {
		t.Errorf("without a fingerprint: %v", err)
	}
	inSession := strings.Replace(describing("m=audio 4000 UDP/TLS/RTP/SAVP 96", opus), "t=0 0\r\n", "t=0 0\r\na=fingerprint:"+printB+"\r\na=setup:passive\r\n", 1)
	if _, n, err := Answer(mustParse(t, inSession), announcing(printA)); err != nil || !n.DTLS.Active {
		t.Errorf("in the session: %+v, %v", n, err)
	}
}

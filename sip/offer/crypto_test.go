package offer

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
)

// readable is our side of a call that the provider may read.
func readable() Local {
	l := local("203.0.113.1:6000")
	for i, s := range Suites() {
		l.Crypto = append(l.Crypto, Crypto{i + 1, s.Name, bytes.Repeat([]byte{byte(i + 1)}, s.KeyBytes+s.SaltBytes)})
	}
	return l
}

// cryptoLine is a peer's, with a key of n bytes.
func cryptoLine(tag, suite string, n int, rest string) string {
	return "a=crypto:" + tag + " " + suite + " inline:" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{9}, n)) + rest
}

// Keys in the signalling go with RTP/SAVP, never RTP/AVP, and never beside ZRTP's
// hash; a call that does not allow them has not one of these lines.
func TestItem53_CryptoOnlyInSAVP(t *testing.T) {
	text := string(Offer(readable()))
	if !strings.Contains(text, "m=audio 6000 RTP/SAVP 96 ") || strings.Count(text, "a=crypto:") != 4 || strings.Contains(text, "zrtp-hash") {
		t.Errorf("our offer:\n%s", text)
	}
	if text := string(Offer(local("203.0.113.1:6000"))); strings.Contains(text, "crypto") || strings.Contains(text, "SAVP") {
		t.Errorf("a private offer:\n%s", text)
	}
	avp := mustParse(t, describing("m=audio 4000 RTP/AVP 96", "c=IN IP4 192.0.2.9", opus, cryptoLine("1", "AES_CM_128_HMAC_SHA1_80", 30, "")))
	answer, n, err := Answer(avp, readable())
	if err != nil || n.SDES != nil || strings.Contains(string(answer), "crypto") {
		t.Errorf("a=crypto in RTP/AVP: %v, %+v\n%s", err, n.SDES, answer)
	}
}

func TestItem68_Suites(t *testing.T) {
	savp := func(lines ...string) Description {
		return mustParse(t, describing(append([]string{"m=audio 4000 RTP/SAVP 96", "c=IN IP4 192.0.2.9", opus}, lines...)...))
	}
	// The peer's order counts, and its tag comes back.
	d := savp(
		cryptoLine("7", "AES_CM_128_HMAC_SHA1_32", 30, ""),
		cryptoLine("8", "AEAD_AES_256_GCM", 44, "|2^31"),
		cryptoLine("9", "AES_CM_128_HMAC_SHA1_80", 30, ""),
	)
	answer, n, err := Answer(d, readable())
	if err != nil || n.SDES == nil || n.SDES.Suite.Name != "AEAD_AES_256_GCM" || n.SDES.Receive[0] != 9 || n.SDES.Sending[0] != 3 {
		t.Fatalf("%v, %+v", err, n.SDES)
	}
	if !strings.Contains(string(answer), "a=crypto:8 AEAD_AES_256_GCM inline:") || strings.Count(string(answer), "crypto") != 1 ||
		!strings.Contains(string(answer), "m=audio 6000 RTP/SAVP 96\r\n") {
		t.Errorf("our answer:\n%s", answer)
	}
	// Each suite, as an answer to our offer.
	for i, s := range Suites() {
		tag := string(rune('1' + i))
		n, err := Accept(readable(), savp(cryptoLine(tag, strings.ToLower(s.Name), s.KeyBytes+s.SaltBytes, "")))
		if err != nil || n.SDES == nil || n.SDES.Suite != s || n.SDES.Sending[0] != byte(i+1) {
			t.Errorf("%s: %v, %+v", s.Name, err, n.SDES)
		}
	}
	for name, lines := range map[string][]string{
		"none":          nil,
		"short tags":    {cryptoLine("1", "AES_CM_128_HMAC_SHA1_32", 30, "")},
		"an MKI":        {cryptoLine("2", "AES_CM_128_HMAC_SHA1_80", 30, "|2^20|1:4")},
		"an MKI alone":  {cryptoLine("2", "AES_CM_128_HMAC_SHA1_80", 30, "|1:4")},
		"no encryption": {cryptoLine("2", "AES_CM_128_HMAC_SHA1_80", 30, " UNENCRYPTED_SRTP")},
		"no tags":       {cryptoLine("2", "AES_CM_128_HMAC_SHA1_80", 30, " UNAUTHENTICATED_SRTP")},
		"a short key":   {cryptoLine("2", "AES_CM_128_HMAC_SHA1_80", 29, "")},
		"two keys":      {cryptoLine("2", "AES_CM_128_HMAC_SHA1_80", 30, ";inline:AAAA")},
		"garbage":       {"a=crypto:x y z", "a=crypto:", "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:%%%"},
	} {
		if _, _, err := Answer(savp(lines...), readable()); !errors.Is(err, ErrSuite) {
			t.Errorf("%s in an offer: %v, want ErrSuite", name, err)
		}
		if _, err := Accept(readable(), savp(lines...)); !errors.Is(err, ErrSuite) {
			t.Errorf("%s in an answer: %v, want ErrSuite", name, err)
		}
	}
	// An answer with another tag than its suite had, or two lines, is none.
	for _, lines := range [][]string{
		{cryptoLine("1", "AES_CM_128_HMAC_SHA1_80", 30, "")},
		{cryptoLine("1", "AES_256_CM_HMAC_SHA1_80", 46, ""), cryptoLine("2", "AES_CM_128_HMAC_SHA1_80", 30, "")},
	} {
		if _, err := Accept(readable(), savp(lines...)); !errors.Is(err, ErrSuite) {
			t.Errorf("%q: %v", lines, err)
		}
	}
	// Without the user's word it is refused as ever.
	if _, _, err := Answer(d, local("203.0.113.1:6000")); !errors.Is(err, ErrSDES) {
		t.Errorf("a private call: %v, want ErrSDES", err)
	}
	if !slices.ContainsFunc(Suites(), func(s Suite) bool { return s.AEAD }) {
		t.Error("no GCM")
	}
}

func FuzzCrypto(f *testing.F) {
	f.Add("1 AES_CM_128_HMAC_SHA1_80 inline:" + strings.Repeat("A", 40) + "|2^20|1:4")
	f.Fuzz(func(t *testing.T, value string) {
		c, ok := parseCrypto(value)
		if !ok {
			return
		}
		if again, ok := parseCrypto(c.String()); !ok || again.Tag != c.Tag || again.Suite != c.Suite || !bytes.Equal(again.Key, c.Key) {
			t.Errorf("%q is read as %v and then as %v", value, c, again)
		}
	})
}

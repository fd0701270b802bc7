package offer

import (
	"fmt"
	"strings"
	"testing"
)

// Each test here is named after the item of the interoperability list that it
// holds; contrib/interop/PROVIDERS.md is made of the names.

// The answer has the profile that was offered: some phones refuse AVP in answer
// to AVPF.
func TestItem69_AnswerHasTheOfferedProfile(t *testing.T) {
	for protocol, profile := range map[string]Profile{
		"RTP/AVP": RTP, "RTP/AVPF": RTP,
		// Encrypted RTP whose keys ZRTP brings.
		"RTP/SAVP": RTP, "RTP/SAVPF": RTP,
	} {
		d := mustParse(t, describing("m=audio 4000 "+protocol+" 96", opus, "a=zrtp-hash:"+hashA))
		answer, _, err := Answer(d, local("192.0.2.1:40000"))
		if d.Profile != profile || err != nil || !strings.Contains(string(answer), "m=audio 40000 "+protocol+" 96\r\n") {
			t.Errorf("%s is profile %d, %v:\n%s", protocol, d.Profile, err, answer)
		}
	}
}

// Streams that are not known are refused in place: port zero, the order kept.
func TestItem70_OtherStreamsAreRefusedInPlace(t *testing.T) {
	lines := []string{
		"m=video 4000 RTP/AVPF 97", "a=rtpmap:97 VP8/90000",
		"m=image 4002 udptl t38",
		"m=audio 4004 RTP/AVP 96", opus,
		"m=application 4006 TCP/MSRP *",
		"m=text 4008 RTP/AVP 98", "a=rtpmap:98 t140/1000",
	}
	answer, _, err := Answer(mustParse(t, describing(lines...)), local("192.0.2.1:40000"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(answer)) {
		if strings.HasPrefix(line, "m=") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	want := []string{
		"m=video 0 RTP/AVPF 97", "m=image 0 udptl t38", "m=audio 40000 RTP/AVP 96",
		"m=application 0 TCP/MSRP *", "m=text 0 RTP/AVP 98",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("answered %q, want %q", got, want)
	}
}

// One payload type of telephone-event for each clock rate is offered; the one of
// the voice's clock is taken, and one at 8000 Hz where there is no other.
func TestItem63_TelephoneEventsPerClockRate(t *testing.T) {
	text := string(Offer(local("192.0.2.1:40000")))
	for _, line := range []string{"a=rtpmap:101 telephone-event/48000\r\n", "a=rtpmap:102 telephone-event/8000\r\n", "a=fmtp:102 0-15\r\n"} {
		if !strings.Contains(text, line) {
			t.Errorf("%q is not in the offer\n%s", line, text)
		}
	}
	for answered, want := range map[string]struct{ pt, rate int }{
		"telephone-event/48000": {101, 48000},
		"telephone-event/8000":  {101, 8000},
	} {
		d := mustParse(t, describing("m=audio 4 RTP/AVP 96 101", opus, "a=rtpmap:101 "+answered))
		n, err := Accept(local("192.0.2.1:40000"), d)
		if err != nil || n.EventPT != want.pt || d.EventRate != want.rate {
			t.Errorf("%s: event %d at %d, %v", answered, n.EventPT, d.EventRate, err)
		}
	}
}

// What a gateway writes of static payload types, with and without rtpmap, keeps
// no phone from talking Opus with it; where there is no Opus, G.722 is taken before
// G.711, and of its two laws the peer's first.
func TestItem64_StaticPayloadTypes(t *testing.T) {
	for _, tc := range []struct {
		lines []string
		pt    int
		codec Codec
		event int
	}{
		{[]string{"m=audio 4 RTP/AVP 0 8 9 96", opus}, 96, Opus, -1},
		{[]string{"m=audio 4 RTP/AVP 96 0 101", opus, "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000"}, 96, Opus, 101},
		{[]string{"m=audio 4 RTP/AVP 0 8 96", "a=rtpmap:0 PCMU/8000/1", "a=rtpmap:8 pcma/8000", opus}, 96, Opus, -1},
		{[]string{"m=audio 4 RTP/AVP 9 96", "a=rtpmap:9 G722/8000", opus}, 96, Opus, -1},
		{[]string{"m=audio 4 RTP/AVP 0 102", "a=rtpmap:102 telephone-event/8000"}, 0, PCMU, 102},
		{[]string{"m=audio 4 RTP/AVP 8 0 101 102", "a=rtpmap:101 telephone-event/48000", "a=rtpmap:102 telephone-event/8000"}, 8, PCMA, 102},
		{[]string{"m=audio 4 RTP/AVP 0 8 9 101", "a=rtpmap:101 telephone-event/48000"}, 9, G722, -1},
		{[]string{"m=audio 4 RTP/AVP 110", "a=rtpmap:110 g722/16000"}, 110, G722, -1},
	} {
		d := mustParse(t, describing(tc.lines...))
		answer, n, err := Answer(d, local("192.0.2.1:40000"))
		if err != nil || n.VoicePT != tc.pt || n.ReceivePT != tc.pt || n.Codec != tc.codec || n.EventPT != tc.event || len(n.Also) > 0 {
			t.Errorf("%q: %+v, %v", tc.lines, n, err)
		}
		if want := fmt.Sprintf(" RTP/AVP %d", tc.pt); !strings.Contains(string(answer), want) || strings.Count(string(answer), "rtpmap") > 2 {
			t.Errorf("%q: answered\n%s", tc.lines, answer)
		}
	}
}

// The answer to our offer may take several codecs: we send with the best, and listen
// to all that it took, under our numbers.
func TestItem65_SeveralCodecsInTheAnswer(t *testing.T) {
	for _, tc := range []struct {
		lines []string
		want  Negotiated
	}{
		{[]string{"m=audio 4 RTP/AVP 8 0 96", opus}, Negotiated{VoicePT: 96, ReceivePT: 96, Codec: Opus, Also: []Voice{{0, PCMU}, {8, PCMA}}}},
		{[]string{"m=audio 4 RTP/AVP 8 0"}, Negotiated{VoicePT: 8, ReceivePT: 8, Codec: PCMA, Also: []Voice{{0, PCMU}}}},
		{[]string{"m=audio 4 RTP/AVP 110", "a=rtpmap:110 G722/8000"}, Negotiated{VoicePT: 110, ReceivePT: 9, Codec: G722}},
	} {
		n, err := Accept(local("192.0.2.1:40000"), mustParse(t, describing(tc.lines...)))
		if err != nil || n.VoicePT != tc.want.VoicePT || n.ReceivePT != tc.want.ReceivePT || n.Codec != tc.want.Codec || fmt.Sprint(n.Also) != fmt.Sprint(tc.want.Also) {
			t.Errorf("%q: %+v, %v", tc.lines, n, err)
		}
	}
}

// An answer may reorder what we offered, keep several formats, and want its own
// numbers: we send with its number and listen to ours.
func TestItem65_AsymmetricPayloadTypes(t *testing.T) {
	d := mustParse(t, describing("m=audio 4 RTP/AVP 0 110 111", "a=rtpmap:110 telephone-event/48000", "a=rtpmap:111 opus/48000/2"))
	n, err := Accept(local("192.0.2.1:40000"), d)
	if err != nil || n.VoicePT != 111 || n.ReceivePT != 96 || n.EventPT != 110 {
		t.Errorf("%+v, %v", n, err)
	}
}

// Packet times that a peer asks for, or does not, are read with sense.
func TestItem66_OddPacketTimes(t *testing.T) {
	for lines, want := range map[string]int{
		"": 20, "a=ptime:10": 10, "a=ptime:60": 60, "a=ptime:30": 30, "a=ptime:33.5": 33,
		"a=maxptime:40": 20, "a=ptime:20\r\na=maxptime:150": 20, "a=ptime:240": 20, "a=ptime:-1": 20,
	} {
		text := describing("m=audio 4 RTP/AVP 96", opus)
		if lines != "" {
			text += lines + "\r\n"
		}
		if n, err := Accept(local("192.0.2.1:40000"), mustParse(t, text)); err != nil || n.PTime != want {
			t.Errorf("%q: %d, %v; want %d", lines, n.PTime, err, want)
		}
	}
}

// Opus is offered with constant bitrate and no gaps, always as opus/48000/2, and
// whatever a peer asks of it beside that is no reason to refuse.
func TestItem67_OpusFormat(t *testing.T) {
	text := string(Offer(local("192.0.2.1:40000")))
	for _, part := range []string{"a=rtpmap:96 opus/48000/2\r\n", "cbr=1", "usedtx=0", "stereo=0"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in the offer\n%s", part, text)
		}
	}
	d := mustParse(t, describing("m=audio 4 RTP/AVP 96", opus, "a=fmtp:96 x-unknown=7;usedtx=1;cbr=0;maxplaybackrate=16000"))
	if n, err := Accept(local("192.0.2.1:40000"), d); err != nil || n.VoicePT != 96 {
		t.Errorf("%+v, %v", n, err)
	}
}

// Where there is DTLS or SDES beside plain RTP, ZRTP runs over the plain one; a
// stream that insists on them is never taken for one that does not.
func TestItem53_ProfilesAreNotMistaken(t *testing.T) {
	sdes, dtls := "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x", "a=fingerprint:sha-256 00"
	for _, c := range []struct {
		protocol string
		lines    []string
		want     Profile
	}{
		{"RTP/AVP", []string{sdes}, RTP},
		{"RTP/AVPF", []string{dtls}, RTP},
		{"RTP/SAVP", []string{sdes}, SRTP},
		{"RTP/SAVP", []string{sdes, "a=zrtp-hash:" + hashA}, SRTP},
		{"RTP/SAVPF", []string{dtls, "a=zrtp-hash:" + hashA}, DTLSSRTP},
		{"RTP/SAVP", []string{sdes, dtls, "a=setup:actpass"}, DTLSSRTP}, // an offer of both
		{"RTP/SAVP", []string{sdes, dtls, "a=setup:active"}, SRTP},      // an answer that says both
		{"RTP/SAVP", []string{sdes, dtls}, SRTP},
		{"RTP/AVP", []string{sdes, dtls, "a=setup:actpass"}, RTP},
		{"RTP/SAVP", nil, SRTP},
		{"UDP/TLS/RTP/SAVPF", []string{dtls}, DTLSSRTP},
	} {
		lines := append([]string{"m=audio 4 " + c.protocol + " 96", opus}, c.lines...)
		if d := mustParse(t, describing(lines...)); d.Profile != c.want {
			t.Errorf("%s with %q is profile %d, want %d", c.protocol, c.lines, d.Profile, c.want)
		}
	}
	if strings.Contains(string(Offer(local("192.0.2.1:40000"))), "a=crypto") {
		t.Error("a=crypto in RTP/AVP, which FreeSWITCH refuses")
	}
}

// A phone that wants keys in the signalling beside ZRTP's gets some, and ZRTP's are
// used. One that wants only those gets nothing.
func TestItem54_KeysBesideZRTP(t *testing.T) {
	const key = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
	offered := func(lines ...string) Description {
		return mustParse(t, describing(append([]string{"m=audio 4000 RTP/SAVP 96", "c=IN IP4 192.0.2.9", opus}, lines...)...))
	}
	l := local("203.0.113.1:6000")
	l.Beside = []Crypto{{1, "AES_256_CM_HMAC_SHA1_80", make([]byte, 46)}, {2, "AES_CM_128_HMAC_SHA1_80", make([]byte, 30)}}
	both := offered("a=crypto:7 AES_CM_128_HMAC_SHA1_80 "+key, "a=zrtp-hash:"+hashA)
	answer, n, err := Answer(both, l)
	if err != nil || n.SDES != nil || len(n.RemoteZRTPHashes) != 1 {
		t.Fatalf("%+v, %v", n, err)
	}
	for where, text := range map[string]string{"an answer": string(answer), "an offer of ours in the call": string(Reoffer(both, l))} {
		for _, part := range []string{"m=audio 6000 RTP/SAVP 96", "a=zrtp-hash:"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s lacks %q:\n%s", where, part, text)
			}
		}
	}
	if !strings.Contains(string(answer), "a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:") || strings.Count(string(answer), "a=crypto") != 1 {
		t.Errorf("keys in the answer:\n%s", answer)
	}
	if n, err := AcceptReoffer(both, l, both); err != nil || n.SDES != nil {
		t.Errorf("an answer in the call: %+v, %v", n, err)
	}
	for name, d := range map[string]Description{
		"keys alone":     offered("a=crypto:7 AES_CM_128_HMAC_SHA1_80 " + key),
		"a fingerprint":  offered("a=fingerprint:sha-256 00", "a=zrtp-hash:"+hashA),
		"no suite known": offered("a=crypto:7 F8_128_HMAC_SHA1_80 "+key, "a=zrtp-hash:"+hashA),
	} {
		if _, _, err := Answer(d, l); err == nil || d.ZRTPBeside() {
			t.Errorf("%s: answered", name)
		}
	}
	if err := Downgrade(both, offered("a=crypto:7 AES_CM_128_HMAC_SHA1_80 "+key)); err == nil {
		t.Error("ZRTP went, and that is no downgrade")
	}
	l.Beside = nil
	if _, _, err := Answer(both, l); err == nil {
		t.Error("answered without keys")
	}
}

// We hold by sendonly and resume by sendrecv, with our address in the c= line all
// the while; the lines, numbers and profile of a peer's offer stay.
func TestItem39_HoldIsSendonly(t *testing.T) {
	l := local("192.0.2.1:40000")
	l.Direction, l.Version = SendOnly, 1
	lines := []string{
		"m=video 4000 RTP/AVPF 97", "a=rtpmap:97 VP8/90000",
		"m=audio 4004 RTP/AVPF 120 110", "a=rtpmap:120 opus/48000/2", "a=rtpmap:110 telephone-event/8000",
	}
	theirs := mustParse(t, describing(lines...))
	for _, text := range []string{string(Offer(l)), string(Reoffer(theirs, l))} {
		d := mustParse(t, text)
		if d.Direction != SendOnly || d.Address != l.Address || strings.Contains(text, "c=IN IP4 0.0.0.0") || !strings.HasPrefix(text, "v=0\r\no=- 0 1 IN") {
			t.Errorf("read as %+v:\n%s", d, text)
		}
	}
	text := string(Reoffer(theirs, l))
	if !strings.Contains(text, "m=video 0 RTP/AVPF 97\r\nm=audio 40000 RTP/AVPF 120 110\r\na=rtpmap:120 opus/48000/2\r\n") {
		t.Errorf("offered\n%s", text)
	}
	held := describing("m=video 0 RTP/AVPF 97", "m=audio 4004 RTP/AVPF 120", "a=rtpmap:120 opus/48000/2", "a=recvonly")
	if n, err := AcceptReoffer(theirs, l, mustParse(t, held)); err != nil || n.VoicePT != 120 || n.ReceivePT != 120 || !n.Send || n.Receive {
		t.Errorf("%+v, %v", n, err)
	}
	if _, err := AcceptReoffer(theirs, l, mustParse(t, describing("m=audio 4 RTP/AVP 120", "a=rtpmap:120 opus/48000/2"))); err == nil {
		t.Error("an answer whose lines stand elsewhere was accepted")
	}
	// The old way to hold is understood.
	old := mustParse(t, describing("m=audio 4 RTP/AVP 96", "c=IN IP4 0.0.0.0", opus))
	answer, n, err := Answer(old, local("192.0.2.1:40000"))
	if err != nil || n.Send || !strings.Contains(string(answer), "a=recvonly") {
		t.Errorf("%+v, %v\n%s", n, err, answer)
	}
}

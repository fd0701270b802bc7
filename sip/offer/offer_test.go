package offer

import (
	"bytes"
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "write testdata/golden anew")

const (
	hashA = "1.10 066bfd1561fafbb413dc55627a873354c5fdf1644fc75a42599371f5aa1e5a22"
	hashB = "1.10 e7341bd90fe17dc0df9060ca6de9d3069360da4d03aba1f321d72312192977f8"
)

func local(address string) Local {
	return Local{Address: netip.MustParseAddrPort(address), ZRTPHash: hashA}
}

func mustParse(t *testing.T, text string) Description {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return d
}

// golden compares bytes with a file: our shape must not change by accident.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs:\n%s", file, cmp.Diff(string(want), string(got)))
	}
}

func TestOfferHasOneShape(t *testing.T) {
	golden(t, "offer-ipv4.sdp", Offer(local("192.0.2.1:40000")))
	golden(t, "offer-ipv6.sdp", Offer(local("[2001:db8::1]:40000")))
	held := local("192.0.2.1:40000")
	held.Version, held.Direction = 1, SendOnly
	golden(t, "offer-hold.sdp", Offer(held))
}

// TestOfferOfIPv6NamesNoIPv4: nor does a mapped or zoned address show as such.
//
// Items: 11.
func TestOfferOfIPv6NamesNoIPv4(t *testing.T) {
	for address, want := range map[string]string{
		"[2001:db8::1]:4":       "c=IN IP6 2001:db8::1\r\n",
		"[fe80::1%eth0]:4":      "c=IN IP6 fe80::1\r\n",
		"[::ffff:192.0.2.1]:4":  "c=IN IP4 192.0.2.1\r\n",
		"[2001:db8::c000:1]:40": "c=IN IP6 2001:db8::c000:1\r\n",
	} {
		text := string(Offer(local(address)))
		if !strings.Contains(text, want) || strings.Contains(want, "IP6") == strings.Contains(text, "IP4") {
			t.Errorf("%s gives\n%s", address, text)
		}
	}
}

func TestOwnOfferAnsweredByUs(t *testing.T) {
	alice, bob := local("192.0.2.1:40000"), local("198.51.100.2:50000")
	bob.ZRTPHash = hashB
	answer, atBob, err := Answer(mustParse(t, string(Offer(alice))), bob)
	if err != nil {
		t.Fatal(err)
	}
	atAlice, err := Accept(alice, mustParse(t, string(answer)))
	if err != nil {
		t.Fatal(err)
	}
	same := Negotiated{VoicePT: 96, ReceivePT: 96, EventPT: 101, EventRate: 48000, RTCPMux: true, Send: true, Receive: true, PTime: 20}
	wantBob, wantAlice := same, same
	wantBob.Remote, wantBob.RemoteZRTPHashes = alice.Address, []string{hashA}
	wantAlice.Remote, wantAlice.RemoteZRTPHashes = bob.Address, []string{hashB}
	if d := cmp.Diff(wantBob, atBob, cmpopts.EquateComparable(netip.AddrPort{})); d != "" {
		t.Error("bob:", d)
	}
	if d := cmp.Diff(wantAlice, atAlice, cmpopts.EquateComparable(netip.AddrPort{})); d != "" {
		t.Error("alice:", d)
	}
	golden(t, "answer-own.sdp", answer)
}

// describing completes a description from its m= line on.
func describing(lines ...string) string {
	return "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n" + strings.Join(lines, "\r\n") + "\r\n"
}

const opus = "a=rtpmap:96 opus/48000/2"

func TestAnswerKeepsOrderAndRefusesTheRest(t *testing.T) {
	text := describing(
		"m=video 4000 RTP/AVP 97 98", "a=rtpmap:97 VP8/90000",
		"m=image 4002 udptl t38",
		"m=audio 4004 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x",
		"m=audio 4006 RTP/AVPF 8 120 121 110", "a=rtpmap:120 OPUS/48000/2", "a=rtpmap:121 telephone-event/8000", "a=rtpmap:110 telephone-event/48000",
		"m=x-games 0 x/y z",
		"m=audio 4008 RTP/AVP 96", opus,
	)
	answer, n, err := Answer(mustParse(t, text), local("192.0.2.1:40000"))
	if err != nil {
		t.Fatal(err)
	}
	if n.VoicePT != 120 || n.ReceivePT != 120 || n.EventPT != 110 || n.Remote.Port() != 4006 || n.RTCPMux {
		t.Errorf("negotiated %+v", n)
	}
	golden(t, "answer-many-streams.sdp", answer)
}

func TestEventsAt8000AreTaken(t *testing.T) {
	d := mustParse(t, describing("m=audio 4 RTP/AVP 96 101", opus, "a=rtpmap:101 telephone-event/8000"))
	answer, n, err := Answer(d, local("192.0.2.1:40000"))
	if err != nil || n.EventPT != 101 || !strings.Contains(string(answer), "a=rtpmap:101 telephone-event/8000\r\n") {
		t.Errorf("%+v, %v\n%s", n, err, answer)
	}
	_, n, err = Answer(mustParse(t, describing("m=audio 4 RTP/AVP 96", opus)), local("192.0.2.1:40000"))
	if err != nil || n.EventPT != -1 {
		t.Errorf("without events: %+v, %v", n, err)
	}
}

// TestDirections: every wish against every offer (RFC 3264, Section 6.1).
func TestDirections(t *testing.T) {
	want := map[[2]Direction]Direction{
		{SendRecv, SendRecv}: SendRecv, {SendRecv, SendOnly}: RecvOnly, {SendRecv, RecvOnly}: SendOnly, {SendRecv, Inactive}: Inactive,
		{SendOnly, SendRecv}: SendOnly, {SendOnly, SendOnly}: Inactive, {SendOnly, RecvOnly}: SendOnly, {SendOnly, Inactive}: Inactive,
		{RecvOnly, SendRecv}: RecvOnly, {RecvOnly, SendOnly}: RecvOnly, {RecvOnly, RecvOnly}: Inactive, {RecvOnly, Inactive}: Inactive,
		{Inactive, SendRecv}: Inactive, {Inactive, SendOnly}: Inactive, {Inactive, RecvOnly}: Inactive, {Inactive, Inactive}: Inactive,
	}
	for pair, expected := range want {
		l := local("192.0.2.1:40000")
		l.Direction = pair[0]
		d := mustParse(t, describing("m=audio 4 RTP/AVP 96", opus, "a="+pair[1].String()))
		answer, n, err := Answer(d, l)
		if err != nil {
			t.Fatal(err)
		}
		if got := mustParse(t, string(answer)).Direction; got != expected {
			t.Errorf("wanting %v, offered %v: answered %v, want %v", pair[0], pair[1], got, expected)
		}
		if n.Send != expected.sends() || n.Receive != expected.receives() {
			t.Errorf("wanting %v, offered %v: %+v", pair[0], pair[1], n)
		}
		accepted, err := Accept(l, d)
		if err != nil || accepted.Send != expected.sends() || accepted.Receive != expected.receives() {
			t.Errorf("accepting %v having offered %v: %+v, %v", pair[1], pair[0], accepted, err)
		}
	}
}

func TestReadings(t *testing.T) {
	line := "m=audio 4000 RTP/AVP 96"
	for name, c := range map[string]struct {
		text  string
		check func(Description) bool
	}{
		"no line end at the end": {strings.TrimSuffix(describing(line, opus), "\r\n"), func(d Description) bool { return d.VoicePT == 96 }},
		"bare line feeds":        {strings.ReplaceAll(describing(line, opus), "\r", ""), func(d Description) bool { return d.VoicePT == 96 }},
		"media c= wins":          {describing(line, opus, "c=IN IP4 192.0.2.10"), func(d Description) bool { return d.Address.String() == "192.0.2.10:4000" }},
		"c= in the media only":   {strings.Replace(describing(line, "c=IN IP6 2001:db8::9", opus), "c=IN IP4 192.0.2.9\r\n", "", 1), func(d Description) bool { return d.Address.String() == "[2001:db8::9]:4000" }},
		"session direction":      {strings.Replace(describing(line, opus), "t=0 0", "t=0 0\r\na=sendonly", 1), func(d Description) bool { return d.Direction == SendOnly }},
		"media direction wins":   {strings.Replace(describing(line, opus, "a=recvonly"), "t=0 0", "t=0 0\r\na=sendonly", 1), func(d Description) bool { return d.Direction == RecvOnly }},
		"hashes, media first":    {strings.Replace(describing(line, opus, "a=zrtp-hash:"+hashA), "t=0 0", "t=0 0\r\na=zrtp-hash: "+hashB, 1), func(d Description) bool { return cmp.Equal(d.ZRTPHashes, []string{hashA, hashB}) }},
		"old hold":               {describing(line, "c=IN IP4 0.0.0.0", opus), func(d Description) bool { return d.Direction == SendOnly }},
		"old hold, IPv6":         {describing(line, "c=IN IP6 ::", opus, "a=recvonly"), func(d Description) bool { return d.Direction == Inactive }},
		"multicast is nobody":    {describing(line, "c=IN IP4 224.2.1.1/127", opus), func(d Description) bool { return !d.Address.IsValid() }},
		"names are not resolved": {describing(line, "c=IN IP4 phone.example", opus), func(d Description) bool { return !d.Address.IsValid() }},
		"static without rtpmap":  {describing("m=audio 4000 RTP/AVP 0 8 9 96", opus), func(d Description) bool { return d.VoicePT == 96 }},
		"foreign Opus rate":      {describing(line, "a=rtpmap:96 opus/16000"), func(d Description) bool { return d.VoicePT == -1 }},
		"unlisted rtpmap":        {describing("m=audio 4000 RTP/AVP 3", opus), func(d Description) bool { return d.VoicePT == -1 }},
		"two spellings of a PT":  {describing("m=audio 4000 RTP/AVP 96 096", opus, "a=rtpmap:096 telephone-event/48000"), func(d Description) bool { return d.EventPT == -1 }},
		"b= after a=, k=, i=":    {describing(line, opus, "b=AS:64", "i=x", "k=clear:x"), func(d Description) bool { return d.VoicePT == 96 }},
		"port with a count":      {describing("m=audio 4000/2 RTP/AVP 96", opus), func(d Description) bool { return d.Address.Port() == 4000 }},
		"ICE is ignored":         {describing(line, opus, "a=ice-ufrag:x", "a=candidate:1 1 UDP 1 192.0.2.77 9 typ host"), func(d Description) bool { return d.Address.String() == "192.0.2.9:4000" }},
		"crypto beside AVP":      {describing(line, opus, "a=crypto:1 X inline:y", "a=fingerprint:sha-256 00"), func(d Description) bool { return d.Profile == RTP && d.Crypto && d.Fingerprint }},
		"session fingerprint":    {strings.Replace(describing("m=audio 4 RTP/SAVPF 96", opus), "t=0 0", "t=0 0\r\na=fingerprint:sha-256 00", 1), func(d Description) bool { return d.Profile == DTLSSRTP }},
		"rtcp-mux":               {describing(line, opus, "a=rtcp-mux"), func(d Description) bool { return d.RTCPMux }},
	} {
		t.Run(name, func(t *testing.T) {
			if d := mustParse(t, c.text); !c.check(d) {
				t.Errorf("read as %+v from\n%s", d, c.text)
			}
		})
	}
}

func TestPTime(t *testing.T) {
	for value, want := range map[string]int{
		"": 20, "a=ptime:10": 10, "a=ptime:60": 60, "a=ptime:30": 30, "a=ptime:33.5": 33, "a=ptime: 40 ": 40,
		"a=ptime:120": 20, "a=ptime:0": 20, "a=ptime:-20": 20, "a=ptime:x": 20, "a=ptime:NaN": 20, "a=ptime": 20,
	} {
		text := describing("m=audio 4 RTP/AVP 96", opus)
		if value != "" {
			text += value + "\r\n"
		}
		answer, n, err := Answer(mustParse(t, text), local("192.0.2.1:40000"))
		if err != nil || n.PTime != want || !strings.Contains(string(answer), "a=ptime:20\r\n") {
			t.Errorf("%q: %d, %v; want %d", value, n.PTime, err, want)
		}
	}
}

func TestHeldPeerHasNoAddress(t *testing.T) {
	d := mustParse(t, describing("m=audio 4 RTP/AVP 96", "c=IN IP4 0.0.0.0", opus))
	_, n, err := Answer(d, local("192.0.2.1:40000"))
	if err != nil || n.Send || !n.Receive || n.Remote.IsValid() {
		t.Errorf("%+v, %v", n, err)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  []error
	}{
		"SDES":            {[]string{"m=audio 4 RTP/SAVP 96", opus, "a=crypto:1 X inline:y"}, []error{ErrNotPrivate, ErrSDES}},
		"SDES, feedback":  {[]string{"m=audio 4 RTP/SAVPF 96", opus, "a=crypto:1 X inline:y"}, []error{ErrNotPrivate, ErrSDES}},
		"SDES and DTLS":   {[]string{"m=audio 4 RTP/SAVP 96", opus, "a=crypto:1 X inline:y", "a=fingerprint:sha-256 00"}, []error{ErrSDES}},
		"SAVP alone":      {[]string{"m=audio 4 RTP/SAVP 96", opus}, []error{ErrSDES}},
		"DTLS":            {[]string{"m=audio 4 UDP/TLS/RTP/SAVP 96", opus, "a=fingerprint:sha-256 00"}, []error{ErrNotPrivate, ErrDTLS}},
		"DTLS in SAVP":    {[]string{"m=audio 4 RTP/SAVP 96", opus, "a=fingerprint:sha-256 00"}, []error{ErrDTLS}},
		"DTLS, feedback":  {[]string{"m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=rtpmap:111 opus/48000/2"}, []error{ErrDTLS}},
		"no media":        {nil, []error{ErrNoAudio}},
		"video only":      {[]string{"m=video 4 RTP/AVP 97"}, []error{ErrNoAudio}},
		"port zero":       {[]string{"m=audio 0 RTP/AVP 96", opus}, []error{ErrNoAudio}},
		"unknown profile": {[]string{"m=audio 4 TCP/MSRP *"}, []error{ErrNoAudio}},
		"no codec":        {[]string{"m=audio 4 RTP/AVP 3 18"}, []error{ErrNoCodec}},
		"host name":       {[]string{"m=audio 4 RTP/AVP 96", "c=IN IP4 phone.example", opus}, []error{ErrNoAddress}},
	} {
		t.Run(name, func(t *testing.T) {
			d := mustParse(t, describing(c.lines...))
			answer, _, err := Answer(d, local("192.0.2.1:40000"))
			_, accepting := Accept(local("192.0.2.1:40000"), d)
			for _, want := range c.want {
				if !errors.Is(err, want) || !errors.Is(accepting, want) {
					t.Errorf("answering: %v; accepting: %v; want %v", err, accepting, want)
				}
			}
			if answer != nil {
				t.Errorf("refused, and yet an answer:\n%s", answer)
			}
		})
	}
	if errors.Is(ErrSDES, ErrDTLS) || errors.Is(ErrNoAudio, ErrNotPrivate) {
		t.Error("different refusals count as each other")
	}
}

func TestAcceptWantsTheFirstStream(t *testing.T) {
	d := mustParse(t, describing("m=audio 0 RTP/AVP 96", "m=audio 4 RTP/AVP 96", opus))
	if _, err := Accept(local("192.0.2.1:40000"), d); !errors.Is(err, ErrNoAudio) {
		t.Errorf("an answer whose second stream is audio: %v", err)
	}
}

// TestAcceptOtherPayloadTypes: the peer may want its Opus under another number
// than ours (RFC 3264, Section 6.1).
func TestAcceptOtherPayloadTypes(t *testing.T) {
	n, err := Accept(local("192.0.2.1:40000"), mustParse(t, describing("m=audio 4 RTP/AVPF 120 0", "a=rtpmap:120 opus/48000/2")))
	if err != nil || n.VoicePT != 120 || n.ReceivePT != 96 || n.EventPT != -1 {
		t.Errorf("%+v, %v", n, err)
	}
}

func TestSyntaxErrors(t *testing.T) {
	many := describing(strings.Split(strings.Repeat("m=audio 4 RTP/AVP 96,", maxMedia+1), ",")[:maxMedia+1]...)
	for name, text := range map[string]string{
		"empty": "", "blank lines": "\r\n\r\n", "noise": "hello\r\n", "no version": "o=- 1 1 IN IP4 1.2.3.4\r\n",
		"other version": strings.Replace(describing(), "v=0", "v=1", 1),
		"m= too short":  describing("m=audio 4 RTP/AVP"), "port of letters": describing("m=audio x RTP/AVP 0"), "port too large": describing("m=audio 65536 RTP/AVP 0"),
		"too many streams": many, "too long": describing("a=" + strings.Repeat("x", maxBytes)),
	} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrSyntax) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDowngrade(t *testing.T) {
	zrtp := describing("m=audio 4 RTP/AVP 96", opus, "a=zrtp-hash:"+hashA)
	for name, c := range map[string]struct {
		before, after string
		want          []error
	}{
		"the same":          {zrtp, zrtp, nil},
		"spelt differently": {zrtp, strings.Replace(zrtp, hashA, "1.10  "+strings.ToUpper(hashA[5:]), 1), nil},
		"another address":   {zrtp, strings.Replace(zrtp, "192.0.2.9", "192.0.2.10", 2), nil},
		"held":              {zrtp, zrtp + "a=sendonly\r\n", nil},
		"refused":           {zrtp, describing("m=audio 0 RTP/AVP 96"), nil},
		"now with a hash":   {describing("m=audio 4 RTP/AVP 96", opus), zrtp, nil},
		"SDES":              {zrtp, describing("m=audio 4 RTP/SAVP 96", opus, "a=crypto:1 X inline:y"), []error{ErrDowngrade, ErrSDES, ErrNotPrivate}},
		"SDES and the hash": {zrtp, strings.Replace(zrtp, "RTP/AVP", "RTP/SAVP", 1) + "a=crypto:1 X inline:y\r\n", []error{ErrDowngrade, ErrSDES}},
		"DTLS":              {zrtp, describing("m=audio 4 UDP/TLS/RTP/SAVP 96", opus), []error{ErrDowngrade, ErrDTLS}},
		"something else":    {zrtp, describing("m=audio 4 TCP/MSRP *"), []error{ErrDowngrade}},
		"hash gone":         {zrtp, describing("m=audio 4 RTP/AVP 96", opus), []error{ErrDowngrade}},
		"hash changed":      {zrtp, strings.Replace(zrtp, hashA, hashB, 1), []error{ErrDowngrade}},
		"hash added":        {zrtp, zrtp + "a=zrtp-hash:" + hashB + "\r\n", []error{ErrDowngrade}},
	} {
		t.Run(name, func(t *testing.T) {
			err := Downgrade(mustParse(t, c.before), mustParse(t, c.after))
			if (err != nil) != (c.want != nil) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			for _, want := range c.want {
				if !errors.Is(err, want) {
					t.Errorf("%v is not %v", err, want)
				}
			}
		})
	}
}

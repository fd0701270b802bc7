package offer

import (
	"slices"
	"strings"
	"testing"
)

// iceLines are what a phone with ICE says.
var iceLines = []string{
	"a=ice-ufrag:abcd", "a=ice-pwd:0123456789abcdefghijkl",
	"a=candidate:1 1 UDP 2130706431 192.0.2.9 4000 typ host",
	"a=candidate:2 1 UDP 1694498815 198.51.100.9 5000 typ srflx raddr 192.0.2.9 rport 4000",
	"a=candidate:1 2 UDP 2130706430 192.0.2.9 4001 typ host",
}

var ourICE = &ICE{Ufrag: "UFRAG123", Pwd: strings.Repeat("p", 24), Candidates: []string{"3 1 UDP 16777215 203.0.113.1 6000 typ relay raddr 0.0.0.0 rport 9"}}

// withICE is an offer whose default address is that of one of its candidates.
func withICE(t *testing.T, c string, more ...string) Description {
	t.Helper()
	lines := append([]string{"m=audio 4000 RTP/AVP 96", c, opus}, more...)
	return mustParse(t, describing(lines...))
}

func TestItem57_ICEInOfferAndAnswer(t *testing.T) {
	l := local("203.0.113.1:6000")
	l.ICE = ourICE
	const want = "a=rtcp-mux\r\na=ice-ufrag:UFRAG123\r\na=ice-pwd:pppppppppppppppppppppppp\r\na=ice-options:ice2\r\n" +
		"a=candidate:3 1 UDP 16777215 203.0.113.1 6000 typ relay raddr 0.0.0.0 rport 9\r\n"
	if text := string(Offer(l)); !strings.Contains(text, want) {
		t.Errorf("our offer:\n%s", text)
	}
	d := withICE(t, "c=IN IP4 192.0.2.9", append(iceLines, "a=rtcp-mux")...)
	answer, n, err := Answer(d, l)
	if err != nil || !strings.Contains(string(answer), want) {
		t.Errorf("our answer: %v\n%s", err, answer)
	}
	if n.ICE == nil || n.ICE.Ufrag != "abcd" || len(n.ICE.Candidates) != 3 {
		t.Errorf("agreed on %+v", n.ICE)
	}
	if n, err := Accept(l, d); err != nil || n.ICE == nil {
		t.Errorf("an answer with ICE: %+v, %v", n.ICE, err)
	}
}

// ICE off: nothing of it in what we say, nor agreed on, whatever the peer has.
func TestItem57_ICEOff(t *testing.T) {
	d := withICE(t, "c=IN IP4 192.0.2.9", iceLines...)
	answer, n, err := Answer(d, local("203.0.113.1:6000"))
	if err != nil || n.ICE != nil || strings.Contains(string(answer), "ice") || strings.Contains(string(answer), "candidate") {
		t.Errorf("ICE is off: %v, %+v\n%s", err, n.ICE, answer)
	}
}

// A relay on the way that rewrites c= and m= and leaves the candidates: the call
// goes on without ICE, and the answer says why. So do calls whose candidates
// were stripped, or make no sense.
func TestItem60_Mismatch(t *testing.T) {
	l := local("203.0.113.1:6000")
	l.ICE = ourICE
	for name, d := range map[string]Description{
		"rewritten":     withICE(t, "c=IN IP4 203.0.113.200", iceLines...),
		"stripped":      withICE(t, "c=IN IP4 203.0.113.200"),
		"half stripped": withICE(t, "c=IN IP4 203.0.113.200", iceLines[:2]...),
		"no password":   withICE(t, "c=IN IP4 192.0.2.9", slices.Delete(slices.Clone(iceLines), 1, 2)...),
		"told":          withICE(t, "c=IN IP4 192.0.2.9", append(slices.Clone(iceLines), "a=ice-mismatch")...),
	} {
		answer, n, err := Answer(d, l)
		if err != nil || n.ICE != nil || n.Remote != d.Address || strings.Contains(string(answer), "candidate") {
			t.Errorf("%s: %v, %+v\n%s", name, err, n, answer)
		}
		if said := strings.Contains(string(answer), "a=ice-mismatch\r\n"); said != (name == "rewritten") {
			t.Errorf("%s: the answer says ice-mismatch: %v", name, said)
		}
		if n, err := Accept(l, d); err != nil || n.ICE != nil || n.Remote != d.Address {
			t.Errorf("%s as an answer: %+v, %v", name, n, err)
		}
	}
}

func TestICEIsBounded(t *testing.T) {
	lines := slices.Clone(iceLines)
	for range 120 {
		lines = append(lines, iceLines[3])
	}
	if d := withICE(t, "c=IN IP4 192.0.2.9", lines...); d.ICE == nil || len(d.ICE.Candidates) != maxCandidates {
		t.Errorf("of 120 candidates: %+v", d.ICE)
	}
	for _, bad := range []string{"a=ice-ufrag:ab cd", "a=ice-ufrag:" + strings.Repeat("x", 257), "a=ice-ufrag:ab\"cd"} {
		lines[0] = bad
		if d := withICE(t, "c=IN IP4 192.0.2.9", lines...); d.ICE != nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

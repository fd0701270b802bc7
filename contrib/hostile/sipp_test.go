package hostile

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// atLeast is how many wrong answers sipp is to know.
const atLeast = 300

// Each scenario is well-formed, has a name of its own, and sends something; each
// mutation and each scene is in one, unless it is said why not.
func TestScenarios(t *testing.T) {
	played, left := Scenarios()
	if len(played) < atLeast || len(played)+len(left) != len(Scripts()) {
		t.Errorf("%d scenarios, and %d left of %d", len(played), len(left), len(Scripts()))
	}
	names, streams := map[string]bool{}, 0
	for _, s := range played {
		if names[s.Name] {
			t.Errorf("%q comes twice", s.Name)
		}
		names[s.Name] = true
		if s.Stream {
			streams++
		}
		if !bytes.Contains(s.XML, []byte("<send>")) || !bytes.Contains(s.XML, []byte(PlayedLog)) {
			t.Errorf("%q sends nothing", s.Name)
		}
		for d := xml.NewDecoder(bytes.NewReader(s.XML)); ; {
			d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // all is ASCII
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%q: %v", s.Name, err)
				break
			}
		}
	}
	if streams < len(played)/4 {
		t.Errorf("only %d of %d are for a connection", streams, len(played))
	}
	for _, sc := range scenes() {
		if n := withName(names, sc.name+", "); n < 20 {
			t.Errorf("the scene %q has %d scenarios", sc.name, n)
		}
	}
	reasons := map[string]int{}
	for _, m := range mutations() {
		if withName(names, ", "+m.name) == 0 {
			reasons[left["200 to INVITE, "+m.name].Error()]++
		}
	}
	for _, err := range left {
		reasons[err.Error()]++
	}
	t.Logf("%d scenarios, %d for a connection; left: %v", len(played), streams, reasons)
}

func withName(names map[string]bool, part string) (n int) {
	for name := range names {
		if strings.HasPrefix(name, part) || strings.HasSuffix(name, part) {
			n++
		}
	}
	return n
}

// A message is written so that sipp sends it as it is.
func TestWritten(t *testing.T) {
	via := symbolic("INVITE").get("Via")
	for _, tc := range []struct{ message, want string }{
		{"SIP/2.0 200 OK\r\nVia: " + via + "\r\n\r\n", "SIP/2.0 200 OK\nVia: [$invitevia]\n\n"},
		{"SIP/2.0 200 OK\r\nX: [a]\\\x1b\xff\r\n folded\r\n\r\nbody", "SIP/2.0 200 OK\nX: \\x5ba\\x5d\\x5c\\x1b\\xff\\x0d\\x0a folded\\x0d\\x0a\nbody"},
		{"SIP/2.0 200 OK\nV: " + via[:1], "SIP/2.0 200 OK\\x0aV: \\xee"},
	} {
		got, err := written([]byte(tc.message))
		if err != nil || got != tc.want {
			t.Errorf("%q: %q, %v", tc.message, got, err)
		}
	}
	for message, want := range map[string]error{"": errNothing, "SIP/2.0 \x00": errNUL, "no SIP": errStart, "SIP/2.0 9200 OK": errCode} {
		if _, err := written([]byte(message)); !errors.Is(err, want) {
			t.Errorf("%q: %v", message, err)
		}
	}
}

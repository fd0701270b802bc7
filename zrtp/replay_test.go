package zrtp

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"karat/zrtp/wire"
)

// recording is a session of two other phones: header lines, then one packet a
// line, with who sent it.
type recording struct {
	hashes  []string // a=zrtp-hash in signalling
	packets []recorded
}

type recorded struct {
	from   string
	packet []byte
}

func readRecording(t testing.TB, path string) recording {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r recording
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), " ")
		switch {
		case field == "zrtp-hash:":
			r.hashes = append(r.hashes, value)
		case field == "a" || field == "b":
			packet, err := hex.DecodeString(value)
			if err != nil {
				t.Fatal(err)
			}
			r.packets = append(r.packets, recorded{field, packet})
		}
	}
	return r
}

func recordings(t testing.TB) map[string]recording {
	t.Helper()
	paths, err := filepath.Glob("../testdata/zrtp/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	all := map[string]recording{}
	for _, path := range paths {
		all[filepath.Base(path)] = readRecording(t, path)
	}
	return all
}

// exchangeOf collects the messages of an exchange by type, those of Hello and
// Commit by sender too.
type exchangeOf struct {
	initiator, responder string
	hello, commit        map[string][]byte
	dhPart1, dhPart2     []byte
}

func sortRecording(t *testing.T, r recording) exchangeOf {
	t.Helper()
	x := exchangeOf{hello: map[string][]byte{}, commit: map[string][]byte{}}
	for _, rec := range r.packets {
		p, err := wire.ParsePacket(rec.packet)
		if err != nil {
			t.Fatalf("packet %x: %v", rec.packet, err)
		}
		m, err := wire.Parse(p.Message)
		if err != nil {
			t.Fatalf("message %x: %v", p.Message, err)
		}
		if again := m.Append(nil); !slices.Equal(again, p.Message) {
			t.Errorf("%T read and written again is %x, was %x", m, again, p.Message)
		}
		switch wire.TypeOf(p.Message) {
		case wire.TypeHello:
			x.hello[rec.from] = p.Message
		case wire.TypeCommit:
			x.commit[rec.from] = p.Message
		case wire.TypeDHPart1:
			x.responder, x.dhPart1 = rec.from, p.Message
		case wire.TypeDHPart2:
			x.initiator, x.dhPart2 = rec.from, p.Message
		}
	}
	return x
}

// What other phones sent to each other passes our checks: CRC, parsing, Hello
// hash, hash chain, MACs, the commitment, and who wins a contention.
func TestRecordings(t *testing.T) {
	for name, r := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			x := sortRecording(t, r)
			for from, hello := range x.hello {
				if len(r.hashes) > 0 && !slices.Contains(r.hashes, helloHash(hello)) {
					t.Errorf("the Hello of %s hashes to %q, announced were %q", from, helloHash(hello), r.hashes)
				}
			}
			checkChain(t, "initiator", x.hello[x.initiator], x.commit[x.initiator], x.dhPart2)
			checkChain(t, "responder", x.hello[x.responder], x.commit[x.responder], x.dhPart1)
			checkCommitment(t, x)
		})
	}
}

func checkChain(t *testing.T, who string, hello, commit, dhPart []byte) {
	t.Helper()
	h, _ := wire.ParseHello(hello)
	d, err := wire.ParseDHPart(dhPart)
	if err != nil {
		t.Fatal(err)
	}
	h2 := implicitHash(d.H1[:])
	if !isPreimage(h2, h.H3) {
		t.Errorf("%s: H1 does not lead to H3", who)
	}
	if !isSealed(hello, h2) {
		t.Errorf("%s: wrong MAC in Hello", who)
	}
	if commit != nil && !isSealed(commit, d.H1) {
		t.Errorf("%s: wrong MAC in Commit", who)
	}
}

func checkCommitment(t *testing.T, x exchangeOf) {
	t.Helper()
	c, err := wire.ParseCommit(x.commit[x.initiator])
	if err != nil {
		t.Fatal(err)
	}
	chosen := suite{hash: c.Hash, keyAgreement: c.KeyAgreement}
	if commitment(chosen, x.dhPart2, x.hello[x.responder]) != c.HVI {
		t.Error("hvi does not fit DHPart2 and Hello")
	}
	d, _ := wire.ParseDHPart(x.dhPart2)
	built := slices.Contains(DefaultAlgorithms().KeyAgreements, c.KeyAgreement.Name())
	if built && len(d.PublicValue) != chosen.publicLen() {
		t.Errorf("%s with a public value of %d octets", c.KeyAgreement, len(d.PublicValue))
	}
	if other, err := wire.ParseCommit(x.commit[x.responder]); err == nil {
		s := &Session{x: exchange{hvi: other.HVI}}
		if !s.prevails(c) {
			t.Error("by our rule the other Commit would have prevailed")
		}
	}
}

// A recorded Hello alone brings us to commit with what that phone can do.
func TestRecordedHello(t *testing.T) {
	for name, r := range recordings(t) {
		a, b := configs()
		l := newLink(t, a, b)
		l.a.Start(l.now)
		l.drain(l.a)
		l.inject(l.a, r.packets[0].packet, 0)
		l.run(ms)
		if l.a.state != stateCommit {
			t.Errorf("%s: %s", name, l.a.story())
			continue
		}
		t.Log(name, fmt.Sprint(l.a.x.suite))
	}
}

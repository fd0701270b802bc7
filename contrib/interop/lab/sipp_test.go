package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestTelephoneVoice: what is sent is heard, each packet at its time, whatever is
// missing and in whatever order it comes.
func TestTelephoneVoice(t *testing.T) {
	said := Recording{Rate: 16000, Samples: make([]int16, 16000)}
	for i := range said.Samples {
		said.Samples[i] = int16(i % 4000)
	}
	packets, err := TelephoneVoice(said)
	if err != nil {
		t.Fatal(err)
	}
	if len(packets) != 50 {
		t.Fatalf("%d packets of a second", len(packets))
	}
	whole := HeardTelephone(packets)
	if whole.Rate != telephoneRate || len(whole.Samples) != telephoneRate {
		t.Fatalf("%d samples at %d Hz", len(whole.Samples), whole.Rate)
	}
	want, err := said.At(telephoneRate)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range want.Samples {
		// G.711 has steps of up to a sixteenth of the level.
		if d := int(whole.Samples[i]) - int(s); d > 16+int(s)/16 || -d > 16+int(s)/16 {
			t.Fatalf("sample %d: said %d, heard %d", i, s, whole.Samples[i])
		}
	}
	packets[3], packets[4] = packets[4], packets[3]
	packets = slices.Delete(packets, 10, 11)
	lacking := HeardTelephone(append(packets, []byte("no RTP")))
	gap := slices.Clone(whole.Samples)
	clear(gap[10*telephonePacket : 11*telephonePacket])
	if !slices.Equal(lacking.Samples, gap) {
		t.Error("a missing packet moves the others")
	}
}

// TestScenarios: what the cells play is there, and nothing in it is left open.
func TestScenarios(t *testing.T) {
	files, err := sippScenarios.ReadDir("sipp")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	s := SIPp{SIPpConfig: SIPpConfig{
		User: "bob", Peer: "alice", Words: map[string]string{"talk": "1", "key": "2"},
		Proxy: &Kamailio{IP: "127.0.0.1", Users: map[string]string{"bob": "3"}},
	}}
	for _, f := range files {
		text, err := sippScenarios.ReadFile("sipp/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), f.Name())
		if err := writeTemplate(path, string(text), s); err != nil {
			t.Errorf("%s: %v", f.Name(), err)
		}
		if filled, err := os.ReadFile(path); err != nil || len(filled) < 100 || bytes.Contains(filled, []byte("<no value>")) || bytes.Contains(filled, []byte("{{")) {
			t.Errorf("%s: something is left open (%v)", f.Name(), err)
		}
	}
}

// TestParts: a part beyond the end is what of it is there.
func TestParts(t *testing.T) {
	r := Recording{Rate: 2, Samples: []int16{1, 2, 3, 4}}
	for _, c := range []struct {
		from, to int
		want     []int16
	}{{1, 3, []int16{2, 3}}, {3, 9, []int16{4}}, {7, 9, nil}, {3, 1, nil}} {
		if got := r.Part(c.from, c.to).Samples; !slices.Equal(got, c.want) {
			t.Errorf("from %d to %d: %v", c.from, c.to, got)
		}
	}
	if twice := r.Times(2); twice.Seconds() != 4 || !slices.Equal(twice.Samples, []int16{1, 2, 3, 4, 1, 2, 3, 4}) {
		t.Errorf("twice: %v", twice)
	}
}

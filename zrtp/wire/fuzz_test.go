package wire

import (
	"bytes"
	"testing"
)

// FuzzParse: no panic, and what was read is written to the same octets.
func FuzzParse(f *testing.F) {
	for _, m := range seeds() {
		f.Add(m.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		original := bytes.Clone(b)
		m, err := Parse(b)
		if !bytes.Equal(b, original) {
			t.Fatal("the input was written to")
		}
		if err != nil {
			return
		}
		if again := m.Append(nil); !bytes.Equal(again, b) {
			t.Fatalf("%T\nread  %x\nwrote %x", m, b, again)
		}
	})
}

func FuzzParsePacket(f *testing.F) {
	for _, m := range seeds() {
		f.Add(AppendPacket(nil, Packet{SSRC: 1, Message: m.Append(nil)}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePacket(b)
		if err != nil {
			return
		}
		if again := AppendPacket(nil, p); !bytes.Equal(again, b) {
			t.Fatalf("read  %x\nwrote %x", b, again)
		}
	})
}

func FuzzParseConfirmed(f *testing.F) {
	f.Add(Confirmed{}.Append(nil))
	f.Add(Confirmed{Verified: true, Signature: make([]byte, 8)}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfirmed(b)
		if err != nil {
			return
		}
		if again := c.Append(nil); !bytes.Equal(again, b) {
			t.Fatalf("read  %x\nwrote %x", b, again)
		}
	})
}

func seeds() []Message {
	return []Message{
		testHello(),
		HelloACK{},
		testCommit(X255), testCommit(Mult), testCommit(Prsh), testCommit(X2M2),
		testDHPart(1, 8), testDHPart(2, 96),
		Confirm{Part: 1, Encrypted: make([]byte, 40)},
		Confirm{Part: 2, Encrypted: make([]byte, 48)},
		Conf2ACK{},
		Error{CodeTimeout},
		ErrorACK{},
		GoClear{},
		ClearACK{},
		SASRelay{Encrypted: make([]byte, 40)},
		RelayACK{},
		Ping{Version: "1.10"},
		PingACK{Version: "1.10"},
		Raw{Preamble: preamble, Length: 4, Type: "Unknown ", Body: make([]byte, 4)},
	}
}

// Each message comes back as its own type.
func TestParse(t *testing.T) {
	for _, m := range seeds() {
		got, err := Parse(m.Append(nil))
		if err != nil {
			t.Errorf("%T: %v", m, err)
			continue
		}
		if !bytes.Equal(got.Append(nil), m.Append(nil)) {
			t.Errorf("%T: read %+v", m, got)
		}
	}
}

// A Raw may lie: the conformance tester sends such.
func TestRawLies(t *testing.T) {
	b := Raw{Preamble: 0x1234, Length: 99, Type: "Hi", Body: []byte{1}}.Append(nil)
	if want := append([]byte{0x12, 0x34, 0, 99}, "Hi      \x01"...); !bytes.Equal(b, want) {
		t.Errorf("wrote %x, want %x", b, want)
	}
}

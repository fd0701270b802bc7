package wire

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"testing"
)

// longMessage is a message of some words, no two octets near each other alike.
func longMessage(words int) []byte {
	msg := Raw{Preamble: preamble, Length: uint16(words), Type: TypeCommit, Body: make([]byte, 4*words-12)}.Append(nil)
	for i := range msg[12:] {
		msg[12+i] = byte(i*7 + i>>8)
	}
	return msg
}

func TestFragment(t *testing.T) {
	f := Fragment{MessageID: 0xfffe, Total: 333, Offset: 294, Data: make([]byte, 4*39)}
	fill(f.Data, 9)
	p := Packet{Unused: FragmentMark, Sequence: 7, SSRC: 0xdeadbeef, Message: f.Append(nil)}
	b := AppendPacket(nil, p)
	// As other phones send it: first octet 0x11, then 0.
	want := []byte{
		0x11, 0, 0, 7, 'Z', 'R', 'T', 'P', 0xde, 0xad, 0xbe, 0xef,
		0xff, 0xfe, 333 >> 8, 333 & 0xff, 294 >> 8, 294 & 0xff, 0, 39, 9, 10,
	}
	if !bytes.HasPrefix(b, want) {
		t.Errorf("%x, want %x", b[:len(want)], want)
	}
	read, err := ParsePacket(b)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := read.Fragment(); !ok || !reflect.DeepEqual(got, f) {
		t.Errorf("read %+v, %v\nwrote %+v", got, ok, f)
	}
}

// Attacks A3 and A4: fragments that lie outside of their message, or whose
// lengths are chosen for their sum to wrap.
func TestFragmentOutside(t *testing.T) {
	good := Fragment{MessageID: 1, Total: 333, Offset: 294, Data: make([]byte, 4*39)}.Append(nil)
	for name, fields := range map[string][3]uint16{
		"no total":               {0, 0, 39},
		"no total, an offset":    {0, 294, 39},
		"total beyond MaxWords":  {maxWords + 1, 294, 39},
		"total of 64 K words":    {0xffff, 294, 39},
		"one word beyond":        {332, 294, 39},
		"offset at the end":      {333, 333, 39},
		"offset far outside":     {333, 0xffff, 39},
		"offset + length wraps":  {333, 0xfffe, 39},
		"length says more":       {333, 294, 40},
		"length says less":       {333, 294, 38},
		"no length":              {333, 294, 0},
		"length wraps in octets": {333, 294, 0x4000 + 39},
	} {
		b := bytes.Clone(good)
		for i, field := range fields {
			binary.BigEndian.PutUint16(b[2+2*i:], field)
		}
		if f, ok := (Packet{Unused: FragmentMark, Message: b}).Fragment(); ok {
			t.Errorf("%s: accepted as %d+%d of %d", name, f.Offset, len(f.Data)/4, f.Total)
		}
	}
	for n := range good { // cut short
		if _, ok := (Packet{Unused: FragmentMark, Message: good[:n]}).Fragment(); ok {
			t.Errorf("cut to %d octets: accepted", n)
		}
	}
	for _, unused := range []uint16{0, FragmentMark | 1, 0xfff} {
		if _, ok := (Packet{Unused: unused, Message: good}).Fragment(); ok {
			t.Errorf("unused bits %#x: accepted", unused)
		}
	}
}

// RFC 6189, Section 5: the unused bits MUST be ignored: those that mark a
// fragment mark none around a message.
func TestMessageIsNoFragment(t *testing.T) {
	for _, m := range seeds() {
		b := m.Append(nil)
		if len(b) < msgHeaderLen {
			continue
		}
		if _, ok := (Packet{Unused: FragmentMark, Message: b}).Fragment(); ok {
			t.Errorf("%T is taken for a fragment", m)
		}
	}
}

// Row X2: what fits goes whole; what does not, in as few datagrams as can be.
func TestSplit(t *testing.T) {
	const whole = (MaxDatagram - headerLen - crcLen) / 4
	for words, pieces := range map[int]int{3: 0, whole: 0, whole + 1: 2, 333: 2, 435: 2, maxWords: 2} {
		msg := longMessage(words)
		fragments := Split(5, msg)
		if len(fragments) != pieces {
			t.Errorf("%d words: %d pieces, want %d", words, len(fragments), pieces)
		}
		var together []byte
		for _, f := range fragments {
			b := AppendPacket(nil, Packet{Unused: FragmentMark, Message: f.Append(nil)})
			if len(b) > MaxDatagram {
				t.Errorf("%d words: a datagram of %d octets", words, len(b))
			}
			if f.MessageID != 5 || int(f.Total) != words || 4*int(f.Offset) != len(together) {
				t.Errorf("%d words: %d+%d of %d", words, f.Offset, len(f.Data)/4, f.Total)
			}
			together = append(together, f.Data...)
		}
		if pieces > 0 && !bytes.Equal(together, msg) {
			t.Errorf("%d words: the pieces are not the message", words)
		}
	}
}

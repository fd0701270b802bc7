package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

func TestPacket(t *testing.T) {
	p := Packet{Unused: 0xabc, Sequence: 0xffff, SSRC: 0xdeadbeef, Message: HelloACK{}.Append(nil)}
	b := AppendPacket(nil, p)
	// RFC 6189, Figure 2.
	want := []byte{0x1a, 0xbc, 0xff, 0xff, 'Z', 'R', 'T', 'P', 0xde, 0xad, 0xbe, 0xef}
	if !bytes.HasPrefix(b, want) {
		t.Errorf("header %x, want %x", b[:12], want)
	}
	got, err := ParsePacket(b)
	if err != nil || got.Unused != p.Unused || got.Sequence != p.Sequence || got.SSRC != p.SSRC || !bytes.Equal(got.Message, p.Message) {
		t.Errorf("read %+v, %v\nwrote %+v", got, err, p)
	}
}

// RFC 3720, Appendix B.4 has the CRC-32C of 32 zeros as aa 36 91 8a, in the
// order of the wire, which is that of RFC 4960, Appendix B too.
func TestCRC(t *testing.T) {
	if got := crc(make([]byte, 32)); got != 0xaa36918a {
		t.Errorf("CRC of 32 zeros: %08x", got)
	}
}

// Every flipped bit is noticed.
func TestPacketDamaged(t *testing.T) {
	good := AppendPacket(nil, Packet{Message: HelloACK{}.Append(nil)})
	for i := range 8 * len(good) {
		b := bytes.Clone(good)
		b[i/8] ^= 1 << (i % 8)
		if _, err := ParsePacket(b); err == nil {
			t.Errorf("bit %d flipped: accepted", i)
		}
	}
	for n := range len(good) {
		if _, err := ParsePacket(good[:n]); err == nil {
			t.Errorf("cut to %d octets: accepted", n)
		}
	}
}

func TestPacketWrongCRC(t *testing.T) {
	p := Packet{Message: HelloACK{}.Append(nil)}
	if _, err := ParsePacket(AppendPacketCRC(nil, p, 0x12345678)); !errors.Is(err, ErrCRC) {
		t.Errorf("%v, want ErrCRC", err)
	}
}

// RFC 7983: the first octet tells ZRTP from what else arrives on a media port.
func TestIsPacket(t *testing.T) {
	good := AppendPacket(nil, Packet{Message: HelloACK{}.Append(nil)})
	for first := range 256 {
		b := bytes.Clone(good)
		b[0] = byte(first)
		if want := first>>4 == 1; IsPacket(b) != want {
			t.Errorf("first octet %#x: %v", first, !want)
		}
	}
	binary.BigEndian.PutUint32(good[4:], 0x2112a442) // STUN
	if IsPacket(good) {
		t.Error("a STUN cookie passes for ZRTP")
	}
}

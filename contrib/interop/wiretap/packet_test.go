package wiretap

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

// zrtpMessage is a ZRTP packet as far as it is looked at here: header, preamble,
// length and type (RFC 6189, Section 5).
func zrtpMessage(kind string) []byte {
	b := []byte{0x10, 0, 0, 1, 'Z', 'R', 'T', 'P', 0, 0, 0, 9, 0x50, 0x5a, 0, 3}
	return append(append(b, (kind + "        ")[:8]...), 0, 0, 0, 0)
}

func rtpPacket(first byte) []byte {
	return append(make([]byte, 0, 64), 0x80, 96, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, first, 9, 9, 9)
}

// datagram is an IPv4 packet around a payload.
func datagram(from, to netip.AddrPort, payload []byte) []byte {
	b := make([]byte, 28, 28+len(payload))
	b[0], b[8], b[9] = 0x45, 64, protoUDP
	binary.BigEndian.PutUint16(b[2:], uint16(28+len(payload)))
	copy(b[12:], from.Addr().AsSlice())
	copy(b[16:], to.Addr().AsSlice())
	binary.BigEndian.PutUint16(b[20:], from.Port())
	binary.BigEndian.PutUint16(b[22:], to.Port())
	binary.BigEndian.PutUint16(b[24:], uint16(8+len(payload)))
	return append(b, payload...)
}

func TestClassify(t *testing.T) {
	for name, tc := range map[string]struct {
		b    []byte
		want Class
	}{
		"a request":                    {[]byte("INVITE sip:bob@example.org SIP/2.0\r\n"), SIP},
		"a response":                   {[]byte("SIP/2.0 180 Ringing\r\n"), SIP},
		"a word that is no method":     {[]byte("INVITED sip:bob SIP/2.0\r\n"), Other},
		"an empty keep-alive":          {[]byte("\r\n\r\n"), KeepAlive},
		"ZRTP":                         {zrtpMessage("Hello"), ZRTP},
		"ZRTP's octet without cookie":  {append([]byte{0x10, 0, 0, 0, 'z'}, make([]byte, 30)...), Other},
		"STUN":                         {make([]byte, 20), STUN},
		"DTLS":                         {[]byte{22, 254, 253, 0}, DTLS},
		"RTP":                          {rtpPacket(0x48), RTP},
		"RTCP":                         {[]byte{0x80, 200, 0, 6, 1, 2, 3, 4}, RTCP},
		"too short for RTP":            {[]byte{0x80, 0}, Other},
		"TURN channel data":            {[]byte{0x40, 0, 0, 4, 1, 2, 3, 4}, Other},
		"nothing":                      {nil, Other},
		"text that begins like nobody": {[]byte("hello there"), Other},
	} {
		if got := Classify(tc.b); got != tc.want {
			t.Errorf("%s is %s, not %s", name, got, tc.want)
		}
	}
}

var (
	here  = netip.MustParseAddrPort("127.0.0.1:4000")
	there = netip.MustParseAddrPort("127.0.0.1:5000")
)

func TestParse(t *testing.T) {
	p, ok := Parse(time.Unix(1, 0), datagram(here, there, zrtpMessage("Conf2ACK")))
	if !ok || p.From != here || p.To != there || p.Stream || p.ZRTPType() != "Conf2ACK" {
		t.Errorf("parsed %+v, %t", p, ok)
	}
	if _, ok := Parse(time.Unix(1, 0), datagram(here, there, nil)[:24]); ok {
		t.Error("parsed a packet that was cut")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(datagram(here, there, zrtpMessage("Hello")))
	f.Add(datagram(here, there, rtpPacket(1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := Parse(time.Time{}, b)
		if ok && len(p.Payload) > len(b) {
			t.Errorf("%d octets of payload in a packet of %d", len(p.Payload), len(b))
		}
		p.ZRTPType()
		rtpPayloadStart(b)
	})
}

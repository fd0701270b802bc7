package wiretap

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// script makes packets between two sockets, one each millisecond.
type script struct {
	packets []Packet
}

func (s *script) send(from, to netip.AddrPort, payload []byte) *script {
	at := time.Unix(0, 0).Add(time.Duration(len(s.packets)) * time.Millisecond)
	s.packets = append(s.packets, Packet{At: at, From: from, To: to, Class: Classify(payload), Payload: payload})
	return s
}

// exchange is a key agreement in which here is the initiator.
func exchange() *script {
	s := &script{}
	s.send(here, there, zrtpMessage("Hello")).send(there, here, zrtpMessage("HelloACK"))
	s.send(there, here, zrtpMessage("Hello")).send(here, there, zrtpMessage("Commit"))
	s.send(there, here, zrtpMessage("DHPart1")).send(here, there, zrtpMessage("DHPart2"))
	return s.send(there, here, zrtpMessage("Confirm1")).send(here, there, zrtpMessage("Confirm2"))
}

func TestHandshakeEndsWhenConfirmed(t *testing.T) {
	s := exchange().send(there, here, zrtpMessage("Conf2ACK"))
	for addr, want := range map[netip.AddrPort]time.Duration{
		here:  8 * time.Millisecond, // its Hello is the first packet, Conf2ACK the ninth
		there: 5 * time.Millisecond, // its Hello is the third, Confirm2 the eighth
	} {
		h, err := HandshakeOf(s.packets, addr)
		if err != nil || h.Elapsed() != want {
			t.Errorf("%v took %v, %v; want %v", addr, h.Elapsed(), err, want)
		}
	}
}

func TestVoiceBeforeConfirmationIsFound(t *testing.T) {
	early := exchange().send(here, there, rtpPacket(1)).send(there, here, zrtpMessage("Conf2ACK"))
	if err := NoEarlyVoice(early.packets, From(early.packets, int(here.Port()))); err == nil {
		t.Error("voice before Conf2ACK was not found")
	}
	late := exchange().send(there, here, zrtpMessage("Conf2ACK")).send(here, there, rtpPacket(1)).send(there, here, rtpPacket(1))
	if err := NoEarlyVoice(late.packets, late.packets); err != nil {
		t.Error(err)
	}
	never := (&script{}).send(here, there, rtpPacket(1))
	if err := NoEarlyVoice(never.packets, never.packets); err == nil {
		t.Error("voice without any key agreement was not found")
	}
}

func TestLooksEncrypted(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	clear, sealed := &script{}, &script{}
	for range 250 {
		// Opus in clear: SILK and hybrid configurations of one stream.
		clear.send(here, there, rtpPacket([]byte{0x48, 0x4b, 0x78, 0x7b, 0xf8}[rng.IntN(5)]))
		sealed.send(here, there, rtpPacket(byte(rng.IntN(256))))
	}
	if err := LooksEncrypted(sealed.packets); err != nil {
		t.Error(err)
	}
	if err := LooksEncrypted(clear.packets); err == nil {
		t.Error("Opus in clear looks encrypted")
	}
	if err := LooksEncrypted(sealed.packets[:20]); err == nil {
		t.Error("20 packets were enough to judge")
	}
}

func TestPayloadBehindContributorsAndExtension(t *testing.T) {
	b := rtpPacket(0)[:12]
	b[0] |= 0x10 | 2 // an extension, two contributors
	b = append(b, make([]byte, 8)...)
	b = append(b, 0xbe, 0xde, 0, 1, 1, 1, 1, 1, 0x77)
	if first, ok := rtpPayloadStart(b); !ok || first != 0x77 {
		t.Errorf("the payload begins with %#x, %t", first, ok)
	}
	if _, ok := rtpPayloadStart(b[:len(b)-1]); ok {
		t.Error("found a payload where there is none")
	}
}

func TestWhoSentWhat(t *testing.T) {
	s := (&script{}).send(here, there, zrtpMessage("Hello")).send(there, here, rtpPacket(1))
	sent := SentBy(s.packets, []int{int(there.Port())})
	if len(sent) != 1 || sent[0].From != here {
		t.Errorf("attributed %v", sent)
	}
	if err := Only(sent, SIP, ZRTP); err != nil {
		t.Error(err)
	}
	if err := Only(s.packets, SIP, ZRTP); err == nil {
		t.Error("RTP passed for SIP or ZRTP")
	}
	if got := Tally(s.packets); got != "RTP 1, ZRTP 1" {
		t.Errorf("tally %q", got)
	}
}

func TestStreamsHaveServers(t *testing.T) {
	p := Packet{From: here, To: there, Stream: true, Class: TLS, Payload: bytes.Repeat([]byte{23}, 3)}
	if err := StreamsOnlyWith([]Packet{p}, []int{5000}); err != nil {
		t.Error(err)
	}
	if err := StreamsOnlyWith([]Packet{p}, []int{5001}); err == nil {
		t.Error("a connection to an unknown server was not found")
	}
}

func TestRepeated(t *testing.T) {
	value := bytes.Repeat([]byte{7}, 12)
	hello := func(zid []byte) []byte {
		return append(append(zrtpMessage("Hello"), zid...), 0, 0, 0, 0)
	}
	with := func(payloads ...[]byte) []Packet {
		s := &script{}
		for _, p := range payloads {
			s.send(here, there, p)
		}
		return s.packets
	}
	first, second := with(hello(value)), with(hello([]byte("another ZID.")), hello(value))
	others := with(hello([]byte("of strangers")))
	if got := Repeated([][]Packet{first, second}, others); len(got) == 0 {
		t.Error("a ZID that comes in two calls is not found")
	}
	if got := Repeated([][]Packet{first, with(hello([]byte("another ZID.")))}, others); len(got) != 0 {
		t.Errorf("what all calls have is taken for a link: %q", got)
	}
	hash := bytes.Repeat([]byte("0f"), 32)
	sip := append([]byte("INVITE sip:a SIP/2.0\r\n\r\na=zrtp-hash:1.10 "), hash...)
	if got := Repeated([][]Packet{with(sip), with(sip)}, nil); len(got) != 1 {
		t.Errorf("a hash that comes in two calls: %q", got)
	}
}

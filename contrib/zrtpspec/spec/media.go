package spec

import (
	"encoding/binary"

	"github.com/pion/srtp/v3"

	"karat/contrib/zrtpspec/keys"
	"karat/zrtp/wire"
)

// media encrypts and decrypts SRTP with T's own keys.
type media struct {
	send, receive *srtp.Context
	sequence      uint16
	// plain and strange are packets of P's that are no SRTP of this call, before
	// and after the keys were known; authentic those that are.
	authentic int
}

func newMedia(k *keys.Keys, own keys.Role) *media {
	return &media{send: newContext(k, own), receive: newContext(k, own.Other())}
}

// newContext is nil for what SRTP is not there for.
func newContext(k *keys.Keys, r keys.Role) *srtp.Context {
	profiles := map[[2]wire.Algorithm]srtp.ProtectionProfile{
		{wire.AES1, wire.HS32}: srtp.ProtectionProfileAes128CmHmacSha1_32,
		{wire.AES1, wire.HS80}: srtp.ProtectionProfileAes128CmHmacSha1_80,
		{wire.AES3, wire.HS32}: srtp.ProtectionProfileAes256CmHmacSha1_32,
		{wire.AES3, wire.HS80}: srtp.ProtectionProfileAes256CmHmacSha1_80,
	}
	key, salt := k.SRTP(r)
	c, err := srtp.CreateContext(key, salt, profiles[[2]wire.Algorithm{k.Cipher, k.AuthTag}])
	if err != nil {
		return nil
	}
	return c
}

// isRTP tells RTP and SRTP by their first octet (RFC 7983).
func isRTP(b []byte) bool { return len(b) >= 12 && b[0]>>6 == 2 }

// heard notes a media packet of P's.
func (t *T) heard(b []byte) {
	m := message{typ: typeRTP, raw: b}
	if t.media != nil && t.media.receive != nil {
		if _, err := t.media.receive.DecryptRTP(nil, b, nil); err == nil {
			t.media.authentic++
			m.typ = typeSRTP
		}
	}
	t.log = append(t.log, m)
	if t.count(m.typ) == 1 {
		t.say("P -> T  %s, the first", m.typ)
	}
}

// Types that the log gives to media: SRTP authenticates under the agreed keys,
// RTP is all else.
const (
	typeRTP  wire.Type = "RTP"
	typeSRTP wire.Type = "SRTP"
)

// SendSRTP sends a packet of noise, encrypted.
func (t *T) SendSRTP() {
	packet := make([]byte, 12+40)
	packet[0], packet[1] = 0x80, 96
	binary.BigEndian.PutUint16(packet[2:], t.media.sequence)
	binary.BigEndian.PutUint32(packet[4:], 960*uint32(t.media.sequence))
	binary.BigEndian.PutUint32(packet[8:], t.ssrc)
	t.media.sequence++
	encrypted, err := t.media.send.EncryptRTP(nil, packet, nil)
	if err != nil {
		t.Fail("T cannot encrypt: %v", err)
	}
	t.sendRaw(encrypted, "SRTP")
}

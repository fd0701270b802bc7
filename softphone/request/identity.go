package request

import (
	"encoding/binary"
	"slices"

	"karat/internal/secret"
)

// ZIDLen is the length of a ZID in octets (RFC 6189, Section 4.9).
const ZIDLen = 12

// Identity is what a caller shows in one request.
type Identity struct {
	H0    [32]byte
	ZID   [ZIDLen]byte
	Stamp Stamp
	key   secret.Bytes // K
}

// Identity makes the caller's values for a stamp whose hour is k's. initiator: the
// caller was the ZRTP initiator of the exchange that made the key (else one's own
// request could be reflected). template names the contents of the Hello.
func (k Key) Identity(s Stamp, initiator bool, template byte) Identity {
	sender := direction(k, initiator)
	return Identity{H0: sender.h0(s, template), ZID: sender.zid(s), Stamp: s, key: sender.key}
}

// AnswerZID is the ZID that the callee shows to the caller whose Hello has this
// SHA-256: by it the caller recognises who answers.
func (i Identity) AnswerZID(hello [32]byte) [ZIDLen]byte {
	return truncated(hmac256(i.key, append([]byte("ZIDr"), hello[:]...)))
}

// Wipe clears what is secret.
func (i *Identity) Wipe() {
	clear(i.H0[:])
	i.key.Wipe()
}

// sender is one direction of a key: K.
type sender struct{ key secret.Bytes }

func direction(k Key, initiator bool) sender {
	d := byte(0)
	if initiator {
		d = 1
	}
	sum := hmac256(k.secret, []byte{'r', 'e', 'q', d})
	return sender{secret.Own(slices.Clone(sum[:]))}
}

func (d sender) h0(s Stamp, template byte) [32]byte {
	return hmac256(d.key, append(stamped("H0", s), template))
}

func (d sender) zid(s Stamp) [ZIDLen]byte {
	return truncated(hmac256(d.key, stamped("ZIDc", s)))
}

func stamped(label string, s Stamp) []byte {
	return append(binary.BigEndian.AppendUint64([]byte(label), s.step()), s.counter())
}

func truncated(sum [32]byte) [ZIDLen]byte { return [ZIDLen]byte(sum[:ZIDLen]) }

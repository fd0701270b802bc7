package keys

import (
	"crypto/aes"
	"crypto/hmac"
	"crypto/rand"
	"errors"

	"karat/zrtp/wire"
)

// Errors of Open.
var (
	ErrConfirmMAC = errors.New("keys: the MAC of the Confirm is wrong: the two ends have different keys")
	ErrConfirm    = errors.New("keys: the encrypted part of the Confirm is not well formed")
)

// Confirm encrypts what a role has to confirm.
func (k *Keys) Confirm(r Role, plain wire.Confirmed) wire.Confirm {
	c := wire.Confirm{Part: 1}
	if r == Initiator {
		c.Part = 2
	}
	c.IV, c.Encrypted, c.MAC = k.Encrypt(r, plain.Append(nil))
	return c
}

// Encrypt encrypts the inner part of a Confirm or SASrelay and makes its MAC.
//
// RFC 6189, Section 4.6: confirm_mac = MAC(mackey, encrypted part)
func (k *Keys) Encrypt(r Role, plain []byte) (iv [16]byte, encrypted []byte, mac [8]byte) {
	_, _ = rand.Read(iv[:])
	encrypted = cfb(k.zrtpKey[r], iv, plain, true)
	copy(mac[:], k.mac(k.macKey[r], encrypted))
	return iv, encrypted, mac
}

// Open checks and decrypts the Confirm of a role.
func (k *Keys) Open(r Role, c wire.Confirm) (wire.Confirmed, error) {
	if !hmac.Equal(c.MAC[:], k.mac(k.macKey[r], c.Encrypted)[:8]) {
		return wire.Confirmed{}, ErrConfirmMAC
	}
	plain, err := wire.ParseConfirmed(cfb(k.zrtpKey[r], c.IV, c.Encrypted, false))
	if err != nil {
		return wire.Confirmed{}, errors.Join(ErrConfirm, err)
	}
	return plain, nil
}

// cfb is cipher feedback over whole blocks, the last one cut (RFC 6189, Section
// 5.7).
func cfb(key []byte, iv [16]byte, in []byte, encrypt bool) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the length comes from the suite
	}
	out := make([]byte, len(in))
	feedback := iv
	for at := 0; at < len(in); at += aes.BlockSize {
		var stream [aes.BlockSize]byte
		block.Encrypt(stream[:], feedback[:])
		end := min(at+aes.BlockSize, len(in))
		for i := at; i < end; i++ {
			out[i] = in[i] ^ stream[i-at]
		}
		if encrypt {
			copy(feedback[:], out[at:end])
		} else {
			copy(feedback[:], in[at:end])
		}
	}
	return out
}

// Base32 renders a sasvalue as four characters (RFC 6189, Section 5.1.6).
func Base32(sas uint32) string {
	const alphabet = "ybndrfg8ejkmcpqxot1uwisza345h769"
	text := make([]byte, 4)
	for i := range text {
		text[i] = alphabet[sas>>27]
		sas <<= 5
	}
	return string(text)
}

package zrtp

import (
	"crypto/aes"
	"crypto/subtle"

	"karat/internal/secret"
)

// cfb en- or decrypts the inner part of a Confirm. crypto/cipher has the mode,
// but deprecates it for want of integrity, which confirm_mac gives here.
//
// RFC 6189, Section 5.7: CFB mode is applied with a feedback length of 128 bits,
// a full cipher block, and the final block is truncated to match the exact
// length of the encrypted data.
func cfb(key secret.Bytes, iv [16]byte, in []byte, encrypt bool) ([]byte, error) {
	block, err := aes.NewCipher(key.Expose())
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(in))
	var stream [aes.BlockSize]byte
	feedback := iv[:]
	for at := 0; at < len(in); at += aes.BlockSize {
		block.Encrypt(stream[:], feedback)
		n := subtle.XORBytes(out[at:], in[at:], stream[:])
		feedback = in[at : at+n]
		if encrypt {
			feedback = out[at : at+n]
		}
	}
	clear(stream[:])
	return out, nil
}

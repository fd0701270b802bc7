package zrtp

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"io"
)

// macLen is the length of the MAC at the end of a message.
const macLen = 8

// hashChain is one's own chain, of which each message reveals one link.
//
// RFC 6189, Section 9: H0 = 256-bit random nonce, H1 = hash (H0), H2 = hash
// (H1), H3 = hash (H2).
type hashChain struct{ h0, h1, h2, h3 [32]byte }

func newHashChain(rand io.Reader) (hashChain, error) {
	var h0 [32]byte
	if _, err := io.ReadFull(rand, h0[:]); err != nil {
		return hashChain{}, err
	}
	return hashChainOf(h0), nil
}

// hashChainOf is the chain that begins with an H0.
func hashChainOf(h0 [32]byte) hashChain {
	c := hashChain{h0: h0}
	c.h1 = implicitHash(c.h0[:])
	c.h2 = implicitHash(c.h1[:])
	c.h3 = implicitHash(c.h2[:])
	return c
}

// implicitHash is the hash that is not negotiated (Section 5.1.2.2).
func implicitHash(b []byte) [32]byte { return sha256.Sum256(b) }

// isPreimage tells whether preimage hashes to image.
func isPreimage(preimage, image [32]byte) bool {
	hashed := implicitHash(preimage[:])
	return subtle.ConstantTimeCompare(hashed[:], image[:]) == 1
}

// seal fills in the MAC at the end of a message and returns the message.
//
// RFC 6189, Section 5.2: The 64-bit MAC at the end of the message is computed
// across the whole message, not including the MAC.
func seal(msg []byte, key [32]byte) []byte {
	copy(msg[len(msg)-macLen:], messageMAC(msg, key))
	return msg
}

// isSealed checks the MAC at the end of a message whose key came out later.
func isSealed(msg []byte, key [32]byte) bool {
	return len(msg) > macLen && hmac.Equal(msg[len(msg)-macLen:], messageMAC(msg, key))
}

func messageMAC(msg []byte, key [32]byte) []byte {
	return macOnce(sha256.New, key[:], msg[:len(msg)-macLen])[:macLen]
}

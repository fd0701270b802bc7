package keys

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
)

// Chain is a hash chain with all four links.
//
// RFC 6189, Section 9: H0 = 256-bit random nonce, H1 = hash (H0), H2 = hash
// (H1), H3 = hash (H2).
type Chain struct{ H0, H1, H2, H3 [32]byte }

// NewChain draws a chain.
func NewChain() Chain {
	var h0 [32]byte
	_, _ = rand.Read(h0[:]) // never fails
	return ChainFrom(h0)
}

// ChainFrom is the chain that begins with h0.
func ChainFrom(h0 [32]byte) Chain {
	c := Chain{H0: h0}
	c.H1 = Hash(c.H0[:])
	c.H2 = Hash(c.H1[:])
	c.H3 = Hash(c.H2[:])
	return c
}

// Hash is the implicit hash: SHA-256, whatever was negotiated (RFC 6189, Section
// 5.1.2.2).
func Hash(b []byte) [32]byte { return sha256.Sum256(b) }

// Links tells whether preimage hashes to image.
func Links(preimage, image [32]byte) bool { return Hash(preimage[:]) == image }

// Seal writes the MAC into the last two words of a message.
func Seal(msg []byte, key [32]byte) []byte {
	copy(msg[len(msg)-8:], mac64(msg, key))
	return msg
}

// Sealed tells whether the MAC in the last two words of a message is right.
func Sealed(msg []byte, key [32]byte) bool {
	return len(msg) >= 8 && hmac.Equal(msg[len(msg)-8:], mac64(msg, key))
}

// mac64 is HMAC-SHA-256 over the message without its last two words, the
// leftmost 64 bits (RFC 6189, Section 8.1.1).
func mac64(msg []byte, key [32]byte) []byte {
	mac := hmac.New(sha256.New, key[:])
	mac.Write(msg[:len(msg)-8])
	return mac.Sum(nil)[:8]
}

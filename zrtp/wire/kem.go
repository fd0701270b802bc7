package wire

import "slices"

// The key agreements by key encapsulation, which RFC 6189 does not have: other
// phones send them as they stand here, but for X2M2, which is ours. K255 and
// K448 are X25519 and X448 as KEMs; KYB1 to KYB3 are Kyber of round 3 and MLK1
// to MLK3 ML-KEM, with 512, 768 and 1024; HQD1 to HQD3 are HQC. The last two
// rows join several: X1 is X25519 with the smallest of the other, X3 X448 with
// the largest, X2 X25519 with the middle one.
const (
	K255 Algorithm = "K255"
	K448 Algorithm = "K448"

	KYB1 Algorithm = "KYB1"
	KYB2 Algorithm = "KYB2"
	KYB3 Algorithm = "KYB3"
	MLK1 Algorithm = "MLK1"
	MLK2 Algorithm = "MLK2"
	MLK3 Algorithm = "MLK3"
	HQD1 Algorithm = "HQD1"
	HQD2 Algorithm = "HQD2"
	HQD3 Algorithm = "HQD3"

	X1K1 Algorithm = "X1K1"
	X3K3 Algorithm = "X3K3"
	X1M1 Algorithm = "X1M1"
	X2M2 Algorithm = "X2M2"
	X3M3 Algorithm = "X3M3"
	X1H1 Algorithm = "X1H1"
	X3H3 Algorithm = "X3H3"
	XKR1 Algorithm = "XKR1"
	XKR3 Algorithm = "XKR3"
)

// KEM tells whether a key agreement is by key encapsulation: its Commit carries
// a public key, its DHPart1 a ciphertext, and its DHPart2 a nonce.
func (a Algorithm) KEM() bool {
	return slices.Contains([]Algorithm{
		K255, K448, KYB1, KYB2, KYB3, MLK1, MLK2, MLK3, HQD1, HQD2, HQD3,
		X1K1, X3K3, X1M1, X2M2, X3M3, X1H1, X3H3, XKR1, XKR3,
	}, a)
}

// NonceLen is the length of the nonce in a DHPart2 of KEM mode.
const NonceLen = 16

// appendWords appends a value filled with zeros to whole words: the public keys
// and ciphertexts of HQC are of odd lengths.
func appendWords(dst, value []byte) []byte {
	dst = append(dst, value...)
	return append(dst, make([]byte, inWords(len(value))-len(value))...)
}

// inWords is n filled up to whole words.
func inWords(n int) int { return (n + wordLen - 1) &^ (wordLen - 1) }

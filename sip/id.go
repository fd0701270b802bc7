package sip

import (
	"crypto/rand"
	"encoding/hex"
)

// identifierSize is the size in bytes of all identifiers that we make up: tags,
// branches, Call-IDs, cnonces, Contact users. One size, nothing but randomness.
const identifierSize = 16

// newID makes a random identifier: 32 hexadecimal digits.
func newID() string {
	var b [identifierSize]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

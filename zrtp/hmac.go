package zrtp

import (
	"crypto/sha512"
	"crypto/subtle"
	"hash"
)

// keyedMAC is HMAC (RFC 2104) whose key can be wiped. That of crypto/hmac cannot: it
// keeps the key, only XORed with constants, until the garbage is collected and its
// place used again.
type keyedMAC struct {
	hash       hash.Hash // for the inner one, and then for the outer one
	ipad, opad []byte
}

func newMAC(newHash func() hash.Hash, key []byte) keyedMAC {
	m := keyedMAC{hash: newHash()}
	block := m.hash.BlockSize()
	pads := make([]byte, 2*block)
	m.ipad, m.opad = pads[:block:block], pads[block:]
	if len(key) > block {
		m.hash.Write(key)
		key = m.hash.Sum(nil)
		defer clear(key)
	}
	copy(m.ipad, innerPad[:])
	copy(m.opad, outerPad[:])
	subtle.XORBytes(m.ipad, m.ipad, key)
	subtle.XORBytes(m.opad, m.opad, key)
	return m
}

// sum is the MAC of parts one after the other.
func (m keyedMAC) sum(parts ...[]byte) []byte {
	m.hash.Reset()
	m.hash.Write(m.ipad)
	for _, part := range parts {
		m.hash.Write(part)
	}
	sum := m.hash.Sum(make([]byte, 0, 2*m.hash.Size()))
	m.hash.Reset()
	m.hash.Write(m.opad)
	m.hash.Write(sum)
	result := m.hash.Sum(sum[len(sum):])
	clear(sum)
	return result
}

// wipe ends the life of the MAC.
func (m keyedMAC) wipe() {
	clear(m.ipad)
	clear(m.opad)
	scrub(m.hash)
}

// macOnce is one MAC under a key.
func macOnce(newHash func() hash.Hash, key []byte, parts ...[]byte) []byte {
	m := newMAC(newHash, key)
	defer m.wipe()
	return m.sum(parts...)
}

// What a key is XORed with, and what overwrites it; only read.
var (
	innerPad = padding(0x36)
	outerPad = padding(0x5c)
	zeros    = padding(0)
)

// padding is the longest block of a hash, filled.
func padding(b byte) (block [sha512.BlockSize]byte) {
	for i := range block {
		block[i] = b
	}
	return block
}

// scrub overwrites what a hash keeps of what it hashed: its state, and what has not
// filled a block yet.
func scrub(h hash.Hash) {
	h.Reset()
	h.Write(zeros[:h.BlockSize()-1])
	h.Reset()
}

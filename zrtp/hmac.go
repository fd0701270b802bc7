package zrtp

import "hash"

// keyedMAC is HMAC (RFC 2104) whose key can be wiped. That of crypto/hmac cannot: it
// keeps the key, only XORed with constants, until the garbage is collected and its
// place used again.
type keyedMAC struct {
	inner, outer hash.Hash
	ipad, opad   []byte
}

func newMAC(newHash func() hash.Hash, key []byte) keyedMAC {
	m := keyedMAC{inner: newHash(), outer: newHash()}
	block := m.inner.BlockSize()
	pads := make([]byte, 2*block)
	m.ipad, m.opad = pads[:block:block], pads[block:]
	if len(key) > block {
		m.inner.Write(key)
		key = m.inner.Sum(nil)
		defer clear(key)
	}
	copy(m.ipad, key)
	copy(m.opad, key)
	for i := range block {
		m.ipad[i] ^= 0x36
		m.opad[i] ^= 0x5c
	}
	return m
}

// sum is the MAC of parts one after the other.
func (m keyedMAC) sum(parts ...[]byte) []byte {
	m.inner.Reset()
	m.inner.Write(m.ipad)
	for _, part := range parts {
		m.inner.Write(part)
	}
	sum := m.inner.Sum(make([]byte, 0, 2*m.inner.Size()))
	m.outer.Reset()
	m.outer.Write(m.opad)
	m.outer.Write(sum)
	result := m.outer.Sum(sum[len(sum):])
	clear(sum)
	return result
}

// wipe ends the life of the MAC.
func (m keyedMAC) wipe() {
	clear(m.ipad)
	clear(m.opad)
	scrub(m.inner)
	scrub(m.outer)
}

// macOnce is one MAC under a key.
func macOnce(newHash func() hash.Hash, key []byte, parts ...[]byte) []byte {
	m := newMAC(newHash, key)
	defer m.wipe()
	return m.sum(parts...)
}

// scrub overwrites what a hash keeps of what it hashed: its state, and what has not
// filled a block yet.
func scrub(h hash.Hash) {
	h.Reset()
	h.Write(make([]byte, h.BlockSize()-1))
	h.Reset()
}

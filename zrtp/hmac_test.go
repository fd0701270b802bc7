package zrtp

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"testing"
)

// RFC 2104: the same MACs as those of crypto/hmac, with keys shorter and longer than
// a block, twice under one key; and nothing of the key afterwards.
func TestMACEqualsHMAC(t *testing.T) {
	for _, newHash := range []func() hash.Hash{sha256.New, sha512.New384, sha512.New} {
		for _, length := range []int{0, 1, 32, 64, 65, 128, 129, 300} {
			key := bytes.Repeat([]byte{0xa7}, length)
			m := newMAC(newHash, key)
			for range 2 {
				want := hmac.New(newHash, key)
				want.Write([]byte("what is authenticated"))
				if got := m.sum([]byte("what is "), []byte("authenticated")); !bytes.Equal(got, want.Sum(nil)) {
					t.Errorf("a key of %d octets: %x, want %x", length, got, want.Sum(nil))
				}
			}
			m.wipe()
			if kept := append(m.ipad, m.opad...); !bytes.Equal(kept, make([]byte, len(kept))) {
				t.Errorf("a key of %d octets is kept: %x", length, kept)
			}
		}
	}
}

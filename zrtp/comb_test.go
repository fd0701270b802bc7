package zrtp

import (
	"bytes"
	"math/big"
	"testing"
)

// A comb computes what math/big does, for all that an exponent may be.
func TestComb(t *testing.T) {
	prime := new(big.Int).SetBytes(modulus3072[:])
	for _, length := range []int{32, 64} {
		exponents := [][]byte{
			make([]byte, length),
			bytes.Repeat([]byte{0xff}, length),
			append(make([]byte, length-1), 1),
			append([]byte{0x80}, make([]byte, length-1)...),
		}
		for seed := range byte(3) {
			e, err := randomSecret(testRand(seed), length)
			if err != nil {
				t.Fatal(err)
			}
			exponents = append(exponents, e.Expose())
		}
		for _, e := range exponents {
			c := dh3kComb(length)
			want := new(big.Int).Exp(big.NewInt(2), new(big.Int).SetBytes(e), prime)
			if got := new(big.Int).SetBytes(c.exp(e).Bytes(c.modulus)); got.Cmp(want) != 0 {
				t.Errorf("2^%x is not %x", e, got)
			}
		}
	}
}

// BenchmarkDH3k is one end's share: a public value, and a shared secret.
func BenchmarkDH3k(b *testing.B) {
	peer, err := newDH3k(32, testRand(1))
	if err != nil {
		b.Fatal(err)
	}
	for _, length := range []int{32, 64} {
		b.Run(map[int]string{32: "public/256", 64: "public/512"}[length], func(b *testing.B) {
			for b.Loop() {
				if _, err := newDH3k(length, testRand(2)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(map[int]string{32: "shared/256", 64: "shared/512"}[length], func(b *testing.B) {
			d, err := newDH3k(length, testRand(2))
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := d.agree(peer.public()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

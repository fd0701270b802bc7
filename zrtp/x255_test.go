package zrtp

import (
	"bytes"
	"crypto/ecdh"
	"errors"
	"testing"
)

// Two implementations of X25519 agree, on public values of all kinds: RFC 7748,
// Section 5 has the highest bit ignored, and what is above the prime reduced.
func TestX255AgainstGo(t *testing.T) {
	for seed := range byte(200) {
		half, err := newX255(testRand(seed))
		if err != nil {
			t.Fatal(err)
		}
		key, err := ecdh.X25519().NewPrivateKey(half.scalar.Expose())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(half.public(), key.PublicKey().Bytes()) {
			t.Fatalf("public value %x, want %x", half.public(), key.PublicKey().Bytes())
		}
		peer := make([]byte, x255Len)
		testRand(seed + 1).Read(peer)
		switch seed % 4 {
		case 1:
			peer[31] |= 0x80
		case 2: // p+2 and more
			copy(peer, bytes.Repeat([]byte{0xff}, x255Len))
			peer[0] = 0xef + seed/4%16
		}
		theirs, err := ecdh.X25519().NewPublicKey(peer)
		if err != nil {
			t.Fatal(err)
		}
		want, wantErr := key.ECDH(theirs)
		got, err := half.agree(peer)
		if (err != nil) != (wantErr != nil) || !bytes.Equal(got.Expose(), want) {
			t.Errorf("%x: %x, %v; want %x, %v", peer, got.Expose(), err, want, wantErr)
		}
	}
	half, _ := newX255(testRand(1))
	for _, n := range []int{0, 31, 33} {
		if _, err := half.agree(make([]byte, n)); !errors.Is(err, errPublicValue) {
			t.Errorf("%d octets: %v", n, err)
		}
	}
}

// FuzzX255: X25519 gives what crypto/ecdh gives, refusals included, for public
// values of any form.
func FuzzX255(f *testing.F) {
	f.Add(bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{9}, 32))
	for _, weak := range weakValues()["X255"] {
		f.Add(bytes.Repeat([]byte{1}, 32), weak)
		high := bytes.Clone(weak) // RFC 7748, Section 5: the top bit is ignored
		high[31] |= 0x80
		f.Add(bytes.Repeat([]byte{1}, 32), high)
	}
	f.Fuzz(func(t *testing.T, scalar, peer []byte) {
		if len(scalar) != x255Len || len(peer) != x255Len {
			return
		}
		half, err := newX255(bytes.NewReader(scalar))
		if err != nil {
			t.Fatal(err)
		}
		private, err := ecdh.X25519().NewPrivateKey(scalar)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(half.public(), private.PublicKey().Bytes()) {
			t.Errorf("public value %x, want %x", half.public(), private.PublicKey().Bytes())
		}
		public, err := ecdh.X25519().NewPublicKey(peer)
		if err != nil {
			t.Fatal(err)
		}
		want, refused := private.ECDH(public)
		got, err := half.agree(peer)
		if errors.Is(err, errPublicValue) != (refused != nil) || !bytes.Equal(got.Expose(), want) {
			t.Errorf("agreed on %x, %v; want %x, %v", got.Expose(), err, want, refused)
		}
	})
}

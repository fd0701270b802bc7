package wire

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

func testCommit(ka Algorithm) Commit {
	c := Commit{Hash: S256, Cipher: AES1, AuthTag: HS32, KeyAgreement: ka, SAS: B32}
	fill(c.H2[:], 1)
	fill(c.ZID[:], 50)
	fill(c.MAC[:], 200)
	switch ka {
	case Mult:
		fill(c.Nonce[:], 100)
	case Prsh:
		fill(c.Nonce[:], 100)
		fill(c.KeyID[:], 150)
	default:
		fill(c.HVI[:], 100)
	}
	if ka.KEM() {
		c.PublicKey = make([]byte, 1216)
		fill(c.PublicKey, 90)
	}
	return c
}

// RFC 6189, Figures 5, 6 and 7.
func TestCommit(t *testing.T) {
	for ka, words := range map[Algorithm]int{X255: 29, DH3k: 29, "????": 29, Mult: 25, Prsh: 27, X2M2: 333} {
		c := testCommit(ka)
		b := c.Append(nil)
		if len(b) != 4*words {
			t.Errorf("%s: %d octets, want %d words", ka, len(b), words)
		}
		if got, err := ParseCommit(b); err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%s: read %+v, %v\nwrote %+v", ka, got, err, c)
		}
	}
	testRefusals(t, testCommit(X255).Append(nil), func(b []byte) error { _, err := ParseCommit(b); return err })
}

// The key agreement decides the length.
func TestCommitOfAnotherLength(t *testing.T) {
	for _, pair := range [][2]Algorithm{{Mult, X255}, {X255, Mult}, {Prsh, Mult}, {DH3k, Prsh}, {X255, X2M2}, {X2M2, X255}, {X2M2, Mult}} {
		b := testCommit(pair[0]).Append(nil)
		copy(b[12+32+12+12:], pair[1])
		if _, err := ParseCommit(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s with the length of %s: %v, want ErrMalformed", pair[1], pair[0], err)
		}
	}
}

// KEM mode: a public key of no whole words is filled with zeros (HQC has such).
func TestCommitFillsPublicKey(t *testing.T) {
	for n, filled := range map[int]int{1: 4, 3: 4, 4: 4, 249: 252} {
		c := testCommit(HQD1)
		c.PublicKey = bytes.Repeat([]byte{7}, n)
		want := append(bytes.Clone(c.PublicKey), make([]byte, filled-n)...)
		if got, err := ParseCommit(c.Append(nil)); err != nil || !bytes.Equal(got.PublicKey, want) {
			t.Errorf("%d octets: read %x, %v", n, got.PublicKey, err)
		}
	}
}

package wire

import (
	"errors"
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
	return c
}

// RFC 6189, Figures 5, 6 and 7.
func TestCommit(t *testing.T) {
	for ka, words := range map[Algorithm]int{X255: 29, DH3k: 29, "????": 29, Mult: 25, Prsh: 27} {
		c := testCommit(ka)
		b := c.Append(nil)
		if len(b) != 4*words {
			t.Errorf("%s: %d octets, want %d words", ka, len(b), words)
		}
		if got, err := ParseCommit(b); err != nil || got != c {
			t.Errorf("%s: read %+v, %v\nwrote %+v", ka, got, err, c)
		}
	}
	testRefusals(t, testCommit(X255).Append(nil), func(b []byte) error { _, err := ParseCommit(b); return err })
}

// The key agreement decides the length.
func TestCommitOfAnotherLength(t *testing.T) {
	for _, pair := range [][2]Algorithm{{Mult, X255}, {X255, Mult}, {Prsh, Mult}, {DH3k, Prsh}} {
		b := testCommit(pair[0]).Append(nil)
		copy(b[12+32+12+12:], pair[1])
		if _, err := ParseCommit(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s with the length of %s: %v, want ErrMalformed", pair[1], pair[0], err)
		}
	}
}

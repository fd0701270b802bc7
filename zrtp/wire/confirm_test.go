package wire

import (
	"errors"
	"reflect"
	"testing"
)

func TestConfirm(t *testing.T) {
	for part := 1; part <= 2; part++ {
		c := Confirm{Part: part, Encrypted: make([]byte, 40)}
		fill(c.MAC[:], 1)
		fill(c.IV[:], 20)
		fill(c.Encrypted, 100)
		b := c.Append(nil)
		if len(b) != 4*19 {
			t.Errorf("%d octets without a signature, want 19 words", len(b))
		}
		if got, err := ParseConfirm(b); err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("read %+v, %v\nwrote %+v", got, err, c)
		}
		testRefusals(t, b, func(b []byte) error { _, err := ParseConfirm(b); return err })
	}
}

func TestConfirmed(t *testing.T) {
	for _, words := range []int{0, 1, 300, 511} {
		c := Confirmed{
			Unused: 0x5aa5, UndefinedFlags: 0xa, Enrollment: true, AllowClear: true, Disclosure: true,
			Expiry: 0x01020304,
		}
		fill(c.H0[:], 1)
		if words > 0 {
			c.Signature = make([]byte, 4*words)
			fill(c.Signature, 3)
		}
		b := c.Append(nil)
		if got, err := ParseConfirmed(b); err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%d words: read %+v, %v\nwrote %+v", words, got, err, c)
		}
		for _, wrong := range [][]byte{b[:len(b)-4], append(b, 0, 0, 0, 0), nil} {
			if _, err := ParseConfirmed(wrong); !errors.Is(err, ErrMalformed) {
				t.Errorf("%d words, %d octets: %v, want ErrMalformed", words, len(wrong), err)
			}
		}
	}
}

// RFC 6189, Section 4.6: flagoctet = (E * 2^3) + (V * 2^2) + (A * 2^1) + (D * 2^0)
func TestConfirmedFlags(t *testing.T) {
	for octet, c := range map[byte]Confirmed{
		8: {Enrollment: true},
		4: {Verified: true},
		2: {AllowClear: true},
		1: {Disclosure: true},
	} {
		if b := c.Append(nil); b[35] != octet {
			t.Errorf("%+v: flag octet %#x, want %#x", c, b[35], octet)
		}
	}
}

package wire

import (
	"errors"
	"reflect"
	"slices"
	"testing"
)

func testHello() Hello {
	h := Hello{
		Version: "1.10", Reserved: true, Signature: true, MiTM: true, Passive: true, Unused: 0xa5,
		Hashes:        []Algorithm{S384, S256},
		Ciphers:       []Algorithm{AES3},
		KeyAgreements: []Algorithm{X255, DH3k, Mult},
		SASTypes:      []Algorithm{B256, B32},
	}
	fill(h.Client[:], 1)
	fill(h.H3[:], 32)
	fill(h.ZID[:], 100)
	fill(h.MAC[:], 200)
	return h
}

func TestHello(t *testing.T) {
	h := testHello()
	b := h.Append(nil)
	got, err := ParseHello(b)
	if err != nil || !reflect.DeepEqual(got, h) {
		t.Errorf("read %+v, %v\nwrote %+v", got, err, h)
	}
	// RFC 6189, Figure 3: the word with flags and counts is the 20th.
	if word := b[76:80]; !slices.Equal(word, []byte{0xfa, 0x52, 0x10, 0x32}) {
		t.Errorf("flags and counts are %x", word)
	}
	if want := 4 * (20 + 8 + 2); len(b) != want {
		t.Errorf("%d octets, want %d", len(b), want)
	}
	testRefusals(t, b, func(b []byte) error { _, err := ParseHello(b); return err })
}

// RFC 6189, Section 5.2: 0 to 7 values of each kind.
func TestHelloCounts(t *testing.T) {
	for n := range 16 {
		h := Hello{Version: "1.10", Ciphers: slices.Repeat([]Algorithm{AES1}, n)}
		_, err := ParseHello(h.Append(nil))
		if good := n <= MaxAlgorithms; good != (err == nil) {
			t.Errorf("%d ciphers: %v", n, err)
		}
	}
}

// The counts bound the length, neither more nor less.
func TestHelloCountsThatLie(t *testing.T) {
	for _, delta := range []int8{-1, 1, 2, 7} {
		b := testHello().Append(nil)
		b[79] = byte(int8(b[79]) + delta) // kc and sc
		if _, err := ParseHello(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("count changed by %d: %v, want ErrMalformed", delta, err)
		}
	}
}

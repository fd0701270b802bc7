package keys

import (
	"bytes"
	"encoding/hex"
	"testing"

	"karat/zrtp/wire"
)

// Both halves of every agreement give one result, of the right width.
func TestHalves(t *testing.T) {
	widths := map[wire.Algorithm][2]int{
		"X255": {32, 32}, "EC25": {64, 32}, "EC38": {96, 48}, "DH3k": {384, 384},
	}
	for _, ka := range Agreements() {
		a, err := NewHalf(ka)
		if err != nil {
			t.Fatal(err)
		}
		b, err := NewHalf(ka)
		if err != nil {
			t.Fatal(err)
		}
		one, errOne := a.Agree(b.Public())
		other, errOther := b.Agree(a.Public())
		if errOne != nil || errOther != nil || !bytes.Equal(one, other) {
			t.Errorf("%s: the halves do not agree: %v, %v", ka, errOne, errOther)
		}
		if want := widths[ka]; len(a.Public()) != want[0] || len(one) != want[1] {
			t.Errorf("%s: %d and %d octets, want %v", ka, len(a.Public()), len(one), want)
		}
	}
	if _, err := NewHalf(wire.Mult); err == nil {
		t.Error("Mult is no key agreement")
	}
}

func TestShortHalf(t *testing.T) {
	for zeros := range 4 {
		public := ShortHalf(zeros).Public()
		if len(public) != 384 || !bytes.Equal(public[:zeros], make([]byte, zeros)) || public[zeros] == 0 {
			t.Errorf("%d zeros: %x of %d octets", zeros, public[:5], len(public))
		}
	}
}

// AES-128 in CFB mode with whole blocks: NIST SP 800-38A, F.3.13 and F.3.14, the
// last block cut.
func TestCFB(t *testing.T) {
	unhex := func(s string) []byte { b, _ := hex.DecodeString(s); return b }
	key := unhex("2b7e151628aed2a6abf7158809cf4f3c")
	iv := [16]byte(unhex("000102030405060708090a0b0c0d0e0f"))
	plain := unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411")
	want := unhex("3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b26751f67a3cbb140")
	if got := cfb(key, iv, plain, true); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	if got := cfb(key, iv, want, false); !bytes.Equal(got, plain) {
		t.Errorf("%x, want %x", got, plain)
	}
}

func TestBase32(t *testing.T) {
	for value, want := range map[uint32]string{0: "yyyy", 0xffffffff: "9999", 0x00443214: "ybnd", 0x80000000: "oyyy"} {
		if got := Base32(value); got != want {
			t.Errorf("%#x: %s, want %s", value, got, want)
		}
	}
}

// A Confirm opens with the keys that made it, and no other.
func TestConfirm(t *testing.T) {
	x := Exchange{Suite: Suite{Hash: wire.S384, Cipher: wire.AES3}, DHResult: []byte("result")}
	k := x.Keys()
	c := k.Confirm(Initiator, wire.Confirmed{H0: [32]byte{1}, Expiry: 7})
	if plain, err := k.Open(Initiator, c); err != nil || plain.Expiry != 7 {
		t.Errorf("%+v, %v", plain, err)
	}
	if _, err := k.Open(Responder, c); err == nil {
		t.Error("the other role's keys open it")
	}
	x.S1 = []byte("s1")
	if _, err := x.Keys().Open(Initiator, c); err == nil {
		t.Error("keys with another secret open it")
	}
}

// Every link of the chain, and a MAC under one.
func TestChain(t *testing.T) {
	c := ChainFrom([32]byte{1})
	if !Links(c.H0, c.H1) || !Links(c.H1, c.H2) || !Links(c.H2, c.H3) || Links(c.H0, c.H2) {
		t.Error("the links do not fit")
	}
	msg := Seal(make([]byte, 20), c.H1)
	if !Sealed(msg, c.H1) || Sealed(msg, c.H2) {
		t.Error("the MAC does not fit")
	}
}

package wire

import (
	"bytes"
	"errors"
	"testing"
)

// testEmpty tests a message that is nothing but its header.
func testEmpty(t *testing.T, m Message, typ Type, parse func([]byte) error) {
	t.Helper()
	b := m.Append(nil)
	if want := append([]byte{0x50, 0x5a, 0, 3}, typ...); !bytes.Equal(b, want) {
		t.Errorf("wrote %x, want %x", b, want)
	}
	if err := parse(b); err != nil {
		t.Errorf("parse: %v", err)
	}
	longer := Raw{Preamble: preamble, Length: 4, Type: typ, Body: make([]byte, 4)}.Append(nil)
	if err := parse(longer); !errors.Is(err, ErrMalformed) {
		t.Errorf("with a body: %v, want ErrMalformed", err)
	}
	testRefusals(t, b, parse)
}

// testRefusals damages a good message in the ways that all messages share.
func testRefusals(t *testing.T, good []byte, parse func([]byte) error) {
	t.Helper()
	for _, tc := range []struct {
		name   string
		damage func(b []byte) []byte
	}{
		{"nothing at all", func([]byte) []byte { return nil }},
		{"no body and half a type", func(b []byte) []byte { return b[:8] }},
		{"wrong preamble", func(b []byte) []byte { b[0]++; return b }},
		{"length too short", func(b []byte) []byte { b[3]--; return b }},
		{"length too long", func(b []byte) []byte { b[3]++; return b }},
		{"another type", func(b []byte) []byte { copy(b[4:], "Nonsense"); return b }},
		{"a word missing, length true", func(b []byte) []byte { b[3]--; return b[:len(b)-4] }},
		{"not whole words", func(b []byte) []byte { return b[:len(b)-1] }},
		{"longer than any message", func(b []byte) []byte { return append(b, make([]byte, MaxMessage)...) }},
	} {
		if err := parse(tc.damage(bytes.Clone(good))); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", tc.name, err)
		}
	}
}

// fill fills b with a pattern, so that no two fields are alike.
func fill(b []byte, from byte) {
	for i := range b {
		b[i] = from + byte(i)
	}
}

package wire

import "testing"

func TestErrorACK(t *testing.T) {
	testEmpty(t, ErrorACK{}, TypeErrorACK, func(b []byte) error { _, err := ParseErrorACK(b); return err })
}

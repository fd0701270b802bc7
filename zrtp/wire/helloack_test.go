package wire

import "testing"

func TestHelloACK(t *testing.T) {
	testEmpty(t, HelloACK{}, TypeHelloACK, func(b []byte) error { _, err := ParseHelloACK(b); return err })
}

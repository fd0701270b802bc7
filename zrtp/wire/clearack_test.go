package wire

import "testing"

func TestClearACK(t *testing.T) {
	testEmpty(t, ClearACK{}, TypeClearACK, func(b []byte) error { _, err := ParseClearACK(b); return err })
}

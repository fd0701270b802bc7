package wire

import "testing"

func TestRelayACK(t *testing.T) {
	testEmpty(t, RelayACK{}, TypeRelayACK, func(b []byte) error { _, err := ParseRelayACK(b); return err })
}

package wire

import "testing"

func TestConf2ACK(t *testing.T) {
	testEmpty(t, Conf2ACK{}, TypeConf2ACK, func(b []byte) error { _, err := ParseConf2ACK(b); return err })
}

package wire

import (
	"reflect"
	"testing"
)

func TestSASRelay(t *testing.T) {
	s := SASRelay{Encrypted: make([]byte, 40)}
	fill(s.MAC[:], 1)
	fill(s.IV[:], 20)
	fill(s.Encrypted, 100)
	b := s.Append(nil)
	if len(b) != 4*19 {
		t.Errorf("%d octets without a signature, want 19 words", len(b))
	}
	if got, err := ParseSASRelay(b); err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("read %+v, %v\nwrote %+v", got, err, s)
	}
	testRefusals(t, b, func(b []byte) error { _, err := ParseSASRelay(b); return err })
}

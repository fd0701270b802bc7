package wire

import (
	"errors"
	"reflect"
	"testing"
)

func testDHPart(part, words int) DHPart {
	d := DHPart{Part: part, PublicValue: make([]byte, 4*words)}
	fill(d.H1[:], 1)
	fill(d.RS1ID[:], 40)
	fill(d.RS2ID[:], 50)
	fill(d.AuxID[:], 60)
	fill(d.PBXID[:], 70)
	fill(d.PublicValue, 80)
	fill(d.MAC[:], 200)
	return d
}

// RFC 6189, Table 5: pv words and message words.
func TestDHPart(t *testing.T) {
	parse := func(b []byte) error { _, err := ParseDHPart(b); return err }
	for part := 1; part <= 2; part++ {
		for pv, message := range map[int]int{96: 117, 64: 85, 16: 37, 24: 45, 8: 29} {
			d := testDHPart(part, pv)
			b := d.Append(nil)
			if len(b) != 4*message {
				t.Errorf("pv of %d words: message of %d octets, want %d words", pv, len(b), message)
			}
			if got, err := ParseDHPart(b); err != nil || !reflect.DeepEqual(got, d) {
				t.Errorf("read %+v, %v\nwrote %+v", got, err, d)
			}
		}
		testRefusals(t, testDHPart(part, 1).Append(nil), parse)
	}
	if err := parse(testDHPart(1, 0).Append(nil)); !errors.Is(err, ErrMalformed) {
		t.Errorf("without a public value: %v, want ErrMalformed", err)
	}
}

package wire

import "testing"

func TestGoClear(t *testing.T) {
	var g GoClear
	fill(g.MAC[:], 1)
	b := g.Append(nil)
	if len(b) != 4*5 {
		t.Errorf("%d octets, want 5 words", len(b))
	}
	if got, err := ParseGoClear(b); err != nil || got != g {
		t.Errorf("read %+v, %v\nwrote %+v", got, err, g)
	}
	testRefusals(t, b, func(b []byte) error { _, err := ParseGoClear(b); return err })
}

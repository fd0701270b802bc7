package wire

import "testing"

func TestPing(t *testing.T) {
	p := Ping{Version: "1.10"}
	fill(p.EndpointHash[:], 1)
	b := p.Append(nil)
	if len(b) != 4*6 {
		t.Errorf("%d octets, want 6 words", len(b))
	}
	if got, err := ParsePing(b); err != nil || got != p {
		t.Errorf("read %+v, %v\nwrote %+v", got, err, p)
	}
	testRefusals(t, b, func(b []byte) error { _, err := ParsePing(b); return err })
}

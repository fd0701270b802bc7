package wire

import "testing"

func TestPingACK(t *testing.T) {
	p := PingACK{Version: "1.10", ReceivedSSRC: 0x01020304}
	fill(p.EndpointHash[:], 1)
	fill(p.ReceivedHash[:], 10)
	b := p.Append(nil)
	if len(b) != 4*9 {
		t.Errorf("%d octets, want 9 words", len(b))
	}
	if got, err := ParsePingACK(b); err != nil || got != p {
		t.Errorf("read %+v, %v\nwrote %+v", got, err, p)
	}
	testRefusals(t, b, func(b []byte) error { _, err := ParsePingACK(b); return err })
}

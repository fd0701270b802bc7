package main

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"karat/contrib/interop/wiretap"
)

func TestMedianAndRatio(t *testing.T) {
	if m := median([]float64{9, 1, 5}); m != 5 {
		t.Errorf("median %v", m)
	}
	if m := median([]float64{1, 2, 3, 10}); m != 2.5 {
		t.Errorf("median %v", m)
	}
	var tb table
	r := tb.row("time", "ms")
	r.set("karat", 10, 30, 20)
	r.set("linphone", 80)
	if tb.row("time", "ms") != r || r.ratio("linphone") != "0.25" || r.ratio("baresip") != "-" {
		t.Errorf("ratios %s and %s", r.ratio("linphone"), r.ratio("baresip"))
	}
	var out bytes.Buffer
	if err := tb.print(&out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "20.0 (10.0-30.0)") {
		t.Errorf("printed\n%s", out.String())
	}
}

// An agreement lasts from the first Hello of either end until both are
// confirmed, each by its own clock on the line.
func TestAgreementSpansBothEnds(t *testing.T) {
	a, b := netip.MustParseAddrPort("198.51.100.1:4000"), netip.MustParseAddrPort("198.51.100.2:4000")
	ms := func(n int) time.Time { return time.Unix(0, 0).Add(time.Duration(n) * time.Millisecond) }
	message := func(kind string) []byte {
		return append(append([]byte{0x10, 0, 0, 1, 'Z', 'R', 'T', 'P', 0, 0, 0, 9, 0x50, 0x5a, 0, 3}, (kind + "        ")[:8]...), 0, 0, 0, 0)
	}
	sight := func(at int, from, to netip.AddrPort, kind string) wiretap.Packet {
		return wiretap.Packet{At: ms(at), From: from, To: to, Class: wiretap.ZRTP, Payload: message(kind)}
	}
	s := sightings{at: map[netip.Addr][]wiretap.Packet{
		a.Addr(): {sight(50, a, b, "Hello"), sight(350, b, a, "Conf2ACK")},
		b.Addr(): {sight(0, b, a, "Hello"), sight(300, a, b, "Confirm2")},
	}}
	took, err := s.agreement(a.Addr(), b.Addr())
	if err != nil || took != 350*time.Millisecond {
		t.Errorf("took %v, %v", took, err)
	}
	if _, err := s.agreement(a.Addr(), b.Addr()); err == nil {
		t.Error("the packets of one call count for the next")
	}
}

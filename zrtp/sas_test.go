package zrtp

import (
	"strings"
	"testing"

	"karat/zrtp/wire"
)

// Section 5.1.6: the leftmost 20 bits, or 16, most significant first.
func TestRenderSAS(t *testing.T) {
	for _, tc := range []struct {
		scheme wire.Algorithm
		value  uint32
		want   string
	}{
		{wire.B32, 0, "yyyy"},
		{wire.B32, 0xffffffff, "9999"},
		{wire.B32, 0x00443fff, "ybnd"}, // 0, 1, 2, 3
		{wire.B32, 0x00443000, "ybnd"}, // what follows does not count
		{wire.B256, 0x0000ffff, "aardvark adroitness"},
		{wire.B256, 0xffff0000, "Zulu Yucatan"},
		{wire.B256, 0x00ff0000, "aardvark Yucatan"},
		// The example of the PGP Word List: E582 94F2 [...] 2748 [...] 3F19.
		{wire.B256, 0xe5820000, "topmost Istanbul"},
		{wire.B256, 0x94f20000, "Pluto vagabond"},
		{wire.B256, 0x27480000, "brackish dictator"},
		{wire.B256, 0x3f190000, "cowbell bottomless"},
	} {
		if got := renderSAS(tc.scheme, tc.value); got != tc.want {
			t.Errorf("%s of %08x: %q, want %q", tc.scheme, tc.value, got, tc.want)
		}
	}
}

// Both lists are complete and sorted, but for one place in the second.
func TestPGPWords(t *testing.T) {
	for name, list := range map[string][256]string{"even": evenWords, "odd": oddWords} {
		for i, word := range list {
			if word == "" {
				t.Errorf("%s word %d is missing", name, i)
			}
			if i > 0 && strings.ToLower(list[i-1]) >= strings.ToLower(word) && word != "Apollo" {
				t.Errorf("%s words %d and %d: %q, %q", name, i-1, i, list[i-1], word)
			}
		}
	}
}

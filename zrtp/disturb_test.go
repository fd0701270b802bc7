package zrtp

import (
	"fmt"
	"testing"
	"time"
)

// disturbances are what happens to one packet in TestPairsOfDisturbances.
var disturbances = []struct {
	name string
	do   func(pkt []byte) []arrival
}{
	{"lost", func([]byte) []arrival { return nil }},
	{"doubled", func(pkt []byte) []arrival { return []arrival{{pkt: pkt}, {pkt, 30 * ms}} }},
	{"late", func(pkt []byte) []arrival { return []arrival{{pkt, 170 * ms}} }},
}

// Every pair of positions among the first 12 packets of each end, and every pair
// of lost, doubled and late: the call is secure, and nobody is alarmed. Late
// means after all that is sent within a round trip and a retransmission.
func TestPairsOfDisturbances(t *testing.T) {
	const positions = 24
	for first := range positions {
		for second := first + 1; second < positions; second++ {
			for one := range disturbances {
				for two := range disturbances {
					testPair(t, map[int]int{first: one, second: two})
				}
			}
		}
	}
}

// testPair runs a call in which the packets at two positions are disturbed.
func testPair(t *testing.T, hit map[int]int) {
	t.Helper()
	a, b := configs()
	a.Retained, b.Retained = keeps(1, 2), keeps(1, 2)
	a.Algorithms = Algorithms{KeyAgreements: []string{"X255"}, Hashes: []string{"S256"}}
	b.Algorithms = a.Algorithms
	l := newLink(t, a, b)
	l.delay = 20 * ms
	l.filter = func(from *end, n int, pkt []byte) []arrival {
		position := 2 * (n - 1)
		if from == l.b {
			position++
		}
		if what, ok := hit[position]; ok {
			return disturbances[what].do(pkt)
		}
		return []arrival{{pkt: pkt}}
	}
	l.start()
	l.run(30 * time.Second)
	if count[Secure](l.a)+count[Secure](l.b) != 2 {
		t.Fatalf("%s\n%s\n%s", describe(hit), l.a.story(), l.b.story())
	}
	sa, sb := l.wantSecure()
	if !sa.Continuity || !sb.Continuity || count[Mismatch](l.a)+count[Mismatch](l.b) > 0 {
		t.Errorf("%s: a false alarm", describe(hit))
	}
	if !l.next().IsZero() {
		t.Errorf("%s: something is pending in the end", describe(hit))
	}
}

func describe(hit map[int]int) (text string) {
	for position, what := range hit {
		text += fmt.Sprintf("packet %d of %c %s; ", position/2+1, "ab"[position%2], disturbances[what].name)
	}
	return text
}

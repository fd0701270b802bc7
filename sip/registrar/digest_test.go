package registrar

import (
	"fmt"
	"testing"
	"time"
)

// A nonce is used with growing counts, and forgotten when it is stale: what a long
// life of many phones leaves is that of the last minutes.
func TestNoncesAreForgotten(t *testing.T) {
	const life = time.Minute
	d := newDigest("sip.test", nil, life, nil)
	now := time.Unix(1_000_000, 0)
	if !d.use(now, "first", 1) || d.use(now, "first", 1) || !d.use(now, "first", 2) {
		t.Error("a count must grow, and may")
	}
	for i := range 1000 {
		now = now.Add(time.Second)
		if !d.use(now, fmt.Sprint(i), 1) {
			t.Fatalf("nonce %d is refused", i)
		}
		if most := int(2*life/time.Second) + 2; len(d.counts) > most {
			t.Fatalf("%d nonces are remembered, of the last two lives at most %d can be", len(d.counts), most)
		}
	}
}

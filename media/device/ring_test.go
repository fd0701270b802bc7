package device

import (
	"sync"
	"testing"
)

// TestRing: one side writes while the other reads, and every sample comes out
// once and in order.
func TestRing(t *testing.T) {
	const all = 1 << 20
	var r ring
	var wg sync.WaitGroup
	wg.Go(func() {
		block := make([]int16, 777)
		for next := 0; next < all; {
			n := min(len(block), all-next)
			for i := range block[:n] {
				block[i] = int16(next + i)
			}
			next += r.put(block[:n])
		}
	})
	block := make([]int16, 1001)
	for next := 0; next < all; {
		n := r.take(block)
		for i, v := range block[:n] {
			if v != int16(next+i) {
				t.Fatalf("sample %d is %d", next+i, v)
			}
		}
		next += n
	}
	wg.Wait()
	if r.len() != 0 {
		t.Errorf("%d samples are left", r.len())
	}
}

// TestRingFull: what does not fit is left out, and the oldest can be skipped.
func TestRingFull(t *testing.T) {
	var r ring
	if n := r.put(make([]int16, ringSamples+5)); n != ringSamples {
		t.Errorf("%d samples fit, want %d", n, ringSamples)
	}
	r.skip(ringSamples - 1)
	r.put([]int16{3})
	var two [4]int16
	if n := r.take(two[:]); n != 2 || two[1] != 3 {
		t.Errorf("took %d: %v", n, two)
	}
	if r.skip(10); r.len() != 0 {
		t.Errorf("%d samples are left", r.len())
	}
}

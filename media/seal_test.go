package media

import (
	"errors"
	"testing"

	"github.com/pion/rtp"

	"karat/internal/secret"
)

func newSealer(t testing.TB) *sealer {
	t.Helper()
	key := make([]byte, 32)
	key[0] = 1
	ctx, err := newContext(secret.Own(key), secret.Own(key[:14]), 80)
	if err != nil {
		t.Fatal(err)
	}
	s := new(sealer)
	s.init(ctx, 1, Parameters{SendPT: 96})
	return s
}

// TestNumbersAreUsedOnce seals over several turns of the sequence number: each
// is one more than the last, and what is sealed under equal ones differs.
func TestNumbersAreUsedOnce(t *testing.T) {
	s := newSealer(t)
	seen := make(map[uint16][]byte)
	var h rtp.Header
	last := uint16(s.index - 1)
	for range 3 << 16 {
		b, err := s.seal(60)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Unmarshal(b); err != nil {
			t.Fatal(err)
		}
		if h.SequenceNumber != last+1 {
			t.Fatalf("number %d after %d", h.SequenceNumber, last)
		}
		last = h.SequenceNumber
		if before, ok := seen[last]; ok && string(before) == string(b[rtpHeader:rtpHeader+16]) {
			t.Fatalf("number %d was sealed twice with one key stream", last)
		}
		seen[last] = append(seen[last][:0], b[rtpHeader:rtpHeader+16]...)
	}
}

// TestExhausted: after 2^48 packets the keys are used up, for good.
func TestExhausted(t *testing.T) {
	s := newSealer(t)
	s.index = maxIndex - 2
	for i, want := range []error{nil, nil, ErrExhausted, ErrExhausted} {
		if _, err := s.seal(60); !errors.Is(err, want) {
			t.Errorf("packet %d: %v, want %v", i, err, want)
		}
	}
}

// TestANumberIsSpentFirst: a packet that could not be sealed takes its number
// with it.
func TestANumberIsSpentFirst(t *testing.T) {
	s := newSealer(t)
	s.header.CSRC = make([]uint32, 99) // does not fit
	before := s.index
	if _, err := s.seal(60); err == nil || s.index != before+1 {
		t.Errorf("sealing failed with %v; the index went from %d to %d", err, before, s.index)
	}
}

func TestRandomStart(t *testing.T) {
	a, b := newSealer(t), newSealer(t)
	if a.index == b.index && a.header.Timestamp == b.header.Timestamp {
		t.Error("two streams begin with the same numbers")
	}
}

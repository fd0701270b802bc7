package wire

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"
)

var noon = time.Date(2026, time.January, 1, 12, 0, 0, 0, time.UTC)

// piece is part of a message.
func piece(id uint16, msg []byte, from, to int) Fragment {
	return Fragment{MessageID: id, Total: uint16(len(msg) / 4), Offset: uint16(from), Data: bytes.Clone(msg[4*from : 4*to])}
}

// Pieces arrive in any order, and more than once.
func TestReassembly(t *testing.T) {
	msg := longMessage(333)
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 0))
		var pieces []Fragment
		for at := 0; at < 333; {
			n := min(1+random.IntN(120), 333-at)
			pieces = append(pieces, piece(uint16(seed), msg, at, at+n))
			at += n
		}
		var r Reassembly
		seen := map[uint16]bool{}
		for len(seen) < len(pieces) {
			f := pieces[random.IntN(len(pieces))]
			seen[f.Offset] = true
			got := r.Add(noon, f)
			if whole := len(seen) == len(pieces); whole != (got != nil) || whole && !bytes.Equal(got, msg) {
				t.Fatalf("seed %d: after %d of %d pieces: %x", seed, len(seen), len(pieces), got)
			}
		}
		if r.msg != nil {
			t.Fatal("a message that was delivered is kept")
		}
	}
}

// Row X1: pieces stay for the repetitions of a message to fill the gaps: of each
// only the other half arrives.
func TestReassemblyAcrossRepetitions(t *testing.T) {
	msg := longMessage(333)
	var r Reassembly
	if r.Add(noon, piece(9, msg, 0, 167)) != nil {
		t.Fatal("half a message is whole")
	}
	got := r.Add(noon.Add(reassemblyTime-1), piece(9, msg, 167, 333))
	if !bytes.Equal(got, msg) {
		t.Errorf("just in time: %x", got)
	}
	r.Add(noon, piece(9, msg, 0, 167))
	if got := r.Add(noon.Add(reassemblyTime), piece(9, msg, 167, 333)); got != nil {
		t.Errorf("too late: %x", got)
	}
	// A duplicate does not prolong it.
	r = Reassembly{}
	for i := range 4 {
		r.Add(noon.Add(time.Duration(i)*reassemblyTime/4), piece(9, msg, 0, 167))
	}
	if got := r.Add(noon.Add(reassemblyTime), piece(9, msg, 167, 333)); got != nil {
		t.Errorf("prolonged: %x", got)
	}
}

// Attack A4: overlapping, conflicting and foreign pieces are never mixed, and
// the true message gets through when it is repeated, whatever came before it.
func TestReassemblyOfFalsePieces(t *testing.T) {
	msg := longMessage(333)
	other := bytes.Repeat([]byte{0xee}, 4*333)
	for name, f := range map[string]Fragment{
		"same place, other octets": piece(9, other, 0, 167),
		"overlaps from below":      piece(9, msg, 100, 200),
		"overlaps, as it would be": piece(9, msg, 160, 333),
		"covers it":                piece(9, other, 0, 300),
		"inside it":                piece(9, other, 50, 60),
		"another message":          piece(10, other, 167, 333),
		"message 0":                piece(0, other, 167, 333),
		"another total":            piece(9, other[:4*200], 167, 200),
		"outside":                  {MessageID: 9, Total: 333, Offset: 300, Data: make([]byte, 4*34)},
		"no whole words":           {MessageID: 9, Total: 333, Offset: 300, Data: make([]byte, 5)},
		"empty":                    {MessageID: 9, Total: 333},
	} {
		var r Reassembly
		r.Add(noon, piece(9, msg, 0, 167))
		if got := r.Add(noon, f); got != nil {
			t.Errorf("%s: came together with a true piece: %x", name, got)
		}
		var got []byte
		for range 2 {
			for _, half := range []Fragment{piece(9, msg, 0, 167), piece(9, msg, 167, 333)} {
				if whole := r.Add(noon, half); whole != nil {
					got = whole
				}
			}
		}
		if !bytes.Equal(got, msg) {
			t.Errorf("%s: the message does not get through", name)
		}
	}
}

// Attack A4: the same, where the false piece would leave a gap that a true one
// fills.
func TestReassemblyDoesNotMix(t *testing.T) {
	msg, other := longMessage(333), bytes.Repeat([]byte{0xee}, 4*333)
	for name, pieces := range map[string][]Fragment{
		"another total":   {piece(9, msg, 0, 167), piece(9, other[:4*200], 167, 200), piece(9, msg, 200, 333)},
		"another id":      {piece(9, msg, 0, 167), piece(8, other, 167, 200), piece(9, msg, 200, 333)},
		"begins in a gap": {piece(9, msg, 100, 200), piece(9, other, 0, 150), piece(9, msg, 200, 333)},
		"ends in a gap":   {piece(9, msg, 0, 100), piece(9, other, 50, 200), piece(9, msg, 200, 333)},
	} {
		var r Reassembly
		for _, f := range pieces {
			if got := r.Add(noon, f); got != nil {
				t.Errorf("%s: delivered %x", name, got)
			}
		}
	}
}

// A false piece that came first gives way to the true one: the message gets
// through at once, and not only when it is repeated.
func TestReassemblyBelievesTheLater(t *testing.T) {
	msg := longMessage(333)
	var r Reassembly
	r.Add(noon, piece(9, bytes.Repeat([]byte{0xee}, len(msg)), 0, 167))
	r.Add(noon, piece(9, msg, 0, 167))
	if got := r.Add(noon, piece(9, msg, 167, 333)); !bytes.Equal(got, msg) {
		t.Errorf("delivered %x", got)
	}
}

// Attack A3: a flood of ids takes no more memory than one message.
func TestReassemblyIsBounded(t *testing.T) {
	var r Reassembly
	for id := range 0x10000 {
		r.Add(noon, Fragment{MessageID: uint16(id), Total: maxWords, Data: make([]byte, 4)})
		if len(r.msg) > MaxMessage || len(r.have) > maxWords {
			t.Fatalf("holds %d octets", len(r.msg))
		}
	}
}

// FuzzReassembly: whatever comes, there is no panic, nothing above MaxMessage is
// held, and a message that is delivered has only octets that were sent for it,
// each where it was sent to.
func FuzzReassembly(f *testing.F) {
	msg := longMessage(8)
	f.Add(append(piece(1, msg, 0, 4).Append(nil), piece(1, msg, 4, 8).Append(nil)...), uint16(4))
	f.Add(append(piece(0xffff, msg, 4, 8).Append(nil), piece(0, msg, 0, 8).Append(nil)...), uint16(4))
	f.Fuzz(func(t *testing.T, script []byte, words uint16) {
		size := fragmentHeaderLen + wordLen*int(1+words%64)
		var r Reassembly
		var sent []Fragment
		for i := 0; len(script) >= size; i++ {
			frag, ok := Packet{Unused: FragmentMark, Message: script[:size]}.Fragment()
			script = script[size:]
			if !ok {
				continue
			}
			sent = append(sent, frag)
			got := r.Add(noon.Add(time.Duration(i)*time.Second), frag)
			if len(r.msg) > MaxMessage {
				t.Fatalf("holds %d octets", len(r.msg))
			}
			if got != nil && (len(got) != wordLen*int(frag.Total) || !wasSent(got, sent, frag)) {
				t.Fatalf("delivered %x, which nobody sent", got)
			}
		}
	})
}

// wasSent tells whether each word of msg was sent in a fragment of last's
// message.
func wasSent(msg []byte, sent []Fragment, last Fragment) bool {
	for at := 0; at < len(msg); at += wordLen {
		found := false
		for _, f := range sent {
			from := wordLen * int(f.Offset)
			if f.MessageID == last.MessageID && f.Total == last.Total && from <= at && at < from+len(f.Data) {
				found = found || bytes.Equal(msg[at:at+wordLen], f.Data[at-from:at-from+wordLen])
			}
		}
		if !found {
			return false
		}
	}
	return true
}

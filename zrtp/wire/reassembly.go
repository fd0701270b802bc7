package wire

import (
	"bytes"
	"slices"
	"time"
)

// reassemblyTime is how long the pieces of a message are kept: long enough for
// four repetitions at the longest interval (RFC 6189, Section 6: 1200 ms) to
// fill the gaps.
const reassemblyTime = 5 * time.Second

// Reassembly puts one peer's fragments together. It happens before anything
// tells who sent them, so it is bounded: one message at a time, of MaxMessage at
// most, for reassemblyTime. The zero value is ready.
//
// A fragment of another message takes the place of the one that was begun, and
// so does one that does not fit the pieces that are there. A stranger who knows
// the peer's SSRC can therefore spoil a message, but not keep the next
// repetition of it from getting through.
type Reassembly struct {
	id    uint16
	msg   []byte
	have  []bool // of each word
	until time.Time
}

// Add takes one fragment, and keeps nothing of its memory. It returns the
// message when that is whole, and nil before.
func (r *Reassembly) Add(now time.Time, f Fragment) []byte {
	if !f.inside() {
		return nil
	}
	if !r.take(now, f) {
		r.begin(now, f)
	}
	if slices.Contains(r.have, false) {
		return nil
	}
	msg := r.msg
	*r = Reassembly{}
	return msg
}

// take puts f where it belongs, unless it is no piece of this message. A piece
// that came before may come again; one that overlaps others may not.
func (r *Reassembly) take(now time.Time, f Fragment) bool {
	if r.msg == nil || f.MessageID != r.id || int(f.Total) != len(r.have) || !now.Before(r.until) {
		return false
	}
	from, to := int(f.Offset), int(f.Offset)+len(f.Data)/wordLen
	place, have := r.msg[wordLen*from:wordLen*to], r.have[from:to]
	switch {
	case !slices.Contains(have, true):
		r.put(f)
		return true
	case !slices.Contains(have, false):
		return bytes.Equal(place, f.Data)
	}
	return false
}

// begin forgets what was there and begins a message with f.
func (r *Reassembly) begin(now time.Time, f Fragment) {
	*r = Reassembly{
		id:    f.MessageID,
		msg:   make([]byte, wordLen*int(f.Total)),
		have:  make([]bool, f.Total),
		until: now.Add(reassemblyTime),
	}
	r.put(f)
}

func (r *Reassembly) put(f Fragment) {
	copy(r.msg[wordLen*int(f.Offset):], f.Data)
	for i := range len(f.Data) / wordLen {
		r.have[int(f.Offset)+i] = true
	}
}

package media

import (
	"sync"

	"karat/media/device"
)

const (
	// micFrames bounds what waits to be encoded. Sound servers deliver a few
	// frames at a time.
	micFrames = 6
	// micReview is how many frames pass between looks at whether some always
	// wait: then the sound card's clock is faster than ours, or it began
	// early, and one frame is left out.
	micReview = 100
)

// micQueue takes frames at the sound card's pace and gives them at the
// sender's.
type micQueue struct {
	mu     sync.Mutex // guards what follows
	frames [micFrames]device.Frame
	first  int
	n      int
	least  int // fewest left over since the last review
	popped int
}

// push adds a frame; the oldest gives way when the queue is full.
func (q *micQueue) push(f *device.Frame) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == micFrames {
		q.drop()
	}
	q.frames[(q.first+q.n)%micFrames] = *f
	q.n++
}

// pop takes the oldest frame; false when there is none.
func (q *micQueue) pop(f *device.Frame) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.review()
	if q.n == 0 {
		return false
	}
	*f = q.frames[q.first]
	q.drop()
	return true
}

// review leaves one frame out when the queue was never empty for a while. The
// caller holds mu.
func (q *micQueue) review() {
	q.least = min(q.least, max(q.n-1, 0))
	if q.popped++; q.popped < micReview {
		return
	}
	if q.least > 0 {
		q.drop()
	}
	q.least, q.popped = micFrames, 0
}

// drop forgets the oldest frame and what was said in it. The caller holds mu.
func (q *micQueue) drop() {
	clear(q.frames[q.first][:])
	q.first = (q.first + 1) % micFrames
	q.n--
}

// wipe forgets all frames.
func (q *micQueue) wipe() {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.frames[:])
	q.n = 0
}

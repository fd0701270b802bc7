package device

import "sync/atomic"

// ringSamples is 170 ms at 48 kHz: more than waits on either side of a call, and a
// power of two.
const ringSamples = 8192

// ring holds samples between the sound system's thread and who reads them, without a lock:
// one may write while another reads. What does not fit is left out.
type ring struct {
	samples [ringSamples]int16
	// read and written count samples since the beginning; each is changed by one
	// side only.
	read, written atomic.Uint64
}

// len is how many samples wait.
func (r *ring) len() int { return int(r.written.Load() - r.read.Load()) }

// put adds what there is room for, and returns how much that was.
func (r *ring) put(samples []int16) int {
	at := r.written.Load()
	n := min(len(samples), ringSamples-int(at-r.read.Load()))
	first := copy(r.samples[at%ringSamples:], samples[:n])
	copy(r.samples[:], samples[first:n])
	r.written.Store(at + uint64(n))
	return n
}

// take fills samples as far as it can, and returns how far that was.
func (r *ring) take(samples []int16) int {
	at := r.read.Load()
	n := min(len(samples), int(r.written.Load()-at))
	first := copy(samples[:n], r.samples[at%ringSamples:])
	copy(samples[first:n], r.samples[:])
	r.read.Store(at + uint64(n))
	return n
}

// skip forgets the oldest n samples, or all.
func (r *ring) skip(n int) {
	at := r.read.Load()
	r.read.Store(at + uint64(min(n, int(r.written.Load()-at))))
}

// wipe overwrites the samples. Neither side may be at work.
func (r *ring) wipe() {
	clear(r.samples[:])
	r.read.Store(r.written.Load())
}

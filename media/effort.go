package media

import (
	"runtime"
	"sync"
)

const (
	// eachProcessor is how many calls there may be for each processor before their
	// encoders take less trouble: they take a quarter of it, and each voice leaves in
	// time beside other programs.
	eachProcessor = 8
	// widened is how many goroutines run at once for each processor while there are
	// calls. The runtime counts one that is inside libopus, or that the system has set
	// aside, and what waits behind it is late, by 10 ms, while a processor is idle: the
	// microphone would stumble once in a few seconds.
	widened = 4
)

// Effort is what the encoders of several streams take together. From some number of
// calls on they do with half the time, and sound a little worse: a packet that is late
// is a gap for who listens, and tells who watches how long its encoding took. While
// there is any, the whole process is given more threads, too (GOMAXPROCS). The zero
// value is ready.
type Effort struct {
	mu      sync.Mutex // guards: senders, narrow
	senders int
	narrow  int // GOMAXPROCS as it was before the first; 0: as it is
}

func (e *Effort) join() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.senders++
	if e.narrow == 0 {
		e.narrow = runtime.GOMAXPROCS(0)
		runtime.GOMAXPROCS(max(e.narrow, widened*runtime.NumCPU()))
	}
}

func (e *Effort) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.senders--
	if e.senders == 0 {
		runtime.GOMAXPROCS(e.narrow)
		e.narrow = 0
	}
}

// crowded tells whether there are more calls than can be encoded at leisure.
func (e *Effort) crowded() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.over()
}

// over is crowded. The caller holds mu.
func (e *Effort) over() bool { return e.senders > eachProcessor*runtime.NumCPU() }

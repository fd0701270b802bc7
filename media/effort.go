package media

import (
	"runtime"
	"sync/atomic"
)

// eachProcessor is how many calls there may be for each processor before their
// encoders take less trouble: they take a quarter of it, and each voice leaves in
// time beside other programs.
const eachProcessor = 8

// Effort is what the encoders of several streams take together. From some number of
// calls on they do with half the time, and sound a little worse: a packet that is late
// is a gap for who listens, and tells who watches how long its encoding took. The
// zero value is ready.
type Effort struct{ senders atomic.Int64 }

func (e *Effort) join()  { e.senders.Add(1) }
func (e *Effort) leave() { e.senders.Add(-1) }

// crowded tells whether there are more calls than can be encoded at leisure.
func (e *Effort) crowded() bool {
	return e.senders.Load() > eachProcessor*int64(runtime.NumCPU())
}

package softphone_test

import (
	"os"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// manyCallsVariable sets how many calls TestManyCalls makes.
const manyCallsVariable = "PHONE_CALLS"

// held is what a process holds.
type held struct{ heap, goroutines, files int }

func holds(t *testing.T) held {
	t.Helper()
	synctest.Wait()
	runtime.GC()
	runtime.GC() // what finalizers let go of
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return held{int(m.HeapAlloc), runtime.NumGoroutine(), len(files)}
}

// Calls in a row leave nothing behind: not in memory, no goroutine, no file.
func TestManyCalls(t *testing.T) {
	const (
		warmUp = 10
		// What pools and maps may have grown by, once, and in so many calls that it
		// would not show: less than an address for each. 3,000 calls left 36 kB, all told.
		grown    = 100_000
		recalled = 25
		// A few goroutines live for a moment, such as those of a keep-alive.
		momentary = 5
	)
	calls := 20
	if s := os.Getenv(manyCallsVariable); s != "" {
		var err error
		if calls, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	inWorldAt(t, someday, func(t *testing.T, w *world) {
		alice, bob := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
		alice.start(auto)
		bob.start(auto)
		befriend(alice, bob, true)
		from, to := alice, bob
		call := func(n int) {
			for range n {
				talk(from, to)
				time.Sleep(time.Second)
				hangUp(from, to)
				time.Sleep(time.Minute) // transactions have ended, too
				from, to = to, from
				alice.seen, bob.seen = nil, nil
				w.mu.Lock()
				clear(w.sent)
				w.mu.Unlock()
			}
		}
		call(warmUp)
		before := holds(t)
		call(calls)
		after := holds(t)
		t.Logf("after %d calls %+v, after %d more %+v", warmUp, before, calls, after)
		if after.heap > before.heap+grown+calls*recalled || after.goroutines > before.goroutines+momentary || after.files > before.files {
			t.Errorf("%d calls left something: %+v before, %+v after", calls, before, after)
		}
	})
}

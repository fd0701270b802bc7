//go:build !linux

package netwatch

import "time"

// listen has nobody to ask here: the ticks are all there is.
func listen() (pokes <-chan struct{}, stop func()) { return nil, func() {} }

// start is where the clocks begin.
var start = time.Now()

// clocks reads the monotonic clock, which stands still in sleep, and that on the
// wall. Where somebody sets the latter, that passes for sleep: a connection is
// made anew, no more.
func clocks() Clocks {
	now := time.Now()
	return Clocks{Awake: now.Sub(start), Always: now.Round(0).Sub(start.Round(0))}
}

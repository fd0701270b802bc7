package main

import "time"

const (
	// callLimit bounds one call and what it needs started.
	callLimit = 60 * time.Second
)

// cells is the table. README.md says what each proves and does not.
func cells() []cell {
	var all []cell
	all = append(all, peerCells()...)
	return all
}

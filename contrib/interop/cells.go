package main

import "time"

const (
	// callLimit bounds one call and what it needs started.
	callLimit = 60 * time.Second
	// refusalLimit bounds a call that Karat turns away: like every call that is
	// not answered it gets its one answer 45 s after it came.
	refusalLimit = 100 * time.Second
	// historyLimit bounds three calls in a row.
	historyLimit = 150 * time.Second
)

// cells is the table. README.md says what each proves and does not.
func cells() []cell {
	var all []cell
	all = append(all, peerCells()...)
	all = append(all, matrixCells()...)
	all = append(all, unlinkedCell(), gruuCell(), accountsCell())
	all = append(all, wayCells()...)
	all = append(all, linphoneCells()...)
	all = append(all, controlCells()...)
	all = append(all, transferCells()...)
	all = append(all, earlyCells()...)
	all = append(all, rollOverCells()...)
	all = append(all, refusalCells()...)
	all = append(all, specCells()...)
	all = append(all, attackCells()...)
	all = append(all, natCells()...)
	all = append(all, providerCells()...)
	all = append(all, clearCells()...)
	all = append(all, sippCells()...)
	all = append(all, serverCells()...)
	all = append(all, restartCells()...)
	all = append(all, roamCells()...)
	all = append(all, hostileCells()...)
	return all
}

package profile

// Care is how much a sender does against the loss of packets. It costs sound
// where nothing is lost.
type Care uint8

// The kinds of care.
const (
	Least Care = iota // all bytes are for the voice
	Some              // a third are repairs: they mend what is lost alone
	Most              // half are: they mend bursts too
)

const (
	// An Asker weighs the last so many packets: at 20 ms, 5 s.
	askerMemory = 250
	// someFrom is the share of packets lost from which Some pays: one in memory
	// is more.
	someFrom = 0.003
	// mostFrom is the share of packets lost together with the next from which Most
	// pays.
	mostFrom = 0.008
	// What was asked for is given up at half of the share that called for it.
	giveUp = 0.5
)

// Asker finds out from the numbers of the packets that come how much care to ask
// of their sender. Its zero value has heard nothing, and asks for Least; see
// NewAsker.
type Asker struct {
	care         Care
	lost, double float64 // shares: of packets lost, and of those lost with the next
	gap          bool    // the packet before the last was lost
}

// NewAsker asks for Some until it knows better.
func NewAsker() Asker { return Asker{care: Some, lost: someFrom} }

// Hear takes a packet that is so many numbers ahead of the last one: 1 if none is
// missing, 0 or less if it comes late. It returns what to ask for.
func (a *Asker) Hear(ahead int) Care {
	const w = 1.0 / askerMemory
	if ahead <= 0 {
		a.lost = max(a.lost-w, 0) // it was not lost after all
		return a.care
	}
	for range min(ahead-1, askerMemory) {
		a.lost += (1 - a.lost) * w
		if a.gap {
			a.double += (1 - a.double) * w
		}
		a.gap = true
	}
	a.lost -= a.lost * w
	a.double -= a.double * w
	a.gap = false
	a.care = a.choose()
	return a.care
}

// choose goes up at once, and down when it is calm.
func (a *Asker) choose() Care {
	switch {
	case a.double >= mostFrom || a.care == Most && a.double >= mostFrom*giveUp:
		return Most
	case a.lost >= someFrom || a.care >= Some && a.lost >= someFrom*giveUp:
		return Some
	}
	return Least
}

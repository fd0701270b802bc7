package path

import (
	"net/netip"
	"sync"
)

// maxForks bounds the early dialogs of one call. A proxy that rings one
// person's devices needs under ten; what comes after is not sent to.
const maxForks = 32

// remote is where one fork is reached.
type remote struct {
	fork      Fork
	signalled netip.AddrPort // as the SDP said
	present   netip.AddrPort // signalled, or where latching moved it
}

// forks is the table of peers of one path.
type forks struct {
	mu       sync.Mutex // guards what follows
	all      [maxForks]remote
	n        int
	selected Fork
}

// put adds a fork or moves it to the address that signalling named.
func (f *forks) put(fork Fork, to netip.AddrPort) {
	to = unmap(to)
	f.mu.Lock()
	defer f.mu.Unlock()
	if fork <= 0 || f.selected != 0 && fork != f.selected {
		return
	}
	r := f.find(fork)
	if r == nil {
		if f.n == maxForks {
			return
		}
		r = &f.all[f.n]
		f.n++
		*r = remote{fork: fork}
	}
	if r.signalled != to {
		r.signalled, r.present = to, to
	}
}

// latch moves a known fork to where a genuine packet came from.
func (f *forks) latch(fork Fork, from netip.AddrPort) {
	if !from.IsValid() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.find(fork); r != nil {
		r.present = unmap(from)
	}
}

// selectOne forgets all forks but one.
func (f *forks) selectOne(fork Fork) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fork <= 0 || f.selected != 0 {
		return
	}
	f.selected = fork
	kept := remote{fork: fork}
	if r := f.find(fork); r != nil {
		kept = *r
	}
	f.all = [maxForks]remote{kept}
	f.n = 1
}

// address is where to send for a fork.
func (f *forks) address(fork Fork) (netip.AddrPort, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.find(fork); r != nil && r.present.IsValid() {
		return r.present, true
	}
	return netip.AddrPort{}, false
}

// owner tells whose address this is. Present addresses go before signalled
// ones, for two forks may name the same relay and then part.
func (f *forks) owner(from netip.AddrPort) Fork {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.all[:f.n] {
		if f.all[i].present == from {
			return f.all[i].fork
		}
	}
	for i := range f.all[:f.n] {
		if f.all[i].signalled == from {
			return f.all[i].fork
		}
	}
	return 0
}

// find returns the entry of a fork. The caller holds mu.
func (f *forks) find(fork Fork) *remote {
	for i := range f.all[:f.n] {
		if f.all[i].fork == fork {
			return &f.all[i]
		}
	}
	return nil
}

// unmap turns ::ffff:a.b.c.d into a.b.c.d, so that addresses compare equal
// whichever kind of socket they came through.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

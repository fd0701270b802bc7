package main

import (
	"net/netip"
	"sync"
	"time"

	"karat/contrib/interop/wiretap"
)

// wire counts the voice that the left phone sends, as it goes on the line.
type wire struct {
	mu      sync.Mutex // guards: the fields below
	left    netip.Addr
	packets []sent
	arrived int
}

// sent is one packet of voice.
type sent struct {
	at   time.Time
	size int // with IP
	seq  uint16
}

const headers = 20 + 8 // IPv4 and UDP

// see is called by the line.
func (w *wire) see(at time.Time, leaving bool, b []byte) {
	p, ok := wiretap.Parse(at, b)
	if !ok || p.Class != wiretap.RTP {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.From.Addr() != w.left {
		return
	}
	if !leaving {
		w.arrived++
		return
	}
	w.packets = append(w.packets, sent{at, len(p.Payload) + headers, uint16(p.Payload[2])<<8 | uint16(p.Payload[3])})
}

// watch says whose voice counts.
func (w *wire) watch(left netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = left
}

// tell puts the counts into a call.
func (w *wire) tell(r *call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.Packets = len(w.packets)
	if r.Packets < 2 {
		return
	}
	sizes, bytes := map[int]bool{}, 0
	for _, p := range w.packets {
		sizes[p.size] = true
		bytes += p.size
	}
	took := w.packets[len(w.packets)-1].at.Sub(w.packets[0].at).Seconds()
	r.Kbps = float64(bytes) * 8 / 1000 / took
	r.Sizes = len(sizes)
	r.Missing = 1 - float64(w.arrived)/float64(r.Packets)
}

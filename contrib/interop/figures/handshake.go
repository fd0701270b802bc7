package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/link"
	"karat/contrib/interop/wiretap"
)

// handshakes times key agreements over a line with that round trip, in
// milliseconds: from the first Hello that either phone sent until both have
// received what confirms the keys, by the packets on the line. What a phone
// does after the last packet is not in it.
func handshakes(ctx context.Context, o options, k kind, speech string, roundTrip time.Duration) ([]float64, error) {
	var seen sightings
	line, err := link.Join(ctx, roundTrip/2, seen.add)
	if err != nil {
		return nil, err
	}
	var samples []float64
	err = room(o, fmt.Sprintf("line-%s-%v", k.name, roundTrip), func(l *lab.Lab) error {
		return k.direct(ctx, l, line, speech, o.calls, func() error {
			took, err := seen.agreement(line.A.Addr, line.B.Addr)
			samples = append(samples, milliseconds(took))
			return err
		})
	})
	return samples, errors.Join(err, line.Close())
}

// sightings are the ZRTP packets of one call as each end saw them: what it
// sent when it left, what was sent to it when it arrived.
type sightings struct {
	mu sync.Mutex // guards: at
	at map[netip.Addr][]wiretap.Packet
}

// add is called by the line for each packet, leaving and arriving.
func (s *sightings) add(at time.Time, leaving bool, b []byte) {
	p, ok := wiretap.Parse(at, b)
	if !ok || p.Class != wiretap.ZRTP {
		return
	}
	end := p.To.Addr()
	if leaving {
		end = p.From.Addr()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil {
		s.at = map[netip.Addr][]wiretap.Packet{}
	}
	s.at[end] = append(s.at[end], p)
}

// agreement returns how long the key agreement took, and forgets its packets.
func (s *sightings) agreement(ends ...netip.Addr) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer clear(s.at)
	var first, last time.Time
	for _, end := range ends {
		h, err := handshakeAt(s.at[end], end)
		if err != nil {
			return 0, err
		}
		if first.IsZero() || h.FirstHello.Before(first) {
			first = h.FirstHello
		}
		if h.Confirmed.After(last) {
			last = h.Confirmed
		}
	}
	return last.Sub(first), nil
}

// handshakeAt finds the exchange of the one socket at an end that sent Hello.
func handshakeAt(packets []wiretap.Packet, end netip.Addr) (wiretap.Handshake, error) {
	for _, p := range packets {
		if p.From.Addr() == end && p.ZRTPType() == "Hello" {
			return wiretap.HandshakeOf(packets, p.From)
		}
	}
	return wiretap.Handshake{}, fmt.Errorf("%v sent no Hello", end)
}

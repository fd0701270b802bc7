package simnet

import (
	"math/rand/v2"
	"net/netip"
	"time"
)

// Plan decides what becomes of a packet: one Delivery for each copy that
// arrives, none when it is lost. r gives random numbers that are the same in
// each run with the same seed and the same packets from p.From to p.To.
//
// A stream keeps its order whatever the plan says, only the first Delivery
// counts, its data stay as sent, and what is lost arrives after being sent
// again.
type Plan func(p Packet, r *rand.Rand) []Delivery

// Delay delivers each packet once, after d.
func Delay(d time.Duration) Plan {
	return func(Packet, *rand.Rand) []Delivery { return []Delivery{{After: d}} }
}

// Loss loses packets with the given probability and hands the others to next.
func Loss(probability float64, next Plan) Plan {
	return func(p Packet, r *rand.Rand) []Delivery {
		if r.Float64() < probability {
			return nil
		}
		return next(p, r)
	}
}

// Duplicate delivers packets twice with the given probability, the second time
// later by after.
func Duplicate(probability float64, after time.Duration, next Plan) Plan {
	return func(p Packet, r *rand.Rand) []Delivery {
		twice := r.Float64() < probability
		ds := next(p, r)
		if twice && len(ds) > 0 {
			ds = append(ds, Delivery{After: ds[0].After + after, Data: ds[0].Data})
		}
		return ds
	}
}

// Jitter delays each packet by up to spread more, evenly distributed; packets
// closer together than that may change their order.
func Jitter(spread time.Duration, next Plan) Plan {
	return func(p Packet, r *rand.Rand) []Delivery {
		more := time.Duration(r.Int64N(int64(spread) + 1))
		ds := next(p, r)
		for i := range ds {
			ds[i].After += more
		}
		return ds
	}
}

// Drop loses the packets for which lost says so, such as "the first Hello".
func Drop(lost func(Packet) bool, next Plan) Plan {
	return func(p Packet, r *rand.Rand) []Delivery {
		if lost(p) {
			return nil
		}
		return next(p, r)
	}
}

// Between applies inside to packets between the two hosts, in both directions,
// and other to all the rest.
func Between(a, b string, inside, other Plan) Plan {
	x, y := netip.MustParseAddr(a), netip.MustParseAddr(b)
	return func(p Packet, r *rand.Rand) []Delivery {
		from, to := p.From.Addr(), p.To.Addr()
		if from == x && to == y || from == y && to == x {
			return inside(p, r)
		}
		return other(p, r)
	}
}

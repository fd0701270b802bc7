package zrtp

import (
	"fmt"
	"slices"

	"karat/zrtp/wire"
)

// free are the moves of a world without faults. There is none at its end.
func (w *world) free() (moves []move) {
	quiet := true
	for i := range w.ends {
		if !w.ends[i].started {
			quiet = false
			moves = append(moves, move{fmt.Sprintf("%d starts", i), 0, func(w *world) { w.start(i) }})
		}
		if len(w.way[i]) > 0 {
			quiet = false
			moves = append(moves, move{fmt.Sprintf("%v arrives at %d", w.way[i][0], i), 0, func(w *world) { w.deliver(i, 0) }})
		}
	}
	if quiet && !w.next().IsZero() {
		moves = append(moves, move{"time passes", 0, (*world).tick})
	}
	return append(moves, w.buttons()...)
}

// buttons are what the users do who may go clear: any of them asks for it as long as
// nobody has, and then for the way back.
func (w *world) buttons() (moves []move) {
	if !w.clear {
		return nil
	}
	nobody := w.ends[0].cleared+w.ends[1].cleared == 0
	for i, p := range w.ends {
		switch {
		case nobody && p.session.state == stateSecure && w.ends[1-i].session.state == stateSecure:
			moves = append(moves, move{fmt.Sprintf("%d goes clear", i), 0, func(w *world) {
				w.act(i, "goes clear", [16]byte{}, func(s *Session) { _ = s.GoClear(w.now) })
			}})
		case p.session.state == stateClear && p.stream == nil:
			moves = append(moves, move{fmt.Sprintf("%d goes secure", i), 0, func(w *world) {
				w.act(i, "goes secure", [16]byte{}, func(s *Session) { _ = s.GoSecure(w.now) })
			}})
		}
	}
	return moves
}

// disturbed are the moves that cost a fault.
func (w *world) disturbed(early bool) (moves []move) {
	if early && !w.next().IsZero() {
		moves = append(moves, move{"time passes early", 1, (*world).tick})
	}
	for i := range w.ends {
		moves = append(moves, w.hurt(i)...)
		moves = append(moves, w.injections(i)...)
		if !w.dead[i] {
			moves = append(moves, move{fmt.Sprintf("the way to %d dies", i), 1, func(w *world) { w.dead[i], w.way[i] = true, nil }})
		}
		if w.ends[1-i].confirmed() && w.ends[i].session.state == stateConfirm2 {
			moves = append(moves, move{fmt.Sprintf("SRTP arrives at %d", i), 1, func(w *world) {
				w.act(i, "SRTP", [16]byte{}, func(s *Session) { s.ReceivedSRTP(w.now) })
			}})
		}
	}
	return moves
}

// hurt is what may happen to the packets under way to an end.
func (w *world) hurt(i int) (moves []move) {
	if len(w.way[i]) == 0 {
		return nil
	}
	head := w.way[i][0]
	moves = append(moves,
		move{fmt.Sprintf("%v to %d is lost", head, i), 1, func(w *world) { w.way[i] = w.way[i][1:] }},
		move{fmt.Sprintf("%v to %d arrives, and again later", head, i), 1, func(w *world) {
			w.receive(i, head)
		}})
	for k := 1; k < len(w.way[i]); k++ {
		moves = append(moves, move{fmt.Sprintf("%v overtakes to %d", w.way[i][k], i), 1, func(w *world) { w.deliver(i, k) }})
	}
	for _, bad := range altered(head) {
		moves = append(moves, move{fmt.Sprintf("%v to %d is altered", head, i), 1, func(w *world) {
			w.way[i] = w.way[i][1:]
			w.receive(i, newLetter(bad))
		}})
	}
	return moves
}

// altered are a packet's changes under a good CRC: the MAC at the end, the middle,
// and the first field.
func altered(l letter) (changed [][]byte) {
	p, err := wire.ParsePacket(l.pkt)
	if err != nil || len(p.Message) <= 12 {
		return nil
	}
	for _, at := range []int{12, len(p.Message) / 2, len(p.Message) - 1} {
		p.Message = slices.Clone(p.Message)
		p.Message[at] ^= 1
		changed = append(changed, wire.AppendPacket(nil, p))
	}
	return changed
}

// injections are all packets that the attacker saw.
func (w *world) injections(i int) (moves []move) {
	for _, l := range w.seen {
		moves = append(moves, move{fmt.Sprintf("%v is injected at %d", l, i), 1, func(w *world) {
			w.receive(i, l)
		}})
	}
	return moves
}

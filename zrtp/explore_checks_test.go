package zrtp

import (
	"fmt"
	"time"
)

// fault is what no state may show.
func (w *world) fault() string {
	a, b := w.ends[0], w.ends[1]
	for i, p := range w.ends {
		switch deadline := p.session.Deadline(); {
		case p.fault != "":
			return fmt.Sprintf("%d: %s", i, p.fault)
		case p.session.state.exchanging() && p.session.state != stateSilent && (deadline.IsZero() || deadline.Sub(w.now) > longestWait):
			return fmt.Sprintf("%d waits in %v without a timer", i, p.session.state)
		case w.known && p.alarmed:
			return fmt.Sprintf("%d: a false alarm: the two share a secret", i)
		}
	}
	// Who has gone clear has no keys; the other may not know yet.
	if a.agreed != nil && b.agreed != nil && a.cleared == b.cleared && !sameKeys(a.agreed.Keys, b.agreed.Keys) {
		return "different keys"
	}
	if a.stream != nil && b.stream != nil && a.stream.Role == b.stream.Role {
		return "equal roles"
	}
	if a.secure != nil && b.secure != nil {
		return differ(*a.secure, *b.secure)
	}
	return ""
}

// longestWait is the time between two Hellos' ends.
const longestWait = 13 * time.Second

func sameKeys(a, b Keys) bool {
	same := func(a, b Direction) bool { return a.Key.Equal(b.Key) && a.Salt.Equal(b.Salt) }
	return same(a.Send, b.Receive) && same(b.Send, a.Receive) && a.TagBits == b.TagBits
}

// differ tells in what two ends that are both secure disagree.
func differ(a, b Secure) string {
	switch {
	case a.SAS != b.SAS || a.SAS == "":
		return "different SAS"
	case a.Role == b.Role:
		return "equal roles"
	case a.KeyAgreement != b.KeyAgreement || a.Hash != b.Hash || a.Cipher != b.Cipher || a.AuthTag != b.AuthTag || a.SASType != b.SASType:
		return "different algorithms"
	case a.Continuity != b.Continuity:
		return "one knows the other, and not the other way round"
	case !a.Remember.RS1.Equal(b.Remember.RS1): // both keep it
		return "different retained secrets"
	}
	return ""
}

// confirmed tells whether an end says that its keys are confirmed.
func (p *player) confirmed() bool { return p.secure != nil || p.stream != nil }

// stuck is what no end of a walk may show: each end is secure, has failed, or has said
// that it hears nothing.
func (w *world) stuck() string {
	for i, p := range w.ends {
		if !p.confirmed() && p.failed == nil && !p.silent {
			return fmt.Sprintf("%d is stuck in %v", i, p.session.state)
		}
	}
	return ""
}

// story tells how a world came about.
func (w *world) story() string {
	if w.before == nil {
		return "\n"
	}
	return w.before.story() + fmt.Sprintf("%8v %s -> %v, %v\n", w.now.Sub(epoch), w.move, w.ends[0].session.state, w.ends[1].session.state)
}

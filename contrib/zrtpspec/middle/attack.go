package middle

import "time"

// Attack is one, as M carries it out.
type Attack struct {
	Row  string // of the attacks' list
	Does string
	// Want is what it comes to between two Karats.
	Want Outcome
	// Offer is what the ends are to offer. PostQuantum: it is about keys that only
	// some phones have.
	Offer       Offer
	PostQuantum bool
	// Announced: signalling tells each end the hash of the other's Hello.
	Announced bool
	// Friends: the ends have spoken before, and share a secret.
	Friends bool

	// change says what arrives instead of a message of that end; or play is all
	// that M does.
	change func(from int, msg []byte) [][]byte
	play   func(m Meeting) error
	// ownName: M agrees on keys itself, with both.
	ownName bool
}

// Honest has M pass on everything as it is.
var Honest = Attack{Does: "passes on everything as it is", Want: Unharmed}

// Meeting is two ends, and what M knows of them.
type Meeting struct {
	Ends [2]End
	// ZIDs are theirs, for an attack on friends.
	ZIDs  [2][12]byte
	Clock Clock
	// Lead is the end that commits to a key agreement, or that falls to the attack
	// if only one does; nil: chance decides.
	Lead *int
	// Time is how long an exchange may take, and Settle how long an end may still
	// speak after the other is done.
	Time, Settle time.Duration
}

// lead and follow are the ends in the order of an attack that takes one after the
// other.
func (m Meeting) lead() int {
	if m.Lead == nil {
		return 0
	}
	return *m.Lead
}

func (m Meeting) follow() int { return 1 - m.lead() }

// CarryOut does it. An error says what kept M from it; what became of the ends is
// theirs to say.
func (x Attack) CarryOut(m Meeting) error {
	if x.play != nil {
		return x.play(m)
	}
	m.relay(x.change)
	return nil
}

// relay passes on what the ends say, changed, until both have come to an end.
func (m Meeting) relay(change func(from int, msg []byte) [][]byte) {
	r := newRelay(m)
	r.change = change
	r.run(m.Time, m.over())
}

// over tells when both ends are done, or one is and the other has had its time.
func (m Meeting) over() func() bool {
	var since time.Time
	return func() bool {
		a, b := m.Ends[0].Fate(), m.Ends[1].Fate()
		if !a.done() && !b.done() {
			return false
		}
		if since.IsZero() {
			since = m.Clock.Now()
		}
		return m.Clock.Now().Sub(since) >= m.Settle
	}
}

// inOwnName has M talk to both ends as their peer, and the SAS be what they are.
func inOwnName(zidFor func(m Meeting, end int) [12]byte) func(Meeting) error {
	return func(m Meeting) error {
		toLead, toFollow, err := m.legs(zidFor)
		if err != nil {
			return err
		}
		for _, l := range []*leg{toFollow, toLead} {
			if err := l.respond(); err != nil {
				return err
			}
			l.finish()
		}
		return nil
	}
}

// bruteForce has M talk to both, and try for the words that the first end shows at
// the other, to which it commits to nothing (CVE-2016-6271).
func bruteForce(m Meeting) error {
	toLead, toFollow, err := m.legs(stranger('m', 'm'))
	if err != nil {
		return err
	}
	if err := toLead.respond(); err != nil {
		return err
	}
	toLead.finish()
	if err := toFollow.initiate(); err != nil {
		return err
	}
	if err := toFollow.grind(toLead.keys.SAS); err != nil {
		return err
	}
	toFollow.press()
	return nil
}

// legs are one to each end.
func (m Meeting) legs(zidFor func(m Meeting, end int) [12]byte) (toLead, toFollow *leg, err error) {
	if toLead, err = newLeg(m.Clock, m.Ends[m.lead()], zidFor(m, m.lead())); err != nil {
		return nil, nil, err
	}
	toFollow, err = newLeg(m.Clock, m.Ends[m.follow()], zidFor(m, m.follow()))
	return toLead, toFollow, err
}

// theFriend is the ZID of the phone that this end takes M for.
func theFriend(m Meeting, end int) [12]byte { return m.ZIDs[1-end] }

// stranger is a ZID that an end has never met.
func stranger(forFirst, forSecond byte) func(Meeting, int) [12]byte {
	return func(_ Meeting, end int) [12]byte { return [12]byte{[2]byte{forFirst, forSecond}[end]} }
}

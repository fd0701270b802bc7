package softphone

import (
	"fmt"
	"time"

	"karat/media"
)

const (
	// silentFor is how long nothing may come before the user is told.
	silentFor = 10 * time.Second
	// forgedSome is how many packets without this call's keys are worth a word: a
	// second of voice. The next word comes at ten times as many.
	forgedSome, forgedMore = 50, 10
)

// silence watches whether the other end is heard.
type silence struct {
	since    time.Time // when something genuine came last
	received uint64
	forged   uint64 // at that time
	missing  bool   // the user was told
	worth    uint64 // forged packets that are worth the next word
}

// listen looks at the figures of a second. Nobody is hung up on for being silent.
func (c *call) listen(s media.Stats) {
	q := &c.silence
	q.noteForged(c, s.Unauthenticated)
	switch {
	case s.Received != q.received:
		if q.missing {
			c.emit(VoiceMissing{Head: c.head(), Back: true})
		}
		q.hear(s)
	case !c.agreed.Receive || c.changes.theirs || c.changes.hold:
		q.hear(s) // somebody waits: silence is what was agreed on
	case !q.missing && time.Since(q.since) >= silentFor:
		q.missing = true
		c.emit(VoiceMissing{Head: c.head(), Unauthenticated: s.Unauthenticated - q.forged})
	}
}

// hear: up to now all is well.
func (q *silence) hear(s media.Stats) {
	q.since, q.received, q.forged, q.missing = time.Now(), s.Received, s.Unauthenticated, false
}

// noteForged tells of packets that failed authentication, when they are many.
func (q *silence) noteForged(c *call, n uint64) {
	if n < max(q.worth, forgedSome) {
		return
	}
	q.worth = n * forgedMore
	c.emit(Notice{Head: c.head(), Text: fmt.Sprintf(
		"%d packets came that do not carry this call's keys: somebody on the way sends or changes them. None was played, and the call stays as private as it was.", n)})
}

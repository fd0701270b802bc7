package middle

import "time"

// End is one of the two that M is between.
type End interface {
	// Start has it begin to speak.
	Start(now time.Time)
	// Receive gives it a packet.
	Receive(now time.Time, packet []byte)
	// Said are its packets since it was last asked.
	Said() [][]byte
	// Advance has it notice the time.
	Advance(now time.Time)
	// Fate is what it has told its user so far.
	Fate() Fate
}

// Fate is what became of an end.
type Fate struct {
	// Secure: it says so, and shows SAS.
	Secure bool
	SAS    string
	// Alarmed: it said that a phone that it knows lacks the secrets.
	Alarmed bool
	// Known: it has met the phone; Verified: and takes it for compared.
	Known, Verified bool
	// Failed: it ended the exchange; ByPeer: because of an Error; otherwise Code is
	// what it calls the fault.
	Failed, ByPeer bool
	Code           uint32
	// Mute: it says nothing of an exchange that fails, to its user or the other end.
	Mute bool
	// Sends and Hears stand for the keys of both directions. A phone that tells
	// nobody has none here.
	Sends, Hears string
}

// Offer is what an end is to offer, by the names of RFC 6189, Section 5.1. What is
// empty is up to the end.
type Offer struct {
	KeyAgreements, Hashes, Ciphers, AuthTags, SASTypes []string
}

// Clock is M's.
type Clock interface {
	Now() time.Time
	// Tick lets a little time pass.
	Tick()
}

// tick is a little time.
const tick = 10 * time.Millisecond

// simulated is a clock that moves when it is told to.
type simulated struct{ now time.Time }

// SimulatedClock needs no time at all.
func SimulatedClock() Clock { return &simulated{time.Unix(1_800_000_000, 0)} }

func (c *simulated) Now() time.Time { return c.now }
func (c *simulated) Tick()          { c.now = c.now.Add(tick) }

type machine struct{}

// MachineClock is the machine's.
func MachineClock() Clock { return machine{} }

func (machine) Now() time.Time { return time.Now() }
func (machine) Tick()          { time.Sleep(tick) }

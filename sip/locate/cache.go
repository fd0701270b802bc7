package locate

import (
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	// Answers are kept as long as they say, within these bounds: a TTL of zero
	// must not make a question of each reconnection, and one of a week must not
	// keep a phone away from a server that moved.
	leastTTL = 30 * time.Second
	mostTTL  = time.Hour
	// noneTTL is how long "there is none" is kept (RFC 2308 wants the SOA's say;
	// a phone asks so rarely that one short time does).
	noneTTL = time.Minute
	// maxAnswers bounds the cache; a phone with ten accounts needs fifty.
	maxAnswers = 256
)

// question is what an answer is kept under.
type question struct {
	name string
	kind uint16
}

// cache keeps answers.
type cache struct {
	mu      sync.Mutex // guards answers
	answers map[question]answer
}

type answer struct {
	records []dns.RR
	unknown bool // there is no such name
	until   time.Time
}

func (c *cache) get(now time.Time, q question) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.answers[q]
	return a, ok && now.Before(a.until)
}

func (c *cache) put(now time.Time, q question, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answers == nil {
		c.answers = map[question]answer{}
	}
	for old, kept := range c.answers {
		if !now.Before(kept.until) || len(c.answers) >= maxAnswers {
			delete(c.answers, old)
		}
	}
	a.until = now.Add(keep(a.records))
	c.answers[q] = a
}

// Forget drops all answers: another network may give others.
func (c *cache) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers = nil
}

// keep is how long records may be used: as long as the one that goes first.
func keep(records []dns.RR) time.Duration {
	if len(records) == 0 {
		return noneTTL
	}
	least := mostTTL
	for _, rr := range records {
		least = min(least, time.Duration(rr.Header().Ttl)*time.Second)
	}
	return max(least, leastTTL)
}

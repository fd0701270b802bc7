package dialog

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// reliable is a provisional response of ours that is repeated until its PRACK
// comes (RFC 3262, Section 3).
type reliable struct {
	res      *sip.Response
	rack     string // what the PRACK has to name
	resendAt time.Time
	interval time.Duration
	giveUpAt time.Time
}

// requires tells whether a message demands an extension.
func requires(msg sip.Message, option string) bool { return lists(msg, "Require", option) }

func lists(msg sip.Message, field, option string) bool {
	return slices.ContainsFunc(Values(msg, field), func(o string) bool { return strings.EqualFold(o, option) })
}

// hear notes what the peer understands.
func (c *Call) hear(msg sip.Message) {
	if len(Values(msg, "Allow")) > 0 {
		c.peerUpdates = lists(msg, "Allow", "UPDATE")
	}
}

// maxRSeq is the largest first number of reliable provisional responses (RFC
// 3262, Section 3: 1 to 2**31 - 1).
const maxRSeq = 1<<31 - 1

// respondReliably sends a provisional response until it is acknowledged.
func (c *Call) respondReliably(now time.Time, r Reply) {
	number := strconv.Itoa(1 + c.local.random(maxRSeq))
	r.Extra = append(r.Extra, Field{"Require", "100rel"}, Field{"RSeq", number})
	c.reliable = &reliable{
		res:  c.respond(c.incoming, r),
		rack: number + " " + strings.Join(strings.Fields(Value(c.incoming, "CSeq")), " "),
		// RFC 3262, Section 3: repeated as by the rules of a 2xx, at T1, doubling.
		resendAt: now.Add(T1), interval: T1, giveUpAt: now.Add(patience),
	}
}

func (c *Call) advanceReliable(now time.Time) {
	r := c.reliable
	if due(r.giveUpAt, now) {
		// RFC 3262, Section 3: without a PRACK for 64*T1 the UAS SHOULD reject the
		// request with a 5xx.
		c.respond(c.incoming, Reply{Code: 504})
		c.end(Ended{Why: ErrNoAck})
		return
	}
	if due(r.resendAt, now) {
		c.do(Respond{To: c.incoming, Response: r.res})
		r.interval *= 2
		r.resendAt = now.Add(r.interval)
	}
}

// acknowledgedEarly handles a PRACK. RFC 3262, Section 3: one that matches no
// response that waits for it gets a 481.
func (c *Call) acknowledgedEarly(req *sip.Request) {
	named := strings.Join(strings.Fields(Value(req, "RAck")), " ")
	if c.reliable == nil || named != c.reliable.rack {
		c.respond(req, Reply{Code: 481})
		return
	}
	c.reliable = nil
	c.respond(req, Reply{Code: 200})
}

// inSequence acknowledges a provisional response that demands it, with a PRACK
// within the early dialog that it belongs to. It returns false for one that came
// before, or too early. RFC 3262, Section 4: only the next in sequence MUST be
// acknowledged.
func (c *Call) inSequence(f *fork, p *pending, res *sip.Response) bool {
	if !requires(res, "100rel") {
		return true
	}
	number, err := strconv.ParseUint(strings.TrimSpace(Value(res, "RSeq")), 10, 32)
	switch {
	case err != nil || number == 0:
		return true // it demands what it makes impossible
	case f.reliable != 0 && uint32(number) != f.reliable+1:
		return false
	}
	f.reliable = uint32(number)
	if sdp := SDP(res); sdp != nil {
		f.answer = sdp
	}
	c.send(f.dialog, message{method: "PRACK", extra: []Field{
		{"RAck", strconv.FormatUint(number, 10) + " " + Value(p.req, "CSeq")},
	}})
	return true
}

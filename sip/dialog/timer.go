package dialog

import (
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	// minSession is the shortest session interval that is agreed to. RFC 4028,
	// Section 4: the minimum MUST NOT be less than 90 seconds.
	minSession = 90 * time.Second
	// maxSession bounds what is read from others: nobody needs more than a day.
	maxSession = 24 * time.Hour
	// byeBefore is how long before its end a session that was not refreshed is
	// ended: RFC 4028, Section 10, the lesser of 32 s and a third of the interval.
	byeBefore = 32 * time.Second
	// refreshAgain is how long after a refresh that failed the next one is tried.
	refreshAgain = 10 * time.Second
)

// sessionTimer ends a call whose other end has vanished (RFC 4028). We ask
// nobody for one, and take part where others do.
type sessionTimer struct {
	interval  time.Duration // 0: there is none
	ours      bool          // to refresh
	refreshAt time.Time
	expireAt  time.Time
}

// interval reads a field of seconds, with parameters.
func interval(value string) (d time.Duration, params []string) {
	parts := splitOutside(value, ';')
	n, err := strconv.ParseUint(strings.TrimSpace(parts[0]), 10, 32)
	if err != nil {
		return 0, nil
	}
	return min(time.Duration(n)*time.Second, maxSession), trimAll(parts[1:])
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// sessionExpires is the value of Session-Expires; RFC 4028, Section 4 gives it
// the compact form x.
func sessionExpires(msg sip.Message) string {
	if v := Value(msg, "Session-Expires"); v != "" {
		return v
	}
	return Value(msg, "x")
}

// set starts the timer anew.
func (t *sessionTimer) set(now time.Time, d time.Duration, ours bool) {
	*t = sessionTimer{interval: d, ours: ours}
	if ours {
		t.refreshAt = now.Add(d / 2) // RFC 4028, Section 7.2
	}
	t.expireAt = now.Add(d - min(byeBefore, d/3))
}

// begin takes the timer from a 2xx to an INVITE or UPDATE of ours. RFC 4028,
// Section 7.2: without the field there is none any more.
func (t *sessionTimer) begin(now time.Time, res *sip.Response) {
	d, params := interval(sessionExpires(res))
	if d == 0 {
		*t = sessionTimer{}
		return
	}
	refresher, _ := param(params, "refresher")
	// RFC 4028, Section 7.2: a response to a request that offered no timer names
	// the refresher; whoever inserted it for one that does not know of timers
	// means the UAC.
	t.set(now, max(d, minSession), !strings.EqualFold(refresher, "uas"))
}

// accept agrees to the timer that an INVITE or UPDATE of the peer proposes, and
// returns the fields of the 2xx that say so.
func (t *sessionTimer) accept(now time.Time, req *sip.Request) []Field {
	d, params := interval(sessionExpires(req))
	if d == 0 {
		*t = sessionTimer{}
		return nil
	}
	d = max(d, minSession)
	knows := lists(req, "Supported", "timer") || requires(req, "timer")
	refresher, said := param(params, "refresher")
	// RFC 4028, Section 9, Table 2: who does not know of timers does not refresh;
	// else it is whom the request names, and whom we like where it names nobody.
	ours := !knows || said && strings.EqualFold(refresher, "uas")
	t.set(now, d, ours)
	if ours {
		return []Field{{"Session-Expires", seconds(d) + ";refresher=uas"}}
	}
	return []Field{{"Require", "timer"}, {"Session-Expires", seconds(d) + ";refresher=uac"}}
}

// tooShort returns the 422 for an INVITE or UPDATE whose session interval is
// below what we agree to; false: it is not. RFC 4028, Section 9: only for one
// that knows of timers.
func tooShort(req *sip.Request, tag string) (Reply, bool) {
	d, _ := interval(sessionExpires(req))
	if d == 0 || d >= minSession || !lists(req, "Supported", "timer") {
		return Reply{}, false
	}
	return Reply{Code: 422, ToTag: tag, Extra: []Field{{"Min-SE", seconds(minSession)}}}, true
}

// fields are what a request of ours says while the timer runs: the same
// interval, and the same refresher (RFC 4028, Section 7.4).
func (t *sessionTimer) fields() []Field {
	if t.interval == 0 {
		return nil
	}
	refresher := "uas"
	if t.ours {
		refresher = "uac"
	}
	return []Field{{"Session-Expires", seconds(t.interval) + ";refresher=" + refresher}}
}

// retryLonger sends an INVITE once more after a 422, with the interval that is
// the least that a server on the way allows. RFC 4028, Section 7.3.
func (c *Call) retryLonger(p *pending, res *sip.Response) bool {
	least, _ := interval(Value(res, "Min-SE"))
	if res.StatusCode != 422 || least < minSession || sessionExpires(p.req) != "" {
		return false
	}
	c.extra = append(c.extra, Field{"Session-Expires", seconds(least)}, Field{"Min-SE", seconds(least)})
	req, err := c.buildInvite(p.sdp, p.credentials)
	if err != nil {
		return false
	}
	c.invite = &pending{req: req, sdp: p.sdp, tries: p.tries, credentials: p.credentials}
	c.start(c.invite)
	return true
}

// advanceTimer refreshes the session, or ends one that was not refreshed.
func (c *Call) advanceTimer(now time.Time) {
	t := &c.timer
	switch {
	case !c.is(Confirmed):
	case due(t.expireAt, now):
		c.bye(Ended{Why: ErrExpired})
	case due(t.refreshAt, now):
		t.refreshAt = now.Add(refreshAgain)
		c.refresh()
	}
}

// refresh keeps the session alive: by UPDATE where the peer knows it, which
// changes nothing, else by what we said last.
func (c *Call) refresh() {
	if c.busy() != nil {
		return // what is under way refreshes too, or the next try does
	}
	ch := &change{refresh: true, method: "UPDATE"}
	if !c.peerUpdates {
		ch.method, ch.sdp = "INVITE", c.said
	}
	c.offerChange(ch)
}

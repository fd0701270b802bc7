package dialog

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return start.Add(d) }

// ours makes identifiers that count.
func ours() Local {
	n := 0
	return Local{
		URI: "sip:alice@example.org", Contact: "<sip:alice@here>", Via: "SIP/2.0/UDP here",
		Identifier: func() string { n++; return fmt.Sprintf("id%d", n) },
	}
}

// done describes the actions of a call since it was last asked.
func done(c *Call) string {
	var all []string
	for _, a := range c.Actions() {
		switch a := a.(type) {
		case Send:
			all = append(all, "send "+string(a.Request.Method))
		case Ack:
			all = append(all, "ack "+ToTag(a.Request))
		case Respond:
			all = append(all, fmt.Sprint("respond ", a.Response.StatusCode))
		case Tell:
			all = append(all, strings.TrimPrefix(fmt.Sprintf("tell %T", a.Event), "tell dialog."))
		}
	}
	return strings.Join(all, ", ")
}

func want(t *testing.T, c *Call, actions string, state State, deadline time.Duration) {
	t.Helper()
	if got := done(c); got != actions {
		t.Errorf("got %q, want %q", got, actions)
	}
	if c.State() != state {
		t.Errorf("state is %v, want %v", c.State(), state)
	}
	wantAt := time.Time{}
	if deadline > 0 {
		wantAt = at(deadline)
	}
	if !c.Deadline().Equal(wantAt) {
		t.Errorf("deadline is %v, want %v", c.Deadline().Sub(start), deadline)
	}
}

// reply makes a response of the peer.
func reply(req *sip.Request, code int, tag string) *sip.Response {
	res := Reply{Code: code, ToTag: tag, Contact: "<sip:bob@192.0.2.1>"}.Build(req)
	res.StatusCode = code
	return res
}

func TestReceiveUnanswered(t *testing.T) {
	c, err := Receive(at(0), ours(), request(t, "INVITE"), "tag")
	if err != nil {
		t.Fatal(err)
	}
	want(t, c, "respond 100", Ringing, RingAfter)
	c.Decline()
	want(t, c, "", Ringing, RingAfter)
	c.Advance(at(RingAfter - 1))
	want(t, c, "", Ringing, RingAfter)
	c.Advance(at(RingAfter))
	want(t, c, "respond 180", Ringing, RefuseAfter)
	if err := c.Answer(at(time.Second), nil); !errors.Is(err, ErrState) {
		t.Errorf("answered after it was declined: %v", err)
	}
	c.Advance(at(RefuseAfter))
	want(t, c, "respond 480, Ended", Over, 0)
	if !c.Done() {
		t.Error("not done")
	}
}

func TestReceiveAnswered(t *testing.T) {
	c, err := Receive(at(0), ours(), request(t, "INVITE"), "tag")
	if err != nil {
		t.Fatal(err)
	}
	done(c)
	if err := c.Answer(at(time.Second), []byte("v=0")); err != nil {
		t.Fatal(err)
	}
	want(t, c, "respond 200", Answering, time.Second+T1)
	c.Advance(at(time.Second + T1))
	want(t, c, "respond 200", Answering, time.Second+3*T1)
	c.Request(at(2*time.Second), request(t, "ACK", "CSeq: 2 ACK"))
	want(t, c, "", Answering, time.Second+3*T1) // for something else
	c.Request(at(2*time.Second), request(t, "ACK"))
	want(t, c, "Answered", Confirmed, 0)
	c.Request(at(3*time.Second), request(t, "BYE", "CSeq: 1 BYE"))
	want(t, c, "respond 200, Ended", Over, 0)
}

func TestPlace(t *testing.T) {
	c, err := Place(ours(), "sip:bob@example.org", []byte("v=0"))
	if err != nil {
		t.Fatal(err)
	}
	invite := c.Actions()[0].(Send).Request
	c.Response(at(0), invite, reply(invite, 100, ""))
	want(t, c, "", Early, 0)
	c.Response(at(0), invite, reply(invite, 180, ""))
	want(t, c, "Progress", Early, 0) // without a tag: a dialog of its own
	c.Response(at(0), invite, reply(invite, 183, "x"))
	want(t, c, "Progress", Early, 0)
	c.Response(at(0), invite, reply(invite, 200, "x"))
	want(t, c, "ack x, Answered", Confirmed, 0)
	c.Hangup(at(time.Second))
	want(t, c, "send BYE, Ended", Over, 0)
	if c.Settled() || c.Done() {
		t.Error("settled while the BYE is out")
	}
}

// A CANCEL without effect is given up after 64*T1.
func TestCancelWithoutEffect(t *testing.T) {
	c, err := Place(ours(), "sip:bob@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	invite := c.Actions()[0].(Send).Request
	c.Response(at(0), invite, reply(invite, 180, "x"))
	done(c)
	c.Hangup(at(time.Second))
	cancel := c.Actions()[0].(Send).Request
	want(t, c, "", Over, time.Second+64*T1)
	c.Response(at(2*time.Second), cancel, reply(cancel, 200, "x"))
	c.Closed(at(3*time.Second), cancel, nil)
	want(t, c, "", Over, time.Second+64*T1)
	c.Advance(at(time.Second + 64*T1))
	want(t, c, "", Over, 0)
	if !c.Done() {
		t.Error("not done")
	}
}

// Forks are bounded; what comes beyond is ignored.
func TestForksBounded(t *testing.T) {
	c, err := Place(ours(), "sip:bob@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	invite := c.Actions()[0].(Send).Request
	told := 0
	for i := range 3 * maxForks {
		c.Response(at(0), invite, reply(invite, 183, fmt.Sprint("t", i)))
		told += len(c.Actions())
	}
	if told != maxForks {
		t.Errorf("told of %d forks, want %d", told, maxForks)
	}
}

// A Contact that differs only in what a proxy added for the way back does not
// replace the one that has it.
func TestRefresh(t *testing.T) {
	const known = "sip:x@anonymous.invalid;alias=192.0.2.1~5060~1"
	cases := []struct{ contact, want string }{
		{"<sip:x@anonymous.invalid>", known},
		{"<sip:x@ANONYMOUS.invalid>;expires=1", known},
		{"<sip:y@anonymous.invalid>", "sip:y@anonymous.invalid"},
		{"<sip:x@anonymous.invalid;transport=tls>", "sip:x@anonymous.invalid;transport=tls"},
		{"<sip:x@anonymous.invalid;alias=192.0.2.2~5060~1>", "sip:x@anonymous.invalid;alias=192.0.2.2~5060~1"},
		{"<sip:x@anonymous.invalid;gr=1>", "sip:x@anonymous.invalid;gr=1"},
		{"*", known},
		{"<>", known},
	}
	for _, tc := range cases {
		d := &Dialog{Target: known}
		d.Refresh(request(t, "INVITE", "Contact: "+tc.contact))
		if d.Target != tc.want {
			t.Errorf("%s: target %s, want %s", tc.contact, d.Target, tc.want)
		}
	}
}

// The Contact of an answer is the target, however alike it and the address that
// was dialled are: a GRUU differs in one parameter, and all depends on it.
func TestAnswerSetsTarget(t *testing.T) {
	c, err := Place(ours(), "sip:bob@127.0.0.1;x=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	invite := c.Actions()[0].(Send).Request
	for _, contact := range []string{"sip:bob@127.0.0.1;alias=127.0.0.1~5071~3;gr=urn:uuid:1", "sip:bob@127.0.0.1"} {
		res := Reply{Code: 200, ToTag: contact, Contact: "<" + contact + ">"}.Build(invite)
		d, err := FromResponse(ours(), invite, res)
		if err != nil {
			t.Fatal(err)
		}
		if d.Target != contact {
			t.Errorf("the target is %s, want %s", d.Target, contact)
		}
		if bye, err := d.Request("BYE", nil); err != nil || bye.Recipient.String() != contact {
			t.Errorf("BYE goes to %v (%v), want %s", bye.Recipient.String(), err, contact)
		}
	}
}

func TestFromRequestRefuses(t *testing.T) {
	many := "Record-Route: " + strings.Repeat("<sip:p;lr>,", maxRoutes+1)
	for _, field := range []string{"Contact: <mailto>", "Contact: ,", "CSeq: x INVITE", many} {
		if _, err := FromRequest(ours(), request(t, "INVITE", field), "tag"); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.40s: got %v", field, err)
		}
	}
}

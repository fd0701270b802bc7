package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"karat/softphone"
	"karat/softphone/assay"
	"karat/softphone/view"
)

// plan is what a command wants of the phone.
type plan struct {
	dial    string        // call this when registered
	calls   int           // stop after so many calls; 0: no limit
	talkFor time.Duration // hang up so long after the answer
	waitFor time.Duration // stop so long after the start
}

// lingerTime covers the 45 s after which a turned-away caller gets the answer
// that everyone gets.
const lingerTime = 50 * time.Second

// conversation runs a phone for one command: events out to the screen, lines of
// the user in.
type conversation struct {
	*env
	plan
	phone  *softphone.Phone
	model  view.Model
	call   string // the call that a key press means
	ended  int
	worst  softphone.Outcome
	dialed bool
	hinted string                  // the keys that were shown last
	assays map[string]assay.Report // what was shown of each call
	lost   map[string]bool         // the accounts that do not come back by themselves
	timers struct{ talk, wait <-chan time.Time }
}

// talk runs the phone until the plan is fulfilled or the user leaves.
func (e *env) talk(cfg softphone.Config, p plan) error {
	if err := checkDevices(cfg.Microphone, cfg.Speaker); err != nil {
		return err
	}
	phone, err := softphone.New(cfg)
	if err != nil {
		return err
	}
	if err := phone.Start(e.ctx); err != nil {
		closing, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), time.Second)
		defer cancel()
		phone.Close(closing)
		return err
	}
	c := &conversation{env: e, plan: p, phone: phone, assays: map[string]assay.Report{}, lost: map[string]bool{}}
	if len(cfg.Listen) > 0 {
		c.say("Listening for direct calls on %s.", strings.Join(cfg.Listen, " and "))
	}
	c.loop()
	c.finish()
	if c.worst != softphone.Private {
		return outcomeError{c.worst}
	}
	return nil
}

// loop runs until nothing is left to do.
func (c *conversation) loop() {
	lines := c.lines()
	if c.waitFor > 0 {
		c.timers.wait = time.After(c.waitFor)
	}
	if len(c.phone.Accounts()) == 0 {
		c.begin()
	}
	for !c.satisfied() {
		select {
		case ev, open := <-c.phone.Events():
			if !open {
				return
			}
			c.hear(ev)
		case line, open := <-lines:
			if !open {
				lines = nil
				continue
			}
			if !c.obey(line) {
				return
			}
		case <-c.timers.talk:
			_ = c.phone.Hangup(c.call) // an error means that it is over already
		case <-c.timers.wait:
			if c.ended < c.calls {
				c.note(softphone.NotAnswered)
			}
			return
		case <-c.ctx.Done():
			return
		}
	}
}

// satisfied: the calls that were asked for are over, and no other lasts, such as the
// one to whom the other end of them sent us on. One that only rings here is nobody's
// yet.
func (c *conversation) satisfied() bool {
	return c.calls > 0 && c.ended >= c.calls &&
		!slices.ContainsFunc(c.running(), func(card view.Card) bool { return card.Stage != view.Incoming })
}

// begin places the planned call, once.
func (c *conversation) begin() {
	if c.dial == "" || c.dialed {
		return
	}
	c.dialed = true
	if _, err := c.phone.Call(c.dial); err != nil {
		complain(c.stderr, err)
		c.note(softphone.Failed)
		c.ended++
	}
}

// hear shows an event and does what the plan wants next.
func (c *conversation) hear(ev softphone.Event) {
	c.model.Apply(ev)
	c.tell(ev)
	defer c.hintAfter(ev)
	switch ev := ev.(type) {
	case softphone.Registered:
		c.begin()
	case softphone.RegistrationLost:
		c.registrationLost(ev)
	case softphone.Incoming:
		if !ev.Refused {
			c.call = ev.Call
		}
	case softphone.Dialing:
		c.call = ev.Call
	case softphone.TransferAsked:
		c.call = ev.Call // the next key answers what was asked
	case softphone.Answered:
		if c.talkFor > 0 {
			c.timers.talk = time.After(c.talkFor)
		}
	case softphone.Ended:
		c.note(ev.Outcome)
		c.ended++
		c.turnTo()
	}
}

// registrationLost ends what nothing can come of any more: a call that was to be
// made, and the waiting of a phone whose last account is lost for good.
func (c *conversation) registrationLost(ev softphone.RegistrationLost) {
	if ev.Retry == 0 {
		c.lost[ev.Account] = true
	}
	if c.dial != "" && !c.dialed || len(c.lost) == len(c.phone.Accounts()) {
		c.note(softphone.Unreachable)
		c.ended, c.calls = 1, 1
	}
}

// turnTo makes the keys mean a call that lasts, when theirs is over: the latest.
func (c *conversation) turnTo() {
	card, known := c.model.Call(c.call)
	if known && card.Stage != view.Ended {
		return
	}
	if cards := c.running(); len(cards) > 0 {
		c.call = cards[len(cards)-1].ID
		c.hint()
	}
}

// tell shows an event: to a person in brief, who can ask for the reasons.
func (c *conversation) tell(ev softphone.Event) {
	a, assayed := ev.(softphone.Assayed)
	if !c.attended || !assayed {
		c.show(ev)
		return
	}
	var before *assay.Report
	if r, shown := c.assays[a.Call]; shown {
		before = &r
	}
	c.assays[a.Call] = a.Report
	c.print(view.Brief(a.Report, before))
}

// note keeps the outcome that matters most to a script.
func (c *conversation) note(o softphone.Outcome) {
	rank := []softphone.Outcome{softphone.Private, softphone.NotAnswered, softphone.Unreachable, softphone.NotPrivate, softphone.Failed}
	for _, r := range rank {
		if r == c.worst {
			c.worst = o
			return
		}
		if r == o {
			return
		}
	}
}

// slowAfter is when waiting wants an explanation.
const slowAfter = time.Second

// finish switches the phone off and shows what that still brings. An interrupt
// does not wait for the callers that were turned away.
func (c *conversation) finish() {
	ctx, cancel := context.WithTimeout(context.Background(), lingerTime)
	defer cancel()
	defer interrupted(cancel)()
	closed := make(chan error, 1)
	go func() { closed <- c.phone.Close(ctx) }()
	slow := time.After(slowAfter)
	for {
		select {
		case ev, open := <-c.phone.Events():
			if !open {
				if err := <-closed; err != nil {
					c.log.Debug("switching off", "error", err)
				}
				return
			}
			c.show(ev)
			if ev, ended := ev.(softphone.Ended); ended {
				c.note(ev.Outcome)
			}
		case <-slow:
			if c.phone.Owing() {
				c.say("A caller was turned away: Karat stays, up to 45 s, to give the answer that every unanswered call gets (interrupt to leave now).")
			} else {
				c.say("Waiting for the other end to confirm that the call is over ...")
			}
		}
	}
}

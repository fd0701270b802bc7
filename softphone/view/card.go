package view

import (
	"fmt"
	"strings"
	"time"

	"karat/softphone"
	"karat/softphone/assay"
)

// Phone is what a person sees of the phone itself.
type Phone struct {
	// Accounts are those that are registered. Status says it in a sentence, or why
	// not, for all.
	Accounts []string
	Status   string
	Level    Level // amber: a provider does not know where we are
	Notices  []string
	Calls    []Card // none: the phone is idle
}

// Card is what a person sees of one call. All text in it is clean.
type Card struct {
	ID    string
	Stage Stage
	Level Level
	// Peer is whom we call, or what the caller claims to be.
	Peer     string
	Incoming bool
	// Account is whose call it is, where the phone has several.
	Account string
	// Known says what is known of a caller before answering.
	Known []string
	// Status is one sentence about where the call stands.
	Status string
	// SAS is to be compared; empty unless keys are agreed and the call lasts.
	// Compared: it was.
	SAS      string
	Compared bool
	Muted    bool
	// Waiting: the user lets the other end wait, or it us.
	Waiting bool
	Actions []Action
	// Private and Promises are the assay, as far as there is one.
	Private  bool
	Promises []Promise
	// Figures are the voice's, on one line; empty without voice.
	Figures string
	// Since is when the stage began: Progress counts from here.
	Since time.Time
}

// Promise is a line of the assay.
type Promise struct{ ID, Verdict, Why string }

// Phone returns what is to be seen now. It is the caller's own.
func (m *Model) Phone() Phone {
	p := Phone{Notices: append([]string(nil), m.notices...)}
	p.Accounts, p.Status, p.Level = m.registrations()
	for _, c := range m.calls {
		p.Calls = append(p.Calls, c.card())
	}
	return p
}

// registrations says where we can be called.
func (m *Model) registrations() (registered []string, status string, level Level) {
	var lost []string
	for _, a := range m.accounts {
		if a.lost != nil {
			lost = append(lost, registrationLost(*a.lost))
			level = Amber
			continue
		}
		registered = append(registered, a.address)
	}
	switch {
	case len(registered) > 0:
		lost = append([]string{"Registered as " + listed(registered) + "."}, lost...)
	case len(lost) == 0:
		return nil, "Not registered.", Neutral
	}
	return registered, strings.Join(lost, " "), level
}

// listed writes names one after the other.
func listed(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// Call returns what is to be seen of one call.
func (m *Model) Call(id string) (card Card, found bool) {
	if c := m.find(id); c != nil {
		return c.card(), true
	}
	return Card{}, false
}

func (c *call) card() Card {
	card := Card{
		ID: c.id, Stage: c.stage(), Level: c.level(), Peer: c.peer, Incoming: c.incoming, Account: c.account,
		Known: append([]string(nil), c.known...), Status: c.status(),
		Muted: c.muted, Waiting: c.waits(), Actions: c.actions(), Promises: c.promises(), Since: c.since,
	}
	if c.live() {
		card.SAS, card.Compared = Clean(c.secure.SAS), c.compared()
		card.Private = c.report != nil && c.report.Private && c.alarm == nil
	}
	if c.media != nil {
		card.Figures = Figures(*c.media)
	}
	return card
}

// waits: somebody lets somebody wait, while the call lasts.
func (c *call) waits() bool {
	return c.ended == nil && c.refused == nil && (c.held.Ours || c.held.Theirs)
}

// live: keys are agreed, and the call lasts. Only then may anything look
// secure.
func (c *call) live() bool {
	return c.secure != nil && c.refused == nil && c.ended == nil
}

// compared tells whether the SAS was: the assay knows, and before there is one,
// nobody does.
func (c *call) compared() bool {
	return c.report != nil && c.report.Finding(assay.Participants).Verdict == assay.Held
}

func (c *call) level() Level {
	switch c.stage() {
	case Ended:
		return Neutral
	case Refused, Alarm:
		return Red
	case Incoming, Dialing, Ringing, Agreeing, Secured, Talking:
	}
	if c.report != nil {
		if _, bad := broken(*c.report); bad {
			return Red
		}
	}
	switch {
	case c.live() && c.report != nil && c.report.Private:
		return Green
	case c.live() || c.answered:
		return Amber
	}
	return Neutral
}

func (c *call) status() string {
	if c.report != nil && c.ended == nil && c.refused == nil {
		if why, bad := broken(*c.report); bad {
			return why
		}
	}
	if c.asks != "" && c.ended == nil && c.refused == nil && c.alarm == nil {
		return c.asks
	}
	switch c.stage() {
	case Incoming:
		if c.probably != "" {
			return fmt.Sprintf("It is probably %s who calls (%s).", c.probably, c.peer)
		}
		return fmt.Sprintf("%s calls, or so the caller claims.", c.peer)
	case Dialing:
		return fmt.Sprintf("Calling %s.", c.peer)
	case Ringing:
		return "It rings at the other end."
	case Agreeing:
		return "Agreeing on keys; nothing is heard yet."
	case Secured:
		return "Keys are agreed; the microphone is closed."
	case Talking:
		return c.talkingStatus()
	case Alarm:
		return alarm(*c.alarm)
	case Refused:
		return *c.refused
	case Ended:
		return ended(*c.ended)
	}
	return ""
}

func (c *call) talkingStatus() string {
	switch {
	case c.waits():
		return held(c.held)
	case c.moving != "":
		return c.moving
	case c.missing != "":
		return c.missing
	case c.level() != Green:
		return "The microphone is open."
	case c.compared():
		return "Private."
	}
	return "Private, as far as the code is the same at both ends: read it to each other."
}

func (c *call) actions() []Action {
	switch stage := c.stage(); {
	case stage == Refused || stage == Ended:
		return nil
	case c.asks != "":
		return append([]Action{Agree, Disagree}, c.ordinary()...)
	}
	return c.ordinary()
}

// ordinary are the actions while nothing is asked of the user.
func (c *call) ordinary() []Action {
	switch c.stage() {
	case Incoming:
		return []Action{Answer, Decline}
	case Dialing, Ringing, Agreeing:
		return []Action{HangUp}
	case Secured, Alarm:
		return append(c.comparing(), HangUp)
	case Talking:
		switch {
		case c.held.Ours:
			return append(c.comparing(), Resume, HangUp)
		case c.muted:
			return append(c.comparing(), Unmute, Hold, HangUp)
		}
		return append(c.comparing(), Mute, Hold, HangUp)
	case Refused, Ended:
	}
	return nil
}

// comparing: what can be said of the code, while there is one that nobody
// compared.
func (c *call) comparing() []Action {
	if !c.live() || c.compared() {
		return nil
	}
	return []Action{Match, Differ}
}

// promises are those of the last assay. One that found the call private is not
// shown of a call that went wrong after it.
func (c *call) promises() (out []Promise) {
	if c.report == nil || c.report.Private && c.wentWrong() {
		return nil
	}
	for _, f := range c.report.Findings {
		out = append(out, Promise{Clean(string(f.Promise)), Clean(string(f.Verdict)), sentence(f.Why)})
	}
	return out
}

func (c *call) wentWrong() bool {
	return c.refused != nil || c.alarm != nil || c.ended != nil && c.ended.Outcome != softphone.Private
}

// patience is how long something may take without a word.
const patience = time.Second

// Progress says what a call waits for, once it takes longer than a second, and
// for how long; empty while nobody has to wait for anything.
func (c Card) Progress(now time.Time) string {
	waited := now.Sub(c.Since)
	if waited < patience {
		return ""
	}
	what := ""
	switch c.Stage {
	case Dialing:
		what = "looking for the other phone"
	case Ringing:
		what = "ringing"
	case Agreeing:
		what = "agreeing on keys"
	case Secured:
		what = "the microphone is closed"
	case Incoming, Talking, Alarm, Refused, Ended:
		return ""
	}
	return fmt.Sprintf("%s … %s", what, duration(waited.Truncate(time.Second)))
}

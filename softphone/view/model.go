package view

import (
	"slices"
	"time"

	"karat/softphone"
	"karat/softphone/assay"
)

// Stage of a call, as a person sees it.
//
//	Incoming ──────────────┐
//	Dialing ── Ringing ── Agreeing ── Secured ── Talking
//
// Alarm may come in place of the last two and go again; Refused and Ended may
// come from anywhere and do not go.
type Stage int

// The stages. There is no screen for no call: a phone without calls is idle.
const (
	Incoming Stage = iota // someone calls; nothing was sent yet
	Dialing               // our call is on its way
	Ringing               // it rings at the other end
	Agreeing              // answered; keys are being agreed, nothing is heard
	Secured               // keys are agreed; the microphone is closed yet
	Talking               // the microphone is open
	Alarm                 // a known phone without its secrets
	Refused               // it would not have been private
	Ended
)

// Level is the colour of a call.
type Level int

// The levels.
const (
	Neutral Level = iota // there is nothing to judge: not begun, or over
	Amber                // not certain: nothing to rely on yet
	Green                // private
	Red                  // not private: refused, or an alarm
)

// Action is something that the user may do in a call.
type Action string

// The actions.
const (
	Answer   Action = "answer"
	Decline  Action = "decline"
	HangUp   Action = "hang up"
	Mute     Action = "mute"
	Unmute   Action = "unmute"
	Match    Action = "they match"  // the codes of both ends
	Differ   Action = "they differ" // and then somebody sits between
	Hold     Action = "hold"
	Resume   Action = "resume" // and let the call wait that is talked in now
	Agree    Action = "agree"  // to what the other end, or a server, asks
	Disagree Action = "do not"
)

const (
	// maxCalls bounds the calls that are kept for showing, ended ones included:
	// a flood of callers must not grow the screen.
	maxCalls = 32
	// maxNotices bounds the notices kept.
	maxNotices = 20
)

// Model is the phone as a person sees it. The zero value is a phone that does
// nothing yet. It is not safe for concurrent use.
type Model struct {
	accounts []registration // in the order in which they were heard of
	notices  []string
	calls    []*call // in the order in which they began
}

// registration is what was heard last of an account.
type registration struct {
	address string
	lost    *softphone.RegistrationLost // nil: it is registered
}

// call is what was heard of one call.
type call struct {
	id, peer          string
	account           string // whose call it is, where the phone has several
	probably          string // the contact whose phone calls, as far as that is known
	incoming          bool
	known             []string
	ringing, answered bool
	secure            *softphone.Secure
	alarm             *softphone.Mismatch
	talking, muted    bool
	held              softphone.Held
	asks              string // what is asked of us, a sentence; empty: nothing
	moving            string // a sentence while its network changes; empty: it does not
	missing           string // the other end is not heard, a sentence; empty: it is
	report            *assay.Report
	media             *softphone.Media
	refused           *string
	ended             *softphone.Ended
	since             time.Time // when its stage began
}

// Apply takes in an event. One about a call that is not known, or is over,
// changes nothing.
func (m *Model) Apply(ev softphone.Event) {
	switch ev := ev.(type) {
	case softphone.Registered:
		m.heard(registration{address: Clean(ev.Account)})
	case softphone.RegistrationLost:
		m.heard(registration{Clean(ev.Account), &ev})
	case softphone.Incoming:
		m.begin(ev.Head, &call{peer: caller(ev.From), account: Clean(ev.Account), probably: Clean(ev.Probably), incoming: true, known: cleanAll(ev.Known), refused: refusedIf(ev.Refused, ev.Why)})
	case softphone.Dialing:
		m.begin(ev.Head, &call{peer: Clean(ev.To), account: Clean(ev.Account)})
	case softphone.Ringing:
		m.in(ev.Head, func(c *call) { c.ringing = true })
	case softphone.Answered:
		m.in(ev.Head, func(c *call) { c.answered = true })
	case softphone.Secure:
		m.in(ev.Head, func(c *call) { c.secure = &ev })
	case softphone.Mismatch:
		m.in(ev.Head, func(c *call) { c.alarm, c.talking = &ev, false })
	case softphone.Talking:
		m.in(ev.Head, func(c *call) { c.talking = true })
	case softphone.Assayed:
		m.in(ev.Head, func(c *call) { c.assayed(ev.Report) })
	case softphone.Media:
		m.in(ev.Head, func(c *call) { c.media = &ev })
	case softphone.VoiceMissing:
		m.in(ev.Head, func(c *call) { c.missed(ev) })
	case softphone.Moving:
		m.in(ev.Head, func(c *call) { c.moves(ev) })
	case softphone.Refused:
		m.in(ev.Head, func(c *call) { c.refused = refusedIf(true, ev.Why) })
	case softphone.Held:
		m.in(ev.Head, func(c *call) { c.held, c.missing = ev, "" })
	case softphone.DowngradeRefused:
		m.note(downgrade(ev))
	case softphone.TransferAsked:
		m.in(ev.Head, func(c *call) { c.asks = transferAsked(ev) })
	case softphone.TransferProgress:
		m.note(transferred(ev))
	case softphone.Redirected:
		m.in(ev.Head, func(c *call) { c.asks = redirected(ev) })
	case softphone.Consented:
		m.in(ev.Head, func(c *call) { c.asks = "" })
	case softphone.Text:
		m.note(written(ev))
	case softphone.MessagesWaiting:
		m.note(mailbox(ev))
	case softphone.Notice:
		m.note(sentence(ev.Text))
	case softphone.Ended:
		m.in(ev.Head, func(c *call) { c.ended = &ev })
	}
}

// heard takes in what became of an account.
func (m *Model) heard(r registration) {
	i := slices.IndexFunc(m.accounts, func(a registration) bool { return a.address == r.address })
	if i < 0 {
		m.accounts = append(m.accounts, r)
		return
	}
	m.accounts[i] = r
}

func refusedIf(refused bool, why string) *string {
	if !refused {
		return nil
	}
	why = sentence(why)
	return &why
}

// assayed takes an assay in. It is the only thing that takes an alarm back:
// when participants are no longer broken, the user has compared the SAS.
func (c *call) assayed(r assay.Report) {
	c.report = &r
	if c.secure != nil && r.Private {
		c.alarm = nil
	}
}

// knownBroken: the assay found that the call is not private.
func (c *call) knownBroken() bool {
	if c.report == nil {
		return false
	}
	_, bad := broken(*c.report)
	return bad
}

// moves notes that the call is moved, or was.
func (c *call) moves(ev softphone.Moving) {
	c.moving = ""
	if !ev.Done {
		c.moving = moving(ev)
	}
}

func (c *call) missed(ev softphone.VoiceMissing) {
	c.missing = ""
	if !ev.Back {
		c.missing = voiceMissing(ev)
	}
}

// begin adds a call. A second beginning of the same call is ignored.
func (m *Model) begin(h softphone.Head, c *call) {
	if m.find(h.Call) != nil {
		return
	}
	c.id, c.since = h.Call, h.Time
	m.calls = append(m.calls, c)
	if len(m.calls) <= maxCalls {
		return
	}
	over := slices.IndexFunc(m.calls, func(c *call) bool { return c.ended != nil })
	m.calls = slices.Delete(m.calls, max(0, over), max(0, over)+1)
}

// in changes a call that is not over, and notes when its stage changed.
func (m *Model) in(h softphone.Head, change func(*call)) {
	c := m.find(h.Call)
	if c == nil || c.ended != nil {
		return
	}
	before := c.stage()
	change(c)
	if c.stage() != before {
		c.since = h.Time
	}
}

func (m *Model) find(id string) *call {
	for _, c := range m.calls {
		if c.id == id {
			return c
		}
	}
	return nil
}

func (m *Model) note(text string) {
	m.notices = append(m.notices, text)
	if over := len(m.notices) - maxNotices; over > 0 {
		m.notices = slices.Delete(m.notices, 0, over)
	}
}

// SetMuted notes what the user did with the microphone; the phone has no event
// for it.
func (m *Model) SetMuted(id string, muted bool) {
	if c := m.find(id); c != nil {
		c.muted = muted
	}
}

// Dismiss takes a call that is over from the screen.
func (m *Model) Dismiss(id string) {
	m.calls = slices.DeleteFunc(m.calls, func(c *call) bool { return c.id == id && c.ended != nil })
}

func (c *call) stage() Stage {
	switch {
	case c.ended != nil:
		return Ended
	case c.refused != nil:
		return Refused
	case c.alarm != nil:
		return Alarm
	case c.secure != nil && c.talking:
		return Talking
	case c.secure != nil:
		return Secured
	case c.talking && c.knownBroken(): // as the user allowed, and the assay says
		return Talking
	case c.answered:
		return Agreeing
	case c.incoming:
		return Incoming
	case c.ringing:
		return Ringing
	}
	return Dialing
}

func (s Stage) String() string {
	return word([]string{"incoming", "dialing", "ringing", "agreeing on keys", "secured", "talking", "alarm", "refused", "ended"}, int(s))
}

func (l Level) String() string {
	return word([]string{"neutral", "amber", "green", "red"}, int(l))
}

func word(words []string, i int) string {
	if i < 0 || i >= len(words) {
		return "unknown"
	}
	return words[i]
}

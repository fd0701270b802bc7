package cli

import (
	"bufio"
	"errors"
	"slices"
	"strconv"
	"strings"

	"karat/softphone"
	"karat/softphone/view"
)

// maxLine is more than any command a person types.
const maxLine = 4096

// lines reads what the user types. The goroutine ends with the input; it is the
// one that nothing can wait for, since a terminal's Read cannot be interrupted.
func (e *env) lines() <-chan string {
	out := make(chan string)
	go func() {
		defer close(out)
		sc := bufio.NewScanner(e.in)
		sc.Buffer(make([]byte, 0, 256), maxLine)
		for sc.Scan() {
			select {
			case out <- strings.TrimSpace(sc.Text()):
			case <-e.ctx.Done():
				return
			}
		}
	}()
	return out
}

// keys are what to type for the actions that softphone/view allows.
var keys = []struct {
	action view.Action
	key    string
}{
	{view.Answer, "a"},
	{view.Decline, "d"},
	{view.Match, "y"},
	{view.Differ, "n"},
	{view.Agree, "agree"},
	{view.Disagree, "refuse"},
	{view.Mute, "m"},
	{view.Unmute, "u"},
	{view.Hold, "hold"},
	{view.Resume, "resume"},
	{view.HangUp, "h"},
}

// hintAfter shows what can be done where something new can be.
func (c *conversation) hintAfter(ev softphone.Event) {
	switch ev.(type) {
	case softphone.Incoming, softphone.Dialing, softphone.Talking, softphone.Mismatch, softphone.Held, softphone.TransferAsked, softphone.Redirected:
		c.hint()
	}
}

// hint shows, to a person at a terminal, what can be done now.
func (c *conversation) hint() {
	card, ok := c.model.Call(c.call)
	if !c.attended || !ok {
		return
	}
	var can []string
	for _, k := range keys {
		if slices.Contains(card.Actions, k.action) {
			can = append(can, k.key+" "+string(k.action))
		}
	}
	if len(card.Promises) > 0 {
		can = append(can, "p promises")
	}
	text := strings.Join(can, ", ")
	if slices.Contains(card.Actions, view.Match) {
		text = "Code: " + card.SAS + "   " + text
	}
	if len(can) > 0 && text != c.hinted {
		c.hinted = text
		c.print([]string{"  [" + text + "]"})
	}
}

const help = "a answer, d decline, y the codes match, n they differ, m mute, u unmute, p promises, h hang up, " +
	"hold, resume, call URI, call URI from ACCOUNT, calls, switch NUMBER, transfer URI, connect NUMBER, dtmf KEYS, agree, refuse, q quit"

// obey does what one line asks for; false: leave.
func (c *conversation) obey(line string) bool {
	verb, rest, _ := strings.Cut(line, " ")
	var err error
	switch strings.ToLower(verb) {
	case "":
	case "a", "answer":
		err = c.phone.Answer(c.call)
	case "d", "decline":
		err = c.phone.Decline(c.call)
	case "y", "yes", "match":
		err = c.phone.SASCompared(c.call, true)
	case "n", "no", "differ":
		err = c.phone.SASCompared(c.call, false)
	case "m", "mute":
		err = c.mute(true)
	case "u", "unmute":
		err = c.mute(false)
	case "h", "hangup":
		err = c.phone.Hangup(c.call)
	case "p", "promises":
		if r, known := c.assays[c.call]; known {
			c.print(view.Lines(softphone.Assayed{Report: r}))
		}
	case "q", "quit":
		return false
	default:
		err = c.obeyMore(strings.ToLower(verb), strings.TrimSpace(rest))
	}
	if err != nil {
		c.say("%v", err)
	}
	return true
}

// obeyMore does what needs a word of its own.
func (c *conversation) obeyMore(verb, rest string) error {
	switch verb {
	case "hold":
		return c.phone.Hold(c.call)
	case "resume":
		return c.phone.Resume(c.call)
	case "agree":
		return c.phone.Consent(c.call, true)
	case "refuse":
		return c.phone.Consent(c.call, false)
	case "dtmf":
		return c.phone.Digits(c.call, rest)
	case "call":
		target, from, _ := strings.Cut(rest, " from ")
		if err := checkTarget(target); err != nil {
			return err
		}
		_, err := c.phone.CallFrom(strings.TrimSpace(from), target)
		return err
	case "transfer":
		return c.phone.Transfer(c.call, rest)
	case "calls":
		c.listCalls()
	case "switch", "connect":
		id, err := c.numbered(rest)
		if err != nil {
			return err
		}
		if verb == "connect" {
			return c.phone.Connect(c.call, id)
		}
		c.call = id
		return c.phone.Resume(id)
	default:
		c.say("that is not a command here: %s", help)
	}
	return nil
}

// running are the cards of the calls that last, in the order in which they began.
func (c *conversation) running() []view.Card {
	return slices.DeleteFunc(c.model.Phone().Calls, func(card view.Card) bool {
		return card.Stage == view.Ended || card.Stage == view.Refused
	})
}

// listCalls numbers the calls; a star marks the one that a key means.
func (c *conversation) listCalls() {
	cards := c.running()
	if len(cards) == 0 {
		c.say("no calls")
	}
	for i, card := range cards {
		mark := " "
		if card.ID == c.call {
			mark = "*"
		}
		peer := card.Peer
		if card.Account != "" {
			peer += " (" + card.Account + ")"
		}
		c.say("%s %d  %s: %s", mark, i+1, peer, card.Status)
	}
}

// errNumber is a number that stands for no call.
var errNumber = errors.New("that is the number of no call: \"calls\" lists them")

// numbered is the id of a call by its number.
func (c *conversation) numbered(number string) (string, error) {
	cards := c.running()
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(cards) {
		return "", errNumber
	}
	return cards[n-1].ID, nil
}

func (c *conversation) mute(muted bool) error {
	if err := c.phone.SetMuted(c.call, muted); err != nil {
		return err
	}
	c.model.SetMuted(c.call, muted)
	c.hint()
	return nil
}

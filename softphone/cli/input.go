package cli

import (
	"bufio"
	"slices"
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
	{view.Mute, "m"},
	{view.Unmute, "u"},
	{view.HangUp, "h"},
}

// hintAfter shows what can be done where something new can be.
func (c *conversation) hintAfter(ev softphone.Event) {
	switch ev.(type) {
	case softphone.Incoming, softphone.Dialing, softphone.Talking, softphone.Mismatch:
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

const help = "a answer, d decline, y the codes match, n they differ, m mute, u unmute, p promises, h hang up, call URI, q quit"

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
	case "call":
		if err = checkTarget(rest); err == nil {
			_, err = c.phone.Call(rest)
		}
	case "q", "quit":
		return false
	default:
		c.say("that is not a command here: %s", help)
	}
	if err != nil {
		c.say("%v", err)
	}
	return true
}

func (c *conversation) mute(muted bool) error {
	if err := c.phone.SetMuted(c.call, muted); err != nil {
		return err
	}
	c.model.SetMuted(c.call, muted)
	c.hint()
	return nil
}

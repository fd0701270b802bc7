package cli

import (
	"bufio"
	"strings"
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

const keys = "a answer, d decline, y the words match, n they differ, m mute, u unmute, h hang up, call URI, q quit"

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
		err = c.phone.SetMuted(c.call, true)
	case "u", "unmute":
		err = c.phone.SetMuted(c.call, false)
	case "h", "hangup":
		err = c.phone.Hangup(c.call)
	case "call":
		if err = checkTarget(rest); err == nil {
			_, err = c.phone.Call(rest)
		}
	case "q", "quit":
		return false
	default:
		c.say("that is not a command here: %s", keys)
	}
	if err != nil {
		c.say("%v", err)
	}
	return true
}

package cli

import (
	"testing"

	"karat/softphone"
)

// Who was transferred talks on in another call; a call that only rings keeps nobody.
func TestSatisfied(t *testing.T) {
	c := &conversation{plan: plan{calls: 1}}
	hear := func(ev softphone.Event, want bool) {
		t.Helper()
		c.model.Apply(ev)
		if _, over := ev.(softphone.Ended); over {
			c.ended++
		}
		if got := c.satisfied(); got != want {
			t.Errorf("after %T satisfied is %v", ev, got)
		}
	}
	first, second, third := softphone.Head{Call: "1"}, softphone.Head{Call: "2"}, softphone.Head{Call: "3"}
	hear(softphone.Dialing{Head: first, To: "sip:bob@example.org"}, false)
	hear(softphone.Answered{Head: first}, false)
	hear(softphone.Dialing{Head: second, To: "sip:carol@example.org"}, false)
	hear(softphone.Incoming{Head: third, From: "sip:dave@example.org"}, false)
	hear(softphone.Ended{Head: first, Why: "the other end hung up"}, false)
	hear(softphone.Answered{Head: second}, false)
	hear(softphone.Ended{Head: second, Why: "you hung up"}, true)
}

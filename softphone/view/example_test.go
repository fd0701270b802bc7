package view_test

import (
	"fmt"

	"karat/softphone"
	"karat/softphone/view"
)

// A window feeds each event to the model, and draws what it reads there.
func Example() {
	call := softphone.Head{Call: "1"}
	var m view.Model
	for _, ev := range []softphone.Event{
		softphone.Dialing{Head: call, To: "sip:bob@example.org"},
		softphone.Answered{Head: call},
		softphone.Secure{Head: call, SAS: "ribcage holiness"},
	} {
		m.Apply(ev)
		card, _ := m.Call("1")
		fmt.Printf("%v, %v: %s %q %v\n", card.Stage, card.Level, card.Status, card.SAS, card.Actions)
	}
	// Output:
	// dialing, neutral: Calling sip:bob@example.org. "" [hang up]
	// agreeing on keys, amber: Agreeing on keys; nothing is heard yet. "" [hang up]
	// secured, amber: Keys are agreed; the microphone is closed. "ribcage holiness" [they match they differ hang up]
}

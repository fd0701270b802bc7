package registrar

import (
	"fmt"
	"time"
)

// Kind of an Event.
type Kind int

// What is told.
const (
	Registered   Kind = iota // From a phone, for Expires
	Unregistered             // by the phone, by time, or because its connection ended
	WrongPassword
	Calling   // From calls To
	Ringing   // a phone of To rings
	Answered  // a phone of To answered
	NotPicked // the call came to nothing; Code says how
	HungUp    // From ended the call with To
)

// Event is something that happened, for a person to read.
type Event struct {
	Kind      Kind
	From, To  string // users
	Transport string // Registered: UDP, TCP or TLS
	Expires   time.Duration
	Code      int
}

// String is the event as a sentence.
func (e Event) String() string {
	switch e.Kind {
	case Registered:
		return fmt.Sprintf("%s registered over %s for %v", e.From, e.Transport, e.Expires)
	case Unregistered:
		return fmt.Sprintf("a phone of %s is gone", e.From)
	case WrongPassword:
		return fmt.Sprintf("somebody gave a wrong password for %s", e.From)
	case Calling:
		return fmt.Sprintf("%s calls %s", e.From, e.To)
	case Ringing:
		return fmt.Sprintf("the phone of %s rings", e.To)
	case Answered:
		return fmt.Sprintf("%s answered the call of %s", e.To, e.From)
	case NotPicked:
		return fmt.Sprintf("the call of %s to %s was not answered (%d)", e.From, e.To, e.Code)
	case HungUp:
		return fmt.Sprintf("%s ended the call with %s", e.From, e.To)
	default:
		return fmt.Sprintf("event %d", int(e.Kind))
	}
}

package dialog

import (
	"errors"
	"fmt"

	"github.com/emiago/sipgo/sip"
)

// Action is what a Call wants done: [Send], [Ack], [Respond] or [Tell].
type Action interface{ action() }

// Send sends a request in a new client transaction, whose responses go to
// [Call.Response] and whose end goes to [Call.Closed].
type Send struct{ Request *sip.Request }

// Ack sends the ACK for a 2xx: outside of any transaction.
type Ack struct{ Request *sip.Request }

// Respond sends a response in the server transaction of To.
type Respond struct {
	To       *sip.Request
	Response *sip.Response
}

// Tell passes an Event to the owner.
type Tell struct{ Event Event }

func (Send) action()    {}
func (Ack) action()     {}
func (Respond) action() {}
func (Tell) action()    {}

// Event is what the owner of a Call is told.
type Event interface{ event() }

// Progress is a provisional answer (101 to 199) of one fork. Forks are numbered
// from 1 in the order in which their To-tags appear.
type Progress struct {
	Fork, Code int
	SDP        []byte
}

// Answered: the call is up, the ACK has been sent or received.
type Answered struct {
	Fork int
	SDP  []byte
}

// Reoffered: the peer offers to change the call. Accept or Refuse must follow.
type Reoffered struct{ SDP []byte }

// Reinvited is the outcome of our re-INVITE.
type Reinvited struct {
	SDP []byte
	Err error
}

// Failed: our call was not answered. It is the last event.
type Failed struct {
	Code int // 0: no final answer came
	Why  error
}

// Ended: the call is over. It is the last event.
type Ended struct {
	ByPeer bool
	Why    error
}

func (Progress) event()  {}
func (Answered) event()  {}
func (Reoffered) event() {}
func (Reinvited) event() {}
func (Failed) event()    {}
func (Ended) event()     {}

// Errors that callers act on.
var (
	ErrState      = errors.New("the call is in no state for that")
	ErrHungUp     = errors.New("hung up before the call was answered")
	ErrCancelled  = errors.New("the caller gave up before the call was answered")
	ErrUnanswered = errors.New("the call was not answered in time")
	ErrNoAck      = errors.New("the caller did not confirm that it got the answer")
	ErrNoResponse = errors.New("no answer came from the network")
	ErrGlare      = errors.New("both sides tried to change the call at once; try again in a moment")
	ErrRejected   = errors.New("the other side refused the change; the call stays as it was")
)

// StatusError is a final answer that refuses.
type StatusError struct{ Code int }

func (e *StatusError) Error() string {
	if text, ok := sentences[e.Code]; ok {
		return fmt.Sprintf("%s (%d)", text, e.Code)
	}
	return fmt.Sprintf("the call was refused with code %d", e.Code)
}

// sentences say what the codes mean that people meet. The peer's own reason
// phrase is not shown: anybody can write anything there.
var sentences = map[int]string{
	401: "the provider did not accept the credentials",
	403: "the provider forbids this call",
	404: "there is no such user",
	407: "the provider did not accept the credentials",
	408: "the other side could not be reached in time",
	415: "the other side does not understand our offer",
	480: "nobody answered",
	481: "the other side does not know the call",
	484: "the address is incomplete",
	486: "the other side is busy",
	487: "the call was ended before it was answered",
	488: "the other side does not accept what we offered",
	500: "a server on the way failed",
	503: "a server on the way is out of service",
	600: "the other side is busy everywhere",
	603: "the other side declined",
	606: "the other side does not accept what we offered",
}

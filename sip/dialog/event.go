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

// Answered: the call is up, the ACK has been sent or received. SDP is the peer's
// answer; nil for a call that it offered.
type Answered struct {
	Fork int
	SDP  []byte
}

// Reoffered: the peer offers to change the call, or without an SDP asks us to
// offer. Accept or Refuse must follow.
type Reoffered struct{ SDP []byte }

// Reanswered is the peer's answer to an offer that it had asked for, or to one
// that only kept the call alive.
type Reanswered struct{ SDP []byte }

// Reinvited is the outcome of our re-INVITE.
type Reinvited struct {
	SDP []byte
	Err error
}

// Failed: our call was not answered. It is the last event.
type Failed struct {
	Code int // 0: no final answer came
	Why  error
	// Contacts are the targets of a redirection (3xx), the most wanted first.
	Contacts []string
}

// TransferAsked: the peer asks us to call somebody else in place of it (REFER).
// [Call.TransferProgress] must follow.
type TransferAsked struct {
	Target   string
	Replaces string // the dialog that the new call takes the place of; empty: none
}

// Transferring is how far the peer has come that we asked to call somebody else.
// Code is the status of its call, 0 if it does not say; Done: nothing follows.
type Transferring struct {
	Code int
	Done bool
}

// Rejected: the peer does not take a request of ours within the dialog (INFO,
// MESSAGE).
type Rejected struct {
	Method string
	Code   int
}

// Text is a message in writing (RFC 3428). Everybody on the way could read it.
type Text struct{ Body string }

// Ended: the call is over. It is the last event.
type Ended struct {
	ByPeer bool
	Why    error
}

func (Progress) event()      {}
func (Answered) event()      {}
func (Reoffered) event()     {}
func (Reanswered) event()    {}
func (Reinvited) event()     {}
func (TransferAsked) event() {}
func (Transferring) event()  {}
func (Rejected) event()      {}
func (Text) event()          {}
func (Failed) event()        {}
func (Ended) event()         {}

// Errors that callers act on.
var (
	ErrState      = errors.New("the call is in no state for that")
	ErrHungUp     = errors.New("hung up before the call was answered")
	ErrCancelled  = errors.New("the caller gave up before the call was answered")
	ErrUnanswered = errors.New("the call was not answered in time")
	ErrNoAck      = errors.New("the caller did not confirm that it got the answer")
	ErrNoResponse = errors.New("no answer came from the network")
	ErrExpired    = errors.New("the other side no longer confirmed that it is there")
	ErrGlare      = errors.New("both sides tried to change the call at once; try again in a moment")
	ErrRejected   = errors.New("the other side refused the change; the call stays as it was")
)

// StatusError is a final answer that refuses.
type StatusError struct{ Code int }

func (e *StatusError) Error() string {
	if text, ok := sentences[e.Code]; ok {
		return fmt.Sprintf("%s (%d)", text, e.Code)
	}
	return fmt.Sprintf("refused with code %d", e.Code)
}

// sentences say what the codes mean that people meet. The peer's own reason
// phrase is not shown: anybody can write anything there.
var sentences = map[int]string{
	300: "the address leads to several others",
	301: "the other side has moved to another address",
	302: "the other side asks to be called at another address",
	305: "the call has to go by another server",
	380: "the call cannot be made in this way",
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

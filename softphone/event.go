package softphone

import (
	"time"

	"karat/softphone/assay"
)

// Event is what the phone tells whoever shows it. softphone/view makes of them
// what a person sees.
type Event interface{ event() }

// Head is common to all events.
type Head struct {
	Time time.Time
	// Call is the call's id on this phone; empty for the phone's own events.
	Call string
}

// Registered: the provider knows where we are.
type Registered struct {
	Head
	Account string
}

// RegistrationLost: it does not, or no longer. Retry 0: the user must act.
type RegistrationLost struct {
	Head
	Account string
	Why     string
	Retry   time.Duration
}

// Incoming: someone calls. Everything known before anything is sent.
type Incoming struct {
	Head
	// Account is the one called, where the phone has several.
	Account string
	// From is what the caller claims to be; nobody has checked it.
	From string
	// Asserted is whom the own provider names as the caller; empty: nobody.
	Asserted string
	// Probably is the contact whose phone made this request. Who speaks is known once
	// keys are agreed; empty: the request is no contact's that we would recognise.
	Probably string
	// Known says in a sentence what is known: offers ZRTP, hash present, ...
	Known []string
	// Refused: policy has refused it already; Why says why. The caller hears
	// "no answer" after 45 s like everyone.
	Refused bool
	Why     string
	// Replaces is our call that this one asks to take the place of, because its
	// other end was sent on; empty: of none. Answering ends that one.
	Replaces string
}

// Dialing: our call is on its way.
type Dialing struct {
	Head
	To string
	// Account is the one that the call goes out from, where the phone has several.
	Account string
}

// Ringing: the other end rings.
type Ringing struct{ Head }

// Answered: the call is up; keys are being agreed and nothing is heard yet.
type Answered struct{ Head }

// Secure: keys are agreed and confirmed.
type Secure struct {
	Head
	SAS                                          string
	KeyAgreement, Hash, Cipher, AuthTag, SASType string
	Verified                                     bool
	Continuity                                   bool
	// Elapsed from our first Hello to here.
	Elapsed time.Duration
}

// Mismatch: this device is known and shows none of the secrets we share: the
// strongest alarm. The microphone stays closed until the SAS was compared.
type Mismatch struct {
	Head
	Name string // the contact's, empty when never named
}

// Talking: the policy is met and the microphone is open.
type Talking struct{ Head }

// Assayed: the assay has changed.
type Assayed struct {
	Head
	Report assay.Report
}

// Media: the voice's figures, each second.
type Media struct {
	Head
	Sent, Received, Lost, Concealed uint64
	// Restored packets were lost, and made anew from what came with later ones.
	Restored uint64
	// LossHeard is the share of the last seconds that was made up, 0 to 1.
	LossHeard float64
	// MicrophoneLevel is its peak in the last second, in dBFS, muted or not; 0
	// while the call has no microphone.
	MicrophoneLevel float64
	// Unauthenticated packets came that do not carry this call's keys; none of them
	// is played.
	Unauthenticated    uint64
	RTT, Jitter, Delay time.Duration
}

// VoiceMissing: nothing genuine has come from the other end for ten seconds, although
// something should; or, Back, it comes again.
type VoiceMissing struct {
	Head
	Back bool
	// Unauthenticated packets came instead.
	Unauthenticated uint64
}

// Moving: the network changed under a call, which is taken to where we are now.
// Done: it is there, or cannot be; Why is empty when all is well.
type Moving struct {
	Head
	Done bool
	Why  string
}

// Refused: the call would not have been private. Why is one sentence: what
// happened and what can be done.
type Refused struct {
	Head
	Why string
}

// Held: who lets whom wait, now. Nothing is said while either is true.
type Held struct {
	Head
	Ours, Theirs bool
}

// DowngradeRefused: the other side, or somebody on the way, asked to go on with
// less protection. It was refused, and the call is as private as before.
type DowngradeRefused struct {
	Head
	Why string
}

// TransferAsked: the other end asks us to call somebody else in place of it.
// Consent says whether we do; no answer within half a minute is no.
type TransferAsked struct {
	Head
	To string
}

// TransferProgress is how far the other end has come that we sent on. Done and
// OK: it talks there, and this call ends.
type TransferProgress struct {
	Head
	To                string
	Ringing, Done, OK bool
}

// Redirected: a server asks us to call another address. Consent says whether we
// do; no answer within half a minute is no.
type Redirected struct {
	Head
	To string
}

// Consented: what was asked is decided, by the user or because the time was over.
type Consented struct {
	Head
	Agreed bool
}

// Text is a message in writing. Everybody on its way could read it. From is who
// sent it, by its own word; empty: the other end of the call.
type Text struct {
	Head
	From string
	Body string
}

// MessagesWaiting is what the provider says about the mailbox of an account. New
// and Old are numbers of voice messages, 0 where it does not say.
type MessagesWaiting struct {
	Head
	Account  string
	Waiting  bool
	New, Old int
}

// Notice is something the user should know: a store opened after a rollback, a
// contact under another name.
type Notice struct {
	Head
	Text string
}

// Ended is the last event of a call.
type Ended struct {
	Head
	Why     string
	Talked  time.Duration // since answer
	Outcome Outcome
}

// Outcome of a call, as scripts see it.
type Outcome int

// The outcomes; cli makes exit codes of them.
const (
	Private     Outcome = iota // was private and ended, by either side
	Failed                     // an internal failure
	NotPrivate                 // refused: it would not have been private
	NotAnswered                // nobody answered
	Unreachable                // network or registration
)

func (Registered) event()       {}
func (RegistrationLost) event() {}
func (Incoming) event()         {}
func (Dialing) event()          {}
func (Ringing) event()          {}
func (Answered) event()         {}
func (Secure) event()           {}
func (Mismatch) event()         {}
func (Talking) event()          {}
func (Assayed) event()          {}
func (Media) event()            {}
func (VoiceMissing) event()     {}
func (Moving) event()           {}
func (Refused) event()          {}
func (Held) event()             {}
func (DowngradeRefused) event() {}
func (TransferAsked) event()    {}
func (TransferProgress) event() {}
func (Redirected) event()       {}
func (Consented) event()        {}
func (Text) event()             {}
func (Notice) event()           {}
func (MessagesWaiting) event()  {}
func (Ended) event()            {}

package middle

import (
	"errors"
	"fmt"

	"karat/zrtp/wire"
)

// Outcome is what an attack may come to.
type Outcome string

const (
	// Unharmed: both are secure, with the keys of each other.
	Unharmed Outcome = "in vain: both are secure with each other's keys"
	// Ended: neither has keys.
	Ended Outcome = "the call ends, without keys"
	// OneLeft: one has no keys, and says why; the other, whose user hears nobody but
	// M, has those of M.
	OneLeft Outcome = "one end ends the call, and says that somebody is in the middle; the other is left with M"
	// OneSilent: the same, with a phone that does not say why.
	OneSilent Outcome = "one end has no keys and shows no words, but does not say why; the other is left with M"
	// Severed: M only adds to what they say, and keeps the last of it from one; it has
	// no keys.
	Severed Outcome = "one end waits in vain for the other, and ends the call; nobody but the two has keys"
	// Alarm: M has keys with both, and both raise the alarm for a mismatch.
	Alarm Outcome = "alarm at both ends, whose secrets do not match"
	// TwoSAS: M has keys with both, who never met: their SAS differ.
	TwoSAS Outcome = "two SAS that differ: who compares them knows"
)

// ErrNever is what an attack must not come to.
var ErrNever = errors.New("ends that no outcome names")

// errOneSAS is what M wants.
var errOneSAS = fmt.Errorf("%w: both show one SAS, and M is in the middle", ErrNever)

// errStuck is not as bad: an end that crashed or hangs, for reasons of its own, looks
// so.
var errStuck = errors.New("neither has keys, and neither says so")

// Judge says what an attack came to. What must never be has no outcome: M between
// two ends that say that they are secure, with one SAS or without an alarm where
// they know each other; or an end with keys, beside one that the attack has ended.
func (x Attack) Judge(a, b Fate) (Outcome, error) {
	switch {
	case a.Secure && b.Secure && x.eachOthersKeys(a, b) && a.SAS == b.SAS && !a.Alarmed && !b.Alarmed:
		return Unharmed, nil
	case !a.Secure && !b.Secure && (a.Failed || b.Failed):
		return Ended, nil
	case SameWords(a, b):
		return "", errOneSAS
	case a.Secure && b.Secure && a.Alarmed && b.Alarmed:
		return Alarm, nil
	case a.Secure && b.Secure && !a.Known && !b.Known && !a.Verified && !b.Verified:
		return TwoSAS, nil
	case x.Want == Unharmed && (a.Secure && b.waitedInVain() || b.Secure && a.waitedInVain()):
		return Severed, nil
	case a.Secure != b.Secure && a.accuses()+b.accuses() == uint32(wire.CodeBadCommitment):
		return OneLeft, nil
	case a.Secure && b.gaveUp() || b.Secure && a.gaveUp():
		return OneSilent, nil
	case !a.Secure && !b.Secure:
		return "", errStuck
	}
	return "", fmt.Errorf("%w: A: %v, B: %v", ErrNever, a, b)
}

// SameWords tells whether M has what it wants, if it has keys with both: their
// users would read the same words to each other.
func SameWords(a, b Fate) bool { return a.Secure && b.Secure && a.SAS == b.SAS }

// eachOthersKeys tells whether nobody is between. Of a phone that does not tell its
// keys the SAS stands for them, where M had no part in the key agreement.
func (x Attack) eachOthersKeys(a, b Fate) bool {
	if a.Sends == "" || b.Sends == "" {
		return !x.ownName
	}
	return a.Sends == b.Hears && b.Sends == a.Hears
}

// done: it has said what came of the exchange.
func (f Fate) done() bool { return f.Secure || f.Failed }

// gaveUp: it has no keys, and is a phone that does not tell.
func (f Fate) gaveUp() bool { return f.Mute && !f.Secure }

// waitedInVain: it has no keys, and is a phone that says so or that tells nothing.
func (f Fate) waitedInVain() bool { return !f.Secure && (f.Failed || f.Mute) }

// accuses is the code of a fault that it found itself.
func (f Fate) accuses() uint32 {
	if !f.Failed || f.ByPeer {
		return 0
	}
	return f.Code
}

func (f Fate) String() string {
	switch {
	case f.Secure && f.Alarmed:
		return "keys, with the alarm for a mismatch"
	case f.Secure:
		return "secure"
	case f.Failed && f.ByPeer:
		return "ends: the other end sent an Error"
	case f.Failed && f.Code == 0:
		return "ends: the other end fell silent"
	case f.Failed:
		return fmt.Sprintf("ends with Error 0x%02x", f.Code)
	}
	return "no keys"
}

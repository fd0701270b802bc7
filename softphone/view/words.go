package view

import (
	"fmt"
	"strings"
	"time"

	"karat/softphone"
	"karat/softphone/assay"
)

// noAnswer is all that a caller reads of a call that was not taken. Whether the
// other end was busy, said no, or did not hear it, is theirs to tell.
const noAnswer = "no answer"

// whyEnded says why a call ended, and of one not taken, no more than that.
func whyEnded(ev softphone.Ended) string {
	if ev.Outcome == softphone.NotAnswered {
		return noAnswer
	}
	return sentence(ev.Why)
}

// sentence cleans a longer text of ours that may hold a name or a reason from
// the network.
func sentence(text string) string { return clean(text, maxSentence) }

// ended is the last sentence of a call.
func ended(ev softphone.Ended) string {
	why := sentence(strings.TrimRight(ev.Why, ". "))
	switch ev.Outcome {
	case softphone.NotAnswered:
		return "No answer."
	case softphone.Private:
		return fmt.Sprintf("The call is over after %s%s. It was private.", duration(ev.Talked), because(why))
	case softphone.NotPrivate:
		return "The call was given up: it would not have been private." // Refused has said why
	case softphone.Unreachable:
		return fmt.Sprintf("The other end cannot be reached%s.", because(why))
	case softphone.Failed:
		return fmt.Sprintf("The call failed%s.", because(why))
	}
	return fmt.Sprintf("The call is over%s.", because(why))
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

const (
	// audibleLoss is the share of made-up sound that people begin to hear.
	audibleLoss = 0.01
	// deafLevel is below the noise of any microphone that is switched on, in dBFS.
	deafLevel = -80
)

// Figures is the voice's figures on one line.
func Figures(ev softphone.Media) string {
	heard := ev.Received + ev.Lost
	lost := 0.0
	if heard > 0 {
		lost = 100 * float64(ev.Lost) / float64(heard)
	}
	figures := fmt.Sprintf("voice: %d sent, %d received, %.1f %% lost, %d concealed; round trip %s, jitter %s, delay %s",
		ev.Sent, ev.Received, lost, ev.Concealed, ms(ev.RTT), ms(ev.Jitter), ms(ev.Delay))
	if ev.LossHeard >= audibleLoss {
		figures += fmt.Sprintf("; %.0f %% of what you hear is made up", 100*ev.LossHeard)
	}
	if ev.MicrophoneLevel <= deafLevel {
		figures += "; your microphone hears nothing"
	}
	if ev.Unauthenticated > 0 {
		figures += fmt.Sprintf("; %d forged and thrown away", ev.Unauthenticated)
	}
	return figures
}

// voiceMissing says that the other end is not heard, and what can be done.
func voiceMissing(ev softphone.VoiceMissing) string {
	switch {
	case ev.Back:
		return "The other end is heard again."
	case ev.Unauthenticated > 0:
		return fmt.Sprintf("Warning: for 10 s nothing genuine has come from the other end, but %d packets that do not carry this call's keys; none is played. Somebody on the way may change them: call again over another network.", ev.Unauthenticated)
	}
	return "Warning: nothing has come from the other end for 10 s. It sends nothing, or its voice does not get through, and yours may not either: ask by another way, or call again."
}

// ms spells a measured time; zero is one that was not measured.
func ms(d time.Duration) string {
	if d == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%.0f ms", milliseconds(d))
}

// duration spells how long somebody talked.
func duration(d time.Duration) string {
	d = max(0, d).Round(time.Second)
	if d < time.Minute {
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
}

// registrationLost says that the provider does not know where we are.
func registrationLost(ev softphone.RegistrationLost) string {
	what := fmt.Sprintf("%s is not registered%s", Clean(ev.Account), because(sentence(strings.TrimRight(ev.Why, ". "))))
	if ev.Retry <= 0 {
		return what + "; this does not get better by itself."
	}
	if ev.Retry < time.Second {
		return what + "; trying again at once."
	}
	return fmt.Sprintf("%s; trying again in %s.", what, duration(ev.Retry))
}

// alarm says what a mismatch is. It is the assay's finding, for the moment in
// which there is no assay yet.
func alarm(ev softphone.Mismatch) string {
	who := "This phone"
	if ev.Name != "" {
		who = "The phone of " + Clean(ev.Name)
	}
	return who + " is known and has none of the secrets it shared with us: it lost its memory, or somebody poses as it. The microphone stays closed. Compare the code by another way than this call."
}

// moving says what becomes of a call whose network changed.
func moving(ev softphone.Moving) string {
	switch {
	case ev.Why != "":
		return sentence(ev.Why)
	case ev.Done:
		return "The call has moved to the new network; its keys are the same."
	}
	return "The network changed: the call is being moved."
}

// held says who waits.
func held(ev softphone.Held) string {
	switch {
	case ev.Ours && ev.Theirs:
		return "On hold at both ends; the microphone is closed."
	case ev.Ours:
		return "On hold: the microphone is closed, and the other end waits."
	case ev.Theirs:
		return "The other end lets you wait; nothing you say is sent."
	}
	return "Nobody waits any more."
}

// downgrade says that somebody asked for less, in vain.
func downgrade(ev softphone.DowngradeRefused) string {
	return "Warning: " + sentence(strings.TrimRight(ev.Why, ". ")) + ". That was refused, and the call is as it was."
}

func transferAsked(ev softphone.TransferAsked) string {
	return fmt.Sprintf("The other end asks you to call %s in place of it. Without your consent within 30 s nothing is done.", Clean(ev.To))
}

func redirected(ev softphone.Redirected) string {
	return fmt.Sprintf("The call is to go to %s instead, or so a server on the way says. Without your consent within 30 s nothing is done.", Clean(ev.To))
}

func consented(ev softphone.Consented) string {
	if ev.Agreed {
		return "You agreed to that."
	}
	return "That was not agreed to, and is not done."
}

// transferred says how far a transfer of ours has come.
func transferred(ev softphone.TransferProgress) string {
	to := Clean(ev.To)
	switch {
	case ev.OK:
		return fmt.Sprintf("Transferred: the other end talks to %s.", to)
	case ev.Done:
		return fmt.Sprintf("Not transferred to %s: nobody there took the call, or the other end did not want it. It still waits.", to)
	case ev.Ringing:
		return fmt.Sprintf("Transfer: it rings at %s.", to)
	}
	return fmt.Sprintf("Transfer: the other end is asked to call %s.", to)
}

// written is a message in writing, and what it is worth.
func written(ev softphone.Text) string {
	if ev.From != "" {
		return "Message in writing from " + Clean(ev.From) + ", or so it says; everybody on the way could read or change it: " + sentence(ev.Body)
	}
	return "Message in writing, which everybody on the way could read or change: " + sentence(ev.Body)
}

// mailbox says what waits in the mailbox that the provider keeps.
func mailbox(ev softphone.MessagesWaiting) string {
	who := "Your provider's mailbox for " + Clean(ev.Account)
	switch {
	case ev.New > 0:
		return fmt.Sprintf("%s has %d new and %d old voice messages; the provider can hear them.", who, ev.New, ev.Old)
	case ev.Waiting:
		return who + " has new messages; the provider can read them."
	}
	return who + " has nothing new."
}

// broken returns the first broken promise's reason, if any promise that makes a
// call private is broken.
func broken(r assay.Report) (why string, found bool) {
	for _, p := range []assay.Promise{assay.Default, assay.Participants, assay.Unforged} {
		if f := r.Finding(p); f.Verdict == assay.Broken {
			return sentence(f.Why), true
		}
	}
	return "", false
}

// keysPending tells an assay from before the keys: nothing in it is wrong, and
// the call is not private yet.
func keysPending(r assay.Report) bool {
	_, bad := broken(r)
	return !r.Private && !bad
}

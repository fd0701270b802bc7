package view

import (
	"fmt"
	"strings"

	"karat/softphone"
	"karat/softphone/assay"
)

// Lines returns what a plain terminal prints for an event; nothing for the ones
// that come every second.
func Lines(ev softphone.Event) []string {
	switch ev := ev.(type) {
	case softphone.Registered:
		return []string{"Registered as " + Clean(ev.Account) + "."}
	case softphone.RegistrationLost:
		return []string{registrationLost(ev)}
	case softphone.Incoming:
		return incomingLines(ev)
	case softphone.Dialing:
		return []string{"Calling " + Clean(ev.To) + whose(" from ", ev.Account) + " …"}
	case softphone.Ringing:
		return []string{"It rings at the other end."}
	case softphone.Answered:
		return []string{"Answered. The phones agree on keys; nothing is heard yet."}
	case softphone.Secure:
		return secureLines(ev)
	case softphone.Mismatch:
		return []string{"ALARM: " + alarm(ev)}
	case softphone.Talking:
		return []string{"The microphone is open."}
	case softphone.Assayed:
		return assayLines(ev.Report)
	case softphone.VoiceMissing:
		return []string{voiceMissing(ev)}
	case softphone.Moving:
		return []string{moving(ev)}
	case softphone.Refused:
		return []string{"Refused: " + sentence(ev.Why)}
	case softphone.Held:
		return []string{held(ev)}
	case softphone.DowngradeRefused:
		return []string{downgrade(ev)}
	case softphone.TransferAsked:
		return []string{transferAsked(ev)}
	case softphone.TransferProgress:
		return []string{transferred(ev)}
	case softphone.Redirected:
		return []string{redirected(ev)}
	case softphone.Consented:
		return []string{consented(ev)}
	case softphone.Text:
		return []string{written(ev)}
	case softphone.MessagesWaiting:
		return []string{mailbox(ev)}
	case softphone.Notice:
		return []string{"Note: " + sentence(ev.Text)}
	case softphone.Ended:
		return []string{ended(ev)}
	}
	return nil
}

func incomingLines(ev softphone.Incoming) []string {
	to := whose(" for ", ev.Account)
	lines := []string{fmt.Sprintf("Call%s from %s. That is what the caller claims; nobody has checked it.", to, caller(ev.From))}
	if name := Clean(ev.Probably); name != "" {
		lines[0] = fmt.Sprintf("Call%s, probably from %s (%s).", to, name, caller(ev.From))
	}
	for _, known := range ev.Known {
		lines = append(lines, "  - "+Clean(known))
	}
	if ev.Refused {
		lines = append(lines, "  Not put through. The caller learns no more than from a call that nobody takes.")
	}
	return lines
}

// whose says which account is meant, if that has to be said.
func whose(word, account string) string {
	if account == "" {
		return ""
	}
	return word + Clean(account)
}

func caller(from string) string {
	if from = Clean(from); from == "" {
		return "someone without a name"
	}
	return from
}

func secureLines(ev softphone.Secure) []string {
	agreed := fmt.Sprintf("Keys are agreed (%s).", strings.Join(algorithms(ev), ", "))
	if ev.Elapsed > 0 {
		agreed = fmt.Sprintf("Keys are agreed, in %s (%s).", ms(ev.Elapsed), strings.Join(algorithms(ev), ", "))
	}
	return []string{agreed, fmt.Sprintf("Code: %s   %s", Clean(ev.SAS), whatToDo(ev))}
}

func algorithms(ev softphone.Secure) (names []string) {
	for _, name := range []string{ev.KeyAgreement, ev.Hash, ev.Cipher, ev.AuthTag, ev.SASType} {
		if name = strings.TrimSpace(Clean(name)); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func whatToDo(ev softphone.Secure) string {
	switch {
	case ev.Verified:
		return "It was compared before, on both ends."
	case ev.Continuity:
		return "The same phone as before; compare the code if you never did."
	}
	return "Compare it: if both ends have the same, nobody sits between."
}

// assayLines lists the promises: before there are keys, nothing is settled, and
// one line says so.
func assayLines(r assay.Report) []string {
	if keysPending(r) {
		return []string{"Not private yet: " + lower(sentence(r.Finding(assay.Participants).Why))}
	}
	lines := []string{headline(r)}
	for _, f := range r.Findings {
		lines = append(lines, promiseLine(f))
	}
	return lines
}

func headline(r assay.Report) string {
	if r.Private {
		return "This call is private."
	}
	return "This call is NOT private."
}

func promiseLine(f assay.Finding) string {
	return fmt.Sprintf("  %-12s %-13s %s", Clean(string(f.Verdict)), Clean(string(f.Promise)), sentence(f.Why))
}

// Brief returns what a person at a terminal reads of an assay in the middle of a
// call: what is settled or broken, without the promises that are not offered,
// and without what they read before (nil: nothing yet). Lines tells it all.
func Brief(r assay.Report, before *assay.Report) []string {
	if keysPending(r) {
		return assayLines(r)
	}
	var lines, missing []string
	if before == nil || before.Private != r.Private || keysPending(*before) {
		lines = []string{headline(r)}
	}
	for _, f := range r.Findings {
		switch {
		case f.Verdict == assay.NotOffered:
			missing = append(missing, Clean(string(f.Promise)))
		case before == nil || before.Finding(f.Promise) != f:
			lines = append(lines, promiseLine(f))
		}
	}
	if before == nil && len(missing) > 0 {
		lines = append(lines, fmt.Sprintf("  %-12s %s", Clean(string(assay.NotOffered)), strings.Join(missing, ", ")))
	}
	return lines
}

func lower(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

package assay

import "fmt"

// Assess finds a verdict for each of the twelve promises.
func Assess(f Facts) Report {
	findings := []Finding{
		assessDefault(f),
		assessParticipants(f),
		assessUnforged(f),
		{Unnoticed, NotOffered, whyUnnoticed(f)},
		{Unlinked, NotOffered, whyUnlinked(f)},
		{Anonymity, NotOffered, whyAnonymity(f)},
		{Undisclosed, NotOffered, whyUndisclosed(f)},
		{SilentLeave, NotOffered, "Not built yet: hanging up shows, on the wire and to the ear."},
		{OffRecord, NotOffered, "Not built yet: nothing in the call is signed, so its keys prove nothing, but the tool that forges recordings, and so persuades people of it, is missing."},
		{Letterbox, NotOffered, "Not built yet: whoever calls you needs an address that leads to you or to your provider."},
		{NoFeedback, Unconfirmed, whyNoFeedback(f)},
		{OwnRecord, NotOffered, "Not built yet: Karat keeps no record of a call, and stops nobody else from keeping one."},
	}
	return Report{Private: private(f), Findings: findings}
}

// private: ZRTP is secure and there is nothing wrong.
func private(f Facts) bool {
	_, faulty := worst(f)
	return f.Secure && f.Offer == OfferRTP && !faulty
}

func assessDefault(f Facts) Finding {
	switch {
	case f.InClear:
		return Finding{Default, Broken, "You allowed it for this call: nothing is encrypted, and everyone on the way can listen to it, record it and change it."}
	case f.ProviderKeys && f.Offer == OfferDTLS:
		return Finding{Default, Broken, "You allowed it for this call: the fingerprints of its keys went through the providers, so they, and whoever can make them, could sit between and listen."}
	case f.ProviderKeys:
		return Finding{Default, Broken, "You allowed it for this call: its keys went through the providers, so they, and whoever can make them, can listen."}
	}
	if x, found := worstFor(f, Default); found {
		return Finding{Default, Broken, x.why(f)}
	}
	return Finding{Default, Held, whyDefault(f)}
}

func whyDefault(f Facts) string {
	if _, faulty := worst(f); faulty {
		return "The microphone is closed: nothing you say leaves."
	}
	switch {
	case f.Secure:
		return "Keys were agreed before the microphone could open, and nobody had to ask for it."
	case f.Outgoing:
		return "Nothing you say leaves before keys are agreed."
	}
	return "Nothing you say leaves before keys are agreed, and you can decline the call before anything is sent."
}

func assessParticipants(f Facts) Finding {
	if x, found := worstFor(f, Participants); found {
		return Finding{Participants, Broken, x.why(f)}
	}
	switch {
	case !f.Secure:
		return Finding{Participants, Unconfirmed, whyNoKeysYet(f)}
	case !accepted(f):
		return Finding{Participants, Unconfirmed, "The keys were agreed with methods that Karat does not trust, so others may have them."}
	case f.Verified:
		return Finding{Participants, Held, whyVerified(f) + " " + whyNotForever(f)}
	}
	return Finding{Participants, Unconfirmed, whyUnverified(f) + " " + whyNotForever(f)}
}

func whyNoKeysYet(f Facts) string {
	switch {
	case f.Offer == OfferUnknown:
		return "No keys are agreed yet, and it is not known yet whether the other phone can."
	case f.HashSignalled:
		return "No keys are agreed yet; the other phone announced that it can."
	}
	return "No keys are agreed yet, and the other phone has not announced that it can."
}

func whyVerified(f Facts) string {
	if f.PeerVerified {
		return "Both of you have compared the code, so this is the phone it was compared with, and nobody sits between."
	}
	return "You have compared the code, so this is the phone it was compared with, and nobody sits between; the other end has not marked it as compared."
}

func whyUnverified(f Facts) string {
	odds := fmt.Sprintf(" Read the code to each other: a wrong one passes once in %s.", words(sasTypes, f.SASType))
	if f.PeerVerified {
		odds += " The other end has marked it as compared."
	}
	switch {
	case f.VerifiedElsewhere != "":
		return fmt.Sprintf("You verified %s with another phone than this one: it is a new phone of theirs, or somebody who sits between.", quoted(f.VerifiedElsewhere)) + odds
	case f.Request == RequestElsewhere:
		return "This is not the phone of your earlier calls with this contact: it is another one of theirs, or a new one, or somebody sits between." + odds
	case f.Continuity:
		return "This is the phone of your earlier calls, but the code was never compared, so whoever sat between then may still." + odds
	case f.Known:
		return "This phone was met before, but nothing is left that would prove it the same, so somebody could sit between." + odds
	}
	return "This is the first call with this phone, so somebody could sit between." + odds
}

// whyNotForever is the honest limit of the key agreement.
func whyNotForever(f Facts) string {
	if class(f.KeyAgreement) == 2 {
		return "The keys (" + words(keyAgreements, f.KeyAgreement) + ") should withstand a quantum computer, too."
	}
	return "The keys (" + words(keyAgreements, f.KeyAgreement) + ") are not post-quantum yet: who records the call now could open it once there is a quantum computer."
}

func assessUnforged(f Facts) Finding {
	if f.InClear {
		return Finding{Unforged, Broken, "Nothing proves where the voice comes from: everyone on the way can alter or forge what is said."}
	}
	if f.ProviderKeys {
		return Finding{Unforged, Broken, "The providers have the keys, so they could alter or forge what is said; others on the way could not."}
	}
	if x, found := worstFor(f, Unforged); found {
		return Finding{Unforged, Broken, x.why(f)}
	}
	if !f.Secure {
		return Finding{Unforged, Unconfirmed, "No keys are agreed yet, so nothing that arrives is trusted."}
	}
	return Finding{Unforged, Unconfirmed, whyUnforged(f)}
}

// whyUnforged: the voice is safe as far as the other end is known, the request
// to talk is not. So this promise is not held yet, whatever was compared.
func whyUnforged(f Facts) string {
	voice := fmt.Sprintf("The voice cannot be replayed, altered or forged on the way (%s, %s, %s)", words(ciphers, f.Cipher), words(hashes, f.Hash), words(tags, f.AuthTag))
	if !f.Verified {
		voice += ", unless somebody sits between, which only comparing the code would show"
	}
	if f.HashMatched {
		voice += "; the key exchange was announced in the signalling, and matches."
	} else {
		voice += "; the key exchange was not announced in the signalling, one check fewer."
	}
	if f.DowngradeRefused {
		voice += " The other side, or somebody on the way, asked in the middle of the call to go on with less protection, and was refused."
	}
	return voice + " " + whyRequest(f)
}

func whyRequest(f Facts) string {
	const rest = " What else stands in the request, names and addresses, is the providers' word."
	switch {
	case f.Request == RequestRecognised && f.Outgoing:
		return "The other phone has recognised that yours asked to talk." + rest
	case f.Request == RequestRecognised && f.Continuity:
		return "The other phone itself asked to talk, a moment before it rang, and nobody has used that request twice." + rest
	case f.Request == RequestStripped:
		return "The other phone itself asked to talk, but the sign of that was taken out on the way." + rest
	case f.Request == RequestStrange:
		return "The request bears a contact's address and not the sign of the phone you know as theirs."
	case f.Request == RequestMissed && f.Continuity:
		return "The other phone has recognised that yours asked to talk, but only when it had answered: the sign of that was taken out on the way." + rest
	case f.Request == RequestMissed:
		return "The other phone has not recognised that yours asked to talk: its memory is lost or old, a clock is wrong, or somebody poses as it."
	case f.Request == RequestElsewhere:
		return "Another phone has answered than the one of your earlier calls, which alone could recognise that yours asked to talk."
	case f.Request == RequestSeveral:
		return "The other end cannot tell whether it was you who asked to talk: this contact has several phones."
	case f.Request == RequestNotMade:
		return "The other end cannot tell whether it was you who asked to talk: there were too many calls in a minute, the clock was set back, or the store could not be written."
	case f.Outgoing:
		return "The other end cannot tell whether it was you who asked to talk: only two Karats that talked before can, when the phone belongs to a contact."
	case f.Direct:
		return "Anyone could have asked to talk: only the request of a Karat that you talked with before is recognised."
	}
	return "Who asked to talk is the providers' word: only the request of a Karat that you talked with before is recognised."
}

func whyUnnoticed(f Facts) string {
	if f.SignallingTLS {
		return "Not built yet: your provider, and whoever watches the voice on the network, see that a call takes place and how long it lasts."
	}
	return "Not built yet: everyone on the network sees that a call takes place and how long it lasts."
}

func whyUnlinked(f Facts) string {
	switch {
	case f.Direct:
		return "Not built yet: everyone on the network between you sees the addresses of both." + whyKeysLink(f)
	case f.SignallingTLS:
		return "Not built yet: the providers see who calls whom." + whyKeysLink(f)
	}
	return "Not built yet: the providers see who calls whom, and so does the network, because the way to your provider is not encrypted." + whyKeysLink(f)
}

// whyKeysLink tells whether the key agreement, which everybody on the way can read,
// says that this call is one of two phones that talked before.
func whyKeysLink(f Facts) string {
	const shows = " The key agreement shows the same phones as in earlier calls to whoever watches both"
	switch {
	case !f.Secure:
		return ""
	case f.Request == RequestRecognised:
		return " The key agreement itself has nothing in common with that of your other calls."
	case f.Request == RequestElsewhere:
		return " The key agreement shows the phone that answered to whoever watches its other calls, and not yours."
	case f.Request == RequestMissed && f.Continuity:
		return " The key agreement shows the other phone to whoever watches its other calls: the hash by which it recognises yours at once was taken out on the way."
	case f.Request == RequestMissed:
		return " The key agreement shows the other phone to whoever watches its other calls, and not yours."
	case f.Request == RequestStripped:
		return " The key agreement shows your phone to whoever watches its other calls: the hash by which the other one is recognised at once was taken out on the way."
	case f.Request == RequestSeveral:
		return shows + ": this contact has several phones, and each of them is to know yours."
	case f.Request == RequestNotMade:
		return shows + ": there were too many calls in a minute, the clock was set back, or the store could not be written."
	case f.Known:
		return shows + "."
	}
	return " The key agreement shows both phones to whoever watches their other calls."
}

func whyAnonymity(f Facts) string {
	const says = "The call names neither you nor this phone, and asks your provider to name you neither; your provider knows you, and whether it does as asked cannot be seen from here. Not built yet: that the others see that somebody is anonymous."
	switch {
	case !f.Anonymous:
		return "Not built yet: the other end learns the address that you call from."
	case f.Direct:
		return "Not built yet: the call does not name you, but goes straight to the other end, who sees the network address you are at."
	case !f.Relay:
		return says + " The other end sees the network address that you are at: a relay would hide it."
	}
	return says
}

func whyUndisclosed(f Facts) string {
	why := "Not built yet: the other end and your provider see the network address you are at."
	if f.Relay {
		why = "Not built yet: the voice goes by your relay only, so the other end and everyone on its side see the relay's address instead of yours; your provider and the relay still see yours."
	}
	if f.Proxy {
		why = "Not built yet: everything goes through your SOCKS proxy, the voice by your relay only: the other end sees the relay's address; your provider and the relay see the proxy's, and the proxy sees yours."
	}
	if f.ContactUser {
		why += " Your provider demands a fixed Contact user, which marks this phone."
	}
	if f.WeakDigest {
		why += " Your provider may ask for your password in a weak way, which you have allowed: who reads the answer on the network, or is called, can try passwords against it."
	}
	if f.UserAgent {
		why += " Your provider demands that the phone names a program, and everyone on the way reads it."
	}
	if f.KeyFile {
		why += " The key to your contacts and secrets lies in a file beside them, so who copies your disk reads both: a desktop keyring or --passphrase-file would prevent that."
	}
	return why
}

func whyNoFeedback(f Facts) string {
	if f.Outgoing {
		return "Busy, rejected, blocked and unanswered look alike if the other end has Karat; other phones tell you which."
	}
	return "Karat answers alike, and after the same 45 seconds, whether you are busy, reject, block or do not answer; nobody has checked that it reaches the caller unchanged, and a phone that is switched off shows."
}

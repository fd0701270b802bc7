package assay

import (
	"fmt"
	"strings"
)

// fault is one way in which a call is not private.
type fault struct {
	// promise is the one that it breaks.
	promise Promise
	// present finds it among the facts.
	present func(Facts) bool
	// why says what happened and what can be done.
	why func(Facts) string
	// offer is the kind of offer that it is about, if it is.
	offer MediaOffer
	// clearable: the user can still clear it by comparing the SAS, so the
	// microphone waits; otherwise the call is refused.
	clearable bool
}

// faults are all of them, the gravest first: the first one present is the one
// that is told.
var faults = []fault{
	{
		promise: Default,
		present: func(f Facts) bool { return f.VoiceBeforeSecure != 0 },
		why: func(f Facts) string {
			return fmt.Sprintf("%s left before keys were agreed, so whoever carries the call may have heard it: hang up, and report this, because it is a fault in Karat.", packets(f.VoiceBeforeSecure))
		},
	},
	{
		promise: Participants,
		present: func(f Facts) bool { return f.SASDiffers },
		why:     fixed("The two ends read different codes, so someone sits between them: say nothing more, and reach the other by another way before calling again."),
	},
	{
		promise: Unforged,
		present: hashBroken,
		why:     fixed("The other phone's key exchange is not the one its signalling announced, so somebody on the way exchanged one of them: call again over another network or provider, and compare the code."),
	},
	{
		promise: Participants,
		present: offers(OfferNoAudio),
		why:     fixed("The other phone has no voice that Karat could carry: it must offer Opus, G.722 or G.711 over RTP."),
	},
	{
		promise: Participants,
		present: offers(OfferSDES),
		offer:   OfferSDES,
		why:     fixed("The other phone takes its keys only through the providers (SDES), who could then listen: ask the other to turn on ZRTP, or to use a phone that has it."),
	},
	{
		promise: Participants,
		present: offers(OfferDTLS),
		offer:   OfferDTLS,
		why:     fixed("The other phone takes only keys whose fingerprints the providers vouch for (DTLS-SRTP), and they could exchange them: ask the other to turn on ZRTP, or to use a phone that has it."),
	},
	{
		promise: Participants,
		present: func(f Facts) bool { return f.NoHello },
		why:     fixed("The other phone offers plain voice and stayed silent when asked to agree on keys, so anyone on the way could listen: ask the other to turn on ZRTP, or to use a phone that has it."),
	},
	{
		promise: Participants,
		present: func(f Facts) bool { return f.ZRTPFailed != "" },
		why: func(f Facts) string {
			return fmt.Sprintf("The two phones could not agree on keys (%s): call again, and if it fails again, over another network.", strings.TrimRight(f.ZRTPFailed, ". "))
		},
	},
	{
		promise: Unforged,
		present: func(f Facts) bool { return f.Secure && !accepted(f) },
		why: func(f Facts) string {
			return fmt.Sprintf("The keys were agreed with methods that Karat does not trust (%s): ask the other to update their phone.", strings.Join([]string{
				named(f.KeyAgreement), named(f.Hash), named(f.Cipher), named(f.AuthTag), named(f.SASType),
			}, ", "))
		},
	},
	{
		promise: Unforged,
		present: func(f Facts) bool { return f.Secure && weakened(f) },
		why: func(f Facts) string {
			return fmt.Sprintf("Earlier calls with this phone had stronger keys (%s) than this one (%s), which somebody on the way may have brought about: ask the other, by another way, whether their phone was changed; if it was, forget this phone and meet it anew.", named(f.BestBefore), named(f.KeyAgreement))
		},
	},
	{
		promise: Participants,
		present: func(f Facts) bool { return f.Disclosed },
		why:     fixed("The other phone says that it hands this call's keys to somebody else: do not talk here, and ask the other to turn that off."),
	},
	{
		promise:   Participants,
		present:   func(f Facts) bool { return f.Mismatch && !f.MismatchResolved },
		why:       whyMismatch,
		clearable: true,
	},
	{
		promise: Participants,
		present: func(f Facts) bool { return f.NameChanged && !f.MismatchResolved },
		why: func(f Facts) string {
			return fmt.Sprintf("This is the phone that was verified as %s, and it goes by another name now: compare the code by another way than this call before saying a word.", quoted(f.VerifiedName))
		},
		clearable: true,
	},
}

func whyMismatch(f Facts) string {
	if f.Request == RequestMissed {
		return "This phone is known, has not recognised ours, and has none of the secrets it shared with us, so it lost its memory or was set back to an old one, or a clock is wrong (its own or this one), or somebody poses as it: compare the code by another way than this call before saying a word."
	}
	return "This phone is known and has none of the secrets it shared with us, so it lost its memory or was set back to an old one, or there are two of it, or somebody poses as it: compare the code by another way than this call before saying a word."
}

// worst returns the gravest fault present.
func worst(f Facts) (fault, bool) {
	for _, x := range faults {
		if x.present(f) {
			return x, true
		}
	}
	return fault{}, false
}

// worstFor returns the gravest fault present that breaks one promise.
func worstFor(f Facts, p Promise) (fault, bool) {
	for _, x := range faults {
		if x.promise == p && x.present(f) {
			return x, true
		}
	}
	return fault{}, false
}

// hashBroken: RFC 6189, Section 8.1, a Hello that does not match the announced
// hash. One that was announced and never compared is as bad.
func hashBroken(f Facts) bool {
	return f.HashMismatch || f.Secure && f.HashSignalled && !f.HashMatched
}

func offers(kind MediaOffer) func(Facts) bool {
	return func(f Facts) bool { return f.Offer == kind }
}

func fixed(sentence string) func(Facts) string {
	return func(Facts) string { return sentence }
}

func packets(n int) string {
	switch {
	case n == 1:
		return "One voice packet"
	case n < 0:
		return "An unknown number of voice packets"
	}
	return fmt.Sprintf("%d voice packets", n)
}

// named spells an algorithm for a sentence.
func named(name string) string {
	if name = strings.TrimRight(name, " "); name == "" {
		return "none named"
	}
	return name
}

// quoted spells the name of a person for a sentence.
func quoted(name string) string {
	if name == "" {
		return "somebody else"
	}
	return "“" + name + "”"
}

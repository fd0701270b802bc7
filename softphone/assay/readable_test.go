package assay

import (
	"strings"
	"testing"
)

// TestItem68_OnlyAsTheUserSaid: keys of the signalling open the microphone in a
// call that was named so, over encrypted signalling, and in no other; and no
// report of such a call says private.
func TestItem68_OnlyAsTheUserSaid(t *testing.T) {
	good := Facts{Offer: OfferSDES, SignallingTLS: true, ProviderKeys: true}
	if d := (Policy{AllowProvider: true}).Check(good); d.Action != Allow {
		t.Errorf("%v", d)
	}
	for name, spoil := range map[string]func(*Facts, *Policy){
		"not said":            func(_ *Facts, p *Policy) { p.AllowProvider = false },
		"signalling in clear": func(f *Facts, _ *Policy) { f.SignallingTLS = false },
		"no keys":             func(f *Facts, _ *Policy) { f.ProviderKeys = false },
		"no sound":            func(f *Facts, _ *Policy) { f.Offer = OfferNoAudio },
		"a failed handshake":  func(f *Facts, _ *Policy) { f.ZRTPFailed = "no" },
		"plain":               func(f *Facts, _ *Policy) { f.Offer = OfferRTP },
		"voice before keys":   func(f *Facts, _ *Policy) { f.VoiceBeforeSecure = 1 },
	} {
		f, p := good, Policy{AllowProvider: true}
		spoil(&f, &p)
		if d := p.Check(f); d.Action == Allow {
			t.Errorf("%s: the microphone opens", name)
		}
		if Assess(f).Private {
			t.Errorf("%s: said to be private", name)
		}
	}
	dtls := good
	dtls.Offer = OfferDTLS
	if d := (Policy{AllowProvider: true}).Check(dtls); d.Action != Allow || Assess(dtls).Private {
		t.Errorf("DTLS-SRTP: %v", d)
	}
	if f := Assess(dtls).Finding(Default); f.Verdict != Broken || !strings.Contains(f.Why, "sit between") {
		t.Errorf("%+v", f)
	}
	for _, p := range []Promise{Default, Participants, Unforged} {
		if got := Assess(good).Finding(p); got.Verdict != Broken {
			t.Errorf("%+v", got)
		}
	}
}

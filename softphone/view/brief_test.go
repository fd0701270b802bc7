package view

import (
	"strings"
	"testing"

	"karat/softphone/assay"
)

func TestBrief(t *testing.T) {
	facts := assay.Facts{
		Outgoing: true, Offer: assay.OfferRTP, Secure: true,
		KeyAgreement: "X255", Hash: "S384", Cipher: "AES3", AuthTag: "HS80", SASType: "B256",
	}
	first := assay.Assess(facts)
	text := strings.Join(Brief(first, nil), "\n")
	if !strings.Contains(text, "This call is private.") || !strings.Contains(text, "participants") || !strings.Contains(text, "unnoticed, ") {
		t.Errorf("a first assay reads\n%s", text)
	}
	if strings.Contains(text, "Not built yet: everyone") {
		t.Errorf("reasons of what is not offered are for who asks:\n%s", text)
	}
	if again := Brief(first, &first); len(again) != 0 {
		t.Errorf("nothing changed, and yet: %q", again)
	}

	facts.Verified = true
	second := assay.Assess(facts)
	text = strings.Join(Brief(second, &first), "\n")
	if !strings.Contains(text, "held         participants") || strings.Contains(text, "private.") || strings.Contains(text, "default") {
		t.Errorf("only what changed:\n%s", text)
	}

	facts.Disclosed = true
	text = strings.Join(Brief(assay.Assess(facts), &second), "\n")
	if !strings.HasPrefix(text, "This call is NOT private.") || !strings.Contains(text, "broken") {
		t.Errorf("a call that got worse reads\n%s", text)
	}
}

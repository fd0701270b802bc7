package main

import (
	"fmt"
	"strings"

	"karat/contrib/interop/lab"
)

// spoken brings a SAS into one form: phones put different signs between the
// words.
func spoken(sas string) string {
	return strings.ToLower(strings.Join(strings.FieldsFunc(sas, func(r rune) bool {
		return r == ':' || r == ' ' || r == '-'
	}), " "))
}

// same checks that two ends show the same SAS and name the same algorithms.
func same(a, b lab.Agreed) error {
	if a.SAS == "" || spoken(a.SAS) != spoken(b.SAS) {
		return fmt.Errorf("two SAS: %q and %q", a.SAS, b.SAS)
	}
	if choices(a) != choices(b) {
		return fmt.Errorf("one SAS, but two choices of algorithms: %s and %s", choices(a), choices(b))
	}
	return nil
}

func choices(a lab.Agreed) string {
	return strings.Join([]string{a.KeyAgreement, a.Hash, a.Cipher, a.AuthTag, a.SASType}, " ")
}

func (b *bench) noteAgreed(a lab.Agreed) {
	b.note("%s", choices(a))
}

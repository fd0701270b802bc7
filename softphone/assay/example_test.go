package assay_test

import (
	"fmt"

	"karat/softphone/assay"
)

// A call begins with few facts. Each one that is learnt is put in, and the
// policy is asked again; only Allow opens the microphone.
func Example() {
	policy := assay.Policy{}
	facts := assay.Facts{Outgoing: true, Offer: assay.OfferRTP}
	fmt.Println(policy.Check(facts).Action)

	facts.Secure = true
	facts.KeyAgreement, facts.Hash, facts.Cipher, facts.AuthTag, facts.SASType = "X255", "S384", "AES3", "HS80", "B256"
	fmt.Println(policy.Check(facts).Action)

	report := assay.Assess(facts)
	fmt.Println(report.Private, report.Finding(assay.Participants).Verdict)

	facts.Disclosed = true
	fmt.Println(policy.Check(facts).Action)
	// Output:
	// wait
	// allow
	// true unconfirmed
	// refuse
}

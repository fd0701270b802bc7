package main

import "slices"

// mutant is the engine, or the phone that this test makes of it, with one rule
// taken out.
type mutant struct {
	// rule is what is taken out.
	rule string
	// file holds old exactly once, and new in its place.
	file, old, new string
	// cases must fail then; others may too.
	cases []string
}

// mutants show that the cases bite. An old text that the engine has no more must
// be brought up to date with it.
var mutants = slices.Concat(
	agreementMutants,
	helloMutants,
	secretsMutants,
	confirmMutants,
	sessionMutants,
	modesMutants,
	phoneMutants,
)

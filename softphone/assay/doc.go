// Package assay turns what is known about a call into a verdict on each of the
// twelve promises, with a reason that a person understands, and decides whether
// the microphone may open.
//
// It is pure: [Assess] and [Policy.Check] are functions of their [Facts], which
// the phone gathers and keeps up to date. Call both anew whenever a fact
// changes. Everything that can go wrong with a call stands in one table
// (faults.go), which both read: so a call is never allowed with a promise
// broken, and a refusal says the same as the assay.
//
// It does not know the clock, the network or the user's language, and it proves
// nothing: facts that are wrong make an assay that is wrong.
package assay

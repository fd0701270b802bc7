// Package house holds the rules of the house and the tests that keep them:
// which room may import which, which engines are pure, why each dependency is
// there, and how the specifications are cited. There is no code in it to use.
//
// The rules themselves are in table_test.go. A new package needs a row there, a
// new dependency a line in ARCHITECTURE.md.
package house

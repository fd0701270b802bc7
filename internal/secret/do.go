//go:build !goexperiment.runtimesecret

package secret

// Erases tells whether Do does more than to run.
const Erases = false

// Do runs what computes with secrets. In this build it only runs it: what we own is
// wiped, but the copies that Go and its libraries make on the stack and in the heap
// are left to be overwritten. What remains of a call, and why, is in the tests named
// TestMemory. Build with GOEXPERIMENT=runtimesecret for more.
func Do(f func()) { f() }

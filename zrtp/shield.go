//go:build !goexperiment.runtimesecret

package zrtp

// shields tells whether shielded does more than to run.
const shields = false

// shielded runs what computes with secrets. In this build it only runs it: what
// we own is wiped, but the copies that Go and its libraries make on the stack
// and in the heap are left to be overwritten. What remains of a call, and why, is
// in memory_linux_test.go. Build with GOEXPERIMENT=runtimesecret for more.
func shielded(f func()) { f() }

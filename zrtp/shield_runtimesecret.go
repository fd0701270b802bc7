//go:build goexperiment.runtimesecret

package zrtp

import "runtime/secret"

// shields tells whether shielded does more than to run.
const shields = true

// shielded runs what computes with secrets: registers and stack are erased when
// it returns, and what it allocated as soon as nobody refers to it any more and
// the collector has noticed (linux on amd64 and arm64; elsewhere it only runs).
func shielded(f func()) { secret.Do(f) }

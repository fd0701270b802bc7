//go:build goexperiment.runtimesecret

package secret

import "runtime/secret"

// Erases tells whether Do does more than to run.
const Erases = true

// Do runs what computes with secrets: registers and stack are erased when it
// returns, and what it allocated as soon as nobody refers to it any more and the
// collector has noticed (linux on amd64 and arm64; elsewhere it only runs).
func Do(f func()) { secret.Do(f) }

// Package middle is M: who sits between two ends that agree on keys by ZRTP (RFC
// 6189), passes their messages on, changed, or talks to both in its own name. The
// attacks that it knows are a table, and Judge says what one came to.
//
// It does not know what its ends are: engines in one process under a simulated
// clock, or a phone at the other side of a socket. It has the key schedule of the
// tester (package keys), and none of an engine.
package middle

// Zrtpspec asks a ZRTP endpoint what RFC 6189 asks of it: each rule, and each
// known attack, is a case that plays the endpoint's peer and says what was sent,
// expected and seen. It talks to a phone over SIP, or to a bare engine on a UDP
// port.
//
// It judges what packets show. It does not look into memory, and does not read
// the code of what it tests. It is no load generator and no fuzzer.
//
// The cases are in package spec, the key schedule that they check against in
// package keys; see README.md for how to use it and how to write a case.
package main

// Package keys is the key schedule of ZRTP (RFC 6189) once more, for the tester
// alone: the hash chain, the key agreements, the commitment, s0 and what is
// derived from it, the encrypted part of a Confirm, and the ids of secrets.
//
// It is written from the RFC and shares nothing with the engine of this project
// beside the layout of messages. A mistake made in one of them therefore shows
// as keys that differ, instead of as two ends that agree on it.
//
// It does NOT care about time or side channels, wipes nothing, and draws on
// math/big: it is no place to take code for a phone from.
package keys

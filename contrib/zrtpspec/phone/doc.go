// Package phone reaches the endpoint under test: as a program that speaks ZRTP
// on a UDP port and nothing else (Exec), or as a phone that is called, or calls,
// over SIP (SIP). Both are a spec.Source.
//
// It plays and hears no sound, does no ICE, and follows no re-INVITE.
package phone

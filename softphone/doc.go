// Package softphone is the phone: accounts, contacts and calls. It is the only
// place where sip, zrtp and media meet, and it hands plain values between
// them: the keys that zrtp agreed on become SRTP keys, the hash of a Hello
// becomes a line of an offer.
//
// A Phone has any number of accounts, each with a SIP agent and a goroutine that
// hears it. Each call has one goroutine that owns everything about the call, its
// media path and its keys included; whoever wants something of a call sends it a
// message. What happens comes out as Events, which softphone/view turns into what a
// person sees.
//
// The package decides nothing about privacy by itself: a call collects facts,
// softphone/assay judges them, and the microphone opens only on its Allow.
package softphone

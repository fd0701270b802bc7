// Package sip is a SIP user agent (RFC 3261): it registers with a provider,
// calls and is called. It is built for a phone that gives away nothing but what
// the call needs.
//
// Make an [Agent] of a [Config], Start it, and read its Events; Invite calls,
// and an [Incoming] event brings a [Call]. Session descriptions are bytes to
// this package: see sip/offer.
//
// Three layers lie below an Agent:
//
//	Call, line      one goroutine for each call, one for the registration
//	dialog.Call     what RFC 3261 says about calls, pure (package sip/dialog)
//	stack           sipgo: parsing and transactions, on flows that we open
//	flow, guard     sockets and connections; what passes to sipgo, and in what shape
//
// What it does about privacy:
//
//   - A caller cannot tell declined, blocked, busy and unanswered: all get 100,
//     180 after 200 ms and one 480 after 45 s, the same bytes.
//   - All installations send the same fields in the same order, errors included.
//     There is no User-Agent, no host name, no address of ours where the provider
//     answers on the flow that we opened; identifiers are 16 random bytes.
//   - With an account all goes over that one flow. TLS is checked against the
//     account's domain, or the host that the user set, and never falls back.
//   - Digest answers go to the account's realm only.
//
// It follows no redirection and obeys no transfer by itself: it tells of them.
//
// It does NOT yet locate servers by NAPTR and SRV (RFC 3263).
package sip

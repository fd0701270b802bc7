// Package view makes of the phone's events what a person sees: the state of
// each call, what may be pressed in it, its colour, a sentence, the promises. It
// is pure, and holds the rules; the command line, the terminal and the window
// only render it.
//
// [Model] is for whoever shows a screen: feed it every event, then read.
// [Lines] is for a plain terminal that prints as things happen, [JSON] for
// scripts.
//
// Its rules, each with a test:
//
//   - Nothing looks secure before the phone said [softphone.Secure], nor after
//     the call was refused or ended: no SAS, no green. An alarm is red until the
//     user has compared the SAS.
//   - Green means that the assay finds the call private. What is not certain is
//     amber; what is broken, red.
//   - A caller whose call was not taken reads "no answer", whatever the reason.
//   - Text that came from the network cannot move the cursor, reorder the line,
//     or hide in it ([Clean]).
//
// It does not translate, wrap lines, or keep a history.
//
// # JSON
//
// Every object has "event", "time" (RFC 3339, UTC) and "call" (empty for the
// phone's own events). In addition:
//
//	registered         account
//	registration_lost  account, why, retry_seconds (0: the user must act)
//	incoming           from, refused, asserted (whom the own provider names; left out where it does not), replaces (a call of ours; likewise), account (where the phone has several)
//	dialing            to, account (where the phone has several)
//	ringing            –
//	answered           –
//	secure             sas, key_agreement, hash, cipher, auth_tag, verified, continuity
//	mismatch           name
//	talking            –
//	assay              private, promises: [{id, verdict, why}]
//	media              sent, received, lost, concealed, unauthenticated, rtt_ms, jitter_ms, delay_ms,
//	                   restored, loss_heard (share of the last seconds), microphone_dbfs
//	moving             done, why: the call is taken to a network that changed
//	voice_missing      back (it comes again), unauthenticated (came instead)
//	held               ours, theirs: who lets whom wait, now
//	downgrade_refused  why
//	transfer_asked     to: the other end asks us to call there
//	transfer           to, ringing, done, ok: of the other end that we sent on
//	redirected         to: a server asks us to call there
//	consented          agreed: to what was asked
//	text               text: a message in writing; from (outside of a call: who says that it is theirs)
//	messages_waiting   account, waiting, new, old: of the mailbox at the provider
//	refused            why
//	notice             text
//	ended              why, seconds (since the answer)
package view

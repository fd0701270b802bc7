// Package dialog implements SIP calls and the dialogs below them (RFC 3261,
// Sections 9 and 12 to 15) as state machines that do no I/O and read no clock.
//
// A [Call] is one INVITE, ours or the peer's, with all that follows from it:
//
//	 Place                                   Receive
//	   |                                        |
//	   v  1xx                                   v
//	calling ------> early                    ringing --- T+45 s: 480
//	   |  2xx, ACK    |                         | Answer: 200
//	   +------+-------+                         v
//	          v                     ACK      answered --- 64*T1: BYE
//	     confirmed <----------------------------+
//	          |  BYE, either way
//	          v
//	        over
//
// Messages, commands of the owner and the passing of time go in
// ([Call.Response], [Call.Request], [Call.Answer], [Call.Advance], …); what is
// to be done comes out of [Call.Actions], and when to call Advance next out of
// [Call.Deadline]. A [Dialog] below it holds tags, route set, remote target and
// sequence numbers. [Outgoing] and [Response] are the one place where messages
// get their shape, which is the same from every installation.
//
// The package does not know of transactions (retransmission of requests,
// matching of responses): whoever performs the actions runs them. It reads no
// SDP: bodies are bytes. Messages are those of sipgo, used as data only.
//
// It knows reliable provisional responses (RFC 3262), UPDATE (RFC 3311), session
// timers (RFC 4028), offers in answers, transfers (RFC 3515, RFC 3891, RFC 4488)
// and messages in writing (RFC 3428). It demands none of them: we ask for no
// session timer, send provisional responses reliably to whom demands that only,
// and change nothing before a call is up.
package dialog

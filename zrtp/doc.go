// Package zrtp agrees on SRTP keys with the other end of a call over the media
// path itself, as RFC 6189 says, in Diffie-Hellman mode. Nobody else has to be
// trusted: two people who compare a short authentication string (SAS) know that
// nobody sits between them, and from then on each call vouches for the next.
//
// It does no I/O and has no clock: datagrams and the time go in, datagrams,
// events and the next deadline come out. One Session is one media stream of one
// call.
//
// # To make a call private
//
//   - Make a Session with NewSession and put its HelloHash into the offer or
//     answer (a=zrtp-hash).
//   - Give what the other side announced to ExpectHello.
//   - Start it when packets can be sent; pass each ZRTP datagram to Receive, and
//     call Advance when Deadline has come.
//   - After each of these drain NextPacket and NextEvent.
//   - On KeysAgreed begin to decrypt; on Secure begin to encrypt, show the SAS,
//     and store Remember. On Failed there are no keys: say why, send nothing.
//   - When the first SRTP packet authenticates, say so with ReceivedSRTP.
//   - Close it when the call ends, and wipe the Keys.
//
// # To know whom one talks to
//
// Keep a Retained for each ZID and return it from Config.Retained.
//
//   - Secure.Continuity: the same phone as in the call before.
//   - Mismatch: a phone that we know has lost what we shared, or there is someone
//     in the middle. Do not store Remember until the SAS has been compared.
//   - Secure.Verified: both users compared the SAS in an earlier call. Set
//     Retained.Verified when the user says so.
//
// # What is decided here
//
// X255 (X25519) is preferred to DH3k, S384 to S256, AES3 to AES1, HS80 to HS32
// and B256 to B32, as far as both ends have them. The initiator chooses, and
// among choices that were offered the other end follows; the 4.1.2 rule that the
// faster key agreement wins is not followed. Our Hello names no product.
//
// A packet that anyone could have made does not end a call: see doubt. Before a
// message of the exchange costs more than a few hashes, its hash chain is
// checked (Section 9), so a stranger can neither make us compute nor grow. Only a
// Hello has no such protection, unless signalling announced it.
//
// # What it does not do
//
// No Preshared and no Multistream mode, no auxsecret, no PBX (pbxsecret,
// SASrelay, enrolment), no signatures, no GoClear: it is refused. It never sends
// Ping. It neither encrypts nor decrypts SRTP, and does not resolve an SSRC
// collision, only reports it.
package zrtp

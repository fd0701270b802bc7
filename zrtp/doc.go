// Package zrtp agrees on SRTP keys with the other end of a call over the media
// path itself, as RFC 6189 says, in Diffie-Hellman, Preshared and Multistream mode,
// and in the KEM mode by which other phones make that safe from quantum computers. Nobody else has to be
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
//   - AuxMismatch: the other end has not the auxsecret that we have. It excuses
//     nothing, and ends nothing.
//   - Secure.Verified: both users compared the SAS in an earlier call. Set
//     Retained.Verified when the user says so.
//
// # To leave no link between calls
//
// Two Karats that have spoken share Remember.RequestKey. A caller can make H0 and
// ZID of its first Hello from it (Config.H0, Config.ZID), so that the other end
// knows that Hello by its hash (HelloTemplate) and answers with a ZID that it makes
// likewise. With Retained.ID1 and ID2 the ids of secrets are used once, too; and
// then nothing in the packets of two calls is the same but what all calls have.
// What is kept about such a peer is found by Config.Recognised. How keys, H0 and ZIDs
// are made is the caller's business (softphone/request).
//
// # What is decided here
//
// X2M2 comes first: X25519 with ML-KEM-768, which no other phone has. Then all that
// is asked for by name, and the classical ones; S384 before S256, AES3 before AES1,
// HS80 before HS32 and B256 before B32, as far as both ends have them. What a
// quantum computer does not break goes before what it does, in whatever order it
// is listed, and only with S384 and AES3. The initiator chooses, and among choices
// that were offered the other end follows; the 4.1.2 rule that the faster key
// agreement wins is not followed. A Commit without post-quantum keys, where both
// Hellos offer some, is refused: see ErrWeakerCommit. Our Hello names no product.
//
// # Post-quantum keys
//
// KEM mode has no standard: kem.go says what travels in which message. A message
// that is longer than wire.MaxDatagram travels in fragments; everything else, and
// so every exchange without KEM mode, is RFC 6189 to the octet.
//
// No key is made, and nothing long is sent, before the peer has shown that it
// hears us: its Hello was announced in signalling, or it has acknowledged ours, or
// the caller knows (Config.ReturnPath). One session encapsulates once, makes a
// fresh key pair for its Commit, and never begins again by itself: each beginning
// would be a guess at the SAS for who is in the middle. For the same reason a
// second, different Commit ends the call.
//
// Where both Hellos list X2M2 messages are repeated every 100 ms instead of at the
// RFC's growing intervals.
//
// # The initiator's Hello
//
// In version 1.10 total_hash holds the Hello of the responder and not that of the
// initiator. Who changes the latter on its way, under a MAC made with the H2 that
// the initiator's Commit has shown meanwhile, is found out by nothing, and has the
// responder believe in a weaker peer. Three things stop it here:
//
//   - Where signalling announced the Hello (a=zrtp-hash), a changed one is not
//     taken, or ends the session.
//   - With X2M2, which is ours and so means what we say, total_hash is over both:
//     hash(Hello of responder || Hello of initiator || Commit || DHPart1 ||
//     DHPart2). A changed Hello gives different keys, and the Confirms fail.
//   - Two ends that have X2M2 cannot be talked out of it. The initiator chooses by
//     the responder's Hello, which has always been in total_hash; so it commits to
//     X2M2, or that Hello was changed and the Confirms fail, or its Commit is so
//     weak that the responder refuses it.
//
// Nothing of it shows to others: no flag, no field, no octet of another exchange
// differs. What remains is a call with another make of phone and without a hash in
// signalling, in which the initiator's Hello is as unprotected as it is for all.
//
// # Further streams
//
// A call with more than one stream asks for it in its first Session
// (Config.Multistream), and makes one Session more for each further stream
// (Config.Further), with the same ZID and another SSRC. What the first one's Secure
// brings as SessionKey is given to the others with Join; they say StreamSecure when
// their keys are there. The SessionKey is wiped when the call ends.
//
// # What a phone may allow
//
// All of this is off unless asked for, and a phone that promises private calls asks
// for none of it.
//
//   - Config.Preshared: some calls with other makes of phone go without a key
//     agreement. See maxPreshared for what that costs.
//   - Config.AllowClear: both users may agree to go on without encryption. Cleared says
//     so; GoSecure leads back.
//   - AcceptEnrolment: the user trusts a PBX with the SAS of later calls. It answers
//     the event Enrolment, and Retained.RevokeEnrolment takes it back. Until then a
//     relayed SAS is refused, and shown to nobody.
//
// # Strangers
//
// A packet that anyone could have made does not end a call: see doubt. Before a
// message of the exchange costs more than a few hashes, its hash chain is
// checked (Section 9), so a stranger can neither make us compute nor grow. Only a
// Hello has no such protection, unless signalling announced it.
//
// # What it does not do
//
// README.md has the table of what is left out, with the reasons: DH2k, Twofish,
// Skein, AES-192, signatures, HQC. It is no PBX: it neither relays a SAS nor enrols
// others. It never sends Ping. It neither encrypts nor decrypts SRTP, and does not
// resolve an SSRC collision, only reports it. It does not put several streams' first
// exchanges in order: the owner makes one first stream, and joins the others to it.
// The key pairs of ML-KEM and Kyber are the library's, which cannot wipe them: they
// are dropped.
package zrtp

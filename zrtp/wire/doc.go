// Package wire reads and writes the messages of ZRTP version 1.10 (RFC 6189,
// Section 5): the packet that frames a message, and the sixteen messages; and what
// other phones have added for post-quantum keys: the longer Commit, and the
// fragments in which long messages travel.
//
// It knows layout and nothing else. It does not know what a message means, in
// which order messages come, which algorithms exist, or how a MAC is made; that
// is the business of its callers. Only of a Commit it has to know which key
// agreements have a public key in it. Parsing takes untrusted bytes: it never
// panics, and keeps no reference to what it was given.
//
// Everything that can be parsed can be written again to the same octets, and
// so can much that no honest endpoint sends: unused bits, counts above seven, a
// length that lies (Raw), a wrong checksum (AppendPacketCRC). A conformance
// tester needs those.
package wire

package keys

// Skipping is an exchange without DHParts: in Preshared or Multistream mode.
type Skipping struct {
	Suite
	InitiatorZID, ResponderZID [12]byte
	ResponderHello, Commit     []byte
}

// derivation derives from a key.
//
// RFC 6189, Section 4.4.2.4: KDF_Context = (ZIDi || ZIDr || total_hash), with
// total_hash = hash(Hello of responder || Commit)
func (x Skipping) derivation(key []byte) derivation {
	total := x.sum(x.ResponderHello, x.Commit)
	return derivation{x.Suite, key, append(append(x.InitiatorZID[:], x.ResponderZID[:]...), total...)}
}

// from makes an s0 and all that it gives.
func (x Skipping) from(key []byte, label string) *Keys {
	d := x.derivation(key)
	d.s0 = d.key(label, x.newHash().Size())
	return d.keys()
}

// Multistream derives from the first stream's ZRTPSess.
//
// RFC 6189, Section 4.4.3.2: s0 = KDF(ZRTPSess, "ZRTP MSK", KDF_Context, negotiated
// hash length)
func (x Skipping) Multistream(session []byte) *Keys { return x.from(session, "ZRTP MSK") }

// Preshared derives from a retained secret, and from auxsecret and pbxsecret, which
// may be absent.
//
// RFC 6189, Section 4.4.2.4: s0 = KDF(preshared_key, "ZRTP PSK", KDF_Context,
// negotiated hash length)
func (x Skipping) Preshared(rs1, aux, pbx []byte) *Keys {
	return x.from(x.presharedKey(rs1, aux, pbx), "ZRTP PSK")
}

// RFC 6189, Section 4.4.2.2: preshared_key = hash(len(rs1) || rs1 || len(auxsecret) ||
// auxsecret || len(pbxsecret) || pbxsecret)
func (s Suite) presharedKey(rs1, aux, pbx []byte) []byte {
	return s.sum(word(len(rs1)), rs1, word(len(aux)), aux, word(len(pbx)), pbx)
}

// KeyID names the preshared_key of rs1 alone in a Commit.
//
// RFC 6189, Section 4.4.2.2: keyID = MAC(preshared_key, "Prsh") truncated to 64 bits.
func (s Suite) KeyID(rs1 []byte) (id [8]byte) {
	copy(id[:], s.mac(s.presharedKey(rs1, nil, nil), []byte("Prsh")))
	return id
}

// NextSession is what becomes of ZRTPSess when a call goes clear.
//
// RFC 6189, Section 4.7.2.1: ZRTPSess = KDF(ZRTPSess, "New ZRTP Session", (ZIDi ||
// ZIDr), negotiated hash length)
func (s Suite) NextSession(session []byte, initiator, responder [12]byte) []byte {
	return derivation{s, session, append(initiator[:], responder[:]...)}.key("New ZRTP Session", s.newHash().Size())
}

package wire

// Sizes of a Commit's body: the fields before the commitment, and the three
// kinds of commitment. A KEM's public key comes on top of commitDH.
const (
	commitFixed = 32 + 12 + 5*algorithmLen
	commitDH    = commitFixed + 32 + 8
	commitMult  = commitFixed + 16 + 8
	commitPrsh  = commitFixed + 16 + 8 + 8
)

// Commit begins a key agreement and chooses its algorithms (RFC 6189, Section
// 5.4). KeyAgreement decides which of four forms it has: Mult carries Nonce,
// Prsh carries Nonce and KeyID, all others HVI, and a KEM also PublicKey.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                         H2 (8 words)                          |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                         ZID (3 words)                         |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|      Hash, Cipher, AuthTag, KeyAgreement, SAS (5 words)       |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|   HVI (8 words), Nonce (4 words), or Nonce, KeyID (6 words)   |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|    PublicKey (length depends on key agreement; KEM only)      |
//	|                             . . .                             |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                         MAC (2 words)                         |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type Commit struct {
	H2  [32]byte
	ZID [12]byte

	Hash, Cipher, AuthTag, KeyAgreement, SAS Algorithm

	HVI   [32]byte
	Nonce [16]byte
	KeyID [8]byte

	// PublicKey is whole words: Append fills it with zeros.
	PublicKey []byte

	MAC [8]byte
}

// ParseCommit reads a Commit of any of the four forms. Whether the public
// key has the right length only the key agreement can tell.
func ParseCommit(msg []byte) (Commit, error) {
	r, err := body(msg, TypeCommit, commitMult)
	if err != nil {
		return Commit{}, err
	}
	size := len(r.b)
	var c Commit
	copy(c.H2[:], r.next(32))
	copy(c.ZID[:], r.next(12))
	c.Hash, c.Cipher, c.AuthTag = r.algorithm(), r.algorithm(), r.algorithm()
	c.KeyAgreement, c.SAS = r.algorithm(), r.algorithm()
	if !c.fits(size) {
		return Commit{}, malformed(TypeCommit, "length does not fit the key agreement")
	}
	switch c.KeyAgreement {
	case Mult:
		copy(c.Nonce[:], r.next(16))
	case Prsh:
		copy(c.Nonce[:], r.next(16))
		copy(c.KeyID[:], r.next(8))
	default:
		copy(c.HVI[:], r.next(32))
		if c.KeyAgreement.KEM() {
			c.PublicKey = r.next(len(r.b) - 8)
		}
	}
	copy(c.MAC[:], r.next(8))
	return c, nil
}

// fits tells whether the body of a Commit may have a size.
func (c Commit) fits(size int) bool {
	switch {
	case c.KeyAgreement == Mult:
		return size == commitMult
	case c.KeyAgreement == Prsh:
		return size == commitPrsh
	case c.KeyAgreement.KEM():
		return size > commitDH
	default:
		return size == commitDH
	}
}

// size is that of the body.
func (c Commit) size() int {
	switch c.KeyAgreement {
	case Mult:
		return commitMult
	case Prsh:
		return commitPrsh
	default:
		return commitDH + inWords(len(c.PublicKey))
	}
}

// Append appends c.
func (c Commit) Append(dst []byte) []byte {
	b := append(appendHeader(dst, TypeCommit, c.size()), c.H2[:]...)
	b = append(b, c.ZID[:]...)
	b = appendAlgorithms(b, c.Hash, c.Cipher, c.AuthTag, c.KeyAgreement, c.SAS)
	switch c.KeyAgreement {
	case Mult:
		b = append(b, c.Nonce[:]...)
	case Prsh:
		b = append(b, c.Nonce[:]...)
		b = append(b, c.KeyID[:]...)
	default:
		b = append(b, c.HVI[:]...)
		b = appendWords(b, c.PublicKey)
	}
	return append(b, c.MAC[:]...)
}

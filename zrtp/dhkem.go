package zrtp

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
	"io"

	"karat/internal/secret"
)

// dhkem makes a KEM of a Diffie-Hellman (RFC 9180, Section 4.1).
type dhkem struct {
	id      uint16 // RFC 9180, Section 7.1
	size    int    // of a public value, which is also the ciphertext
	secret  int    // Nsecret
	newHash func() hash.Hash
	newHalf func(rand io.Reader) (keyAgreement, error)
}

// The two mechanisms, which are only read after they were made.
var (
	dhkem255 = dhkem{
		id: 0x0020, size: x255Len, secret: 32, newHash: sha256.New,
		newHalf: func(rand io.Reader) (keyAgreement, error) { return newX255(rand) },
	}
	dhkem448 = dhkem{
		id: 0x0021, size: x448Len, secret: 64, newHash: sha512.New,
		newHalf: func(rand io.Reader) (keyAgreement, error) { return newX448(rand) },
	}
)

func (d dhkem) publicKeyLen() int  { return d.size }
func (d dhkem) ciphertextLen() int { return d.size }

// dhkemKey is a key pair.
type dhkemKey struct {
	dhkem
	keyAgreement
}

func (d dhkem) generate(rand io.Reader) (decapsulationKey, error) {
	half, err := d.newHalf(rand)
	if err != nil {
		return nil, err
	}
	return dhkemKey{d, half}, nil
}

// encapsulate is Encap(pkR).
func (d dhkem) encapsulate(rand io.Reader, publicKey []byte) ([]byte, secret.Bytes, error) {
	ephemeral, err := d.newHalf(rand)
	if err != nil {
		return nil, secret.Bytes{}, err
	}
	defer ephemeral.wipe()
	dh, err := ephemeral.agree(publicKey)
	if err != nil {
		return nil, secret.Bytes{}, err
	}
	return ephemeral.public(), d.extractAndExpand(dh, ephemeral.public(), publicKey), nil
}

// decapsulate is Decap(enc, skR).
func (k dhkemKey) decapsulate(ciphertext []byte) (secret.Bytes, error) {
	dh, err := k.agree(ciphertext)
	if err != nil {
		return secret.Bytes{}, err
	}
	return k.extractAndExpand(dh, ciphertext, k.public()), nil
}

// extractAndExpand computes the shared secret, and wipes dh.
//
// RFC 9180, Section 4.1: eae_prk = LabeledExtract("", "eae_prk", dh);
// shared_secret = LabeledExpand(eae_prk, "shared_secret", kem_context, Nsecret).
func (d dhkem) extractAndExpand(dh secret.Bytes, enc, publicKey []byte) secret.Bytes {
	defer dh.Wipe()
	const version = "HPKE-v1"
	suiteID := binary.BigEndian.AppendUint16([]byte("KEM"), d.id)
	// RFC 5869, Section 2.2: PRK = HMAC-Hash(salt, IKM)
	prk := macOnce(d.newHash, nil, []byte(version), suiteID, []byte("eae_prk"), dh.Expose())
	defer clear(prk)
	labeledInfo := binary.BigEndian.AppendUint16(nil, uint16(d.secret))
	labeledInfo = append(labeledInfo, version...)
	labeledInfo = append(labeledInfo, suiteID...)
	labeledInfo = append(labeledInfo, "shared_secret"...)
	// RFC 5869, Section 2.3: T(1) = HMAC-Hash(PRK, T(0) | info | 0x01). Nsecret is
	// as long as the hash, so that there is one.
	return secret.Own(macOnce(d.newHash, prk, labeledInfo, enc, publicKey, []byte{1}))
}

package zrtp

import (
	"crypto/hkdf"
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
	shared, err := d.extractAndExpand(dh, ephemeral.public(), publicKey)
	return ephemeral.public(), shared, err
}

// decapsulate is Decap(enc, skR).
func (k dhkemKey) decapsulate(ciphertext []byte) (secret.Bytes, error) {
	dh, err := k.agree(ciphertext)
	if err != nil {
		return secret.Bytes{}, err
	}
	return k.extractAndExpand(dh, ciphertext, k.public())
}

// extractAndExpand computes the shared secret, and wipes dh.
//
// RFC 9180, Section 4.1: eae_prk = LabeledExtract("", "eae_prk", dh);
// shared_secret = LabeledExpand(eae_prk, "shared_secret", kem_context, Nsecret).
func (d dhkem) extractAndExpand(dh secret.Bytes, enc, publicKey []byte) (secret.Bytes, error) {
	defer dh.Wipe()
	const version = "HPKE-v1"
	suiteID := binary.BigEndian.AppendUint16([]byte("KEM"), d.id)
	labeledIKM := append([]byte(version), suiteID...)
	labeledIKM = append(labeledIKM, "eae_prk"...)
	labeledIKM = append(labeledIKM, dh.Expose()...)
	defer clear(labeledIKM)
	prk, err := hkdf.Extract(d.newHash, labeledIKM, nil)
	if err != nil {
		return secret.Bytes{}, err
	}
	defer clear(prk)
	labeledInfo := binary.BigEndian.AppendUint16(nil, uint16(d.secret))
	labeledInfo = append(labeledInfo, version...)
	labeledInfo = append(labeledInfo, suiteID...)
	labeledInfo = append(labeledInfo, "shared_secret"...)
	labeledInfo = append(labeledInfo, enc...)
	labeledInfo = append(labeledInfo, publicKey...)
	shared, err := hkdf.Expand(d.newHash, prk, string(labeledInfo), d.secret)
	return secret.Own(shared), err
}

package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Authority is a certificate authority made for one run, and the one server
// certificate that it issued.
type Authority struct {
	// CA is the PEM file that phones are told to trust; Certificate and Key
	// are the server's.
	CA, Certificate, Key string
}

// certificateLife is longer than any run and short enough that a forgotten
// key is worthless.
const certificateLife = 24 * time.Hour

// NewAuthority makes an authority in dir and a certificate for a server at ip.
func NewAuthority(dir, ip string) (*Authority, error) {
	a := &Authority{
		CA:          filepath.Join(dir, "ca.pem"),
		Certificate: filepath.Join(dir, "server.pem"),
		Key:         filepath.Join(dir, "server.key"),
	}
	now := time.Now()
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "interop run"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLife),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: ip},
		NotBefore: root.NotBefore, NotAfter: root.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.ParseIP(ip)},
		// liblinphone compares the host of its registrar with DNS names only,
		// even when that host is an address.
		DNSNames: []string{ip, "localhost", serverName},
	}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("lab: authority: %w", err)
	}
	serverKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("lab: authority: %w", err)
	}
	if err := writeCertificate(a.CA, root, root, &rootKey.PublicKey, rootKey); err != nil {
		return nil, err
	}
	if err := writeCertificate(a.Certificate, server, root, &serverKey.PublicKey, rootKey); err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(serverKey)
	if err != nil {
		return nil, fmt.Errorf("lab: authority: %w", err)
	}
	return a, writePEM(a.Key, "PRIVATE KEY", der)
}

func writeCertificate(path string, cert, parent *x509.Certificate, pub *ecdsa.PublicKey, signer *ecdsa.PrivateKey) error {
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, pub, signer)
	if err != nil {
		return fmt.Errorf("lab: certificate %s: %w", filepath.Base(path), err)
	}
	return writePEM(path, "CERTIFICATE", der)
}

func writePEM(path, kind string, der []byte) error {
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	return nil
}

package sip

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// fingerprintPrefix begins a fingerprint as it is written.
const fingerprintPrefix = "sha256:"

// trust is by what a provider's server is known over TLS.
type trust struct {
	roots       *x509.CertPool   // beside the system's
	certificate *tls.Certificate // ours, for servers that ask for one
	pin         *pin             // nil: none
}

// Pin makes a server known by its key instead of by an authority.
type Pin struct {
	// Key is the fingerprint of its public key; nil: that of the first connection,
	// which a Pinned event tells.
	Key []byte
}

// Fingerprint is the fingerprint of a public key, as a certificate has it: SHA-256.
func Fingerprint(subjectPublicKeyInfo []byte) []byte {
	sum := sha256.Sum256(subjectPublicKeyInfo)
	return sum[:]
}

// WriteFingerprint is a fingerprint as people compare it: sha256: and 64
// hexadecimal digits.
func WriteFingerprint(key []byte) string { return fingerprintPrefix + hex.EncodeToString(key) }

// ParseFingerprint reads what WriteFingerprint wrote; colons between the digits
// do no harm.
func ParseFingerprint(s string) ([]byte, error) {
	rest, ok := strings.CutPrefix(strings.ToLower(s), fingerprintPrefix)
	key, err := hex.DecodeString(strings.ReplaceAll(rest, ":", ""))
	if !ok || err != nil || len(key) != sha256.Size {
		return nil, fmt.Errorf("%q is no fingerprint: want sha256: and 64 hexadecimal digits", s)
	}
	return key, nil
}

// trust is by what an account's server is known.
func (acc *Account) trust(a *Agent) trust {
	t := trust{roots: acc.Roots, certificate: acc.Certificate}
	if acc.Pin != nil {
		t.pin = &pin{key: acc.Pin.Key, tell: func(e Pinned) { a.tell(e) }}
	}
	return t
}

// pin is a Pin in use.
type pin struct {
	tell func(Pinned)

	mu  sync.Mutex // guards key
	key []byte
}

// check refuses a certificate with another key than the pinned one.
func (p *pin) check(cert *x509.Certificate) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := Fingerprint(cert.RawSubjectPublicKeyInfo)
	if p.key != nil && !bytes.Equal(key, p.key) {
		return fmt.Errorf("%w: it shows %s; if your provider says that this is its new one, pin it with \"karat account add --fingerprint\"", ErrPin, WriteFingerprint(key))
	}
	return nil
}

// take pins the key of a connection that was made, if none is.
func (p *pin) take(cert *x509.Certificate, vouched bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.key != nil {
		return
	}
	p.key = Fingerprint(cert.RawSubjectPublicKeyInfo)
	p.tell(Pinned{Key: p.key, Vouched: vouched})
}

// distrusted tells whether a server was reached that is not who it should be:
// another address of it is no remedy.
func distrusted(err error) bool {
	return errors.Is(err, ErrCertificate) || errors.Is(err, ErrPin)
}

// secure makes a TLS connection over one that open makes. The server is asked for
// each of its names (SNI) until its certificate will do: most hosts know themselves by
// the account's domain, some only by the name that the user set.
func (t *trust) secure(ctx context.Context, open func(context.Context) (net.Conn, error), to whom) (net.Conn, error) {
	var first error
	for _, name := range to.names {
		conn, err := open(ctx)
		if err != nil {
			return nil, err
		}
		secured := tls.Client(conn, t.config(name, to))
		if err = secured.HandshakeContext(ctx); err == nil {
			return secured, nil
		}
		_ = conn.Close()
		if first == nil {
			first = handshakeError(err)
		}
		if errors.Is(err, ErrPin) || ctx.Err() != nil {
			break
		}
	}
	return nil, first
}

// chosen pins the key of a connection that is to be used, if one is to be pinned.
// Others that were made beside it pin nothing.
func (t *trust) chosen(conn net.Conn, to whom) {
	if w, is := conn.(*webSocket); is {
		conn = w.Conn
	}
	secured, is := conn.(*tls.Conn)
	if t.pin == nil || !is {
		return
	}
	chain := secured.ConnectionState().PeerCertificates
	t.pin.take(chain[0], verify(chain, to, t.roots, time.Now()) == nil)
}

// config makes the TLS configuration for a provider. Verification is ours, not
// weaker than the usual one, because the names to accept may be two: the
// account's domain, and the host that the user set as registrar.
func (t *trust) config(name string, to whom) *tls.Config {
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         name,
		InsecureSkipVerify: true, // replaced by VerifyConnection, which is always called
		VerifyConnection: func(cs tls.ConnectionState) error {
			return t.accept(cs.PeerCertificates, to)
		},
	}
	if t.certificate != nil {
		c.Certificates = []tls.Certificate{*t.certificate}
	}
	return c
}

// accept checks who a server is: by the key that is pinned, else by authorities
// and names. The first key of an account that is to pin it is taken as it is.
func (t *trust) accept(chain []*x509.Certificate, to whom) error {
	if t.pin == nil || len(chain) == 0 {
		return verify(chain, to, t.roots, time.Now())
	}
	return t.pin.check(chain[0])
}

func handshakeError(err error) error {
	var cert *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	if distrusted(err) || errors.As(err, &cert) || errors.As(err, &unknown) {
		return err
	}
	return fmt.Errorf("%w: no TLS connection: %w", ErrUnreachable, err)
}

// verify checks a certificate chain against the system's roots or ours, and whether
// it is for whom it should be.
func verify(chain []*x509.Certificate, to whom, roots *x509.CertPool, now time.Time) error {
	if len(chain) == 0 {
		return fmt.Errorf("%w: it shows none", ErrCertificate)
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	opts := x509.VerifyOptions{Intermediates: between, CurrentTime: now}
	var err error
	if roots != nil {
		opts.Roots = roots
		_, err = chain[0].Verify(opts)
	}
	if roots == nil || err != nil {
		opts.Roots = nil // the system's
		_, systemErr := chain[0].Verify(opts)
		if roots == nil {
			err = systemErr
		} else if systemErr == nil {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %s", ErrCertificate, why(err))
	}
	for _, name := range to.names {
		// RFC 7118, Section 9.1: on the web the rules are those of the web.
		if names5922(chain[0], name) || to.web != "" && chain[0].VerifyHostname(name) == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: it is for another name", ErrCertificate)
}

// names5922 tells whether a certificate is for a SIP domain. RFC 5922, Section
// 7.1: a URI "sip:domain" or a DNS name; for IP literals, the address. Wildcards
// in DNS names do not match.
func names5922(cert *x509.Certificate, name string) bool {
	for _, u := range cert.URIs {
		host := u.Opaque
		if u.Scheme == "sip" && !strings.Contains(host, "@") && strings.EqualFold(host, name) {
			return true
		}
	}
	if ip := net.ParseIP(name); ip != nil {
		for _, a := range cert.IPAddresses {
			if a.Equal(ip) {
				return true
			}
		}
		return false
	}
	for _, dns := range cert.DNSNames {
		// RFC 5922, Section 7.2: implementations MUST NOT match wildcards.
		if strings.EqualFold(strings.TrimSuffix(dns, "."), strings.TrimSuffix(name, ".")) {
			return true
		}
	}
	return false
}

// why says in a few words what is wrong with a certificate.
func why(err error) string {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		return "it has expired, or is not valid yet"
	}
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		return "it is signed by an authority that is not trusted here"
	}
	return err.Error()
}

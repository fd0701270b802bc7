// Package dtlssrtp agrees on the keys of SRTP by DTLS on the media path (RFC 5763,
// RFC 5764), through pion/dtls.
//
// Each side shows a certificate made for one call, and is known by its fingerprint,
// which came in the signalling: so these keys are as good as the signalling is, and
// whoever carries that could exchange the fingerprints and sit between. The phone
// uses it only where its user said that the provider may listen.
//
// It does NOT carry data, resume, or take more than one peer.
package dtlssrtp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"

	"karat/internal/secret"
	"karat/media"
)

const (
	// patience is how long the handshake may take: several retransmissions.
	patience = 20 * time.Second
	// maxDatagram is what a datagram of a call holds.
	maxDatagram = 1500
	// label of the exporter (RFC 5764, Section 4.2).
	label = "EXTRACTOR-dtls_srtp"
	// validFor bounds the certificate's life around now; nobody looks at it, and it
	// says nothing but that the clock is right within days.
	validFor = 30 * 24 * time.Hour
)

// Errors of Handshake, each a sentence.
var (
	ErrFingerprint = errors.New("the other phone's certificate is not the one that the signalling announced (DTLS-SRTP)")
	ErrHandshake   = errors.New("the two phones could not agree on keys (DTLS-SRTP)")
)

// Certificate is ours for one call.
type Certificate struct{ tls tls.Certificate }

// NewCertificate makes one that says nothing.
func NewCertificate() (Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Certificate{}, fmt.Errorf("dtlssrtp: make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return Certificate{}, fmt.Errorf("dtlssrtp: make a serial number: %w", err)
	}
	day := time.Now().UTC().Truncate(24 * time.Hour)
	// Some phones cannot read a certificate of nobody.
	name := pkix.Name{CommonName: "-"}
	template := &x509.Certificate{SerialNumber: serial, Subject: name, NotBefore: day.Add(-validFor), NotAfter: day.Add(validFor)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return Certificate{}, fmt.Errorf("dtlssrtp: make a certificate: %w", err)
	}
	return Certificate{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}, nil
}

// Fingerprint is the value of a=fingerprint: "sha-256 4A:AD:…".
func (c Certificate) Fingerprint() string {
	return "sha-256 " + colons(sha256.New(), c.tls.Certificate[0])
}

func colons(h hash.Hash, der []byte) string {
	h.Write(der)
	text := strings.ToUpper(hex.EncodeToString(h.Sum(nil)))
	var parts []string
	for i := 0; i < len(text); i += 2 {
		parts = append(parts, text[i:i+2])
	}
	return strings.Join(parts, ":")
}

// matches tells whether a certificate is one of those announced. RFC 8122, Section
// 5: several may be, by several hashes; SHA-1 and weaker ones count for nothing.
func matches(der []byte, fingerprints []string) bool {
	hashes := map[string]func() hash.Hash{"sha-256": sha256.New, "sha-384": sha512.New384, "sha-512": sha512.New}
	for _, f := range fingerprints {
		name, value, _ := strings.Cut(strings.TrimSpace(f), " ")
		if h, known := hashes[strings.ToLower(name)]; known && strings.EqualFold(strings.TrimSpace(value), colons(h(), der)) {
			return true
		}
	}
	return false
}

// Config of a handshake.
type Config struct {
	Certificate Certificate
	// Fingerprints are the values of the peer's a=fingerprint lines.
	Fingerprints []string
	// Active: we begin (a=setup:active).
	Active bool
	// Send sends a datagram to the peer. In has those of class DTLS that came; it is
	// not closed.
	Send func([]byte) error
	In   <-chan []byte
}

// Result of a handshake: keys, or why there are none.
type Result struct {
	Keys media.Keys
	Err  error
}

// Handshake is one handshake, and the association that it made.
type Handshake struct {
	done   chan Result
	conn   *datagrams
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// Start begins. The result comes once on Done; Close must follow.
func Start(cfg Config) *Handshake {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	h := &Handshake{done: make(chan Result, 1), conn: newDatagrams(cfg.Send, cfg.In), cancel: cancel}
	h.wg.Go(func() {
		defer cancel()
		h.run(ctx, cfg)
	})
	return h
}

// Done tells the result.
func (h *Handshake) Done() <-chan Result { return h.done }

// Close ends the association, if there is one, and waits.
func (h *Handshake) Close() {
	h.cancel()
	_ = h.conn.Close()
	h.wg.Wait()
}

func (h *Handshake) run(ctx context.Context, cfg Config) {
	var wrong bool
	verify := func(raw [][]byte, _ [][]*x509.Certificate) error {
		if len(raw) == 0 || !matches(raw[0], cfg.Fingerprints) {
			wrong = true
			return ErrFingerprint
		}
		return nil
	}
	conn, err := open(h.conn, cfg, verify)
	if err == nil {
		err = conn.HandshakeContext(ctx)
	}
	keys, err := keysOf(conn, cfg.Active, err)
	switch {
	case wrong:
		err = ErrFingerprint
	case err != nil:
		err = fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	h.done <- Result{keys, err}
	if conn == nil {
		return
	}
	if err == nil {
		// The association stays, to answer a peer whose last flight was lost; nothing
		// that comes in it is for us.
		unread := make([]byte, maxDatagram)
		for {
			if _, err := conn.Read(unread); err != nil {
				break
			}
			clear(unread)
		}
	}
	_ = conn.Close()
}

// open makes the association's end. RFC 5764, Section 4.2: both sides show a
// certificate.
func open(conn *datagrams, cfg Config, verify func([][]byte, [][]*x509.Certificate) error) (*dtls.Conn, error) {
	// Some phones name authorities that they would like, and none of them is ours.
	ours := func(*dtls.CertificateRequestInfo) (*tls.Certificate, error) { return &cfg.Certificate.tls, nil }
	common := []dtls.Option{
		dtls.WithCertificates(cfg.Certificate.tls), dtls.WithGetClientCertificate(ours),
		dtls.WithInsecureSkipVerify(true), // the fingerprint is what is verified
		dtls.WithVerifyPeerCertificate(verify),
		dtls.WithExtendedMasterSecret(dtls.RequestExtendedMasterSecret),
		dtls.WithSRTPProtectionProfiles(profiles()...), dtls.WithLoggerFactory(silent{}),
	}
	if cfg.Active {
		var all []dtls.ClientOption
		for _, o := range common {
			all = append(all, o)
		}
		return dtls.ClientWithOptions(conn, conn.RemoteAddr(), all...)
	}
	all := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
	for _, o := range common {
		all = append(all, o)
	}
	return dtls.ServerWithOptions(conn, conn.RemoteAddr(), all...)
}

// profile of SRTP, and the lengths of its keys and salts in bytes.
type profile struct {
	id        dtls.SRTPProtectionProfile
	key, salt int
	tagBits   int
}

// known are those that we take, the best first (RFC 7714, Section 14.2; RFC 5764,
// Section 4.1.2). Tags of 32 bits are not among them.
var known = []profile{
	{dtls.SRTP_AEAD_AES_256_GCM, 32, 12, 128},
	{dtls.SRTP_AEAD_AES_128_GCM, 16, 12, 128},
	{dtls.SRTP_AES128_CM_HMAC_SHA1_80, 16, 14, 80},
}

func profiles() (ids []dtls.SRTPProtectionProfile) {
	for _, p := range known {
		ids = append(ids, p.id)
	}
	return ids
}

// keysOf exports the keys.
//
// RFC 5764, Section 4.2: client_write_SRTP_master_key, the server's,
// client_write_SRTP_master_salt, the server's.
func keysOf(conn *dtls.Conn, active bool, err error) (media.Keys, error) {
	if err != nil {
		return media.Keys{}, err
	}
	id, ok := conn.SelectedSRTPProtectionProfile()
	state, there := conn.ConnectionState()
	if !ok || !there {
		return media.Keys{}, errors.New("no SRTP profile in common")
	}
	for _, p := range known {
		if p.id != id {
			continue
		}
		b, err := state.ExportKeyingMaterial(label, nil, 2*(p.key+p.salt))
		if err != nil {
			return media.Keys{}, fmt.Errorf("export keys: %w", err)
		}
		return split(p, b, active), nil
	}
	return media.Keys{}, errors.New("no SRTP profile in common")
}

func split(p profile, b []byte, active bool) media.Keys {
	take := func(n int) secret.Bytes {
		s := secret.Copy(b[:n])
		clear(b[:n])
		b = b[n:]
		return s
	}
	k := media.Keys{
		SendKey: take(p.key), ReceiveKey: take(p.key), SendSalt: take(p.salt), ReceiveSalt: take(p.salt),
		TagBits: p.tagBits,
	}
	if !active {
		k.SendKey, k.ReceiveKey = k.ReceiveKey, k.SendKey
		k.SendSalt, k.ReceiveSalt = k.ReceiveSalt, k.SendSalt
	}
	return k
}

// silent keeps pion/dtls from logging what it sees.
type silent struct{}

// NewLogger returns one that drops everything.
func (silent) NewLogger(string) logging.LeveledLogger {
	return logging.NewDefaultLeveledLoggerForScope("", logging.LogLevelDisabled, nil)
}

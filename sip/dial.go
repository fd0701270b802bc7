package sip

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"karat/sip/locate"
)

// dialTimeout bounds connecting and the TLS handshake.
const dialTimeout = 15 * time.Second

// dialer opens flows to a next hop.
type dialer struct {
	network Network
	numbers *numbers
	roots   *x509.CertPool
	locator locate.Resolver // nil: names are not asked for servers
}

// dial opens a flow to a hop, at the first of its servers that can be reached. names are those that a TLS certificate may be
// for; the first is asked for (SNI).
func (d *dialer) dial(ctx context.Context, h hop, names []string) (*flow, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	servers, err := d.servers(ctx, h)
	if err != nil {
		return nil, err
	}
	for _, server := range servers {
		var f *flow
		if f, err = d.reach(ctx, server, names); err == nil || errors.Is(err, ErrCertificate) {
			return f, err
		}
	}
	return nil, err
}

// reach opens a flow to one server.
func (d *dialer) reach(ctx context.Context, h hop, names []string) (*flow, error) {
	addrs, err := resolve(ctx, h.host)
	if err != nil {
		return nil, err
	}
	for _, addr := range addrs {
		var f *flow
		if f, err = d.connect(ctx, h.kind, netip.AddrPortFrom(addr, h.port), names); err == nil {
			return f, nil
		}
		if errors.Is(err, ErrCertificate) {
			break // that was the server; another address is no remedy
		}
	}
	return nil, err
}

func (d *dialer) connect(ctx context.Context, kind transport, remote netip.AddrPort, names []string) (*flow, error) {
	if kind == udp {
		return d.socket(ctx, remote)
	}
	conn, err := d.network.Dial(ctx, "tcp", remote.String())
	if err != nil {
		return nil, unreachable(err)
	}
	if kind == overTLS {
		secured := tls.Client(conn, d.config(names))
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, handshakeError(err)
		}
		conn = secured
	}
	local, _ := addrPort(conn.LocalAddr())
	f := newFlow(kind, d.numbers.next(), local, remote)
	f.conn = conn
	return f, nil
}

// socket opens a UDP socket of its own toward remote.
func (d *dialer) socket(ctx context.Context, remote netip.AddrPort) (*flow, error) {
	local, err := d.network.LocalFor(remote.Addr())
	if err != nil {
		return nil, unreachable(err)
	}
	socket, err := d.network.ListenPacket(ctx, "udp", netip.AddrPortFrom(local, 0).String())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	bound, _ := addrPort(socket.LocalAddr())
	f := newFlow(udp, d.numbers.next(), bound, remote)
	f.socket = socket
	return f, nil
}

// unreachable says why something cannot be reached, without the addresses.
func unreachable(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return fmt.Errorf("%w: %w", ErrUnreachable, number)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: it does not answer", ErrUnreachable)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

func handshakeError(err error) error {
	var cert *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	if errors.Is(err, ErrCertificate) || errors.As(err, &cert) || errors.As(err, &unknown) {
		return err
	}
	return fmt.Errorf("%w: no TLS connection: %w", ErrUnreachable, err)
}

// config makes the TLS configuration for a provider. Verification is ours, not
// weaker than the usual one, because the names to accept may be two: the
// account's domain, and the host that the user set as registrar.
func (d *dialer) config(names []string) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         names[0],
		InsecureSkipVerify: true, // replaced by VerifyConnection, which is always called
		VerifyConnection: func(cs tls.ConnectionState) error {
			return verify(cs.PeerCertificates, names, d.roots, time.Now())
		},
	}
}

// verify checks a certificate chain for one of names, against the system's
// roots or ours.
func verify(chain []*x509.Certificate, names []string, roots *x509.CertPool, now time.Time) error {
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
	for _, name := range names {
		if names5922(chain[0], name) {
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

package lab

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"karat/contrib/server"
)

var (
	//go:embed kamailio.site.tmpl
	kamailioSite string
	//go:embed kamailio.tls.tmpl
	kamailioTLS string
)

// Kamailio is the provider of contrib/server: a registrar and record-routing
// proxy with digest, over UDP, TCP and TLS.
type Kamailio struct {
	*Process
	IP        string
	UDP, TLS  int
	Authority *Authority
	// Users and their passwords.
	Users map[string]string
	// Algorithm of its digest: MD5 or SHA-256.
	Algorithm string
	Dir       string
	// RTPEngine carries the voice of its calls; nil: phones send it as they can.
	RTPEngine *RTPEngine
	// TopologyHidden: what one end sends of itself is hidden from the other.
	TopologyHidden bool
	// WebSocket: it speaks SIP over WebSocket where it speaks TLS.
	WebSocket bool

	lab     *Lab
	command Command
}

// Host is its address as it stands in a URI.
func (k *Kamailio) Host() string { return uriHost(k.IP) }

// uriHost puts brackets around an IPv6 address (RFC 3261, Section 25.1).
func uriHost(ip string) string {
	if strings.Contains(ip, ":") {
		return "[" + ip + "]"
	}
	return ip
}

// KamailioConfig is how one is set up.
type KamailioConfig struct {
	Algorithm      string // of its digest
	Users          []string
	RTPEngine      *RTPEngine
	TopologyHidden bool
	WebSocket      bool
	// Wrap is what runs it elsewhere, such as in another network namespace.
	Wrap []string
}

// StartKamailio starts a proxy that knows these users, and returns when its
// sockets are open.
func (l *Lab) StartKamailio(ctx context.Context, algorithm string, users ...string) (*Kamailio, error) {
	return l.StartProvider(ctx, KamailioConfig{Algorithm: algorithm, Users: users})
}

// StartProvider is StartKamailio with all that can be set.
func (l *Lab) StartProvider(ctx context.Context, c KamailioConfig) (*Kamailio, error) {
	dir, err := l.Subdir("kamailio")
	if err != nil {
		return nil, err
	}
	k := &Kamailio{
		IP: l.IP, UDP: l.Port(), TLS: l.Port(), Algorithm: c.Algorithm, Dir: dir, Users: map[string]string{},
		RTPEngine: c.RTPEngine, TopologyHidden: c.TopologyHidden, WebSocket: c.WebSocket, lab: l,
	}
	for _, user := range c.Users {
		k.Users[user] = randomPassword()
	}
	if k.Authority, err = NewAuthority(dir, k.IP); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "kamailio.cfg")
	if err := k.configure(l, config); err != nil {
		return nil, err
	}
	k.command = Command{
		Name: "kamailio", Path: "kamailio", Dir: dir, Wrap: c.Wrap,
		// Not a daemon, in the foreground; 32 MB shared and 8 MB of its own.
		Args: []string{"-DD", "-E", "-f", config, "-Y", dir, "-P", filepath.Join(dir, "pid"), "-w", dir, "-m", "32", "-M", "8"},
	}
	return k, k.Restart(ctx)
}

// Restart starts it, again after a Kill: what it knew of who is where is gone.
func (k *Kamailio) Restart(ctx context.Context) error {
	var err error
	if k.Process, err = k.lab.Start(ctx, k.command); err != nil {
		return err
	}
	if k.command.Wrap != nil { // it listens where we cannot look
		return nil
	}
	return waitListening(ctx, k.Process, net.JoinHostPort(k.IP, fmt.Sprint(k.TLS)))
}

// configure writes its files: the provider's, and what is of this site.
func (k *Kamailio) configure(l *Lab, config string) error {
	if err := os.WriteFile(config, []byte(server.Kamailio), 0o600); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	if err := writeTemplate(filepath.Join(k.Dir, "site.cfg"), kamailioSite, k); err != nil {
		return err
	}
	if err := writeTemplate(filepath.Join(k.Dir, "tls.cfg"), kamailioTLS, k); err != nil {
		return err
	}
	users, err := l.Subdir("kamailio/users")
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"version":    "table_name(string) table_version(int)\nsubscriber:7\n",
		"subscriber": k.subscribers(),
	} {
		if err := os.WriteFile(filepath.Join(users, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("lab: %w", err)
		}
	}
	return nil
}

// subscribers is the file of its users, as contrib/server/adduser writes it. A
// colon ends a field there, and is quoted.
func (k *Kamailio) subscribers() string {
	var b strings.Builder
	b.WriteString("username(string) domain(string) ha1(string)\n")
	for user, password := range k.Users {
		// RFC 7616, Section 3.4.2: A1 = user:realm:password.
		a1 := []byte(user + ":" + k.Host() + ":" + password)
		ha1 := fmt.Sprintf("%x", md5.Sum(a1))
		if k.Algorithm == "SHA-256" {
			ha1 = fmt.Sprintf("%x", sha256.Sum256(a1))
		}
		fmt.Fprintf(&b, "%s:%s:%s\n", user, strings.ReplaceAll(k.Host(), ":", `\:`), ha1)
	}
	return b.String()
}

// AOR is the user's address.
func (k *Kamailio) AOR(user string) string { return "sip:" + user + "@" + k.Host() }

// Registrar is the address that phones register at, by transport.
func (k *Kamailio) Registrar(transport string) string {
	if transport == "wss" {
		return fmt.Sprintf("wss://%s:%d/", k.Host(), k.TLS)
	}
	return fmt.Sprintf("sip:%s:%d;transport=%s", k.Host(), k.port(transport), transport)
}

func (k *Kamailio) port(transport string) int {
	if transport == "tls" {
		return k.TLS
	}
	return k.UDP
}

// waitListening tries a TCP connection until one is accepted.
func waitListening(ctx context.Context, p *Process, addr string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-p.done:
			return fmt.Errorf("lab: %s ended at once; see its output", p.name)
		case <-ctx.Done():
			return fmt.Errorf("lab: %s does not listen at %s: %w", p.name, addr, context.Cause(ctx))
		}
	}
}

func randomPassword() string {
	b := make([]byte, 12)
	rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

func writeTemplate(path, text string, data any) error {
	t, err := template.New(filepath.Base(path)).Funcs(template.FuncMap{"upper": strings.ToUpper}).Parse(text)
	if err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	if err := t.Execute(f, data); err != nil {
		f.Close()
		return fmt.Errorf("lab: write %s: %w", filepath.Base(path), err)
	}
	return f.Close()
}

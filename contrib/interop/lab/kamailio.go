package lab

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"
)

var (
	//go:embed kamailio.cfg.tmpl
	kamailioConfig string
	//go:embed kamailio.tls.tmpl
	kamailioTLS string
)

// Kamailio is a registrar and record-routing proxy with digest, over UDP and
// TLS.
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
	Modules   string
}

// kamailioModules is where Debian's package puts them, on any architecture.
const kamailioModules = "/usr/lib/*/kamailio/modules"

// StartKamailio starts a proxy that knows these users, and returns when its
// sockets are open.
func (l *Lab) StartKamailio(ctx context.Context, algorithm string, users ...string) (*Kamailio, error) {
	return l.startKamailio(ctx, nil, algorithm, users)
}

func (l *Lab) startKamailio(ctx context.Context, wrap []string, algorithm string, users []string) (*Kamailio, error) {
	dir, err := l.Subdir("kamailio")
	if err != nil {
		return nil, err
	}
	modules, _ := filepath.Glob(kamailioModules)
	if len(modules) == 0 {
		return nil, fmt.Errorf("lab: no Kamailio modules in %s", kamailioModules)
	}
	k := &Kamailio{IP: l.IP, UDP: l.Port(), TLS: l.Port(), Algorithm: algorithm, Dir: dir, Modules: modules[0], Users: map[string]string{}}
	for _, user := range users {
		k.Users[user] = randomPassword()
	}
	if k.Authority, err = NewAuthority(dir, k.IP); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "kamailio.cfg")
	if err := writeTemplate(config, kamailioConfig, k); err != nil {
		return nil, err
	}
	if err := writeTemplate(filepath.Join(dir, "tls.cfg"), kamailioTLS, k); err != nil {
		return nil, err
	}
	k.Process, err = l.Start(ctx, Command{
		Name: "kamailio", Path: "kamailio", Dir: dir, Wrap: wrap,
		// Not a daemon, in the foreground; 32 MB shared and 8 MB of its own.
		Args: []string{"-DD", "-E", "-f", config, "-Y", dir, "-P", filepath.Join(dir, "pid"), "-w", dir, "-m", "32", "-M", "8"},
	})
	if err != nil {
		return nil, err
	}
	if wrap != nil { // it listens where we cannot look
		return k, nil
	}
	return k, waitListening(ctx, k.Process, net.JoinHostPort(k.IP, fmt.Sprint(k.TLS)))
}

// AOR is the user's address.
func (k *Kamailio) AOR(user string) string { return "sip:" + user + "@" + k.IP }

// Registrar is the address that phones register at, by transport.
func (k *Kamailio) Registrar(transport string) string {
	return fmt.Sprintf("sip:%s:%d;transport=%s", k.IP, k.port(transport), transport)
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

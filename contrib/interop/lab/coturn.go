package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"karat/contrib/server"
)

// Coturn is a TURN and STUN server over UDP, TCP and TLS.
type Coturn struct {
	*Process
	IP             string
	Port, TLS      int
	First, Last    int // of the ports that it relays at
	User, Password string
	Authority      *Authority
}

// coturnPorts is how many addresses it may relay at: two for each phone of a
// call, and some that were not given back yet.
const coturnPorts = 10

// StartCoturn starts the relay of contrib/server with a certificate of an authority, and returns when it
// listens.
func (l *Lab) StartCoturn(ctx context.Context, a *Authority) (*Coturn, error) {
	dir, err := l.Subdir("coturn")
	if err != nil {
		return nil, err
	}
	first := l.PortRange(coturnPorts)
	c := &Coturn{First: first, Last: first + coturnPorts - 1, IP: l.IP, Port: l.Port(), TLS: l.Port(), User: "relayed", Password: randomPassword(), Authority: a}
	config := server.Coturn + fmt.Sprintf(`
listening-port=%d
tls-listening-port=%d
listening-ip=%s
relay-ip=%s
min-port=%d
max-port=%d
user=%s:%s
realm=relay.example
cert=%s
pkey=%s
pidfile=%s
userdb=%s
`, c.Port, c.TLS, c.IP, c.IP, c.First, c.Last, c.User, c.Password, a.Certificate, a.Key,
		filepath.Join(dir, "pid"), filepath.Join(dir, "db"))
	file := filepath.Join(dir, "turn.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("lab: coturn: %w", err)
	}
	if c.Process, err = l.Start(ctx, Command{Name: "coturn", Path: "turnserver", Args: []string{"-c", file}, Dir: dir}); err != nil {
		return nil, err
	}
	return c, waitListening(ctx, c.Process, net.JoinHostPort(c.IP, strconv.Itoa(c.TLS)))
}

// URL names it for Karat, by transport.
func (c *Coturn) URL(transport string) string {
	port := c.Port
	if transport == "tls" {
		port = c.TLS
	}
	return fmt.Sprintf("turn:%s:%d?transport=%s", c.IP, port, transport)
}

// STUN is its address as a STUN server.
func (c *Coturn) STUN() string { return net.JoinHostPort(c.IP, strconv.Itoa(c.Port)) }

package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// Microsocks is a SOCKS5 proxy. It alone knows what a name means, and its own
// connections come from an address of their own, so that a recording tells them from
// those of phones.
type Microsocks struct {
	*Process
	Port int
	// Name leads to the servers; Outward is where its connections come from.
	Name, Outward string
	// User and Password that it wants.
	User, Password string
}

// serverName is a name that no DNS knows (RFC 2606), nor this machine.
const serverName = "provider.example"

// StartMicrosocks starts a proxy for which provider.example is the Lab's address, and
// returns when it listens.
func (l *Lab) StartMicrosocks(ctx context.Context) (*Microsocks, error) {
	dir, err := l.Subdir("microsocks")
	if err != nil {
		return nil, err
	}
	hosts := filepath.Join(dir, "hosts")
	if err := os.WriteFile(hosts, []byte("127.0.0.1 localhost\n"+l.IP+" "+serverName+"\n"), 0o644); err != nil {
		return nil, fmt.Errorf("lab: microsocks: %w", err)
	}
	m := &Microsocks{Port: l.Port(), Name: serverName, Outward: "127.0.0.2", User: "phones", Password: randomPassword()}
	m.Process, err = l.Start(ctx, Command{
		Name: "microsocks", Path: "microsocks", Dir: dir,
		Args: []string{"-i", "127.0.0.1", "-p", strconv.Itoa(m.Port), "-u", m.User, "-P", m.Password, "-b", m.Outward},
		// The file of names of this process, and of no other.
		Wrap: []string{"unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, hosts},
	})
	if err != nil {
		return nil, err
	}
	return m, waitListening(ctx, m.Process, m.Address())
}

// Address is where phones reach it.
func (m *Microsocks) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(m.Port)) }

var connected = regexp.MustCompile(`connected to (\S+)`)

// Asked are the places that it was asked for, as they were named.
func (m *Microsocks) Asked() []string {
	var all []string
	for _, line := range m.Output.Lines() {
		if found := connected.FindStringSubmatch(line.Text); found != nil {
			all = append(all, found[1])
		}
	}
	return all
}

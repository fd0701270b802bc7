// Package sockstest is a SOCKS5 proxy for tests (RFC 1928, RFC 1929), on whatever
// network a test has. It looks names up in a table, notes what it was asked for, and
// does NOT do more than connect.
package sockstest

import (
	"context"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// Proxy is a running proxy.
type Proxy struct {
	// Names are what it knows, and where they lead.
	Names map[string]string
	// User and Password are asked for if not empty.
	User, Password string

	dial func(ctx context.Context, network, address string) (net.Conn, error)
	wg   sync.WaitGroup

	mu    sync.Mutex // guards what follows
	asked []string
	users []string
	open  []net.Conn
}

// Serve runs p on a listener until the test ends; dial makes its connections.
func Serve(t testing.TB, p *Proxy, ln net.Listener, dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	p.dial = dial
	p.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(p.keep(conn)) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		p.mu.Lock()
		for _, c := range p.open {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
}

// Asked are the places that it was asked for, in order, as they were named.
func (p *Proxy) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// Users are those who logged in.
func (p *Proxy) Users() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.users)
}

func (p *Proxy) keep(c net.Conn) net.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = append(p.open, c)
	return c
}

// Replies of RFC 1928, Section 6.
const (
	succeeded   = 0
	unreachable = 4
)

func (p *Proxy) serve(conn net.Conn) {
	defer conn.Close()
	if !p.greet(conn) {
		return
	}
	asked, ok := request(conn)
	if !ok {
		return
	}
	p.mu.Lock()
	p.asked = append(p.asked, asked)
	p.mu.Unlock()
	host, port, _ := net.SplitHostPort(asked)
	if net.ParseIP(host) == nil {
		host = p.Names[host]
	}
	var onward net.Conn
	err := io.EOF
	if host != "" {
		onward, err = p.dial(context.Background(), "tcp", net.JoinHostPort(host, port))
	}
	code := byte(succeeded)
	if err != nil {
		code = unreachable
	}
	_, _ = conn.Write([]byte{5, code, 0, 1, 0, 0, 0, 0, 0, 0})
	if err != nil {
		return
	}
	p.keep(onward)
	p.wg.Go(func() {
		_, _ = io.Copy(conn, onward)
		_ = conn.Close()
	})
	_, _ = io.Copy(onward, conn)
	_ = onward.Close()
}

// greet agrees on who it is. RFC 1928, Section 3; RFC 1929.
func (p *Proxy) greet(conn net.Conn) bool {
	methods, ok := counted(conn, 1)
	if !ok {
		return false
	}
	if !slices.Contains(methods, 2) {
		_, _ = conn.Write([]byte{5, 0xff})
		return false
	}
	_, _ = conn.Write([]byte{5, 2})
	user, ok := counted(conn, 1)
	if !ok {
		return false
	}
	password, ok := counted(conn, 0)
	if !ok {
		return false
	}
	p.mu.Lock()
	p.users = append(p.users, string(user))
	p.mu.Unlock()
	if p.User != "" && (string(user) != p.User || string(password) != p.Password) {
		_, _ = conn.Write([]byte{1, 1})
		return false
	}
	_, _ = conn.Write([]byte{1, 0})
	return true
}

// counted reads some octets, one that counts, and those.
func counted(conn net.Conn, before int) ([]byte, bool) {
	b := make([]byte, before+1)
	if _, err := io.ReadFull(conn, b); err != nil {
		return nil, false
	}
	out := make([]byte, b[before])
	_, err := io.ReadFull(conn, out)
	return out, err == nil
}

// request reads what is asked for. RFC 1928, Section 4.
func request(conn net.Conn) (string, bool) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(conn, head); err != nil || head[1] != 1 {
		return "", false
	}
	var host string
	switch head[3] {
	case 3:
		name, ok := counted(conn, 0)
		if !ok {
			return "", false
		}
		host = string(name)
	case 1, 4:
		b := make([]byte, map[byte]int{1: net.IPv4len, 4: net.IPv6len}[head[3]])
		if _, err := io.ReadFull(conn, b); err != nil {
			return "", false
		}
		host = net.IP(b).String()
	default:
		return "", false
	}
	port := make([]byte, 2)
	_, err := io.ReadFull(conn, port)
	return net.JoinHostPort(host, strconv.Itoa(int(port[0])<<8|int(port[1]))), err == nil
}

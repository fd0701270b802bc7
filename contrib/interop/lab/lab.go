// Package lab starts real telephones and a real SIP proxy on loopback, drives
// them, and ends them again: liblinphone's linphonec, baresip, Kamailio, and
// Karat's own binary. It is what contrib/interop and its figures are made of.
//
// A Lab is one scratch directory, one block of ports and the processes started
// in it. Every process is ended by its id when the Lab closes, also after a
// failure. The package knows what each program is to be told and what its
// output means; what a call should prove is said elsewhere.
//
// It installs only what Install is asked for, does NOT judge calls, and is no
// use outside tests: its accounts have passwords made for the run, its
// certificate authority lives as long as the scratch directory.
package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// A Lab is where one cell runs. Make it with New, end it with Close.
type Lab struct {
	// Dir is the scratch directory; everything a program writes lies below it.
	Dir string
	// IP is the address that every program binds to.
	IP string

	ports portBlock

	mu        sync.Mutex // guards: processes
	processes []*Process
}

// New makes a Lab in dir whose ports are first, first+1, ...
func New(dir string, first int) (*Lab, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	return &Lab{Dir: dir, IP: "127.0.0.1", ports: portBlock{next: first, end: first + BlockSize}}, nil
}

// Close ends every process that is still running, the youngest first, and
// waits for each.
func (l *Lab) Close() error {
	l.mu.Lock()
	running := slices.Clone(l.processes)
	l.mu.Unlock()
	var errs []error
	for _, p := range slices.Backward(running) {
		errs = append(errs, p.Stop())
	}
	return errors.Join(errs...)
}

// Subdir makes a directory below the Lab's and returns its path.
func (l *Lab) Subdir(name string) (string, error) {
	dir := filepath.Join(l.Dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("lab: %w", err)
	}
	return dir, nil
}

// Port takes the next port of the block.
func (l *Lab) Port() int { return l.ports.take(1) }

// PortRange takes n ports in a row, beginning with an even one as RTP wants
// it (RFC 3550, Section 11), and returns the first.
func (l *Lab) PortRange(n int) int {
	if l.ports.next%2 == 1 {
		l.ports.take(1)
	}
	return l.ports.take(n)
}

// Start runs a program until it ends, ctx ends or the Lab closes.
func (l *Lab) Start(ctx context.Context, c Command) (*Process, error) {
	p, err := start(ctx, c)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.processes = append(l.processes, p)
	return p, nil
}

// Sound is a sound card for a phone that otherwise reads and writes files: an
// ALSA configuration that makes it the default device, what its programs want in
// their environment, and the sink of PulseAudio that it plays to.
type Sound struct {
	ALSA  string
	Env   []string
	Plays string
}

// alsa is the phone's ALSA configuration.
func (s *Sound) alsa() string {
	if s == nil {
		return noSound
	}
	return s.ALSA
}

func (s *Sound) env() []string {
	if s == nil {
		return nil
	}
	return s.Env
}

// BlockSize is how many ports one Lab has: a proxy takes 2, a Linphone 5, a
// baresip 22.
const BlockSize = 80

// portBlock hands out ports. They lie below Linux' ephemeral range (32768), so
// that no socket which the kernel numbers can take one.
type portBlock struct{ next, end int }

// take panics when the block is used up: that is a mistake in a cell, found
// the first time it runs.
func (b *portBlock) take(n int) int {
	if b.next+n > b.end {
		panic(fmt.Sprintf("lab: the block of %d ports is used up", BlockSize))
	}
	first := b.next
	b.next += n
	return first
}

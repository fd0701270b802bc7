package main

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"karat/zrtp"
)

//go:embed peer/peer.c
var peerSource []byte

// errNoLibrary says what is missing, and what to do.
var errNoLibrary = errors.New("libbzrtp's header or gcc is missing: apt-get install --no-install-recommends gcc libc6-dev libbzrtp-dev")

// libraryHeader is what libbzrtp-dev installs.
const libraryHeader = "/usr/include/bzrtp/bzrtp.h"

// installed tells whether the program of peer/peer.c can be made here.
func installed() bool {
	_, noHeader := os.Stat(libraryHeader)
	_, noCompiler := exec.LookPath("gcc")
	return noHeader == nil && noCompiler == nil
}

// peer is a process with libbzrtp in it. See peer/peer.c for what it is asked.
type peer struct {
	cmd   *exec.Cmd
	asks  io.WriteCloser
	lines *bufio.Scanner
}

// startPeer compiles the program and starts it.
func startPeer(ctx context.Context, scratch string) (*peer, error) {
	if !installed() {
		return nil, errNoLibrary
	}
	source, program := filepath.Join(scratch, "peer.c"), filepath.Join(scratch, "peer")
	if err := os.WriteFile(source, peerSource, 0o600); err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(ctx, "gcc", "-O2", "-o", program, source, "-lbzrtp").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("gcc: %w\n%s", err, out)
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Stderr = os.Stderr
	asks, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &peer{cmd, asks, bufio.NewScanner(answers)}, nil
}

// Close ends the process and waits for it.
func (p *peer) Close() {
	p.asks.Close()
	_ = p.cmd.Wait() // it ends with its input
}

// answer is one line: its first word, and the rest.
type answer struct{ word, rest string }

// ask sends a line and returns all lines of the answer.
func (p *peer) ask(format string, args ...any) ([]answer, error) {
	if _, err := fmt.Fprintf(p.asks, format+"\n", args...); err != nil {
		return nil, err
	}
	var answers []answer
	for p.lines.Scan() {
		word, rest, _ := strings.Cut(p.lines.Text(), " ")
		if word == "ok" {
			return answers, nil
		}
		answers = append(answers, answer{word, rest})
	}
	return nil, fmt.Errorf("libbzrtp's process ended: %w", errors.Join(p.lines.Err(), io.ErrUnexpectedEOF))
}

// suite is one choice of each algorithm, by ZRTP's names.
type suite struct{ keyAgreement, hash, cipher, authTag, sas string }

func (s suite) String() string {
	return strings.Join([]string{s.keyAgreement, s.hash, s.cipher, s.authTag, s.sas}, " ")
}

func (s suite) algorithms() zrtp.Algorithms {
	return zrtp.Algorithms{
		KeyAgreements: []string{s.keyAgreement},
		Hashes:        []string{s.hash},
		Ciphers:       []string{s.cipher},
		AuthTags:      []string{s.authTag},
		SASTypes:      []string{s.sas},
	}
}

// offered are the algorithms that both engines have, with bzrtp.h's codes. DH2k
// and AES-192 Karat leaves out; Debian's build has no EC curves.
var offered = struct{ keyAgreements, hashes, ciphers, authTags, sasTypes []string }{
	[]string{"X255", "X448", "DH3k"},
	[]string{"S256", "S384"},
	[]string{"AES1", "AES3"},
	[]string{"HS32", "HS80"},
	[]string{"B32", "B256"},
}

// code is the code of a name in bzrtp.h.
func code(name string) string {
	names := []string{"X255", "X448", "DH3k", "S256", "S384", "AES1", "AES3", "HS32", "HS80", "B32", "B256"}
	codes := []string{"42", "44", "45", "11", "12", "21", "23", "31", "32", "51", "52"}
	return codes[slices.Index(names, name)]
}

func (s suite) codes() string {
	return strings.Join([]string{code(s.keyAgreement), code(s.hash), code(s.cipher), code(s.authTag), code(s.sas)}, " ")
}

// suites are all combinations.
func suites() (all []suite) {
	for _, keyAgreement := range offered.keyAgreements {
		for _, hash := range offered.hashes {
			for _, cipher := range offered.ciphers {
				for _, authTag := range offered.authTags {
					for _, sas := range offered.sasTypes {
						all = append(all, suite{keyAgreement, hash, cipher, authTag, sas})
					}
				}
			}
		}
	}
	return all
}

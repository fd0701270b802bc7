package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"karat/contrib/interop/lab"
)

const (
	// specLimit bounds a run of zrtpspec: its cases wait a quarter of an hour
	// together, and less than two minutes in so many jobs.
	specLimit = 4 * time.Minute
	specJobs  = 12
	// specStep is what --jobs adds to all ports from job to job. A block of ports
	// does not hold that many; these are above all blocks, and below those that
	// Linux numbers by itself.
	specStep = 10
)

// specPorts are the first ports of the targets and of the tester.
type specPorts struct{ target, local int }

var (
	libbzrtpPorts = specPorts{30000, 31000}
	linphonePorts = specPorts{30500, 31500}
)

// specDir is the tester's place in the repository.
const specDir = "contrib/zrtpspec"

// specCells put the cases of contrib/zrtpspec to other implementations. What
// these do otherwise than RFC 6189 says is known: what is new fails the cell, and
// so does what is gone.
func specCells() []cell {
	return []cell{
		{
			name:   "zrtpspec/libbzrtp",
			proves: "a bare engine of libbzrtp does with each case of contrib/zrtpspec what " + specDir + "/peers/libbzrtp.txt says",
			limit:  specLimit, run: specLibbzrtp,
		},
		{
			name:   "zrtpspec/linphone",
			proves: "linphonec does with each case of contrib/zrtpspec what " + specDir + "/peers/linphonec.txt says",
			limit:  specLimit, run: specLinphone,
		},
	}
}

func specLibbzrtp(ctx context.Context, b *bench) error {
	program := filepath.Join(b.Dir, "peer")
	compile := exec.CommandContext(ctx, "gcc", "-O2", "-o", program, filepath.Join(b.root, "contrib/bench/bzrtp/peer/peer.c"), "-lbzrtp")
	if out, err := compile.CombinedOutput(); err != nil {
		return fmt.Errorf("gcc: %w\n%s", err, out)
	}
	return b.zrtpspec(ctx, "libbzrtp", libbzrtpPorts, "--media", at(libbzrtpPorts.target),
		"--exec", program+" $ZRTPSPEC_PORT $ZRTPSPEC_LOCAL_PORT")
}

func specLinphone(ctx context.Context, b *bench) error {
	for job := range specJobs {
		first := linphonePorts.target + job*specStep
		config := lab.LinphoneConfig{
			User: "bob", Encryption: "zrtp", Mandatory: true, KeyAgreements: []string{"X255", "DH3k"},
			Hashes: []string{"S256", "S384"}, Ciphers: []string{"AES1", "AES3"},
		}
		if _, err := b.Answerer(config, first); err != nil {
			return err
		}
	}
	return b.zrtpspec(ctx, "linphonec", linphonePorts, "--target", "sip:bob@"+at(linphonePorts.target), "--silent",
		"--exec", "/bin/sh "+filepath.Join(b.Dir, "linphone-$ZRTPSPEC_PORT", "start"))
}

// at is a port of loopback.
func at(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// reSpecSummary is the line of figures in its output.
var reSpecSummary = regexp.MustCompile(`(?m)^\d+ pass, .*$`)

// zrtpspec runs the tester with all cases, and compares what the target fails
// with what it is known to fail. The reports stay in the cell's directory.
func (b *bench) zrtpspec(ctx context.Context, target string, ports specPorts, args ...string) error {
	binary := filepath.Join(b.Dir, "zrtpspec")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./"+specDir)
	build.Dir = b.root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building zrtpspec: %w\n%s", err, out)
	}
	reports := []string{filepath.Join(b.Dir, "report.xml"), filepath.Join(b.Dir, "report.html")}
	args = append([]string{
		"run", "--local", at(ports.local), "--jobs", strconv.Itoa(specJobs),
		"--known", filepath.Join(b.root, specDir, "peers", target+".txt"), "--junit", reports[0], "--html", reports[1],
	}, args...)
	out, err := exec.CommandContext(ctx, binary, args...).CombinedOutput()
	err = errors.Join(err, os.WriteFile(filepath.Join(b.Dir, "report.txt"), out, 0o600))
	summary := reSpecSummary.FindString(string(out))
	b.note("%s", summary)
	for _, report := range reports {
		if info, serr := os.Stat(report); serr != nil || info.Size() == 0 {
			err = errors.Join(err, fmt.Errorf("no report %s", filepath.Base(report)))
		}
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, differences(string(out)))
	}
	return nil
}

// differences are the lines of its output that say what is not as known, or all
// of a short one.
func differences(out string) string {
	var lines []string
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "new: ") || strings.HasPrefix(line, "gone: ") || strings.HasPrefix(line, "zrtpspec: ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if lines == nil {
		return out[max(0, len(out)-2000):]
	}
	return strings.Join(lines, "\n")
}

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// Tool is something that must be there, a program or a file (see Missing), and
// the Debian package that holds it.
type Tool struct{ Needed, Package string }

// policyFile keeps Debian's packages from starting services at installation:
// the proxies here are ours, on ports of our own.
const policyFile = "/usr/sbin/policy-rc.d"

// Install brings what is missing, says what, and does nothing when nothing is.
func Install(ctx context.Context, w io.Writer, tools []Tool) error {
	var packages []string
	for _, t := range tools {
		if len(Missing(t.Needed)) > 0 {
			packages = append(packages, t.Package)
		}
	}
	if len(packages) == 0 {
		return nil
	}
	fmt.Fprintf(w, "installing %s\n", strings.Join(packages, " "))
	if os.Geteuid() != 0 {
		return fmt.Errorf("installing needs root: apt-get install --no-install-recommends %s", strings.Join(packages, " "))
	}
	allow, err := forbidServices()
	if err != nil {
		return err
	}
	defer allow()
	if err := aptGet(ctx, "update"); err != nil {
		return err
	}
	return aptGet(ctx, append([]string{"install", "-y", "--no-install-recommends"}, packages...)...)
}

// forbidServices returns a function that takes the prohibition back.
func forbidServices() (func(), error) {
	f, err := os.OpenFile(policyFile, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, os.ErrExist) {
		return func() {}, nil // the machine has a policy of its own
	}
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString("#!/bin/sh\nexit 101\n") // 101: action forbidden by policy
	return func() { os.Remove(policyFile) }, errors.Join(err, f.Close())
}

func aptGet(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-q"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
	}
	return nil
}

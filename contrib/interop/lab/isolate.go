package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// Isolate lets a command start a command in namespaces of its own: a network with nothing but
// a loopback, so that what is recorded there is everything and only its own;
// and process ids of its own, so that nothing it started outlives it, whatever
// happens. Without root a user namespace gives the right to make them.
func Isolate(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	a := cmd.SysProcAttr
	a.Cloneflags = unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWNS
	if os.Geteuid() == 0 {
		return
	}
	a.Cloneflags |= unix.CLONE_NEWUSER
	a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
}

// CanIsolate tries it.
func CanIsolate(ctx context.Context) bool {
	cmd := exec.CommandContext(ctx, "true")
	Isolate(cmd)
	return cmd.Run() == nil
}

// Furnish, called in a process that was isolated, makes the new namespaces fit to live in: loopback up, and a /proc
// that shows the processes of the namespace.
func Furnish() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"addr", "add", elsewhere + "/32", "dev", "lo"},
		{"route", "add", "default", "dev", "lo", "src", elsewhere},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %v: %w: %s", args, err, out)
		}
	}
	return nil
}

// elsewhere is an address for documentation (RFC 5737). With it and a default
// route liblinphone takes the network for up; and what a program might send to
// the world goes over loopback, where it is recorded, and dropped.
const elsewhere = "192.0.2.1"

// Elsewhere is an address of an isolated machine that is not its loopback.
func Elsewhere() string { return elsewhere }

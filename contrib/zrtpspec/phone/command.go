package phone

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// endPause is what a target has between SIGTERM and SIGKILL.
const endPause = 2 * time.Second

// Command is a target that was started here.
type Command struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// Start has the shell run a line, with something added to the environment. The
// target gets a process group of its own, so that what it starts ends with it.
func Start(line string, environ []string, output io.Writer) (*Command, error) {
	c := &Command{cmd: exec.Command("/bin/sh", "-c", "exec "+line), ended: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), environ...)
	c.cmd.Stdout, c.cmd.Stderr = output, output
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.cmd.WaitDelay = endPause
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the target: %w", err)
	}
	go func() {
		defer close(c.ended)
		_ = c.cmd.Wait()
	}()
	return c, nil
}

// Ended says how the target ended; empty: it runs.
func (c *Command) Ended() string {
	select {
	case <-c.ended:
		return c.cmd.ProcessState.String()
	default:
		return ""
	}
}

// Crashed says how the target ended, if a signal ended it: an engine may well end
// by itself when its exchange is over.
func (c *Command) Crashed() string {
	how := c.Ended()
	if how == "" {
		return ""
	}
	if status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
		return ""
	}
	return how
}

// Stop ends the target and all that it started.
func (c *Command) Stop() {
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(endPause):
		_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
		<-c.ended
	}
}

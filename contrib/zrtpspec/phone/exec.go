package phone

import (
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"syscall"
	"time"

	"karat/contrib/zrtpspec/spec"
)

const (
	// startPause lets a target open its port.
	startPause = 100 * time.Millisecond
	// endPause is what it has between SIGTERM and SIGKILL.
	endPause = 2 * time.Second
)

// Exec is a target that a command starts anew for each call. It is given no
// a=zrtp-hash and remembers nothing.
type Exec struct {
	// Media is where the target receives, Local where T does.
	Media, Local netip.AddrPort
	// Command is run by the shell; empty: the target is there already.
	Command string
	// Output gets what the command says.
	Output io.Writer
}

var _ spec.Source = (*Exec)(nil)

// Abilities of a bare port: none.
func (*Exec) Abilities() spec.Ability { return 0 }

// Phone returns the target.
func (e *Exec) Phone() (spec.Phone, error) { return execPhone{e}, nil }

type execPhone struct{ *Exec }

func (execPhone) Close() {}

// Call starts the command.
func (e execPhone) Call([]string) (spec.Call, error) {
	s, err := listen(e.Local)
	if err != nil {
		return nil, err
	}
	s.remote = e.Media
	c := &execCall{socket: s}
	if e.Command == "" {
		return c, nil
	}
	c.command = exec.Command("/bin/sh", "-c", "exec "+e.Command)
	c.command.Stdout, c.command.Stderr = e.Output, e.Output
	// A group of its own, so that what it starts ends with it.
	c.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.command.WaitDelay = endPause
	if err := c.command.Start(); err != nil {
		s.close()
		return nil, fmt.Errorf("start the target: %w", err)
	}
	c.ended = make(chan struct{})
	go func() {
		defer close(c.ended)
		_ = c.command.Wait()
	}()
	time.Sleep(startPause)
	return c, nil
}

type execCall struct {
	*socket
	command *exec.Cmd
	ended   chan struct{}
}

func (*execCall) Announced() []string  { return nil }
func (*execCall) Sights() []spec.Sight { return nil }

// Hangup ends the command and all that it started.
func (c *execCall) Hangup() {
	defer c.close()
	if c.command == nil {
		return
	}
	_ = syscall.Kill(-c.command.Process.Pid, syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(endPause):
		_ = syscall.Kill(-c.command.Process.Pid, syscall.SIGKILL)
		<-c.ended
	}
}

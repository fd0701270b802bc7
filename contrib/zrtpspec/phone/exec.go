package phone

import (
	"io"
	"net/netip"
	"time"

	"karat/contrib/zrtpspec/spec"
)

// startPause lets a target open its port.
const startPause = 100 * time.Millisecond

// Exec is a target that a command starts anew for each call. It is given no
// a=zrtp-hash and remembers nothing.
type Exec struct {
	// Media is where the target receives, Local where T does.
	Media, Local netip.AddrPort
	// Command is run by the shell; empty: the target is there already.
	Command string
	// Environ is added to the environment of the command.
	Environ []string
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
	if c.command, err = Start(e.Command, e.Environ, e.Output); err != nil {
		s.close()
		return nil, err
	}
	time.Sleep(startPause)
	return c, nil
}

type execCall struct {
	*socket
	command *Command
}

var _ spec.Mortal = (*execCall)(nil)

func (*execCall) Announced() []string  { return nil }
func (*execCall) Sights() []spec.Sight { return nil }

// Crashed says how the target died.
func (c *execCall) Crashed() string {
	if c.command == nil {
		return ""
	}
	return c.command.Crashed()
}

// Hangup ends the command.
func (c *execCall) Hangup() {
	if c.command != nil {
		c.command.Stop()
	}
	c.close()
}

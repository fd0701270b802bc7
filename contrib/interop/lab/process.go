package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Command says what to run.
type Command struct {
	// Name is what the process is called in messages and how its output file
	// is called.
	Name string
	Path string
	Args []string
	Dir  string // where it runs and where Name.out is written
	Env  []string
	// Wrap is put before the command: a program and its arguments, such as
	// "ip netns exec left".
	Wrap []string
	// Log, when set, receives what the program writes to its third descriptor,
	// which it can open as LogPath.
	Log *Transcript
	// Separate keeps standard error out of Output; it goes to Errors.
	Separate bool
}

// LogPath is the name under which a program opens its Log.
const LogPath = "/dev/fd/3"

// stopGrace is how long a program may take to end by itself: Kamailio needs
// about a second, linphonec less.
const stopGrace = 4 * time.Second

// Process is a running program whose output is kept.
type Process struct {
	// Output is everything it writes, standard error included unless that was
	// to be kept apart as Errors.
	Output, Errors *Transcript
	// Started is when it was started.
	Started time.Time

	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	done  chan struct{} // closed when it has ended
	err   error         // valid after done
}

func start(ctx context.Context, c Command) (*Process, error) {
	file, err := os.OpenFile(filepath.Join(c.Dir, c.Name+".out"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lab: start %s: %w", c.Name, err)
	}
	argv := append(append(append([]string(nil), c.Wrap...), c.Path), c.Args...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = c.Dir, append(os.Environ(), c.Env...)
	// A group of its own: an interrupt typed at the terminal reaches only us,
	// and we end the programs in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
	p := &Process{name: c.Name, cmd: cmd, done: make(chan struct{}), Output: NewTranscript(file)}
	p.Errors = p.Output
	if c.Separate {
		p.Errors = NewTranscript(file)
	}
	cmd.Stdout, cmd.Stderr = p.Output, p.Errors
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		file.Close()
		return nil, fmt.Errorf("lab: start %s: %w", c.Name, err)
	}
	logged, err := p.connectLog(c.Log)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lab: start %s: %w", c.Name, err)
	}
	p.Started = time.Now()
	err = cmd.Start()
	for _, f := range cmd.ExtraFiles {
		f.Close() // the program has its own
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lab: start %s: %w", c.Name, err)
	}
	go func() {
		defer close(p.done)
		p.err = cmd.Wait()
		<-logged
		p.Errors.end()
		p.Output.end()
		file.Close()
	}()
	return p, nil
}

// connectLog gives the program a pipe as its third descriptor and copies it
// to log. The channel closes at the end of the log.
func (p *Process) connectLog(log *Transcript) (<-chan struct{}, error) {
	ended := make(chan struct{})
	if log == nil {
		close(ended)
		return ended, nil
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.ExtraFiles = []*os.File{write}
	go func() {
		defer close(ended)
		_, _ = io.Copy(log, read) // ends with the last writer
		read.Close()
		log.end()
	}()
	return ended, nil
}

// Pid is the process's id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Name is what the process was called at its start.
func (p *Process) Name() string { return p.name }

// Type writes a line to the program's standard input.
func (p *Process) Type(format string, args ...any) error {
	if _, err := fmt.Fprintf(p.stdin, format+"\n", args...); err != nil {
		return fmt.Errorf("lab: type to %s: %w", p.name, err)
	}
	return nil
}

// Wait returns the exit code once the program has ended by itself.
func (p *Process) Wait(ctx context.Context) (int, error) {
	select {
	case <-p.done:
	case <-ctx.Done():
		return 0, fmt.Errorf("lab: %s did not end: %w", p.name, context.Cause(ctx))
	}
	var exit *exec.ExitError
	switch {
	case p.err == nil:
		return 0, nil
	case errors.As(p.err, &exit) && exit.Exited():
		return exit.ExitCode(), nil
	}
	return 0, fmt.Errorf("lab: %s: %w", p.name, p.err)
}

// tailLines is how much of a program's output an error quotes.
const tailLines = 3

// Tail is the end of what it wrote to standard error, for messages.
func (p *Process) Tail() string {
	lines := p.Errors.Lines()
	var text []string
	for _, l := range lines[max(0, len(lines)-tailLines):] {
		text = append(text, l.Text)
	}
	return strings.Join(text, " / ")
}

// Running tells whether the program has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Stop ends the program: politely, and after stopGrace by force.
func (p *Process) Stop() error {
	if !p.Running() {
		return nil
	}
	p.stdin.Close()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("lab: end %s: %w", p.name, err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopGrace):
	}
	return p.Kill()
}

// Kill ends the program and its children at once, without a word to anybody.
func (p *Process) Kill() error {
	// The whole group: Kamailio's workers are its children.
	if err := syscall.Kill(-p.Pid(), syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("lab: kill %s: %w", p.name, err)
	}
	<-p.done
	return nil
}

// Missing lists the programs among these that are not installed: names found
// in PATH, or files when they hold a slash.
func Missing(needed ...string) []string {
	var missing []string
	for _, name := range needed {
		if strings.Contains(name, "/") {
			if found, _ := filepath.Glob(name); len(found) == 0 {
				missing = append(missing, name)
			}
			continue
		}
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, name)
		}
	}
	return missing
}

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of CPU times in /proc: USER_HZ, 100 on every Linux
// that Go runs on.
const clockTick = time.Second / 100

// CPU is the processor time that the program has used, its own and the
// kernel's for it.
func (p *Process) CPU() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid()))
	if err != nil {
		return 0, fmt.Errorf("lab: %w", err)
	}
	// proc(5): the name, field 2, may hold blanks; utime and stime are 14 and 15.
	text := string(b)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("lab: /proc/%d/stat has %d fields", p.Pid(), len(fields))
	}
	user, uerr := strconv.ParseInt(fields[11], 10, 64)
	system, serr := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * clockTick, errors.Join(uerr, serr)
}

// PeakMemory is the most that it held in memory at once, in bytes.
func (p *Process) PeakMemory() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil {
		return 0, fmt.Errorf("lab: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("lab: no VmHWM for %s", p.name)
}

// socketPoll is how often a starting program is looked at.
const socketPoll = time.Millisecond

// WaitSocket returns when the program had a UDP socket bound to the port, or
// to any when it is 0. It looks every millisecond.
func (p *Process) WaitSocket(ctx context.Context, port int) (time.Time, error) {
	return p.waitSocket(ctx, "udp", port)
}

// waitSocket is WaitSocket for a protocol, tcp or udp.
func (p *Process) waitSocket(ctx context.Context, protocol string, port int) (time.Time, error) {
	tick := time.NewTicker(socketPoll)
	defer tick.Stop()
	for {
		if p.hasSocket(protocol, port) {
			return time.Now(), nil
		}
		select {
		case <-tick.C:
		case <-p.done:
			return time.Time{}, fmt.Errorf("lab: %s ended without opening a socket: %s", p.name, p.Tail())
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("lab: %s opens no socket: %w", p.name, context.Cause(ctx))
		}
	}
}

func (p *Process) hasSocket(protocol string, port int) bool {
	var b []byte
	for _, family := range []string{"", "6"} {
		table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s%s", p.Pid(), protocol, family))
		if err != nil {
			return false
		}
		b = append(b, table...)
	}
	for line := range strings.Lines(string(b)) {
		// "sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode"
		f := strings.Fields(line)
		if len(f) < 10 || f[0] == "sl" {
			continue
		}
		_, hex, _ := strings.Cut(f[1], ":") // an IPv6 address has no colons here
		local, err := strconv.ParseUint(hex, 16, 16)
		if err != nil || port != 0 && int(local) != port {
			continue
		}
		if port != 0 || p.owns(f[9]) {
			return true
		}
	}
	return false
}

// owns tells whether one of the program's descriptors is this socket.
func (p *Process) owns(inode string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", p.Pid())
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && to == "socket:["+inode+"]" {
			return true
		}
	}
	return false
}

// Threads is how many it has.
func (p *Process) Threads() (int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.Pid()))
	if err != nil {
		return 0, fmt.Errorf("lab: %w", err)
	}
	return len(entries), nil
}

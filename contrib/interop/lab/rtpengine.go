package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"karat/contrib/server"
)

// RTPEngine relays voice for a Kamailio, in user space.
type RTPEngine struct {
	*Process
	// Control is where Kamailio talks to it, ControlPort its port.
	Control     string
	ControlPort int
	// First and Last of the ports that it relays at.
	First, Last int
}

// rtpenginePorts are four for each end of a call, and some that were not given
// back yet.
const rtpenginePorts = 16

// StartRTPEngine starts the relay of contrib/server, and returns when it listens.
func (l *Lab) StartRTPEngine(ctx context.Context) (*RTPEngine, error) {
	dir, err := l.Subdir("rtpengine")
	if err != nil {
		return nil, err
	}
	e := &RTPEngine{First: l.PortRange(rtpenginePorts), ControlPort: l.Port()}
	e.Last = e.First + rtpenginePorts - 1
	e.Control = net.JoinHostPort(l.IP, strconv.Itoa(e.ControlPort))
	config := filepath.Join(dir, "rtpengine.conf")
	if err := os.WriteFile(config, []byte(server.RTPEngine), 0o600); err != nil {
		return nil, fmt.Errorf("lab: rtpengine: %w", err)
	}
	e.Process, err = l.Start(ctx, Command{Name: "rtpengine", Path: "rtpengine", Dir: dir, Args: []string{
		"--config-file=" + config, "--interface=" + l.IP, "--listen-ng=" + e.Control,
		fmt.Sprintf("--port-min=%d", e.First), fmt.Sprintf("--port-max=%d", e.Last),
	}})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, fmt.Errorf("rtpengine does not listen: %s", e.Tail()))
	defer cancel()
	_, err = e.WaitSocket(ctx, e.ControlPort)
	return e, err
}

// UDPPorts are those that it sends from.
func (e *RTPEngine) UDPPorts() []int {
	ports := []int{e.ControlPort}
	for p := e.First; p <= e.Last; p++ {
		ports = append(ports, p)
	}
	return ports
}

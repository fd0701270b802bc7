package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"sync"

	"karat/contrib/zrtpspec/phone"
	"karat/contrib/zrtpspec/spec"
)

// jobStep is how far apart the ports of two jobs are: a phone needs several.
const jobStep = 10

// Variables that tell a command which ports are meant for it.
const (
	portVariable      = "ZRTPSPEC_PORT"
	localPortVariable = "ZRTPSPEC_LOCAL_PORT"
)

// place is where one job finds its target, and where that finds it.
type place struct {
	local, media netip.AddrPort
	target       string
	environ      []string
}

// place of the job with this number.
func (r runCommand) place(job int) (p place, err error) {
	step := uint16(job * jobStep)
	if p.local, err = netip.ParseAddrPort(r.Local); err != nil {
		return p, fmt.Errorf("--local: %w", err)
	}
	if p.local.Port() != 0 {
		p.local = netip.AddrPortFrom(p.local.Addr(), p.local.Port()+step)
	}
	p.environ = []string{localPortVariable + "=" + strconv.Itoa(int(p.local.Port()))}
	switch {
	case r.Media != "":
		if p.media, err = netip.ParseAddrPort(r.Media); err != nil {
			return p, fmt.Errorf("--media: %w", err)
		}
		p.media = netip.AddrPortFrom(p.media.Addr(), p.media.Port()+step)
		p.environ = append(p.environ, portVariable+"="+strconv.Itoa(int(p.media.Port())))
	case r.Target != "":
		var port string
		if p.target, port, err = r.targetOf(job); err != nil {
			return p, err
		}
		p.environ = append(p.environ, portVariable+"="+port)
	case !r.Wait:
		return p, fmt.Errorf("%w: one of --target, --wait and --media is needed", errUsage)
	case job > 0 && p.local.Port() == 0:
		return p, fmt.Errorf("%w: --wait with --jobs needs a port in --local", errUsage)
	}
	return p, nil
}

// targetPort finds the port in a SIP URI.
var targetPort = regexp.MustCompile(`^(sips?:[^;?]*:)(\d+)([;?].*)?$`)

// targetOf is the phone of a job, and its port as text.
func (r runCommand) targetOf(job int) (target, port string, err error) {
	parts := targetPort.FindStringSubmatch(r.Target)
	if parts == nil {
		if job > 0 {
			return "", "", fmt.Errorf("%w: --jobs needs a port in --target", errUsage)
		}
		return r.Target, "", nil
	}
	n, err := strconv.Atoi(parts[2])
	port = strconv.Itoa(n + job*jobStep)
	return parts[1] + port + parts[3], port, err
}

// session prepares a job. The function ends what it needed.
func (r runCommand) session(ctx context.Context, job int, skip map[string]string, w io.Writer) (*session, func(), error) {
	p, err := r.place(job)
	if err != nil {
		return nil, nil, err
	}
	s := &session{runCommand: r, skip: skip, out: w, environ: p.environ}
	if r.Media != "" {
		output := io.Discard
		if r.Verbose {
			output = w
		}
		s.source = &phone.Exec{Media: p.media, Local: p.local, Command: r.Exec, Environ: p.environ, Output: output}
		return s, s.stop, nil
	}
	agent, err := phone.NewSIP(ctx, p.target, p.local, r.Silent)
	if err != nil {
		return nil, nil, err
	}
	agent.Pause = r.Pause
	s.source = agent
	return s, func() { s.stop(); agent.Close() }, nil
}

// put puts the cases to as many targets as there are jobs.
func (r runCommand) put(ctx context.Context, cases []spec.Case, skip map[string]string, w io.Writer) ([]spec.Result, error) {
	const mostJobs = 64 // the ports of all are within a thousand
	if r.Jobs < 1 || r.Jobs > mostJobs {
		return nil, fmt.Errorf("%w: --jobs from 1 to %d", errUsage, mostJobs)
	}
	w = &oneAtATime{w: w}
	queue := make(chan spec.Case, len(cases))
	for _, c := range cases {
		queue <- c
	}
	close(queue)
	var sessions []*session
	for job := range min(r.Jobs, len(cases)) {
		s, end, err := r.session(ctx, job, skip, w)
		if err != nil {
			return nil, err
		}
		defer end()
		sessions = append(sessions, s)
	}
	var running sync.WaitGroup
	for _, s := range sessions {
		running.Go(func() { s.run(ctx, queue) })
	}
	running.Wait()
	return inOrder(cases, sessions), nil
}

// inOrder brings the results of several sessions into the order of the cases: the
// sane calls before them, then the cases, then the sane calls after them.
func inOrder(cases []spec.Case, sessions []*session) []spec.Result {
	place := map[string]int{}
	for i, c := range cases {
		place[c.ID] = i
	}
	type placed struct {
		at int
		spec.Result
	}
	var all []placed
	for _, s := range sessions {
		for i, result := range s.results {
			at, isCase := place[result.ID]
			switch {
			case isCase:
			case i == 0:
				at = -1
			default:
				at = len(cases)
			}
			all = append(all, placed{at, result})
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.at, b.at) })
	sorted := make([]spec.Result, len(all))
	for i, p := range all {
		sorted[i] = p.Result
	}
	return sorted
}

// oneAtATime lets several write whole lines to one writer.
type oneAtATime struct {
	mu sync.Mutex // guards: w
	w  io.Writer
}

func (o *oneAtATime) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(b)
}

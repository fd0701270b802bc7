package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"karat/internal/secret"
	"karat/media/codec"
	"karat/media/correlate"
	"karat/media/profile"
	"karat/sip"
	"karat/sip/registrar"
	"karat/testdata/speech"
)

const (
	domain   = "load.example"
	loopback = "127.0.0.1"
	// registerTime and callTime are what all accounts and all calls may take.
	registerTime = 2 * time.Minute
	callTime     = time.Minute
	// settle is how long calls have been up before they are measured: their playout
	// buffers and encoders have found their way then.
	settle = 5 * time.Second
	// drain is how long after the measurement late packets are waited for.
	drain = 2 * time.Second
)

// measured is what a run found.
type measured struct {
	options
	registered time.Duration // what registering all accounts took
	called     time.Duration // and setting up all calls
	lateness   lateness      // of all calls together, while all were up
	machine    stalls
	setup      lateness      // of the same while they were being set up
	took       time.Duration // the measurement
	karat      figures
	own        time.Duration // processor time of the far ends and the provider meanwhile
	everything time.Duration // and of everything on the machine
	faults     []error
}

// stage is all that is not measured: a provider and the far ends, in this process.
type stage struct {
	options
	server   *registrar.Server
	serving  chan error
	far      []*far
	chorus   *chorus
	order    order
	password string
}

// callsEach is how many calls one far end takes: the phone's signalling does not tell
// its owner of more than 32.
const callsEach = 25

func newStage(ctx context.Context, o options, home string) (*stage, error) {
	s := &stage{options: o, serving: make(chan error, 1), password: rand.Text()}
	users := map[string]secret.Bytes{}
	s.order = order{Home: home, Calls: o.calls, Profile: o.profile, Trace: o.trace}
	for i := range (o.calls + callsEach - 1) / callsEach {
		name := fmt.Sprintf("far%d", i)
		users[name] = secret.Copy([]byte(s.password))
		s.order.Targets = append(s.order.Targets, "sip:"+name+"@"+domain)
	}
	for i := range o.accounts {
		u := user{fmt.Sprintf("sip:user%d@%s", i, domain), rand.Text()}
		users[fmt.Sprintf("user%d", i)] = secret.Copy([]byte(u.Password))
		s.order.Accounts = append(s.order.Accounts, u)
	}
	authority, err := registrar.NewAuthority()
	if err != nil {
		return nil, err
	}
	certificate, err := authority.Server(domain, loopback)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp4", loopback+":0")
	if err != nil {
		return nil, err
	}
	s.server = registrar.New(registrar.Config{Domain: domain, Users: users, TLS: &tls.Config{Certificates: []tls.Certificate{certificate}}})
	go func() { s.serving <- s.server.ServeTLS(l) }()
	s.order.Registrar, s.order.CA = "sip:"+l.Addr().String()+";transport=tls", authority.PEM()
	if err := s.startFar(ctx, authority.Pool()); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stage) startFar(ctx context.Context, roots *x509.CertPool) (err error) {
	if s.chorus, err = newChorus(); err != nil {
		return err
	}
	for _, aor := range s.order.Targets {
		f, err := newFar(&sip.Account{
			AOR: aor, Registrar: s.order.Registrar, Roots: roots, Password: secret.Copy([]byte(s.password)),
		}, netip.MustParseAddr(loopback), s.chorus)
		if err != nil {
			return err
		}
		s.far = append(s.far, f)
		if err := f.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) close() error {
	for _, f := range s.far {
		f.close()
	}
	if s.chorus != nil {
		s.chorus.close()
	}
	return errors.Join(s.server.Close(), <-s.serving)
}

// err is the first thing that went wrong at a far end.
func (s *stage) err() error {
	for _, f := range s.far {
		if err := f.err(); err != nil {
			return err
		}
	}
	return s.chorus.err()
}

// karat is the measured process, seen from outside.
type karat struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	news chan news
}

// startKarat starts it on few processors.
func startKarat(ctx context.Context, s *stage) (*karat, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	k := &karat{cmd: exec.CommandContext(ctx, self, childArgument), news: make(chan news, 64)}
	k.cmd.Stderr = os.Stderr
	if k.in, err = k.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // it ends with the goroutine
		started <- confine(s.cores, k.cmd.Start)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	go func() {
		defer close(k.news)
		d := json.NewDecoder(bufio.NewReader(out))
		for {
			var n news
			if d.Decode(&n) != nil {
				return
			}
			k.news <- n
		}
	}()
	if err := json.NewEncoder(k.in).Encode(s.order); err != nil {
		return nil, err
	}
	return k, nil
}

// await waits for news of a kind. Trouble meanwhile is an error.
func (k *karat) await(ctx context.Context, kind string, within time.Duration) (news, error) {
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	for {
		select {
		case n, open := <-k.news:
			switch {
			case !open:
				return n, fmt.Errorf("the process of Karat ended before it was %s", kind)
			case n.Kind == isTrouble:
				return n, errors.New(n.Text)
			case n.Kind == kind:
				return n, nil
			}
		case <-timeout.C:
			return news{}, fmt.Errorf("the process of Karat was not %s within %v", kind, within)
		case <-ctx.Done():
			return news{}, context.Cause(ctx)
		}
	}
}

func (k *karat) ask(what string) error {
	_, err := io.WriteString(k.in, what+"\n")
	return err
}

// end lets it hang up and leave.
func (k *karat) end() error {
	k.in.Close()
	for range k.news {
	}
	return k.cmd.Wait()
}

// measure does a run.
func measure(ctx context.Context, o options) (m *measured, err error) {
	home, err := os.MkdirTemp("", "karat-load-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	s, err := newStage(ctx, o, home)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	m = &measured{options: o}
	began := time.Now()
	k, err := startKarat(ctx, s)
	if err != nil {
		return nil, err
	}
	var from, to time.Time
	m.machine, err = controlled(func() (err error) {
		from, to, err = m.play(ctx, s, k, began)
		return err
	})
	if err == nil {
		m.machine.merge()
		err = m.judge(s, from, to)
	}
	return m, errors.Join(err, k.end())
}

// play goes through a run, and tells from when to when was measured.
func (m *measured) play(ctx context.Context, s *stage, k *karat, began time.Time) (from, to time.Time, err error) {
	if _, err := k.await(ctx, isRegistered, registerTime); err != nil {
		return from, to, err
	}
	m.registered = time.Since(began)
	calling := time.Now()
	if err := k.ask(doCall); err != nil {
		return from, to, err
	}
	if _, err := k.await(ctx, isTalking, callTime); err != nil {
		return from, to, errors.Join(err, s.err())
	}
	m.called = time.Since(calling)
	if err := pause(ctx, settle); err != nil {
		return from, to, err
	}
	if err := k.ask(doMeasure); err != nil {
		return from, to, err
	}
	if _, err := k.await(ctx, isMeasuring, callTime); err != nil {
		return from, to, err
	}
	from = time.Now()
	own, machine := load()
	var ours sync.WaitGroup
	if m.meanwhile != nil {
		ours.Go(func() { m.meanwhile(k.cmd.Process.Pid) })
	}
	err = pause(ctx, m.length)
	ours.Wait()
	if err != nil {
		return from, to, err
	}
	to = time.Now()
	m.took = to.Sub(from)
	ownAfter, machineAfter := load()
	m.own, m.everything = ownAfter-own, machineAfter-machine
	if err := k.ask(doReport); err != nil {
		return from, to, err
	}
	n, err := k.await(ctx, isReport, callTime)
	if err != nil {
		return from, to, err
	}
	m.karat = *n.Figures
	if err := pause(ctx, drain); err != nil {
		return from, to, err
	}
	return from, to, s.err()
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// judge looks at what the far ends heard.
func (m *measured) judge(s *stage, from, to time.Time) error {
	calls, err := s.chorus.all()
	if err != nil {
		return err
	}
	if len(calls) != m.calls {
		return fmt.Errorf("there were %d calls at the far ends, %d were wanted", len(calls), m.calls)
	}
	for i, c := range calls {
		packets, said, err := c.packets()
		if err != nil {
			return err
		}
		l, err := judge(packets, from.UnixNano(), to.UnixNano(), &m.machine)
		if err != nil {
			return err
		}
		m.lateness.add(l)
		before, err := judge(packets, packets[0].at, from.UnixNano(), &m.machine)
		if err != nil {
			return err
		}
		m.setup.add(before)
		if i == 0 {
			m.note(understood(said))
		}
	}
	return nil
}

func (m *measured) note(err error) {
	if err != nil {
		m.faults = append(m.faults, err)
	}
}

// understood tells whether what was said in a call is the speech of Karat's microphone.
func understood(said [][]byte) error {
	d, err := codec.NewDecoder()
	if err != nil {
		return err
	}
	var heard []int16
	var pcm [codec.MaxSamples]int16
	for _, payload := range said {
		if _, p, ok := profile.Split(payload); ok {
			payload = p.Frame
		}
		n, err := d.Decode(&pcm, payload)
		if err != nil {
			return fmt.Errorf("what came from Karat is no voice: %w", err)
		}
		heard = append(heard, pcm[:n]...)
	}
	want, err := voice(speech.Alice)
	if err != nil {
		return err
	}
	if likeness := correlate.Contains(heard, want); likeness < correlate.Threshold {
		return fmt.Errorf("the far end did not hear what was said: likeness %.2f, want %.2f", likeness, correlate.Threshold)
	}
	return nil
}

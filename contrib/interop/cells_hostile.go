package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"karat/contrib/hostile"
	"karat/contrib/interop/lab"
)

// hostileCells put some of the scripts of contrib/hostile to the program itself, over
// real sockets and in real time. The package's own test puts them all to the user agent.
func hostileCells() []cell {
	return []cell{{
		name:   "hostile/process",
		proves: "a server that answers wrongly in some dozens of ways: each call, and each registration, comes to an end that the program says in a sentence and in its exit code, and its memory stays as it was",
		limit:  10 * time.Minute, karat: true, full: true, items: []int{18, 28, 50}, run: hostileProcess,
	}, {
		name:   "hostile/sipp",
		proves: "the same of a sipp that plays two dozen wrong answers, some over TCP: and no voice leaves, for no keys are agreed",
		limit:  2 * time.Minute, karat: true, items: []int{18, 28, 50}, run: func(ctx context.Context, b *bench) error { return hostileSIPp(ctx, b, sample) },
	}, {
		name:   "hostile/sipp-300",
		proves: "the same of a sipp that plays more than 300",
		limit:  20 * time.Minute, karat: true, full: true, items: []int{18, 28, 50}, run: func(ctx context.Context, b *bench) error { return hostileSIPp(ctx, b, everyThird) },
	}}
}

// hostileScripts are those that end within the patience below, and those that take
// memory if anything does.
var hostileScripts = []string{
	// Answers of which one thing is wrong.
	"200 to INVITE, no To",
	"200 to INVITE, no To-tag",
	"200 to INVITE, no Contact",
	"200 to INVITE, two CSeq",
	"200 to INVITE, CSeq with another number",
	"200 to INVITE, 10,000 header fields",
	"200 to INVITE, Via: 30,000 bytes",
	"200 to INVITE, a body that is none",
	"200 to INVITE, parts without end",
	"200 to INVITE, a hundred times, each of another tag",
	"200 to INVITE, Contact: control characters",
	"200 to INVITE, nothing at all",
	"486, a reason of 30,000 bytes",
	"486, bare line feeds",
	"302, Contact: of another scheme",
	"401 to INVITE, a hundred times",
	"BYE within the call, another From-tag",
	"re-INVITE within the call, a body of 30,000 bytes",
	// Stories.
	"INVITE challenged: a thousand parameters",
	"300 to a thousand",
	"302 to itself",
	"422 each time",
	"699",
	"10,000 times 180",
	"10,000 forks",
	"a hundred phones answer",
	"BYE before any answer",
	"a thousand re-INVITEs",
	"nothing to BYE",
	"session timers of a second",
	// Connections.
	"stream: 200 a byte at a time",
	"stream: bytes without a newline",
	"stream: a header without an end",
	"stream: a body of two gigabytes",
	"stream: 10,000 times 180 in one breath",
	"stream: half of 200, and the end",
	"stream: the end at once",
	"stream: another protocol",
	"stream: a hundred forks of 10 kB",
	// Registrations.
	"REGISTER challenged: a nonce of 30,000 bytes",
	"REGISTER challenged: a realm with control codes",
	"a new challenge each time",
	"407 each time",
	"twenty challenges at once",
	"423 that asks for more each time",
	"503, come back at once",
	"200 to REGISTER, 10,000 header fields",
	// Calls of the server.
	"an INVITE, 10,000 header fields",
	"a thousand INVITEs",
	"a thousand datagrams of noise",
}

const (
	// hostileAtOnce are how many run at a time.
	hostileAtOnce = 6
	// hostilePatience is how long the user lets a call ring: a transaction that nobody
	// answers lasts 32 s (RFC 3261, Section 17.1.1.2). hostileEnd is how long the
	// program may take to end when told to.
	hostilePatience = 40 * time.Second
	hostileEnd      = 15 * time.Second
	// hostileWait is how long it can be called.
	hostileWait = 8 * time.Second
	// hostileGrowth is what it may hold at most more than in a call to nobody.
	hostileGrowth = 32 << 20
	// hostileRequests are the most that it sends in all.
	hostileRequests = 200
	// mostSaid are the lines that it writes to standard error at most.
	mostSaid = 50
)

func hostileProcess(ctx context.Context, b *bench) error {
	scripts, err := chosenScripts()
	if err != nil {
		return err
	}
	authority, err := lab.NewAuthority(b.Dir, b.IP)
	if err != nil {
		return err
	}
	var all []*meeting
	for i, s := range scripts {
		m := &meeting{
			bench: b, what: s.Name, role: s.Role, stream: s.Stream, patience: hostilePatience, wait: hostileWait,
			name: fmt.Sprintf("hostile%d", i), listen: fmt.Sprintf("udp:%s:%d", b.IP, b.Port()), authority: authority,
		}
		m.serve = func(context.Context) (string, func() error, error) { return m.play(s) }
		all = append(all, m)
	}
	return b.meetAll(ctx, all, hostileAtOnce)
}

// meetAll lets Karat meet servers, some at a time, and holds what it takes against what
// a call takes that nobody answers.
func (b *bench) meetAll(ctx context.Context, all []*meeting, atOnce int) error {
	var (
		running sync.WaitGroup
		slots   = make(chan struct{}, atOnce)
		faults  = make([]error, len(all)+1)
		most    = make([]int64, len(all))
		quiet   int64
	)
	running.Go(func() { quiet, faults[len(all)] = b.nobody(ctx, all[0].patience) })
	for i, m := range all {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			if err := m.run(ctx); err != nil {
				faults[i] = fmt.Errorf("%s: %w", m.what, err)
				return
			}
			most[i] = m.peak
		})
	}
	running.Wait()
	for i, m := range all {
		if m.peak > quiet+hostileGrowth {
			faults[i] = errors.Join(faults[i], fmt.Errorf("%s: it held %d MiB, and %d MiB in a call to nobody", m.what, m.peak>>20, quiet>>20))
		}
	}
	b.note("%d scripts; at most %d MiB, %d in a call to nobody", len(all), slices.Max(most)>>20, quiet>>20)
	return errors.Join(faults...)
}

// chosenScripts finds them by their names.
func chosenScripts() ([]hostile.Script, error) {
	var chosen []hostile.Script
	all := hostile.Scripts()
	for _, name := range hostileScripts {
		i := slices.IndexFunc(all, func(s hostile.Script) bool { return s.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("contrib/hostile has no script %q", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// meeting is one server that one Karat meets.
type meeting struct {
	*bench
	what   string // it does
	role   hostile.Role
	stream bool
	// serve starts the server, and returns where it is and what ends it: that tells,
	// too, whether the server did its part.
	serve func(ctx context.Context) (at string, stop func() error, err error)
	// patience is how long the user lets a call ring, wait how long Karat can be called
	// without an account.
	patience, wait time.Duration

	name      string
	listen    string // where Karat does
	authority *lab.Authority
	peak      int64 // the most memory that it held
}

// nobody is how much memory a call takes that nobody answers.
func (b *bench) nobody(ctx context.Context, patience time.Duration) (int64, error) {
	conn, err := net.ListenPacket("udp", b.IP+":0")
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	m := &meeting{bench: b, name: "nobody", patience: patience}
	karat, err := b.NewKarat(ctx, lab.KaratConfig{Binary: b.karat, User: m.name, Listen: fmt.Sprintf("udp:%s:%d", b.IP, b.Port()), Speech: b.alice})
	if err != nil {
		return 0, err
	}
	call, err := karat.Dial(ctx, "sip:server@"+conn.LocalAddr().String(), talkTime)
	if err != nil {
		return 0, err
	}
	if err := m.follow(ctx, call); err != nil {
		return 0, err
	}
	return m.peak, m.judge(call)
}

func (m *meeting) run(ctx context.Context) error {
	at, stop, err := m.serve(ctx)
	if err != nil {
		return err
	}
	call, err := m.meet(ctx, at)
	if err != nil {
		return errors.Join(err, stop())
	}
	if err := errors.Join(m.follow(ctx, call), stop()); err != nil {
		return err
	}
	return m.judge(call)
}

// play is serve by a server of contrib/hostile.
func (m *meeting) play(script hostile.Script) (at string, stop func() error, err error) {
	server := &hostile.Server{Script: script}
	modest := func() error {
		if n := server.Requests.Load(); n > hostileRequests {
			return fmt.Errorf("it sent %d requests", n)
		}
		return nil
	}
	if script.Stream {
		listener, err := net.Listen("tcp", m.IP+":0")
		if err != nil {
			return "", nil, err
		}
		server.Local = listener.Addr().String()
		go server.ServeStream(listener) // ends with the cell's process at the latest
		return server.Local, func() error { return errors.Join(listener.Close(), modest()) }, nil
	}
	conn, err := net.ListenPacket("udp", m.IP+":0")
	if err != nil {
		return "", nil, err
	}
	server.Local = conn.LocalAddr().String()
	var peer net.Addr
	if script.Role == hostile.Called {
		if peer, err = net.ResolveUDPAddr("udp", strings.TrimPrefix(m.listen, "udp:")); err != nil {
			return "", nil, err
		}
	}
	go func() {
		if peer != nil {
			time.Sleep(hostileWait / 4) // the phone starts
		}
		server.Serve(conn, peer)
	}()
	return server.Local, func() error { return errors.Join(conn.Close(), modest()) }, nil
}

// meet has Karat do what the script wants of it.
func (m *meeting) meet(ctx context.Context, at string) (*lab.KaratCall, error) {
	c := lab.KaratConfig{Binary: m.karat, User: m.name, Listen: m.listen, Speech: m.alice}
	wait := m.wait
	if m.role == hostile.Registering {
		server, err := netip.ParseAddrPort(at)
		if err != nil {
			return nil, err
		}
		wait, c.Listen, c.Transport = hostilePatience, "", "udp"
		c.Proxy = &lab.Kamailio{
			IP: server.Addr().String(), UDP: int(server.Port()), Algorithm: "SHA-256",
			Authority: m.authority, Users: map[string]string{m.name: "wonderland"},
		}
	}
	karat, err := m.NewKarat(ctx, c)
	if err != nil {
		return nil, err
	}
	if m.role != hostile.Calling {
		return karat.AnswerFor(ctx, wait)
	}
	target := "sip:server@" + at
	if m.stream {
		target += ";transport=tcp"
	}
	return karat.Dial(ctx, target, talkTime)
}

// follow is the user, who loses patience, and looks at the memory.
func (m *meeting) follow(ctx context.Context, call *lab.KaratCall) error {
	ended := make(chan error, 1)
	go func() {
		_, err := call.Wait(ctx)
		ended <- err
	}()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	limit, gone := time.After(m.patience), false
	if m.role != hostile.Calling {
		limit = nil // it ends by itself
	}
	for {
		select {
		case err := <-ended:
			return err
		case <-look.C:
			if now, err := call.PeakMemory(); err == nil { // it may just have ended
				m.peak = max(m.peak, now)
			}
		case <-limit:
			if gone {
				return fmt.Errorf("it has not ended %v after the user hung up: %s", hostileEnd, call.Tail())
			}
			gone, limit = true, time.After(hostileEnd)
			if err := call.Type("h"); err != nil {
				return err
			}
		}
	}
}

// judge reads how the program ended, and what it said.
func (m *meeting) judge(call *lab.KaratCall) error {
	code, err := call.Wait(context.Background()) // it has ended
	if err != nil {
		return err
	}
	said := call.Errors.Lines()
	for _, line := range said {
		if strings.Contains(line.Text, "panic") || strings.HasPrefix(line.Text, "goroutine ") {
			return fmt.Errorf("it broke: %s", line.Text)
		}
	}
	if len(said) > mostSaid {
		return fmt.Errorf("it wrote %d lines to standard error", len(said))
	}
	if code == 1 || code == 2 {
		return fmt.Errorf("exit %d: %s", code, call.Tail())
	}
	switch m.role {
	case hostile.Called:
		return nil
	case hostile.Registering:
		return saysWhy(call, "registration_lost", "registered")
	case hostile.Calling:
		if code == 0 {
			return errors.New("it takes the call for a private one")
		}
	}
	return saysWhy(call, "ended", "refused")
}

// saysWhy: the last event of these kinds has a sentence. A registration that stands
// needs none.
func saysWhy(call *lab.KaratCall, kinds ...string) error {
	last, ok := call.Last(kinds...)
	switch {
	case !ok:
		return fmt.Errorf("it says nothing: %s", call.Tail())
	case last.Event == "registered":
		return nil
	}
	return sentence(last.Why)
}

// sentence is one that can be read.
func sentence(why string) error {
	switch {
	case strings.ContainsFunc(why, unicode.IsControl):
		return fmt.Errorf("%q has control characters", why)
	case !strings.Contains(why, " "):
		return fmt.Errorf("%q is no sentence", why)
	}
	return nil
}

package hostile

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"karat/internal/secret"
	"karat/internal/simnet"
	"karat/sip"
)

const (
	serverAt = "10.0.0.1:5060"
	phoneAt  = "10.0.0.2:5060"
	// userPatience is how long the user of the phone lets a call ring, and endTime how
	// long the phone may then take to tell that it is over: a transaction lasts 32 s
	// (RFC 3261, Section 17.1.1.2), and there are two.
	userPatience = 3 * time.Minute
	endTime      = 70 * time.Second
	// watched is how long a registration is watched, and maxRequests how many requests
	// a phone may send in all: what it repeats, and 11 of each.
	watched     = 10 * time.Minute
	maxRequests = 300
	// maxGrowth is what a phone may hold after a script more than before: its guard
	// takes 16 KiB a message and a hundred fields, its queues are short.
	maxGrowth = 8 << 20
)

// The table has as many scripts as were promised, each with a name of its own.
func TestScripts(t *testing.T) {
	seen := map[string]bool{}
	for _, x := range Scripts() {
		if seen[x.Name] {
			t.Errorf("two scripts are called %s", x.Name)
		}
		seen[x.Name] = true
	}
	if len(seen) < 300 {
		t.Errorf("%d scripts", len(seen))
	}
}

// Each script, put to Karat's user agent in a bubble: the call, or the registration,
// comes to an end that is said in a sentence, or to none that its user cannot make;
// memory is bounded; the agent still answers; and nothing is left behind, which the
// bubble sees to.
func TestHostile(t *testing.T) {
	for _, x := range Scripts() {
		t.Run(strings.ReplaceAll(x.Name, "/", "-"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { put(t, x) })
		})
	}
}

// scene of a test: the phone, and the server at the other end of a network.
type stage struct {
	t      *testing.T
	agent  *sip.Agent
	server *Server
	heap   uint64

	mu  sync.Mutex // guards: saw
	saw []string   // what the user saw, in short
}

func (st *stage) see(what string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if !slices.Contains(st.saw, what) {
		st.saw = append(st.saw, what)
	}
}

// put plays a script to a phone.
func put(t *testing.T, x Script) (saw []string) {
	t.Helper()
	n := simnet.New(simnet.Config{})
	defer n.Close()
	st := &stage{t: t, server: &Server{Script: x, Local: serverAt}}
	var serving sync.WaitGroup
	defer serving.Wait()
	stop := st.serve(n.Host("10.0.0.1"), &serving)
	defer stop()
	st.start(n.Host("10.0.0.2"))
	defer st.shut()
	st.heap = held()
	switch x.Role {
	case Calling:
		st.call()
	case Registering:
		st.register()
	case Called:
		st.beCalled()
	}
	st.judge(n.Host("10.0.0.3"))
	return st.saw
}

// asItIs spoils nothing.
var asItIs = mutation{"as it is", func(m message) [][]byte { return [][]byte{m.bytes()} }}

// What is spoilt works as long as it is not: else its scripts would show nothing.
func TestHonest(t *testing.T) {
	want := map[string]string{
		"180": "answered", "183 with SDP": "answered", "200 to INVITE": "answered", "200 to BYE": "answered",
		"302": "failed with 302", "486": "failed with 486", "401 to INVITE": "failed with 401",
		"BYE within the call": "answered, ended by the server", "re-INVITE within the call": "answered, asked for a change",
		"200 to REGISTER": "registered", "401 to REGISTER": "not registered", "423 to REGISTER": "not registered",
		"an INVITE": "called",
	}
	for _, sc := range scenes() {
		synctest.Test(t, func(t *testing.T) {
			if saw := strings.Join(put(t, sc.spoilt(asItIs)), ", "); saw != want[sc.name] {
				t.Errorf("%s: the user saw %q, want %q", sc.name, saw, want[sc.name])
			}
		})
	}
}

// serve starts the server, and returns what ends it.
func (st *stage) serve(h *simnet.Host, serving *sync.WaitGroup) (stop func()) {
	if st.server.Script.Stream {
		listener, err := h.Listen(st.t.Context(), "tcp", serverAt)
		if err != nil {
			st.t.Fatal(err)
		}
		serving.Go(func() { st.server.ServeStream(listener) })
		return func() { _ = listener.Close() }
	}
	conn, err := h.ListenPacket(st.t.Context(), "udp", serverAt)
	if err != nil {
		st.t.Fatal(err)
	}
	var peer net.Addr
	if st.server.Script.Role == Called {
		peer = net.UDPAddrFromAddrPort(netip.MustParseAddrPort(phoneAt))
	}
	serving.Go(func() {
		time.Sleep(time.Second) // the phone starts
		st.server.Serve(conn, peer)
	})
	return func() { _ = conn.Close() }
}

// start starts the phone.
func (st *stage) start(h *simnet.Host) {
	cfg := sip.Config{Listen: []string{"udp:" + phoneAt}, Network: h}
	if st.server.Script.Role == Registering {
		transport := "udp"
		if st.server.Script.Stream {
			transport = "tcp"
		}
		cfg.Account = &sip.Account{
			AOR: "sip:alice@example.org", Registrar: "sip:" + serverAt + ";transport=" + transport, Password: secret.Copy([]byte("wonderland")),
		}
	}
	agent, err := sip.NewAgent(cfg)
	if err != nil {
		st.t.Fatal(err)
	}
	if err := agent.Start(st.t.Context()); err != nil {
		st.t.Fatal(err)
	}
	st.agent = agent
}

func (st *stage) shut() {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	_ = st.agent.Close(ctx)
}

// call has the phone call the server.
func (st *stage) call() {
	target := "sip:server@" + serverAt
	if st.server.Script.Stream {
		target += ";transport=tcp"
	}
	c, err := st.agent.Invite(st.t.Context(), target, []byte(sdp))
	if err != nil {
		if err.Error() == "" {
			st.t.Error("it says nothing")
		}
		return
	}
	st.follow(c)
}

// follow is the user: who talks for two seconds once somebody answers, accepts no
// change, and gives up after a while.
func (st *stage) follow(c *sip.Call) {
	gone := false
	limit := time.After(userPatience)
	for {
		select {
		case e, open := <-c.Events():
			if !open {
				return
			}
			if st.hears(c, e) {
				limit = time.After(2 * time.Second)
			}
		case <-limit:
			if gone {
				st.t.Fatalf("it is not over %v after the user hung up", endTime)
			}
			gone, limit = true, time.After(endTime)
			c.Hangup()
		}
	}
}

// hears takes an event, and tells whether the call was answered by it.
func (st *stage) hears(c *sip.Call, e sip.CallEvent) (answered bool) {
	switch e := e.(type) {
	case sip.Answered:
		st.see("answered")
		return true
	case sip.Ended:
		if e.ByPeer {
			st.see("ended by the server")
		}
	case sip.Reoffered:
		st.see("asked for a change")
		_ = c.Refuse() // it may be over
	case sip.Failed:
		st.see(fmt.Sprint("failed with ", e.Code))
		if e.Why == nil || e.Why.Error() == "" {
			st.t.Errorf("it failed with code %d, and nobody says why", e.Code)
		}
	}
	return false
}

// register watches the registration: its outcome is said, and there is no storm.
func (st *stage) register() {
	said := false
	for end := time.After(watched); ; {
		select {
		case e := <-st.agent.Events():
			switch e := e.(type) {
			case sip.Registered:
				st.see("registered")
				said = true
			case sip.RegistrationLost:
				st.see("not registered")
				said = true
				if e.Why == nil || e.Why.Error() == "" {
					st.t.Error("it is lost, and nobody says why")
				}
			}
		case <-end:
			if !said {
				st.t.Error("nothing was said about the registration")
			}
			return
		}
	}
}

// beCalled takes what comes in, and hangs up.
func (st *stage) beCalled() {
	var calls sync.WaitGroup
	defer calls.Wait()
	for end := time.After(time.Minute); ; {
		select {
		case e := <-st.agent.Events():
			if in, ok := e.(sip.Incoming); ok {
				st.see("called")
				calls.Go(func() {
					_ = in.Call.Answer([]byte(sdp)) // it may be over
					st.follow(in.Call)
				})
			}
		case <-end:
			return
		}
	}
}

// judge looks at what is left.
func (st *stage) judge(h *simnet.Host) {
	if n := st.server.Requests.Load(); n > maxRequests && !strings.Contains(st.server.Script.Name, "thousand") {
		st.t.Errorf("it sent %d requests", n)
	}
	if now := held(); now > st.heap+maxGrowth {
		st.t.Errorf("it holds %d KiB more than before", (now-st.heap)>>10)
	}
	st.sane(h)
}

// sane: whoever asks next gets an answer.
func (st *stage) sane(h *simnet.Host) {
	const at = "10.0.0.3:5060"
	conn, err := h.ListenPacket(st.t.Context(), "udp", at)
	if err != nil {
		st.t.Fatal(err)
	}
	defer conn.Close()
	options := (&session{local: at, peer: phoneAt}).calls("sane")
	options.start = strings.Replace(options.start, "INVITE", "OPTIONS", 1)
	options = options.set("CSeq", "1 OPTIONS")
	if _, err := conn.WriteTo(options.bytes(), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(phoneAt))); err != nil {
		st.t.Fatal(err)
	}
	buffer := make([]byte, 1<<16)
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	n, _, err := conn.ReadFrom(buffer)
	if err != nil || !strings.HasPrefix(string(buffer[:n]), "SIP/2.0 ") {
		st.t.Errorf("it does not answer OPTIONS any more: %q %v", buffer[:n], err)
	}
}

// held is the memory in use.
func held() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A server is what its script says: the test of the test.
func TestServer(t *testing.T) {
	r, ok := parse([]byte("INVITE sip:b@h SIP/2.0\r\nVia: v;branch=z\r\nFrom: a;tag=1\r\nTo: b\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\n\r\n"))
	if !ok {
		t.Fatal("it does not parse")
	}
	got := string(r.answer(180, "Ringing").without("CSeq").bytes())
	want := "SIP/2.0 180 Ringing\r\nVia: v;branch=z\r\nFrom: a;tag=1\r\nTo: b;tag=hostile\r\nCall-ID: c\r\nContent-Length: 0\r\n\r\n"
	if got != want {
		t.Errorf("got %q", got)
	}
	if b := string(r.answer(200, "OK").set("Content-Length", "-5").bytes()); !strings.Contains(b, "Content-Length: -5\r\n\r\n") {
		t.Errorf("got %q", b)
	}
}

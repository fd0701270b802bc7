package softphone_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"karat/internal/secret"
	"karat/internal/simnet"
	"karat/media/path"
	"karat/sip/registrar"
	"karat/softphone"
	"karat/softphone/assay"
	"karat/softphone/netwatch"
	"karat/softphone/store"
)

// world is a network in memory with a provider and phones, inside a synctest
// bubble.
type world struct {
	t     *testing.T
	net   *simnet.Network
	proxy *registrar.Server
	ca    *registrar.Authority

	started []*user // switched off when the test ends

	mu   sync.Mutex                     // guards: sent
	sent map[netip.Addr][]simnet.Packet // by host, in order
}

const providerAddr = "10.0.0.9"

// inWorld runs f in a bubble with a provider at 10.0.0.9.
func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	inWorldAt(t, time.Time{}, f)
}

// inWorldAt is inWorld at a later time than the year 2000, with which bubbles begin.
func inWorldAt(t *testing.T, now time.Time, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(now))
		w := &world{t: t, sent: map[netip.Addr][]simnet.Packet{}}
		w.net = simnet.New(simnet.Config{Plan: simnet.Delay(10 * time.Millisecond), Tap: w.tap})
		t.Cleanup(func() { w.net.Close() })
		provider := w.net.Host(providerAddr)
		conn, err := provider.ListenPacket(t.Context(), "udp", providerAddr+":5060")
		if err != nil {
			t.Fatal(err)
		}
		if w.ca, err = registrar.NewAuthority(); err != nil {
			t.Fatal(err)
		}
		certificate, err := w.ca.Server("example.org", providerAddr)
		if err != nil {
			t.Fatal(err)
		}
		w.proxy = registrar.New(registrar.Config{
			Domain: "example.org", TLS: &tls.Config{Certificates: []tls.Certificate{certificate}},
			Users: map[string]secret.Bytes{
				"alice": secret.Copy([]byte("a-pw")), "bob": secret.Copy([]byte("b-pw")), "mallory": secret.Copy([]byte("m-pw")), "112": secret.Copy([]byte("1-pw")),
			},
		})
		streams, err := provider.Listen(t.Context(), "tcp", providerAddr+":5060")
		if err != nil {
			t.Fatal(err)
		}
		secured, err := provider.Listen(t.Context(), "tcp", providerAddr+":5061")
		if err != nil {
			t.Fatal(err)
		}
		go w.proxy.ServeUDP(conn) // Close waits for all three
		go w.proxy.ServeTCP(streams)
		go w.proxy.ServeTLS(secured)
		defer w.proxy.Close()
		defer w.stopAll()
		f(t, w)
	})
}

// stopAll switches all phones off.
func (w *world) stopAll() {
	for _, u := range w.started {
		u.stop()
	}
	w.started = nil
}

func (w *world) tap(p simnet.Packet) {
	p.Data = append([]byte(nil), p.Data...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent[p.From.Addr()] = append(w.sent[p.From.Addr()], p)
}

// sentBy is what a host sent so far.
func (w *world) sentBy(host string) []simnet.Packet {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sent[netip.MustParseAddr(host)])
}

// classes counts what a host sent, by class, signalling left out.
func (w *world) classes(host string) map[path.Class]int {
	out := map[path.Class]int{}
	for _, p := range w.sentBy(host) {
		if p.To.Port() == 5060 || p.From.Port() == 5060 {
			continue
		}
		out[path.Classify(p.Data)]++
	}
	return out
}

// user is somebody with a phone.
type user struct {
	w     *world
	name  string
	addr  string
	home  string
	store *store.Store
	phone *softphone.Phone
	host  *simnet.Host
	moved chan netwatch.Change // what the phone is told of the network
	call  string
	seen  []softphone.Event
}

// change alters a phone's configuration before it starts.
type change func(*softphone.Config)

func (w *world) user(name, addr string) *user {
	u := w.nobody(name, addr)
	err := u.store.SetAccount(store.Account{
		AOR: "sip:" + name + "@example.org", Registrar: "sip:" + providerAddr + ":5060;transport=udp",
		Password: secret.Copy([]byte(name[:1] + "-pw")),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return u
}

// nobody is a user without an account.
func (w *world) nobody(name, addr string) *user {
	u := &user{w: w, name: name, addr: addr, home: filepath.Join(w.t.TempDir(), name)}
	u.open()
	return u
}

func (u *user) open() {
	s, err := store.Open(u.home, store.Options{StateDir: u.home + ".state"})
	if err != nil {
		u.w.t.Fatal(err)
	}
	u.store = s
	u.w.t.Cleanup(func() { s.Close() })
}

// overTLS lets the phone reach its provider over TLS.
func (u *user) overTLS() {
	a, _ := u.store.Account("sip:" + u.name + "@example.org")
	a.Registrar, a.CA = "sip:"+providerAddr+":5061;transport=tls", u.w.ca.PEM()
	if err := u.store.SetAccount(a); err != nil {
		u.w.t.Fatal(err)
	}
}

// overTCP lets the phone reach its provider over TCP: INVITEs that take the place
// of a call do not fit into a datagram beside credentials.
func (u *user) overTCP() {
	a, _ := u.store.Account("sip:" + u.name + "@example.org")
	a.Registrar = strings.Replace(a.Registrar, "=udp", "=tcp", 1)
	if err := u.store.SetAccount(a); err != nil {
		u.w.t.Fatal(err)
	}
}

// start switches the phone on and waits until it is registered.
func (u *user) start(changes ...change) {
	u.w.t.Helper()
	u.switchOn(changes...)
	for range u.phone.Accounts() {
		expect[softphone.Registered](u)
	}
}

// switchOn is start without waiting until the phone is registered.
func (u *user) switchOn(changes ...change) {
	t := u.w.t
	t.Helper()
	if u.host == nil {
		u.host = u.w.net.Host(u.addr)
	}
	host := u.host
	u.moved = make(chan netwatch.Change)
	cfg := softphone.Config{
		Store: u.store, Microphone: "tone:440", Speaker: "null", Network: host,
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
		OpenPath: func(local netip.Addr) (path.Path, error) {
			pc, err := host.ListenPacket(context.Background(), "udp", netip.AddrPortFrom(local, 0).String())
			if err != nil {
				return nil, err
			}
			return path.NewUDP(pc), nil
		},
		Watch: func(ctx context.Context, changed func(netwatch.Change)) {
			for {
				select {
				case ch := <-u.moved:
					changed(ch)
				case <-ctx.Done():
					return
				}
			}
		},
	}
	for _, c := range changes {
		c(&cfg)
	}
	var err error
	if u.phone, err = softphone.New(cfg); err != nil {
		t.Fatal(err)
	}
	if err := u.phone.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	u.w.started = append(u.w.started, u)
}

// aliceAndBob are two users whose phones are on; bob's with changes.
func (w *world) aliceAndBob(bobs ...change) (alice, bob *user) {
	alice, bob = w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
	alice.start()
	bob.start(bobs...)
	return alice, bob
}

// stop switches the phone off.
func (u *user) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	events := u.phone.Events()
	go func() {
		for range events {
		}
	}()
	if err := u.phone.Close(ctx); err != nil {
		u.w.t.Errorf("%s: switching off: %v", u.name, err)
	}
}

// dial begins a call to another user.
func (u *user) dial(to string) {
	u.w.t.Helper()
	id, err := u.phone.Call("sip:" + to + "@example.org")
	if err != nil {
		u.w.t.Fatal(err)
	}
	u.call = id
}

// expect waits for the next event of type E, and fails when it does not come
// within two minutes of the bubble's time.
func expect[E softphone.Event](u *user) E {
	u.w.t.Helper()
	timeout := time.After(2 * time.Minute)
	for {
		select {
		case ev := <-u.phone.Events():
			u.seen = append(u.seen, ev)
			if in, ok := ev.(softphone.Incoming); ok {
				u.call = in.Call
			}
			if e, ok := ev.(E); ok {
				return e
			}
		case <-timeout:
			var e E
			u.w.t.Fatalf("%s: no %T came; seen: %s", u.name, e, names(u.seen))
		}
	}
}

// names are the types of events, without the ones that come every second.
func names(events []softphone.Event) string {
	var all []string
	for _, ev := range events {
		switch ev := ev.(type) {
		case softphone.Media, softphone.Assayed:
		case softphone.Notice:
			all = append(all, "Notice: "+ev.Text)
		default:
			all = append(all, strings.TrimPrefix(fmt.Sprintf("%T", ev), "softphone."))
		}
	}
	return strings.Join(all, ", ")
}

// saw tells whether an event of type E came before.
func saw[E softphone.Event](u *user) bool {
	for _, ev := range u.seen {
		if _, ok := ev.(E); ok {
			return true
		}
	}
	return false
}

// lastAssay is the latest assay a user saw.
func lastAssay(u *user) assay.Report {
	for i := len(u.seen) - 1; i >= 0; i-- {
		if a, ok := u.seen[i].(softphone.Assayed); ok {
			return a.Report
		}
	}
	return assay.Report{}
}

func auto(c *softphone.Config) { c.AutoAnswer = true }

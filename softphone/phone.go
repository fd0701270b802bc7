package softphone

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"karat/media"
	"karat/media/apm"
	"karat/media/device"
	"karat/media/path"
	"karat/media/profile"
	"karat/sip"
	"karat/softphone/assay"
	"karat/softphone/netwatch"
	"karat/softphone/store"
)

// Config is what a Phone is made of.
type Config struct {
	Store *store.Store
	// Account is the only one to use, by its address of record. Empty: all that are
	// in the store, or none.
	Account string
	// Listen says where direct calls are received ("udp:127.0.0.1:5060").
	Listen []string
	// Microphone and Speaker name devices, as media/device does. Ringer is where
	// calls ring; empty: the speaker.
	Microphone, Speaker, Ringer string
	Policy                      assay.Policy
	// AutoAnswer takes every call that policy does not refuse.
	AutoAnswer bool
	// DigitsInSignalling sends keys of a telephone where everybody on the way reads
	// them, for menus that take them in no other way.
	DigitsInSignalling bool
	// Anonymous: our calls do not say who calls, whatever the account's setting.
	Anonymous bool
	// Effort is shared by the phones of one process, so that the voice of many calls
	// leaves in time; nil: this is the only one.
	Effort *media.Effort
	// Profile is how the voice is packed: standard, thin or onion; empty: standard.
	Profile string
	// Echo sends back what is heard, instead of a microphone.
	Echo   bool
	Logger *slog.Logger
	// Network opens the sockets of signalling; nil: the machine's.
	Network sip.Network
	// OpenPath opens the way of the media from a local address; nil: UDP.
	OpenPath func(local netip.Addr) (path.Path, error)
	// OpenDevice opens the sound of one call; nil: Microphone and Speaker, or the
	// echo.
	OpenDevice func() (device.Device, error)
	// OpenBell opens the ringer, or the speaker, for the phone's own sounds; nil:
	// Ringer and Speaker, if those are sound cards.
	OpenBell func(ringer bool) (device.Device, error)
	// Watch tells of changes of the network until ctx ends; nil: the machine's, or
	// none where Network is given.
	Watch func(ctx context.Context, changed func(netwatch.Change))
	// Verdict hears of every media packet that is neither STUN, DTLS nor ZRTP
	// whether it authenticated. The demo's tap uses it.
	Verdict func(b []byte, authenticated bool)
}

const (
	// eventBuffer lets a slow screen fall behind for a while.
	eventBuffer = 256
	// maxCalls bounds what a flood of requests can make us hold. Each is bounded
	// itself; the SIP agent answers those beyond it like all others.
	maxCalls = 32
	// unregisterTime is how long a registrar may take to let us go.
	unregisterTime = 3 * time.Second
)

// Errors of a Phone's methods.
var (
	ErrNoCall  = errors.New("there is no such call (any more)")
	ErrTooMany = errors.New("too many calls at once: end one first")
	ErrInCall  = errors.New("you are in a call already: end it first")
	ErrClosed  = errors.New("the phone is switched off")
)

// Phone is one user's phone: any number of accounts and of calls.
type Phone struct {
	cfg      Config
	packing  *profile.Profile
	log      *slog.Logger
	accounts []*account // at least one
	events   chan Event
	owing    atomic.Int32   // callers who were turned away and have no answer yet
	done     chan struct{}  // closed when the phone is being switched off
	hearing  sync.WaitGroup // the goroutines of hear, and those that drain
	talking  sync.WaitGroup // the calls

	desk       *desk
	bell       *bell // nil without a sound card
	recogniser *recogniser

	mu     sync.Mutex      // guards: calls, lines, closed, talker, voice
	lines  map[string]line // the signalling of calls, by the calls' ids
	calls  map[string]*call
	closed bool
	talker *call         // the call that has the microphone
	voice  *media.Stream // what carries its voice, once that is open
}

// New makes a phone; nothing is sent before Start.
func New(cfg Config) (*Phone, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.OpenPath == nil {
		cfg.OpenPath = openUDP
	}
	if cfg.Effort == nil {
		cfg.Effort = new(media.Effort)
	}
	p := &Phone{
		cfg:    cfg,
		log:    cfg.Logger,
		events: make(chan Event, eventBuffer),
		done:   make(chan struct{}),
		calls:  map[string]*call{},
		lines:  map[string]line{},
	}
	var err error
	if p.packing, err = profile.Named(cmp.Or(cfg.Profile, profile.Standard.Name)); err != nil {
		return nil, err
	}
	p.bell = p.newPhoneBell()
	if p.cfg.OpenDevice == nil {
		p.cfg.OpenDevice = p.namedDevice
	}
	p.desk = newDesk(p.cfg.OpenDevice)
	if err := p.openAccounts(); err != nil {
		return nil, err
	}
	own := make([][12]byte, 0, len(p.accounts))
	for _, a := range p.accounts {
		own = append(own, a.zid)
	}
	p.recogniser, err = newRecogniser(cfg.Store, own, func(text string) {
		p.emit(Notice{Head: p.head(""), Text: text})
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func openUDP(local netip.Addr) (path.Path, error) {
	network := "udp4"
	if local.Is6() {
		network = "udp6"
	}
	return path.ListenUDP(network, netip.AddrPortFrom(local, 0).String())
}

// Start opens the sockets and registers. It returns when the sockets are open;
// whether the registrars accepted us comes as events. After an error the phone is
// to be closed.
func (p *Phone) Start(ctx context.Context) error {
	for _, a := range p.accounts {
		if err := a.agent.Start(ctx); err != nil {
			return err
		}
		p.hearing.Go(func() { p.hear(a) })
	}
	for _, text := range p.cfg.Store.Notices() {
		p.emit(Notice{Head: p.head(""), Text: text})
	}
	p.hearing.Go(func() { p.recogniser.run(p.done) })
	p.watchNetwork()
	if p.bell != nil {
		p.hearing.Go(p.bell.run)
	}
	return nil
}

// Accounts are the addresses of record that the phone registers; none: it makes
// direct calls only.
func (p *Phone) Accounts() (aors []string) {
	for _, a := range p.accounts {
		if !a.direct() {
			aors = append(aors, a.address())
		}
	}
	return aors
}

// Owing tells whether a caller was turned away who still has to get the answer
// that every unanswered caller gets.
func (p *Phone) Owing() bool { return p.owing.Load() > 0 }

// Events is where everything that happens comes out. It is closed by Close.
func (p *Phone) Events() <-chan Event { return p.events }

// hear turns what an account's SIP agent says into events and calls.
func (p *Phone) hear(a *account) {
	for ev := range a.agent.Events() {
		switch ev := ev.(type) {
		case sip.Registered:
			p.emit(Registered{Head: p.head(""), Account: a.address()})
		case sip.RegistrationLost:
			p.emit(RegistrationLost{Head: p.head(""), Account: a.address(), Why: sentence(ev.Why), Retry: ev.Retry})
		case sip.Pinned:
			p.pinned(a.address(), ev)
		case sip.Reconnected:
			p.moveCalls(a, true)
		case sip.Incoming:
			p.incoming(a, ev.Call)
		case sip.MessagesWaiting:
			p.emit(MessagesWaiting{Head: p.head(""), Account: a.address(), Waiting: ev.Waiting, New: ev.New, Old: ev.Old})
		case sip.Message:
			p.emit(Text{Head: p.head(""), From: ev.From, Body: ev.Body})
		}
	}
}

func (p *Phone) incoming(a *account, sc *sip.Call) {
	c, err := p.addCall(a, false)
	if err != nil {
		sc.Decline()
		p.hearing.Go(func() { drain(sc) })
		return
	}
	c.sip, c.peer = sc, sc.Peer()
	p.attach(c, sc)
	p.run(c, c.ringIn)
}

// drain hears out a call that nobody wants.
func drain(sc *sip.Call) {
	for range sc.Events() {
	}
}

// Call calls target and returns the call's id at once; everything else comes as
// events. It goes out from the only account, or from the one that the contact's
// phones know.
func (p *Phone) Call(target string) (string, error) { return p.CallFrom("", target) }

// CallFrom is Call from one of the phone's accounts.
func (p *Phone) CallFrom(from, target string) (string, error) {
	a, help, err := p.dialling(from, target)
	if err != nil {
		return "", err
	}
	c, err := p.addCall(a, true)
	if err != nil {
		return "", err
	}
	c.peer = target
	if help {
		c.callForHelp()
	}
	p.run(c, c.dial)
	return c.id, nil
}

// dialling is the account to dial target from, and whether that is a call for help.
func (p *Phone) dialling(from, target string) (a *account, help bool, err error) {
	if emergency(target) {
		a, err = p.callingHelp(from)
		return a, true, err
	}
	a, err = p.calling(from, target)
	return a, false, err
}

// callInPlace calls target because somebody in a call of the account sent us there:
// replaces names the call that it takes the place of, and report hears how far it has
// come.
func (p *Phone) callInPlace(a *account, target, replaces string, report func(code int)) (string, error) {
	c, err := p.addCall(a, true)
	if err != nil {
		return "", err
	}
	c.peer, c.inPlaceOf, c.onTransfer = target, replaces, report
	p.run(c, c.dial)
	return c.id, nil
}

// addCall makes room for a call of an account.
func (p *Phone) addCall(a *account, outgoing bool) (*call, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	if len(p.calls) >= maxCalls {
		return nil, ErrTooMany
	}
	c := newCall(p, a, newID(), outgoing)
	p.calls[c.id] = c
	return c, nil
}

// run gives the call its goroutine.
func (p *Phone) run(c *call, begin func() error) {
	p.talking.Go(func() {
		c.run(begin)
		p.mu.Lock()
		delete(p.calls, c.id)
		delete(p.lines, c.id)
		p.mu.Unlock()
	})
}

// newID names a call on this phone only; it is never sent.
func newID() string {
	var b [4]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Answer takes an incoming call.
func (p *Phone) Answer(id string) error { return p.tell(id, answer{}) }

// Decline turns an incoming call away. The caller hears what every unanswered
// caller hears.
func (p *Phone) Decline(id string) error { return p.tell(id, decline{}) }

// Hangup ends a call, whatever its state.
func (p *Phone) Hangup(id string) error { return p.tell(id, hangup{}) }

// SetMuted closes or opens the microphone; what is sent looks the same.
func (p *Phone) SetMuted(id string, muted bool) error { return p.tell(id, mute{muted}) }

// SASCompared tells that the user has compared the short authentication string
// with the other end, and whether both were equal.
func (p *Phone) SASCompared(id string, equal bool) error { return p.tell(id, compared{equal}) }

// Hold lets the other end of a call wait: the microphone closes at once, and the
// other end is told not to send.
func (p *Phone) Hold(id string) error { return p.tell(id, hold{true}) }

// Resume talks to it again. The call that has the microphone waits instead.
func (p *Phone) Resume(id string) error { return p.tell(id, hold{false}) }

// Transfer sends the other end of a call on to target, and ends the call when it
// has come there.
func (p *Phone) Transfer(id, target string) error {
	if err := sip.CheckTarget(target); err != nil {
		return err
	}
	return p.tell(id, transfer{target})
}

// Connect lets the other ends of two calls talk to each other, without us: the
// one of id is asked to take the place of us in the other call.
func (p *Phone) Connect(id, other string) error {
	p.mu.Lock()
	l, known := p.lines[other]
	p.mu.Unlock()
	if !known || id == other {
		return ErrNoCall
	}
	return p.tell(id, connect{l})
}

// Consent agrees to what a TransferAsked or Redirected asks for, or does not.
func (p *Phone) Consent(id string, yes bool) error { return p.tell(id, consents{yes}) }

// Digits sends keys of a telephone: 0 to 9, * and #.
func (p *Phone) Digits(id, keys string) error { return p.tell(id, digits{keys}) }

// line is a call's signalling, for those that are not the call.
type line struct {
	sip  *sip.Call
	peer string
}

func (p *Phone) attach(c *call, sc *sip.Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines[c.id] = line{sc, bareURI(c.peer)}
}

// callOf is the call with that name in the signalling; nil: there is none.
func (p *Phone) callOf(name string) *call {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, l := range p.lines {
		if name != "" && l.sip.ID() == name {
			return p.calls[id]
		}
	}
	return nil
}

func (p *Phone) find(id string) *call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[id]
}

func (p *Phone) tell(id string, m message) error {
	c := p.find(id)
	if c == nil {
		return ErrNoCall
	}
	if !c.post(m) {
		return ErrNoCall
	}
	return nil
}

// Close hangs up all calls, unregisters, and returns when every goroutine has
// ended. A call that was turned away is still answered like an unanswered one,
// 45 s after it came: Close waits for that as long as ctx lets it.
func (p *Phone) Close(ctx context.Context) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	p.mu.Unlock()
	close(p.done) // calls hang up; nobody has to read events any more
	ended := make(chan struct{})
	go func() { p.talking.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	unregister, cancel := context.WithTimeout(context.WithoutCancel(ctx), unregisterTime)
	defer cancel()
	err := p.closeAccounts(unregister)
	<-ended
	p.hearing.Wait()
	close(p.events)
	return err
}

// closeAccounts lets all registrars go at once.
func (p *Phone) closeAccounts(ctx context.Context) error {
	failed := make([]error, len(p.accounts))
	var closing sync.WaitGroup
	for i, a := range p.accounts {
		closing.Go(func() { failed[i] = a.agent.Close(ctx) })
	}
	closing.Wait()
	return errors.Join(failed...)
}

// emit hands out an event. Figures are dropped when nobody keeps up; anything
// else waits, which holds up no voice: that has goroutines of its own.
func (p *Phone) emit(ev Event) {
	p.bell.hear(ev)
	if _, figures := ev.(Media); figures {
		select {
		case p.events <- ev:
		default:
		}
		return
	}
	select {
	case p.events <- ev:
		return
	default:
	}
	select {
	case p.events <- ev:
	case <-p.done:
	}
}

func (p *Phone) head(call string) Head { return Head{Time: time.Now(), Call: call} }

// sentence is an error as a person reads it; empty for none.
func sentence(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// namedDevice opens the devices that the configuration names.
func (p *Phone) namedDevice() (device.Device, error) {
	c := p.cfg
	if c.Echo {
		return newEcho(), nil
	}
	mic, speaker := cmp.Or(c.Microphone, "default"), cmp.Or(c.Speaker, "default")
	d, err := device.Open(mic, speaker, device.Options{Logger: c.Logger, Trouble: p.deviceTrouble})
	if err != nil || !(device.IsHardware(mic) && device.IsHardware(speaker)) {
		return d, err
	}
	processed, err := apm.Process(d) // without both there is no echo
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return processed, nil
}

// deviceTrouble passes on what became of a sound card.
func (p *Phone) deviceTrouble(sentence string) {
	p.emit(Notice{Head: p.head(""), Text: sentence})
}

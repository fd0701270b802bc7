package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"

	"karat/internal/secret"
	"karat/media"
	"karat/media/device"
	"karat/softphone"
	"karat/softphone/netwatch"
	"karat/softphone/store"
	"karat/testdata/speech"
)

// order is what the measured process is to do, its first line of input.
type order struct {
	Home, Registrar string
	CA              []byte
	Accounts        []user
	Calls           int
	Targets         []string
	Profile, Trace  string // files for a profile and an execution trace; empty: none is made
}

// user is one account.
type user struct{ AOR, Password string }

// Lines of input after it.
const (
	doCall    = "call"    // begin all calls
	doMeasure = "measure" // the measurement begins
	doReport  = "report"  // it is over
	doEnd     = "end"     // hang up and leave
)

// news is a line of output. Only what a Kind needs is there.
type news struct {
	Kind    string
	Text    string   `json:",omitempty"`
	Figures *figures `json:",omitempty"`
}

// Kinds of news.
const (
	isRegistered = "registered" // all accounts
	isTalking    = "talking"    // all calls
	isMeasuring  = "measuring"
	isReport     = "report"
	isTrouble    = "trouble"
	isEnded      = "ended"
)

// figures are what the process tells of itself.
type figures struct {
	CPU        time.Duration // since the measurement began
	Resident   int64         // bytes, now
	Peak       int64         // bytes, at most
	Heap       uint64        // bytes in use after a collection
	Collected  uint32        // how often garbage was collected during the measurement
	Goroutines int
	Threads    int
	Sent       uint64 // packets, of all calls
	Received   uint64
	Concealed  uint64 // units of 20 ms
	Voiced     []int64
	Stacks     string // goroutines by what they do
}

// holder is the measured process: one Karat with many accounts.
type holder struct {
	order
	out    *json.Encoder
	store  *store.Store
	phones []*softphone.Phone
	says   []int16
	heard  []atomic.Int64 // blocks with a voice in them, by phone
	setup  chan struct{}  // holds one for each call that is being set up
	over   chan struct{}  // closed when all are to end

	mu         sync.Mutex // guards what follows, and out
	registered int
	talking    int
	leaving    bool
	media      map[int]softphone.Media

	cpu       time.Duration
	collected uint32
	watching  sync.WaitGroup
}

// hold is the measured process from its start to its end.
func hold(in io.Reader, out io.Writer) error {
	h := &holder{out: json.NewEncoder(out), media: map[int]softphone.Media{}, setup: make(chan struct{}, atOnce), over: make(chan struct{})}
	lines := bufio.NewReader(in)
	if err := json.NewDecoder(lines).Decode(&h.order); err != nil {
		return fmt.Errorf("what to do is not to be read: %w", err)
	}
	if err := h.start(); err != nil {
		return errors.Join(err, h.leave())
	}
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return h.leave()
		}
		switch line {
		case "\n": // after the order
		case doCall + "\n":
			h.watching.Go(h.call)
		case doMeasure + "\n":
			err = h.measure()
		case doReport + "\n":
			err = h.report()
		case doEnd + "\n":
			return h.leave()
		}
		if err != nil {
			return errors.Join(err, h.leave())
		}
	}
}

func (h *holder) tell(n news) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.out.Encode(n) // who listens has ended; so does our input
}

// start opens the store, and registers all accounts. They share what can be shared:
// the process, the store, the ear at the network, and the effort of encoding.
func (h *holder) start() (err error) {
	if h.says, err = voice(speech.Alice); err != nil {
		return err
	}
	h.store, err = store.Open(filepath.Join(h.Home, "home"), store.Options{StateDir: filepath.Join(h.Home, "state")})
	if err != nil {
		return err
	}
	h.heard = make([]atomic.Int64, len(h.Accounts))
	watch, effort := shared(len(h.Accounts)), new(media.Effort)
	for i, u := range h.Accounts {
		err := h.store.SetAccount(store.Account{AOR: u.AOR, Registrar: h.Registrar, CA: h.CA, Password: secret.Copy([]byte(u.Password))})
		if err != nil {
			return err
		}
		p, err := softphone.New(softphone.Config{
			Store: h.store, Account: u.AOR, Microphone: "null", Speaker: "null",
			OpenDevice: func() (device.Device, error) { return h.device(i) },
			Watch:      watch(i), Effort: effort,
			Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			return err
		}
		if err := p.Start(context.Background()); err != nil {
			return err
		}
		h.phones = append(h.phones, p)
		h.watching.Go(func() { h.watch(i, p) })
	}
	return nil
}

// shared is one ear at the network for n phones.
func shared(n int) func(i int) func(context.Context, func(netwatch.Change)) {
	changes := make([]chan netwatch.Change, n)
	for i := range changes {
		changes[i] = make(chan netwatch.Change, 1)
	}
	return func(i int) func(context.Context, func(netwatch.Change)) {
		return func(ctx context.Context, changed func(netwatch.Change)) {
			if i == 0 {
				netwatch.Run(ctx, func(ch netwatch.Change) {
					for _, c := range changes[1:] {
						c <- ch
					}
					changed(ch)
				})
				return
			}
			for {
				select {
				case ch := <-changes[i]:
					changed(ch)
				case <-ctx.Done():
					return
				}
			}
		}
	}
}

// watch hears what one phone says.
func (h *holder) watch(i int, p *softphone.Phone) {
	registered := false
	for ev := range p.Events() {
		switch ev := ev.(type) {
		case softphone.Registered:
			if !registered {
				registered = true
				h.count(&h.registered, len(h.Accounts), isRegistered)
			}
		case softphone.RegistrationLost:
			h.trouble("an account is not registered: " + ev.Why)
		case softphone.Talking:
			<-h.setup
			h.count(&h.talking, h.Calls, isTalking)
		case softphone.Media:
			h.mu.Lock()
			h.media[i] = ev
			h.mu.Unlock()
		case softphone.Refused:
			h.trouble("a call was refused: " + ev.Why)
		case softphone.Ended:
			h.trouble("a call ended: " + ev.Why)
		}
	}
}

// count tells when all have come.
func (h *holder) count(n *int, all int, kind string) {
	h.mu.Lock()
	*n++
	full := *n == all
	h.mu.Unlock()
	if full {
		h.tell(news{Kind: kind})
	}
}

func (h *holder) trouble(text string) {
	h.mu.Lock()
	expected := h.leaving
	h.mu.Unlock()
	if !expected {
		h.tell(news{Kind: isTrouble, Text: text})
	}
}

// atOnce is how many calls are being set up at any time.
const atOnce = 8

// call has the first accounts call, one each.
func (h *holder) call() {
	for i, p := range h.phones[:h.Calls] {
		select {
		case h.setup <- struct{}{}:
		case <-h.over:
			return
		}
		if _, err := p.Call(h.Targets[i/callsEach]); err != nil {
			h.trouble("a call did not begin: " + err.Error())
		}
	}
}

// measure begins the measurement.
func (h *holder) measure() (err error) {
	if err := record(h.Profile, pprof.StartCPUProfile); err != nil {
		return err
	}
	if err := record(h.Trace, trace.Start); err != nil {
		return err
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h.collected = m.NumGC
	if h.cpu, err = processorTime(); err != nil {
		return err
	}
	h.tell(news{Kind: isMeasuring})
	return nil
}

// record has something written to a file, if that is named, until report.
func record(file string, start func(io.Writer) error) error {
	if file == "" {
		return nil
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return start(f)
}

// report tells the figures.
func (h *holder) report() error {
	cpu, err := processorTime()
	if err != nil {
		return err
	}
	pprof.StopCPUProfile()
	trace.Stop()
	f := figures{CPU: cpu - h.cpu, Goroutines: runtime.NumGoroutine(), Stacks: stacks()}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f.Collected = m.NumGC - h.collected
	if f.Resident, f.Peak, f.Threads, err = footprint(); err != nil {
		return err
	}
	runtime.GC()
	runtime.ReadMemStats(&m)
	f.Heap = m.HeapAlloc
	h.mu.Lock()
	for i := range h.Calls {
		s := h.media[i]
		f.Sent, f.Received, f.Concealed = f.Sent+s.Sent, f.Received+s.Received, f.Concealed+s.Concealed
		f.Voiced = append(f.Voiced, h.heard[i].Load())
	}
	h.mu.Unlock()
	h.tell(news{Kind: isReport, Figures: &f})
	return nil
}

// leave hangs up and unregisters.
func (h *holder) leave() error {
	h.mu.Lock()
	h.leaving = true
	h.mu.Unlock()
	close(h.over)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var closing sync.WaitGroup
	for _, p := range h.phones {
		closing.Go(func() { _ = p.Close(ctx) }) // the registrar forgets them anyway
	}
	closing.Wait()
	h.watching.Wait()
	h.tell(news{Kind: isEnded})
	if h.store == nil {
		return nil
	}
	return h.store.Close()
}

// talker is the sound of one call: somebody who speaks all the time, and an ear that
// counts.
type talker struct {
	device.Device
	says  []int16
	at    int // of it
	heard *atomic.Int64
}

// device opens the sound of a phone's call. Each begins at another word, so that not
// all calls are loud at once.
func (h *holder) device(i int) (device.Device, error) {
	d, err := device.Open("null", "null", device.Options{})
	if err != nil {
		return nil, err
	}
	return &talker{d, h.says, len(h.says) / len(h.Accounts) * i, &h.heard[i]}, nil
}

// Read returns the next 20 ms of the speech.
func (t *talker) Read(f *device.Frame) error {
	if err := t.Device.Read(f); err != nil {
		return err
	}
	for n := 0; n < len(f); {
		m := copy(f[n:], t.says[t.at:])
		n, t.at = n+m, (t.at+m)%len(t.says)
	}
	return nil
}

// loud is a peak that only a voice has.
const loud = 1000

// Play counts the blocks in which somebody speaks.
func (t *talker) Play(fill func(samples []int16)) { t.Device.Play(device.Then(fill, t.listen)) }

func (t *talker) listen(samples []int16) {
	for _, v := range samples {
		if v > loud {
			t.heard.Add(1)
			return
		}
	}
}

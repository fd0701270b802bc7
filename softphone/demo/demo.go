// Package demo shows Karat's main job on one machine: two phones with stores of
// their own register at a SIP proxy on loopback, one calls the other, they
// agree on keys, speak, and hang up. Nothing in it is imitated: the phones are
// the ones that "karat call" runs, on real sockets.
//
// It proves that the parts work together here. It does not prove anything about
// a provider, a sound card, or another machine's network.
package demo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"karat/internal/secret"
	"karat/media/path"
	"karat/sip/registrar"
	"karat/softphone"
	"karat/softphone/store"
	"karat/softphone/view"
	"karat/testdata/speech"
)

const (
	domain = "127.0.0.1"
	// talkTime is how long the two speak.
	talkTime = 5 * time.Second
	// ringTime lets the ring be seen.
	ringTime = 700 * time.Millisecond
	// patience is how long any step may take before the demo gives up.
	patience = 12 * time.Second
)

// Options of a demonstration.
type Options struct {
	// Dir is where the recordings go; empty: a new temporary folder.
	Dir string
	// Out is where it tells what happens.
	Out    io.Writer
	Logger *slog.Logger
	// Silent: do not play the callee's side on the sound device.
	Silent bool
}

// Run shows the call. An error says which of the demo's promises did not hold.
func Run(ctx context.Context, o Options) error {
	s, err := newStage(o)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.play(ctx); err != nil {
		return err
	}
	return s.judge()
}

// stage is the proxy, the two phones, and what was seen of them.
type stage struct {
	Options
	proxy      *registrar.Server
	alice, bob *actor
	began      time.Time
	serving    sync.WaitGroup
	served     error // of the proxy; read after serving
}

// actor is one of the two phones.
type actor struct {
	name   string
	aor    string
	speech []byte // what it says, a WAV
	mic    string // the same as a file
	heard  string // where it records
	store  *store.Store
	phone  *softphone.Phone
	tap    tap

	call   string // the call's id
	secure *softphone.Secure
	assay  *softphone.Assayed
	media  softphone.Media
	ended  *softphone.Ended
}

func newStage(o Options) (*stage, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Dir == "" {
		dir, err := os.MkdirTemp("", "karat-demo-")
		if err != nil {
			return nil, fmt.Errorf("no folder for the recordings: %w", err)
		}
		o.Dir = dir
	}
	s := &stage{
		Options: o,
		alice:   &actor{name: "alice", aor: "sip:alice@" + domain, speech: speech.Alice},
		bob:     &actor{name: "bob", aor: "sip:bob@" + domain, speech: speech.Bob},
	}
	if err := s.build(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// build starts the proxy and makes the phones; nothing is registered yet.
func (s *stage) build() error {
	conn, err := net.ListenPacket("udp4", domain+":0")
	if err != nil {
		return fmt.Errorf("no port for the SIP proxy: %w", err)
	}
	users := map[string]secret.Bytes{"alice": password(), "bob": password()}
	s.proxy = registrar.New(registrar.Config{Domain: domain, Users: users, Logger: s.Logger})
	s.serving.Go(func() { s.served = s.proxy.ServeUDP(conn) })
	for _, a := range []*actor{s.alice, s.bob} {
		if err := s.equip(a, conn.LocalAddr().String(), users[a.name]); err != nil {
			return fmt.Errorf("%s's phone: %w", a.name, err)
		}
	}
	s.tell("a SIP proxy listens on %s (loopback only)", conn.LocalAddr())
	return nil
}

// password is one that nobody has to type.
func password() secret.Bytes {
	b := make([]byte, 16)
	rand.Read(b)
	return secret.Own([]byte(hex.EncodeToString(b)))
}

// equip gives an actor a store, an account, sound files and a phone.
func (s *stage) equip(a *actor, proxy string, pw secret.Bytes) (err error) {
	a.mic = filepath.Join(s.Dir, a.name+"-says.wav")
	a.heard = filepath.Join(s.Dir, a.name+"-heard.wav")
	if err := os.WriteFile(a.mic, a.speech, 0o600); err != nil {
		return err
	}
	if a.store, err = store.Open(filepath.Join(s.Dir, a.name), store.Options{Passphrase: password(), StateDir: filepath.Join(s.Dir, a.name+"-state")}); err != nil {
		return err
	}
	err = a.store.SetAccount(store.Account{AOR: a.aor, Registrar: "sip:" + proxy + ";transport=udp", Password: pw})
	if err != nil {
		return err
	}
	a.phone, err = softphone.New(softphone.Config{
		Store:  a.store,
		Logger: s.Logger.With("phone", a.name),
		OpenPath: func(local netip.Addr) (path.Path, error) {
			p, err := path.ListenUDP("udp4", netip.AddrPortFrom(local, 0).String())
			if err != nil {
				return nil, err
			}
			return path.Tapped(p, a.tap.hear), nil
		},
		Verdict:    a.tap.judge,
		OpenDevice: s.sound(a),
	})
	return err
}

// play runs the call from registration to hang-up.
func (s *stage) play(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, talkTime+patience)
	defer cancel()
	s.began = time.Now()
	for _, a := range []*actor{s.alice, s.bob} {
		if err := a.phone.Start(ctx); err != nil {
			return err
		}
		if err := s.await(ctx, a, func(ev softphone.Event) bool { _, ok := ev.(softphone.Registered); return ok }); err != nil {
			return fmt.Errorf("%s did not register: %w", a.name, err)
		}
	}
	if _, err := s.alice.phone.Call(s.bob.aor); err != nil {
		return err
	}
	return s.converse(ctx)
}

// errSilence is a step that did not come.
var errSilence = errors.New("nothing happened for too long")

// await shows what an actor's phone tells until the wanted event.
func (s *stage) await(ctx context.Context, a *actor, wanted func(softphone.Event) bool) error {
	for {
		select {
		case ev := <-a.phone.Events():
			s.hear(a, ev)
			if wanted(ev) {
				return nil
			}
		case <-ctx.Done():
			return errSilence
		}
	}
}

// converse follows both phones through the call.
func (s *stage) converse(ctx context.Context) error {
	var ring, hangUp <-chan time.Time
	for s.alice.ended == nil || s.bob.ended == nil {
		var ev softphone.Event
		who := s.alice
		select {
		case ev = <-s.alice.phone.Events():
		case ev = <-s.bob.phone.Events():
			who = s.bob
		case <-ring:
			s.tell("bob answers")
			if err := s.bob.phone.Answer(s.bob.call); err != nil {
				return err
			}
			continue
		case <-hangUp:
			s.tell("alice hangs up")
			if err := s.alice.phone.Hangup(s.alice.call); err != nil {
				return err
			}
			continue
		case <-ctx.Done():
			return errSilence
		}
		s.hear(who, ev)
		switch ev := ev.(type) {
		case softphone.Incoming:
			who.call, ring = ev.Call, time.After(ringTime)
		case softphone.Dialing:
			who.call = ev.Call
		case softphone.Talking:
			if hangUp == nil {
				hangUp = time.After(talkTime)
			}
		}
	}
	return nil
}

// hear keeps what the verdict needs of an event, and shows it.
func (s *stage) hear(a *actor, ev softphone.Event) {
	switch ev := ev.(type) {
	case softphone.Secure:
		a.secure = &ev
	case softphone.Assayed:
		a.assay = &ev
		return // shown once, at the end
	case softphone.Media:
		a.media = ev
	case softphone.Ended:
		a.ended = &ev
	}
	for _, line := range view.Lines(ev) {
		s.tell("%-5s  %s", a.name, line)
	}
}

// tell prints a line with the time since the beginning.
func (s *stage) tell(format string, args ...any) {
	if s.began.IsZero() {
		s.began = time.Now()
	}
	fmt.Fprintf(s.Out, "%5.2f s  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

// close switches everything off.
func (s *stage) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, a := range []*actor{s.alice, s.bob} {
		if a.phone != nil {
			a.phone.Close(ctx)
		}
		if a.store != nil {
			a.store.Close()
		}
	}
	if s.proxy != nil {
		s.proxy.Close()
		s.serving.Wait()
	}
	if s.served != nil {
		s.tell("the proxy failed: %v", s.served)
	}
}

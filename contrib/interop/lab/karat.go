package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// KaratConfig is how one Karat is set up.
type KaratConfig struct {
	// Binary is the program, built from this repository.
	Binary string
	User   string
	// Proxy to register at over Transport; nil means direct calls, at Listen.
	Proxy     *Kamailio
	Transport string
	// Listen is an address such as udp:127.0.0.1:5060, and only for direct calls.
	Listen string
	// Speech is what it says: a WAV file.
	Speech string
	// Wrap is what runs it elsewhere, such as in another network namespace.
	Wrap []string
	// Relay, by RelayTransport; nil: none. RelayOnly: no way but that one. STUN:
	// ask it for the public address, too.
	Relay           *Coturn
	RelayTransport  string
	RelayOnly, STUN bool
	// Sound is its sound card; nil means files.
	Sound *Sound
	// Allow is what it knows not to be private, such as "provider".
	Allow string
	// SOCKS is a proxy that its account goes through; nil: none. Named: its servers
	// are named by this name instead of by their address.
	SOCKS *Microsocks
	Named string
	// Echo: when it answers, it sends back what it hears.
	Echo bool
	// Instance: the account says which of its phones this is.
	Instance bool
}

// Karat is a home of Karat: an account and a store that outlast its processes.
type Karat struct {
	KaratConfig
	lab  *Lab
	home string
	runs int
}

// NewKarat makes a home with an account. It starts nothing that stays.
func (l *Lab) NewKarat(ctx context.Context, c KaratConfig) (*Karat, error) {
	home, err := l.Subdir("karat-" + c.User)
	if err != nil {
		return nil, err
	}
	k := &Karat{KaratConfig: c, lab: l, home: home}
	if c.Sound != nil {
		if err := os.WriteFile(filepath.Join(home, ".asoundrc"), []byte(c.Sound.ALSA), 0o600); err != nil {
			return nil, fmt.Errorf("lab: karat: %w", err)
		}
	}
	if c.Proxy == nil {
		return k, nil
	}
	return k, k.addAccount(ctx)
}

func (k *Karat) addAccount(ctx context.Context) error { return k.AlsoAs(ctx, k.User) }

// AlsoAs adds an account of another user of the proxy, like the first.
func (k *Karat) AlsoAs(ctx context.Context, user string) error {
	password := filepath.Join(k.home, "password")
	if err := os.WriteFile(password, []byte(k.Proxy.Users[user]+"\n"), 0o600); err != nil {
		return fmt.Errorf("lab: karat: %w", err)
	}
	args := []string{
		"account", "add", "--aor", k.Proxy.AOR(user), "--registrar", k.named(k.Proxy.Registrar(k.Transport)),
		"--auth-user", user, "--password-file", password, "--ca", k.Proxy.Authority.CA,
	}
	if k.Proxy.Algorithm == "MD5" {
		args = append(args, "--weak-digest") // outside of TLS it needs the user's word
	}
	if k.Instance {
		args = append(args, "--instance")
	}
	relay, err := k.relayFlags()
	if err != nil {
		return err
	}
	socks, err := k.socksFlags()
	if err != nil {
		return err
	}
	_, err = k.command(ctx, slices.Concat(args, relay, socks)...)
	return err
}

// named puts the name of the servers in for their address.
func (k *Karat) named(uri string) string {
	if k.Named == "" {
		return uri
	}
	return strings.Replace(uri, k.Proxy.Host(), k.Named, 1)
}

// socksFlags are the account's flags about its proxy.
func (k *Karat) socksFlags() ([]string, error) {
	if k.SOCKS == nil {
		return nil, nil
	}
	password := filepath.Join(k.home, "socks-password")
	if err := os.WriteFile(password, []byte(k.SOCKS.Password+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("lab: karat: %w", err)
	}
	return []string{"--socks", k.SOCKS.Address(), "--socks-user", k.SOCKS.User, "--socks-password-file", password}, nil
}

// relayFlags are the account's flags about its relay.
func (k *Karat) relayFlags() ([]string, error) {
	if k.Relay == nil {
		return nil, nil
	}
	password := filepath.Join(k.home, "relay-password")
	if err := os.WriteFile(password, []byte(k.Relay.Password+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("lab: karat: %w", err)
	}
	flags := []string{"--relay", k.named(k.Relay.URL(k.RelayTransport)), "--relay-user", k.Relay.User, "--relay-password-file", password}
	if k.RelayOnly {
		flags = append(flags, "--relay-only")
	}
	if k.STUN {
		flags = append(flags, "--stun", k.Relay.STUN())
	}
	return flags, nil
}

// ForgetEverything deletes its store, and adds the account anew.
func (k *Karat) ForgetEverything(ctx context.Context) error {
	if err := os.RemoveAll(k.store()); err != nil {
		return fmt.Errorf("lab: karat: %w", err)
	}
	return k.addAccount(ctx)
}

func (k *Karat) store() string { return filepath.Join(k.home, "store") }

// run starts one command of it.
func (k *Karat) run(ctx context.Context, args ...string) (*Process, error) {
	k.runs++
	// A directory of its own for each run keeps their output apart.
	dir, err := k.lab.Subdir(filepath.Join(filepath.Base(k.home), fmt.Sprintf("run-%d", k.runs)))
	if err != nil {
		return nil, err
	}
	return k.lab.Start(ctx, Command{
		Name: "karat", Path: k.Binary, Dir: dir, Wrap: k.Wrap, Separate: true,
		Args: append([]string{"--home", k.store(), "--json"}, args...),
		Env:  append([]string{"HOME=" + k.home}, k.Sound.env()...),
	})
}

// command runs one command to its end and returns the objects it printed.
func (k *Karat) command(ctx context.Context, args ...string) ([]KaratEvent, error) {
	p, err := k.run(ctx, args...)
	if err != nil {
		return nil, err
	}
	code, err := p.Wait(ctx)
	if err == nil && code != 0 {
		err = fmt.Errorf("exit %d: %s", code, p.Tail())
	}
	if err != nil {
		return nil, fmt.Errorf("lab: karat %s: %w", strings.Join(args[:min(2, len(args))], " "), err)
	}
	var objects []KaratEvent
	for _, line := range p.Output.Lines() {
		var e KaratEvent
		if err := json.Unmarshal([]byte(line.Text), &e); err != nil {
			return nil, fmt.Errorf("lab: karat printed a line that is no JSON: %q", line.Text)
		}
		objects = append(objects, e)
	}
	return objects, nil
}

// errNoPhone: nobody was talked to yet.
var errNoPhone = errors.New("lab: karat knows no phone to verify")

// AddContact names an address.
func (k *Karat) AddContact(ctx context.Context, name, uri string) error {
	_, err := k.command(ctx, "contacts", "add", name, uri)
	return err
}

// Verify says, as its user would after the call, that the words of the last
// call with the only phone it knows were the same; as names whose phone it is,
// if not empty.
func (k *Karat) Verify(ctx context.Context, as string) error {
	phones, err := k.command(ctx, "contacts", "list")
	if err != nil {
		return err
	}
	for _, p := range phones {
		if p.Phone == "" {
			continue
		}
		args := []string{"verify", p.Phone}
		if as != "" {
			args = append(args, "--as", as)
		}
		_, err := k.command(ctx, args...)
		return err
	}
	return errNoPhone
}

// KaratCall is a running "karat call" or "karat answer".
type KaratCall struct {
	*Process
	// Registered is when it was; SocketOpen when it had a UDP socket.
	Registered, SocketOpen time.Time

	recording string
}

// KaratEvent is one line of its output: the fields that are used here.
type KaratEvent struct {
	Event        string    `json:"event"`
	Time         time.Time `json:"time"`
	Call         string    `json:"call"`
	SAS          string    `json:"sas"`
	KeyAgreement string    `json:"key_agreement"`
	Hash         string    `json:"hash"`
	Cipher       string    `json:"cipher"`
	AuthTag      string    `json:"auth_tag"`
	Verified     bool      `json:"verified"`
	Continuity   *bool     `json:"continuity"` // nil: it does not say
	Private      bool      `json:"private"`
	Why          string    `json:"why"`
	Seconds      float64   `json:"seconds"`
	Phone        string    `json:"phone"`
	Probably     string    `json:"probably"`
	Account      string    `json:"account"`
	Promises     []struct {
		ID      string `json:"id"`
		Verdict string `json:"verdict"`
		Why     string `json:"why"`
	} `json:"promises"`
}

// Dial starts a call that ends by itself talk after the answer.
func (k *Karat) Dial(ctx context.Context, uri string, talk time.Duration) (*KaratCall, error) {
	return k.phone(ctx, append([]string{"call", "--for", talk.String(), uri}, k.allowing()...)...)
}

func (k *Karat) allowing() []string {
	if k.Allow == "" {
		return nil
	}
	return []string{"--allow", k.Allow}
}

// Answer starts waiting for one call, and returns when it can be called.
func (k *Karat) Answer(ctx context.Context) (*KaratCall, error) {
	how := "--auto"
	if k.Echo {
		how = "--echo"
	}
	return k.wait(ctx, append([]string{"answer", how, "--calls", "1"}, k.allowing()...)...)
}

// Ring is Answer by nobody: it rings, and that is all.
func (k *Karat) Ring(ctx context.Context) (*KaratCall, error) { return k.wait(ctx, "answer") }

// wait starts a command that waits for calls, and returns when it can be called.
func (k *Karat) wait(ctx context.Context, args ...string) (*KaratCall, error) {
	c, err := k.phone(ctx, args...)
	if err != nil {
		return nil, err
	}
	if k.Proxy == nil || k.Transport == "udp" {
		if c.SocketOpen, err = c.WaitSocket(ctx, 0); err != nil {
			return nil, err
		}
	}
	if k.Proxy == nil {
		return c, nil
	}
	registered, err := c.Output.Wait(ctx, 0, eventLine("registered"))
	if err != nil {
		return nil, fmt.Errorf("lab: karat: %w: %s", err, c.Tail())
	}
	c.Registered = registered.At
	return c, nil
}

// AnswerFor answers each call by itself, for a time. It may be anywhere when it returns.
func (k *Karat) AnswerFor(ctx context.Context, d time.Duration) (*KaratCall, error) {
	return k.phone(ctx, "answer", "--auto", "--for", d.String())
}

// eventLine matches the JSON of one kind of event.
func eventLine(kind string) *regexp.Regexp {
	return regexp.MustCompile(`"event":"` + regexp.QuoteMeta(kind) + `"`)
}

func (k *Karat) phone(ctx context.Context, args ...string) (*KaratCall, error) {
	recording := filepath.Join(k.home, fmt.Sprintf("heard-%d.wav", k.runs))
	flags := []string{"--mic", "file:" + k.Speech, "--speaker", "file:" + recording}
	if k.Sound != nil {
		flags = []string{"--mic", "default", "--speaker", "default"}
	}
	if k.Listen != "" {
		flags = append(flags, "--listen", k.Listen)
	}
	p, err := k.run(ctx, append(flags, args...)...)
	if err != nil {
		return nil, err
	}
	return &KaratCall{Process: p, recording: recording}, nil
}

// WaitEvent waits for the first event of a kind.
func (c *KaratCall) WaitEvent(ctx context.Context, kind string) (KaratEvent, error) {
	m, err := c.Output.Wait(ctx, 0, eventLine(kind))
	if err != nil {
		return KaratEvent{}, fmt.Errorf("lab: karat: %w: %s", err, c.Tail())
	}
	var e KaratEvent
	if err := json.Unmarshal([]byte(m.Text), &e); err != nil {
		return KaratEvent{}, fmt.Errorf("lab: karat: %w", err)
	}
	return e, nil
}

// WaitAgain waits for an event of a kind after a mark of its output.
func (c *KaratCall) WaitAgain(ctx context.Context, from Mark, kind string) error {
	if _, err := c.Output.Wait(ctx, from, eventLine(kind)); err != nil {
		return fmt.Errorf("lab: karat: %s again: %w: %s", kind, err, c.Tail())
	}
	return nil
}

// Has tells whether an event of a kind has come by now.
func (c *KaratCall) Has(kind string) bool {
	_, yes := c.Output.Find(0, eventLine(kind))
	return yes
}

// Last returns the last event of these kinds; ok is false if there was none.
func (c *KaratCall) Last(kinds ...string) (last KaratEvent, ok bool) {
	for _, line := range c.Output.Lines() {
		var e KaratEvent
		if json.Unmarshal([]byte(line.Text), &e) == nil && slices.Contains(kinds, e.Event) {
			last, ok = e, true
		}
	}
	return last, ok
}

// LastAssay returns the latest assay.
func (c *KaratCall) LastAssay() (KaratEvent, error) {
	last, ok := c.Last("assay")
	if !ok {
		return last, errors.New("lab: karat printed no assay")
	}
	return last, nil
}

// WaitSecure waits until the call is secure.
func (c *KaratCall) WaitSecure(ctx context.Context) (Agreed, KaratEvent, error) {
	e, err := c.WaitEvent(ctx, "secure")
	return agreed(e), e, err
}

func agreed(e KaratEvent) Agreed {
	return Agreed{
		SAS: e.SAS, Verified: e.Verified, Cipher: e.Cipher, KeyAgreement: e.KeyAgreement,
		Hash: e.Hash, AuthTag: e.AuthTag, SASType: sasType(e.SAS),
	}
}

// SecureAgain waits until a call is secure after a mark of its output, such as one
// that it was sent on to.
func (c *KaratCall) SecureAgain(ctx context.Context, from Mark) (Agreed, error) {
	m, err := c.Output.Wait(ctx, from, eventLine("secure"))
	if err != nil {
		return Agreed{}, fmt.Errorf("lab: karat: %w: %s", err, c.Tail())
	}
	var e KaratEvent
	if err := json.Unmarshal([]byte(m.Text), &e); err != nil {
		return Agreed{}, fmt.Errorf("lab: karat: %w", err)
	}
	return agreed(e), nil
}

// sasType tells four characters (B32) from two words (B256).
func sasType(sas string) string {
	if len(strings.Fields(sas)) == 2 {
		return "B256"
	}
	return "B32"
}

// HeardSoFar is how many samples its speaker file holds by now: a place in what
// Heard returns.
func (c *KaratCall) HeardSoFar() (int, error) {
	f, err := os.Stat(c.recording)
	if err != nil {
		return 0, fmt.Errorf("lab: karat: %w", err)
	}
	const header, perSample = 44, 2
	return max(0, int(f.Size())-header) / perSample, nil
}

// Heard returns what its speaker file holds, when it has ended.
func (c *KaratCall) Heard() (Recording, error) { return ReadWAV(c.recording) }

// TryFor has it wait for calls for a time, whether it can be called or not.
func (k *Karat) TryFor(ctx context.Context, d time.Duration) error {
	c, err := k.phone(ctx, "answer", "--for", d.String())
	if err != nil {
		return err
	}
	_, err = c.Wait(ctx)
	return err
}

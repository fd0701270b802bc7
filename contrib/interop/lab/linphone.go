package lab

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

//go:embed linphonerc.tmpl
var linphoneConfig string

// noSound is an ALSA configuration without a sound card: the phone starts,
// and files take the place of microphone and speaker afterwards.
const noSound = "pcm.!default { type null }\nctl.!default { type null }\n"

// LinphoneConfig is how one linphonec is set up.
type LinphoneConfig struct {
	User string
	// Home is the name of its directory below the Lab's. A second Linphone with
	// the same Home has the ZID and the retained secrets of the first.
	Home string
	// Encryption is none, srtp (SDES), dtls or zrtp.
	Encryption string
	Mandatory  bool
	// KeyAgreements, Hashes, Ciphers and SASTypes by their ZRTP names, most wanted
	// first; none means its own defaults.
	KeyAgreements, Hashes, Ciphers, SASTypes []string
	// Proxy to register at over Transport; nil means direct calls over UDP.
	Proxy     *Kamailio
	Transport string
	// STUN turns its ICE on, with this server; nil: off.
	STUN *Coturn
	// IP it binds to, if not the Lab's, and what runs it there.
	IP   string
	Wrap []string
	// EarlyMedia: it talks and listens while it rings (183 with SDP).
	EarlyMedia bool
	// Sound is its sound card; nil means files.
	Sound *Sound
}

// Host is its address as it stands in a URI.
func (c LinphoneConfig) Host() string { return uriHost(c.IP) }

// IPv6 tells whether that is one.
func (c LinphoneConfig) IPv6() bool { return strings.Contains(c.IP, ":") }

// Linphone is a running linphonec.
type Linphone struct {
	*Process
	LinphoneConfig
	// Log is its debug log, where the ZRTP exchange is described.
	Log *Transcript
	// Registered is when it was; SocketOpen when its SIP socket was.
	Registered, SocketOpen time.Time

	SIPPort   int
	RTPPort   int
	VideoPort int
	dir       string
	// recordings are the files of Record, in its order.
	recordings []string
}

var (
	reLinphoneRegistered = regexp.MustCompile(`moving from state .* to \[LinphoneRegistrationOk\]`)
	reLinphoneReady      = regexp.MustCompile(`video is disabled in linphonec`)
	reLinphoneFiles      = regexp.MustCompile(`Using wav files`)
	reLinphoneAuto       = regexp.MustCompile(`Auto answer enabled`)
	reLinphoneToken      = regexp.MustCompile(`Call \d+ is fully encrypted and auth token is (.+)\.$`)
	reLinphoneSecrets    = regexp.MustCompile(`ZRTP secrets on: SAS is (\S+) previously verified (yes|no)`)
	reLinphoneChoices    = regexp.MustCompile(`ZRTP algo used during negotiation: Cipher: (\S+) - KeyAgreement: (\S+) - Hash: (\S+) - AuthTag: (\S+) - Sas Rendering: (.+)$`)
	reLinphoneMismatch   = regexp.MustCompile(`Zrtp Event dispatched : cache mismatch`)
	reLinphoneEnded      = regexp.MustCompile(`Call \d+ with .* (ended|error)`)
)

// StartLinphone starts a linphonec and returns when it is registered, or, when
// it has no proxy, when it is ready.
func (l *Lab) StartLinphone(ctx context.Context, c LinphoneConfig) (*Linphone, error) {
	if c.Home == "" {
		c.Home = "linphone-" + c.User
	}
	if c.IP == "" {
		c.IP = l.IP
	}
	p := &Linphone{LinphoneConfig: c, SIPPort: l.Port(), RTPPort: l.PortRange(2), VideoPort: l.PortRange(2)}
	return p, p.start(ctx, l)
}

// Restart starts it anew, on the same ports and with the same home, when it has
// ended by itself or hangs.
func (p *Linphone) Restart(ctx context.Context, l *Lab) error {
	if p.Running() {
		if err := p.Kill(); err != nil {
			return err
		}
	}
	return p.start(ctx, l)
}

func (p *Linphone) start(ctx context.Context, l *Lab) error {
	if err := p.prepare(l); err != nil {
		return err
	}
	logFile, err := os.OpenFile(filepath.Join(p.dir, "linphonec.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("lab: linphone: %w", err)
	}
	p.Log = NewTranscript(logFile)
	p.Process, err = l.Start(ctx, Command{
		Name: "linphonec", Path: "linphonec", Dir: p.dir, Wrap: p.Wrap, Log: p.Log,
		Args: []string{"-c", filepath.Join(p.dir, "linphonerc"), "-d", "6", "-l", LogPath},
		Env:  append([]string{"HOME=" + p.dir, "XDG_DATA_HOME=", "XDG_CONFIG_HOME=", "XDG_CACHE_HOME="}, p.Sound.env()...),
	})
	if err != nil {
		return err
	}
	if p.SocketOpen, err = p.WaitSocket(ctx, p.SIPPort); err != nil {
		return err
	}
	if _, err := p.Output.Wait(ctx, 0, reLinphoneReady); err != nil {
		return p.failed("start", err)
	}
	if p.Proxy != nil {
		registered, err := p.Log.Wait(ctx, 0, reLinphoneRegistered)
		if err != nil {
			return p.failed("register", err)
		}
		p.Registered = registered.At
	}
	if p.Sound != nil {
		return nil
	}
	return p.command(ctx, "soundcard use files", reLinphoneFiles)
}

// prepare writes what linphonec wants to find at its start.
func (p *Linphone) prepare(l *Lab) error {
	var err error
	if p.dir, err = l.Subdir(p.Home); err != nil {
		return err
	}
	// Without this directory its core opens no socket and says nothing.
	if _, err := l.Subdir(filepath.Join(p.Home, ".local/share/linphone")); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.dir, ".asoundrc"), []byte(p.Sound.alsa()), 0o600); err != nil {
		return fmt.Errorf("lab: linphone: %w", err)
	}
	return writeTemplate(filepath.Join(p.dir, "linphonerc"), linphoneConfig, p)
}

func (p *Linphone) failed(what string, err error) error {
	return fmt.Errorf("lab: linphone %s: %s: %w", p.User, what, err)
}

// command types a line and waits for its answer.
func (p *Linphone) command(ctx context.Context, line string, answer *regexp.Regexp) error {
	mark := p.Output.Mark()
	if err := p.Type("%s", line); err != nil {
		return err
	}
	if _, err := p.Output.Wait(ctx, mark, answer); err != nil {
		return p.failed(line, err)
	}
	return nil
}

// AutoAnswer makes it accept every call.
func (p *Linphone) AutoAnswer(ctx context.Context) error {
	return p.command(ctx, "autoanswer enable", reLinphoneAuto)
}

// Call dials.
func (p *Linphone) Call(uri string) error { return p.Type("call %s", uri) }

// Hangup ends the call, if there is one.
func (p *Linphone) Hangup() error { return p.Type("terminate") }

// Speak plays a recording to the other end. Linphone sends no voice at all
// before.
func (p *Linphone) Speak(wav string) error { return p.Type("play %s", wav) }

// Record keeps what is heard from now on.
func (p *Linphone) Record() error {
	file := filepath.Join(p.dir, fmt.Sprintf("heard-%d.wav", time.Now().UnixNano()))
	p.recordings = append(p.recordings, file)
	return p.Type("record %s", file)
}

// Recordings is how many there are.
func (p *Linphone) Recordings() int { return len(p.recordings) }

// Heard returns what the last Record kept, when the call has ended.
func (p *Linphone) Heard() (Recording, error) { return p.HeardOf(len(p.recordings) - 1) }

// HeardOf returns what the Record of that number kept, the first being 0, when the
// next one was begun or the call has ended.
func (p *Linphone) HeardOf(number int) (Recording, error) {
	r, err := ReadWAV(p.recordings[number])
	if err != nil {
		return Recording{}, p.failed("recording", err)
	}
	if looksStereo(r.Samples) {
		r.Samples = everyOther(r.Samples)
	}
	return r, nil
}

// looksStereo finds two equal channels under a header that says mono: what
// Linphone writes when its decoder was told to deliver stereo. In speech of
// one channel two neighbours are rarely equal.
func looksStereo(samples []int16) bool {
	var pairs, equal int
	for i := 0; i+1 < len(samples); i += 2 {
		if samples[i] == 0 && samples[i+1] == 0 {
			continue
		}
		pairs++
		if samples[i] == samples[i+1] {
			equal++
		}
	}
	return pairs > 0 && equal*10 > pairs*9
}

func everyOther(samples []int16) []int16 {
	left := samples[:0]
	for i := 0; i < len(samples); i += 2 {
		left = append(left, samples[i])
	}
	return left
}

// MarkVerified says that the user has compared the SAS.
func (p *Linphone) MarkVerified(ctx context.Context) error {
	// It answers by telling the token again.
	return p.command(ctx, "zrtp-set-verified 1", reLinphoneToken)
}

// Agreed is what a phone says about a secure call. Algorithms have their ZRTP
// names.
type Agreed struct {
	SAS                                          string
	Verified                                     bool
	Cipher, KeyAgreement, Hash, AuthTag, SASType string
}

// linphoneNames maps its log's words to the names of RFC 6189, Section 5.1.
var linphoneNames = map[string]string{
	"AES-128": "AES1", "AES-256": "AES3",
	"ECDH-255": "X255", "X25519": "X255", "DHM-3072": "DH3k", "DHM-2048": "DH2k", "ECDH-448": "X448",
	"SHA-256": "S256", "SHA-384": "S384",
	"HMAC-SHA1-80": "HS80", "HMAC-SHA1-32": "HS32",
	"PGP-WordList": "B256", "Base32": "B32",
}

func zrtpName(linphone string) string {
	if name, ok := linphoneNames[strings.TrimSpace(linphone)]; ok {
		return name
	}
	return "?" + linphone
}

// CallMark is a place before a call, in both of its outputs.
type CallMark struct{ out, log Mark }

// Output is that place in what it says.
func (m CallMark) Output() Mark { return m.out }

// Mark returns the present place.
func (p *Linphone) Mark() CallMark { return CallMark{p.Output.Mark(), p.Log.Mark()} }

// WaitSecure waits until the call begun after from is encrypted with ZRTP.
func (p *Linphone) WaitSecure(ctx context.Context, from CallMark) (Agreed, error) {
	token, err := p.Output.Wait(ctx, from.out, reLinphoneToken)
	if err != nil {
		return Agreed{}, p.failed("secure call", err)
	}
	// The log comes by another pipe and may be behind.
	secrets, err := p.Log.Wait(ctx, from.log, reLinphoneSecrets)
	if err != nil {
		return Agreed{}, p.failed("secure call", err)
	}
	if secrets.Groups[1] != token.Groups[1] {
		return Agreed{}, p.failed("secure call", fmt.Errorf("shows another token than its log"))
	}
	choices, err := p.Log.Wait(ctx, from.log, reLinphoneChoices)
	if err != nil {
		return Agreed{}, p.failed("secure call", err)
	}
	return Agreed{
		SAS: token.Groups[1], Verified: secrets.Groups[2] == "yes",
		Cipher: zrtpName(choices.Groups[1]), KeyAgreement: zrtpName(choices.Groups[2]),
		Hash: zrtpName(choices.Groups[3]), AuthTag: zrtpName(choices.Groups[4]), SASType: zrtpName(choices.Groups[5]),
	}, nil
}

// Shown is the SAS that it shows in the call begun after from, and whether it takes
// it for compared; secure is false while it shows none.
func (p *Linphone) Shown(from CallMark) (sas string, verified, secure bool) {
	token, secure := p.Output.Find(from.out, reLinphoneToken)
	if !secure {
		return "", false, false
	}
	secrets, logged := p.Log.Find(from.log, reLinphoneSecrets)
	return token.Groups[1], logged && secrets.Groups[2] == "yes", true
}

// WaitState waits until a call comes to a state, as liblinphone calls them, after
// from. Its player and recorder are to be let alone before: it crashes.
func (p *Linphone) WaitState(ctx context.Context, from CallMark, state string) error {
	if _, err := p.Log.Wait(ctx, from.log, regexp.MustCompile(`CallSession .* moving from state \w+ to LinphoneCall`+state+`\b`)); err != nil {
		return p.failed(state, err)
	}
	return nil
}

// Alarmed tells whether, in the call begun after from, it found that a phone it
// knows has none of the secrets it should have.
func (p *Linphone) Alarmed(from CallMark) bool {
	_, yes := p.Log.Find(from.log, reLinphoneMismatch)
	return yes
}

// WaitEnded waits for the end of the call begun after from, and returns its
// sentence about it.
func (p *Linphone) WaitEnded(ctx context.Context, from CallMark) (string, error) {
	m, err := p.Output.Wait(ctx, from.out, reLinphoneEnded)
	if err != nil {
		return "", p.failed("end of the call", err)
	}
	return strings.TrimPrefix(m.Text, "linphonec> "), nil
}

// Snapshot copies the home of a Linphone that has been quit, and returns what
// puts the copy back: its secrets of today, later.
func (p *Linphone) Snapshot() (restore func() error, err error) {
	saved := p.dir + "-saved"
	if err := os.CopyFS(saved, os.DirFS(p.dir)); err != nil {
		return nil, p.failed("snapshot", err)
	}
	return func() error {
		if err := os.RemoveAll(p.dir); err != nil {
			return p.failed("snapshot", err)
		}
		if err := os.Rename(saved, p.dir); err != nil {
			return p.failed("snapshot", err)
		}
		return nil
	}, nil
}

// UDPPorts are those that it sends from.
func (p *Linphone) UDPPorts() []int {
	return []int{p.SIPPort, p.RTPPort, p.RTPPort + 1, p.VideoPort, p.VideoPort + 1}
}

// Quit ends it as a user does, so that it unregisters and writes its files.
func (p *Linphone) Quit(ctx context.Context) error {
	if err := p.Type("quit"); err != nil {
		return err
	}
	_, err := p.Wait(ctx)
	return err
}

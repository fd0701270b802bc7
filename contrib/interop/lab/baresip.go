package lab

import (
	"bufio"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

//go:embed baresip.tmpl
var baresipConfig string

// baresipRTPPorts is how many ports it may choose from: it wants more than the
// two that it uses.
const baresipRTPPorts = 16

// BaresipConfig is how one baresip is set up.
type BaresipConfig struct {
	User string
	// MediaEncryption is empty for plain RTP, srtp-mand for mandatory SDES.
	MediaEncryption string
	// Codec is the only one it speaks, as it names them; empty: Opus.
	Codec     string
	Proxy     *Kamailio
	Transport string
	// Speech is what it says: a WAV file of one channel.
	Speech string
	// Without a Proxy it makes direct calls over UDP: it has an address of its
	// own, something that runs it there, and dials at once if it is told whom.
	IP   string
	Wrap []string
	Dial string
	// Sound is its sound card; nil means files.
	Sound *Sound
}

// Baresip is a running baresip.
type Baresip struct {
	*Process
	BaresipConfig
	Dir         string
	SIPPort     int
	RTPPort     int
	ControlPort int
	// Events are what its control port told, one JSON object on each line.
	Events *Transcript
	// Registered is when it was; SocketOpen when its SIP socket was.
	Registered, SocketOpen time.Time

	control net.Conn
}

var (
	reBaresipRegistered  = regexp.MustCompile(`200 OK .*\[\d+ bindings?\]`)
	reBaresipEstablished = regexp.MustCompile(`"CALL_ESTABLISHED"`)
	reBaresipTalking     = regexp.MustCompile(`Call established`)
	reBaresipClosed      = regexp.MustCompile(`"CALL_CLOSED".*"param":"([^"]*)"`)
)

// LastRTPPort is the end of its range.
func (b *Baresip) LastRTPPort() int { return b.RTPPort + baresipRTPPorts - 1 }

// StartBaresip starts a baresip that answers every call, and returns when it
// is registered.
func (l *Lab) StartBaresip(ctx context.Context, c BaresipConfig) (*Baresip, error) {
	if c.IP == "" {
		c.IP = l.IP
	}
	dir, err := l.Subdir("baresip-" + c.User)
	if err != nil {
		return nil, err
	}
	b := &Baresip{
		BaresipConfig: c, Dir: dir, Events: NewTranscript(io.Discard),
		SIPPort: l.Port(), RTPPort: l.PortRange(baresipRTPPorts), ControlPort: l.Port(),
	}
	if err := b.prepare(); err != nil {
		return nil, err
	}
	args := []string{"-f", dir}
	if c.Dial != "" {
		args = append(args, "-e", "/dial "+c.Dial)
	}
	b.Process, err = l.Start(ctx, Command{Name: "baresip", Path: "baresip", Args: args, Dir: dir, Wrap: c.Wrap, Env: append([]string{"HOME=" + dir}, c.Sound.env()...)})
	if err != nil {
		return nil, err
	}
	if b.SocketOpen, err = b.WaitSocket(ctx, b.SIPPort); err != nil {
		return nil, err
	}
	if c.Proxy == nil {
		return b, nil
	}
	if err := b.connect(ctx); err != nil {
		return nil, err
	}
	registered, err := b.Output.Wait(ctx, 0, reBaresipRegistered)
	if err != nil {
		return nil, b.failed("register", err)
	}
	b.Registered = registered.At
	return b, nil
}

// prepare writes its configuration, and its speech as it wants to read it: at
// the rate and with the channels of the codec.
func (b *Baresip) prepare() error {
	speech, err := ReadWAV(b.Speech)
	if err != nil {
		return err
	}
	if speech, err = speech.At(48000); err != nil {
		return err
	}
	b.Speech = filepath.Join(b.Dir, "speech.wav")
	if err := WriteWAV(b.Speech, speech, 2); err != nil {
		return err
	}
	account := fmt.Sprintf("<sip:%s@%s:%d>;regint=0", b.User, b.IP, b.SIPPort)
	if b.Proxy != nil {
		account = fmt.Sprintf("<%s>;auth_pass=%s;outbound=%q;regint=600",
			b.Proxy.AOR(b.User), b.Proxy.Users[b.User], b.Proxy.Registrar(b.Transport))
	}
	account += ";answermode=auto;audio_codecs=" + cmp.Or(b.Codec, "opus/48000/2")
	if b.MediaEncryption != "" {
		account += ";mediaenc=" + b.MediaEncryption
	}
	for name, text := range map[string]string{"accounts": account + "\n", "contacts": "\n", ".asoundrc": b.Sound.alsa()} {
		if err := os.WriteFile(filepath.Join(b.Dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("lab: baresip: %w", err)
		}
	}
	return writeTemplate(filepath.Join(b.Dir, "config"), baresipConfig, b)
}

func (b *Baresip) failed(what string, err error) error {
	return fmt.Errorf("lab: baresip %s: %s: %w", b.User, what, err)
}

// connect opens the control port and collects what comes from it.
func (b *Baresip) connect(ctx context.Context) error {
	addr := net.JoinHostPort(b.IP, strconv.Itoa(b.ControlPort))
	if err := waitListening(ctx, b.Process, addr); err != nil {
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return b.failed("control port", err)
	}
	b.control = conn
	go func() {
		<-b.done
		conn.Close()
	}()
	go func() {
		defer b.Events.end()
		in := bufio.NewReader(conn)
		for {
			event, err := readNetstring(in)
			if err != nil {
				return // baresip has ended
			}
			fmt.Fprintf(b.Events, "%s\n", event)
		}
	}()
	return nil
}

// maxNetstring is far more than any of its events.
const maxNetstring = 1 << 20

// readNetstring reads "5:hello,".
func readNetstring(in *bufio.Reader) ([]byte, error) {
	digits, err := in.ReadString(':')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(digits, ":"))
	if err != nil || n < 0 || n > maxNetstring {
		return nil, fmt.Errorf("bad netstring length %q", digits)
	}
	b := make([]byte, n+1) // the comma too
	_, err = io.ReadFull(in, b)
	return b[:n], err
}

func (b *Baresip) command(command, params string) error {
	text, err := json.Marshal(map[string]string{"command": command, "params": params})
	if err != nil {
		return b.failed(command, err)
	}
	if _, err := fmt.Fprintf(b.control, "%d:%s,", len(text), text); err != nil {
		return b.failed(command, err)
	}
	return nil
}

// Call dials.
func (b *Baresip) Call(uri string) error { return b.command("dial", uri) }

// Hangup ends the call, if there is one.
func (b *Baresip) Hangup() error { return b.command("hangup", "") }

// WaitEstablished waits until a call is answered.
func (b *Baresip) WaitEstablished(ctx context.Context) error {
	_, err := b.Events.Wait(ctx, 0, reBaresipEstablished)
	return err
}

// WaitTalking is WaitEstablished for one without a Proxy.
func (b *Baresip) WaitTalking(ctx context.Context) error {
	if _, err := b.Output.Wait(ctx, 0, reBaresipTalking); err != nil {
		return b.failed("call", err)
	}
	return nil
}

// WaitClosed waits for the end of a call and returns its reason for it.
func (b *Baresip) WaitClosed(ctx context.Context) (string, error) {
	m, err := b.Events.Wait(ctx, 0, reBaresipClosed)
	if err != nil {
		return "", b.failed("end of the call", err)
	}
	return m.Groups[1], nil
}

// Heard returns what its sndfile module recorded of the other end.
func (b *Baresip) Heard() (Recording, error) {
	files, _ := filepath.Glob(filepath.Join(b.Dir, "*-dec.wav"))
	if len(files) != 1 {
		return Recording{}, b.failed("recording", fmt.Errorf("%d files, not one", len(files)))
	}
	return ReadWAV(files[0])
}

// RTPPorts are those that it may choose for a call.
func (b *Baresip) RTPPorts() []int {
	var ports []int
	for p := b.RTPPort; p <= b.LastRTPPort(); p++ {
		ports = append(ports, p)
	}
	return ports
}

// UDPPorts are those that it sends from.
func (b *Baresip) UDPPorts() []int { return append(b.RTPPorts(), b.SIPPort) }

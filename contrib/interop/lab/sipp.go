package lab

import (
	"cmp"
	"context"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"karat/media/codec"
)

//go:embed sipp
var sippScenarios embed.FS

// SIPpConfig is how one sipp is set up: it plays one call of one scenario.
type SIPpConfig struct {
	User  string
	Proxy *Kamailio
	// Scenario is the name of a file in sipp, without its extension. Peer is whom it
	// calls; empty: it is called, and registers for that.
	Scenario, Peer string
	// Voice are recordings of RTP by the names under which the scenario plays them, a
	// packet each 20 ms.
	Voice map[string][][]byte
	// Words are what else the scenario wants to know.
	Words map[string]string
}

// SIPp is a running sipp.
type SIPp struct {
	*Process
	SIPpConfig
	IP        string
	SIPPort   int
	MediaPort int
	dir       string
}

// StartSIPp starts a sipp, and returns when it can be called, or when it calls.
func (l *Lab) StartSIPp(ctx context.Context, c SIPpConfig) (*SIPp, error) {
	dir, err := l.Subdir("sipp-" + c.User)
	if err != nil {
		return nil, err
	}
	s := &SIPp{SIPpConfig: c, IP: l.IP, SIPPort: l.Port(), MediaPort: l.PortRange(4), dir: dir}
	for name, packets := range c.Voice {
		if err := writeVoice(filepath.Join(dir, name+".pcap"), packets); err != nil {
			return nil, err
		}
	}
	if c.Peer == "" {
		if err := s.register(ctx, l); err != nil {
			return nil, err
		}
	}
	if s.Process, err = s.play(ctx, l, c.Scenario); err != nil {
		return nil, err
	}
	_, err = s.WaitSocket(ctx, s.SIPPort)
	return s, err
}

// register says where it can be called.
func (s *SIPp) register(ctx context.Context, l *Lab) error {
	p, err := s.play(ctx, l, "register")
	if err != nil {
		return err
	}
	code, err := p.Wait(ctx)
	if err == nil && code != 0 {
		err = fmt.Errorf("lab: sipp could not register (exit %d)", code)
	}
	return err
}

// play runs one scenario.
func (s *SIPp) play(ctx context.Context, l *Lab, scenario string) (*Process, error) {
	text, err := sippScenarios.ReadFile("sipp/" + scenario + ".xml")
	if err != nil {
		return nil, fmt.Errorf("lab: sipp: %w", err)
	}
	file := filepath.Join(s.dir, scenario+".xml")
	if err := writeTemplate(file, string(text), s); err != nil {
		return nil, err
	}
	return l.Start(ctx, Command{Name: "sipp", Path: "sipp", Dir: s.dir, Args: []string{
		"-sf", file, "-m", "1", "-nostdin", "-i", s.IP, "-p", strconv.Itoa(s.SIPPort),
		"-mi", s.IP, "-mp", strconv.Itoa(s.MediaPort),
		"-trace_err", "-error_file", s.errors(), "-trace_msg", "-message_file", filepath.Join(s.dir, scenario+".messages"),
		fmt.Sprintf("%s:%d", s.Proxy.Host(), s.Proxy.UDP),
	}})
}

func (s *SIPp) errors() string { return filepath.Join(s.dir, "errors") }

// PlayConfig is how a sipp is set up that plays a scenario by itself, with no proxy.
type PlayConfig struct {
	Name   string
	XML    []byte
	Port   int
	Stream bool // TCP
	// Peer is whom it calls, at the earliest after Delay; empty: it is called.
	Peer  string
	Delay time.Duration
}

// Played is a sipp that plays a scenario.
type Played struct {
	*Process
	log string
}

// Play starts one. It goes on with what it can where the other end does something else
// than the scenario says.
func (l *Lab) Play(ctx context.Context, c PlayConfig) (*Played, error) {
	dir, err := l.Subdir(c.Name)
	if err != nil {
		return nil, err
	}
	scenario, log := filepath.Join(dir, "scenario.xml"), filepath.Join(dir, "log")
	if err := os.WriteFile(scenario, c.XML, 0o600); err != nil {
		return nil, fmt.Errorf("lab: sipp: %w", err)
	}
	args := []string{
		"-sf", scenario, "-m", "1", "-nostdin", "-i", l.IP, "-p", strconv.Itoa(c.Port), "-default_behaviors", "none",
		"-trace_err", "-error_file", filepath.Join(dir, "errors"), "-trace_logs", "-log_file", log,
	}
	if c.Stream {
		args = append(args, "-t", "t1")
	}
	command := Command{Name: "sipp", Path: "sipp", Dir: dir, Args: append(args, cmp.Or(c.Peer, l.IP))}
	if c.Delay > 0 {
		command.Wrap = []string{"sh", "-c", fmt.Sprintf(`sleep %.1f; exec "$0" "$@"`, c.Delay.Seconds())}
	}
	p, err := l.Start(ctx, command)
	if err != nil {
		return nil, err
	}
	played := &Played{Process: p, log: log}
	if c.Peer != "" {
		return played, nil
	}
	protocol := "udp"
	if c.Stream {
		protocol = "tcp"
	}
	_, err = p.waitSocket(ctx, protocol, c.Port)
	return played, err
}

// Logged are the lines that the scenario logs.
func (p *Played) Logged() ([]string, error) {
	b, err := os.ReadFile(p.log)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n"), err
}

// WaitPlayed waits until the scenario was played, as it is written.
func (s *SIPp) WaitPlayed(ctx context.Context) error {
	code, err := s.Wait(ctx)
	if err != nil || code == 0 {
		return err
	}
	why, _ := os.ReadFile(s.errors()) // it says what it can
	return fmt.Errorf("lab: sipp %s: the scenario %s went otherwise (exit %d): %.600s", s.User, s.Scenario, code, why)
}

// UDPPorts are those that it sends from.
func (s *SIPp) UDPPorts() []int {
	return []int{s.SIPPort, s.MediaPort, s.MediaPort + 1, s.MediaPort + 2}
}

// Telephone is how RTP carries the speech of telephones.
const (
	telephoneRate    = 8000
	telephonePacket  = telephoneRate / 50
	telephoneHeader  = 12
	telephonePayload = 0 // PCMU (RFC 3551, Section 6)
)

// TelephoneVoice is a recording in RTP packets of 20 ms of PCMU.
func TelephoneVoice(r Recording) ([][]byte, error) {
	r, err := r.At(telephoneRate)
	if err != nil {
		return nil, err
	}
	var packets [][]byte
	be := binary.BigEndian
	for n := 0; (n+1)*telephonePacket <= len(r.Samples); n++ {
		// RFC 3550, Section 5.1: version, payload type, number, time, source.
		b := []byte{0x80, telephonePayload}
		b = be.AppendUint16(b, uint16(n+1))
		b = be.AppendUint32(b, uint32(n*telephonePacket))
		b = be.AppendUint32(b, 0x51bb51bb)
		for _, s := range r.Samples[n*telephonePacket : (n+1)*telephonePacket] {
			b = append(b, codec.MuLaw(s))
		}
		packets = append(packets, b)
	}
	return packets, nil
}

// mostHeard bounds the time that RTP packets can claim to lie apart.
const mostHeard = 10 * time.Minute

// HeardTelephone is what RTP packets of PCMU hold, each at the time that it says.
func HeardTelephone(packets [][]byte) Recording {
	r := Recording{Rate: telephoneRate}
	var first uint32
	for _, b := range packets {
		if len(b) != telephoneHeader+telephonePacket || b[1]&0x7f != telephonePayload {
			continue
		}
		at := binary.BigEndian.Uint32(b[4:])
		if r.Samples == nil {
			first = at
		}
		begin := int(at - first)
		if begin > int(mostHeard.Seconds())*telephoneRate {
			continue
		}
		if end := begin + telephonePacket; end > len(r.Samples) {
			r.Samples = append(r.Samples, make([]int16, end-len(r.Samples))...)
		}
		for i, v := range b[telephoneHeader:] {
			r.Samples[begin+i] = codec.FromMuLaw(v)
		}
	}
	return r
}

// writeVoice writes RTP packets, one for each 20 ms, as sipp reads them: Ethernet,
// IPv4 and UDP around, of which it takes nothing.
func writeVoice(path string, packets [][]byte) error {
	le, be := binary.LittleEndian, binary.BigEndian
	file := le.AppendUint32(nil, 0xa1b2c3d4)
	file = le.AppendUint16(file, 2)
	file = le.AppendUint16(file, 4)
	file = append(file, make([]byte, 8)...)
	file = le.AppendUint32(file, 65535)
	file = le.AppendUint32(file, 1) // LINKTYPE_ETHERNET
	for n, rtp := range packets {
		const ethernet, ip, udp = 14, 20, 8
		at := time.Duration(n) * 20 * time.Millisecond
		size := ethernet + ip + udp + len(rtp)
		file = le.AppendUint32(file, uint32(at/time.Second))
		file = le.AppendUint32(file, uint32(at%time.Second/time.Microsecond))
		file = le.AppendUint32(file, uint32(size))
		file = le.AppendUint32(file, uint32(size))
		file = append(file, make([]byte, ethernet-2)...)
		file = be.AppendUint16(file, 0x0800) // IPv4
		file = append(file, 0x45, 0)
		file = be.AppendUint16(file, uint16(ip+udp+len(rtp)))
		file = append(file, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1)
		file = be.AppendUint16(file, 4000)
		file = be.AppendUint16(file, 4000)
		file = be.AppendUint16(file, uint16(udp+len(rtp)))
		file = append(file, 0, 0)
		file = append(file, rtp...)
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		return fmt.Errorf("lab: sipp: %w", err)
	}
	return nil
}

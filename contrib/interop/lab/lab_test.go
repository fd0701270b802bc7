package lab

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func newLab(t *testing.T) *Lab {
	t.Helper()
	l, err := New(t.TempDir(), 21000)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestPortsAreTakenOnce(t *testing.T) {
	l := newLab(t)
	if a, b, c := l.Port(), l.PortRange(4), l.Port(); a != 21000 || b != 21002 || c != 21006 {
		t.Errorf("took %d, %d, %d", a, b, c)
	}
}

func TestProcessesEndWithTheLab(t *testing.T) {
	l, err := New(t.TempDir(), 21000)
	if err != nil {
		t.Fatal(err)
	}
	p, err := l.Start(t.Context(), Command{Name: "echo", Path: "cat", Dir: l.Dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Type("are you there?"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Output.Wait(t.Context(), 0, regexp.MustCompile(`are you there\?`)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if p.Running() {
		t.Error("it outlived its lab")
	}
	written, err := os.ReadFile(filepath.Join(l.Dir, "echo.out"))
	if err != nil || string(written) != "are you there?\n" {
		t.Errorf("its output was kept as %q, %v", written, err)
	}
}

func TestAProcessThatWillNotEndIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as the grace")
	}
	l := newLab(t)
	p, err := l.Start(t.Context(), Command{Name: "stubborn", Path: "sh", Dir: l.Dir, Args: []string{"-c", "trap '' TERM; echo ready; while :; do sleep 1; done"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Output.Wait(t.Context(), 0, regexp.MustCompile("ready")); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if p.Running() {
		t.Error("it still runs")
	}
}

func TestExitCodeAndSeparateErrors(t *testing.T) {
	l := newLab(t)
	p, err := l.Start(t.Context(), Command{Name: "sh", Path: "sh", Dir: l.Dir, Separate: true, Args: []string{"-c", "echo out; echo no >&2; exit 3"}})
	if err != nil {
		t.Fatal(err)
	}
	if code, err := p.Wait(t.Context()); code != 3 || err != nil {
		t.Errorf("exit %d, %v", code, err)
	}
	if out := p.Output.Lines(); len(out) != 1 || out[0].Text != "out" || p.Tail() != "no" {
		t.Errorf("output %v, errors %q", out, p.Tail())
	}
}

func TestLogComesByItsOwnDescriptor(t *testing.T) {
	l := newLab(t)
	log := NewTranscript(nil)
	p, err := l.Start(t.Context(), Command{Name: "sh", Path: "sh", Dir: l.Dir, Log: log, Args: []string{"-c", "echo noted >>" + LogPath}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Wait(t.Context(), 0, regexp.MustCompile("noted")); err != nil {
		t.Error(err)
	}
	if _, err := p.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTranscriptFindsOnlyWhatCameAfterTheMark(t *testing.T) {
	tr := NewTranscript(nil)
	tr.Write([]byte("secure one\nsec"))
	mark := tr.Mark()
	if _, found := tr.Find(mark, regexp.MustCompile("secure")); found {
		t.Error("found what was before the mark, or half a line")
	}
	tr.Write([]byte("ure two\r\n"))
	m, err := tr.Wait(t.Context(), mark, regexp.MustCompile(`secure (\w+)`))
	if err != nil || m.Groups[1] != "two" {
		t.Errorf("found %v, %v", m.Groups, err)
	}
}

func TestTranscriptWaitEnds(t *testing.T) {
	tr := NewTranscript(nil)
	over := errors.New("over")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(over)
	if _, err := tr.Wait(ctx, 0, regexp.MustCompile("x")); !errors.Is(err, over) {
		t.Errorf("waiting ended with %v", err)
	}
	tr.Write([]byte("last words"))
	tr.end()
	if _, err := tr.Wait(t.Context(), 0, regexp.MustCompile("last words")); err != nil {
		t.Errorf("the unfinished last line: %v", err)
	}
	if _, err := tr.Wait(t.Context(), 0, regexp.MustCompile("x")); err == nil {
		t.Error("waited for a program that has ended")
	}
}

func TestAuthorityIsOneForItsServer(t *testing.T) {
	a, err := NewAuthority(t.TempDir(), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(a.Certificate, a.Key)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(a.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("no authority")
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "127.0.0.1"}); err != nil {
		t.Error(err)
	}
	if !slices.Contains(pair.Leaf.DNSNames, "127.0.0.1") {
		t.Error("no DNS name for phones that compare only those")
	}
}

func TestConfigurationsName(t *testing.T) {
	l := newLab(t)
	proxy := &Kamailio{IP: "127.0.0.1", UDP: 21000, TLS: 21001, Algorithm: "SHA-256", Users: map[string]string{"alice": "secret"}, Authority: &Authority{CA: "/ca.pem"}}
	linphone := &Linphone{LinphoneConfig: LinphoneConfig{User: "alice", IP: "127.0.0.1", Encryption: "zrtp", Mandatory: true, Proxy: proxy, Transport: "tls", KeyAgreements: []string{"DH3k", "X255"}}}
	for text, want := range map[string]struct {
		data  any
		lines []string
	}{
		kamailioSite: {proxy, []string{`#!define DIGEST "SHA-256"`, `listen=tls:127.0.0.1:21001`}},
		linphoneConfig: {linphone, []string{
			"zrtp_key_agreements_suites=MS_ZRTP_KEY_AGREEMENT_DH3K,MS_ZRTP_KEY_AGREEMENT_X255", "media_encryption_mandatory=1",
			"reg_proxy=<sip:127.0.0.1:21001;transport=tls>", "passwd=secret",
		}},
	} {
		path := filepath.Join(l.Dir, "config")
		if err := writeTemplate(path, text, want.data); err != nil {
			t.Fatal(err)
		}
		written, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range want.lines {
			if !strings.Contains(string(written), line) {
				t.Errorf("no %q in\n%s", line, written)
			}
		}
	}
}

func TestProcessFigures(t *testing.T) {
	l := newLab(t)
	p, err := l.Start(t.Context(), Command{Name: "busy", Path: "sh", Dir: l.Dir, Args: []string{"-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done; read end"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := p.Output.Wait(ctx, 0, regexp.MustCompile("done")); err != nil {
		t.Fatal(err)
	}
	if cpu, err := p.CPU(); err != nil || cpu <= 0 || cpu > time.Minute {
		t.Errorf("it used %v, %v", cpu, err)
	}
	if peak, err := p.PeakMemory(); err != nil || peak < 100<<10 || peak > 100<<20 {
		t.Errorf("a shell held %d octets, %v", peak, err)
	}
}

func TestNetstring(t *testing.T) {
	in := bufio.NewReader(strings.NewReader("5:hello,0:,"))
	for _, want := range []string{"hello", ""} {
		if got, err := readNetstring(in); err != nil || string(got) != want {
			t.Errorf("read %q, %v; want %q", got, err, want)
		}
	}
	for _, bad := range []string{"x:hello,", "-1:,", "99999999999:a", "9:short"} {
		if got, err := readNetstring(bufio.NewReader(strings.NewReader(bad))); err == nil {
			t.Errorf("read %q from %q", got, bad)
		}
	}
}

func TestWAVRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "speech.wav")
	want := Recording{16000, []int16{0, 3, -6, 9, 32767, -32768}}
	for _, channels := range []int{1, 2} {
		if err := WriteWAV(path, want, channels); err != nil {
			t.Fatal(err)
		}
		got, err := ReadWAV(path)
		if err != nil || got.Rate != want.Rate || !slices.Equal(got.Samples, want.Samples) {
			t.Errorf("%d channels: read %v, %v", channels, got, err)
		}
	}
}

func TestWAVOfAPhoneThatWasEndedEarly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cut.wav")
	if err := WriteWAV(path, Recording{8000, []int16{1, 2, 3}}, 1); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(b[40:44]) // the size of the data
	r, err := parseWAV(b)
	if err != nil || !slices.Equal(r.Samples, []int16{1, 2, 3}) {
		t.Errorf("read %v, %v", r, err)
	}
}

func FuzzWAV(f *testing.F) {
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x02\x00\x00\x00\x01\x00"))
	f.Add([]byte("RIFF"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseWAV(bytes.Clone(b))
		if err == nil && len(r.Samples) > len(b)/2 {
			t.Errorf("%d samples in %d octets", len(r.Samples), len(b))
		}
	})
}

func TestRates(t *testing.T) {
	r := Recording{16000, []int16{0, 300, 600}}
	up, err := r.At(48000)
	if err != nil || !slices.Equal(up.Samples, []int16{0, 100, 200, 300, 400, 500, 600, 600, 600}) {
		t.Errorf("up: %v, %v", up, err)
	}
	down, err := Recording{48000, []int16{0, 3, 6, 9, 9, 9}}.At(16000)
	if err != nil || !slices.Equal(down.Samples, []int16{3, 9}) {
		t.Errorf("down: %v, %v", down, err)
	}
	if _, err := r.At(44100); err == nil {
		t.Error("16000 Hz became 44100 Hz by a whole step")
	}
}

func TestLinphonesStereoUnderAMonoHeader(t *testing.T) {
	var mono, stereo []int16
	for i := range 1000 {
		s := int16((i*7919)%2000 - 1000)
		mono = append(mono, s)
		stereo = append(stereo, s, s)
	}
	if looksStereo(mono) || !looksStereo(stereo) {
		t.Errorf("mono looks stereo: %t, stereo does: %t", looksStereo(mono), looksStereo(stereo))
	}
	if !slices.Equal(everyOther(stereo), mono) {
		t.Error("the left channel is another")
	}
}

package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"karat/contrib/zrtpspec/report"
)

// command runs zrtpspec.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// twoPorts are ports of loopback that nobody has.
func twoPorts(t *testing.T) (a, b string) {
	t.Helper()
	var addresses [2]string
	for i := range addresses {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		addresses[i] = conn.LocalAddr().String()
	}
	return addresses[0], addresses[1]
}

func TestList(t *testing.T) {
	code, out, _ := command(t, "list", "A1")
	if code != exitPassed || !strings.Contains(out, "4.4.1.2/1") || strings.Contains(out, "5.15/1") {
		t.Errorf("%d: %s", code, out)
	}
	if code, out, _ = command(t, "list"); code != exitPassed || strings.Count(out, "\n") < 200 {
		t.Errorf("%d: %d lines", code, strings.Count(out, "\n"))
	}
}

func TestUsage(t *testing.T) {
	skip := filepath.Join(t.TempDir(), "skip")
	write(t, skip, []byte("4/7\n"))
	for _, args := range [][]string{
		{},
		{"walk"},
		{"list", "4.4.9/1"},
		{"run"},
		{"run", "--media", "127.0.0.1:1", "--target", "sip:bob@127.0.0.1"},
		{"run", "--media", "localhost"},
		{"run", "--target", "sip:bob@127.0.0.1", "--local", "here"},
		{"run", "4.4.9/1", "--media", "127.0.0.1:1"},
		{"run", "--media", "127.0.0.1:1", "--skip", skip},
		{"run", "--media", "127.0.0.1:1", "--known", skip},
		{"run", "--media", "127.0.0.1:1", "--jobs", "0"},
		{"run", "--target", "sip:bob@example.org", "--jobs", "2"},
	} {
		if code, _, errs := command(t, args...); code != exitUsage || !strings.Contains(errs, "zrtpspec: error:") {
			t.Errorf("%q: exit %d, %s", args, code, errs)
		}
	}
}

// The help says what a result does not prove, and what the exit codes mean.
func TestHelp(t *testing.T) {
	code, out, _ := command(t, "--help")
	text := strings.Join(strings.Fields(out), " ")
	for _, want := range []string{report.Caveat, "Exit codes: 0", "1 one did not", "2 usage", "3 there was"} {
		if !strings.Contains(text, want) {
			t.Errorf("exit %d; the help does not say %q", code, want)
		}
	}
}

// Nobody is there.
func TestNobody(t *testing.T) {
	t.Parallel()
	media, local := twoPorts(t)
	code, out, _ := command(t, "run", "4/8", "--media", media, "--local", local)
	if code != exitCrashed || strings.Contains(out, "4/8") {
		t.Errorf("exit %d: %s", code, out)
	}
}

// A target that dies in its call.
func TestCrash(t *testing.T) {
	t.Parallel()
	media, local := twoPorts(t)
	code, out, _ := command(t, "run", "--media", media, "--local", local, "--exec", "sh -c 'kill -SEGV $$'")
	if code != exitCrashed || !strings.Contains(out, "P crashed: signal: segmentation fault") {
		t.Errorf("exit %d: %s", code, out)
	}
}

// The whole way: an engine in a process of its own, started for each call, and
// both reports.
func TestRun(t *testing.T) {
	t.Parallel()
	media, local := twoPorts(t)
	dir := t.TempDir()
	skip, page, junit := filepath.Join(dir, "skip"), filepath.Join(dir, "page.html"), filepath.Join(dir, "junit.xml")
	write(t, skip, []byte("# left out\n4/8 the reason\n"))
	target := fmt.Sprintf("env %s='%s %s' %s", engineVariable, media, local, os.Args[0])
	code, out, errs := command(t, "run", "4/7", "4/8", "4.4.1.2/1", "5.1.5/2", "4.7.3/1",
		"--media", media, "--local", local, "--exec", target, "--skip", skip, "--html", page, "--junit", junit)
	if code != exitFailed {
		t.Errorf("exit %d: %s %s", code, out, errs)
	}
	for _, want := range []string{
		"pass           4/7", "skipped        4/8", "the reason", "pass           4.4.1.2/1", "manual         4.7.3/1", "fail           5.1.5/2",
		"4 pass, 1 fail, 1 manual, 1 skipped",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not said:\n%s", want, out)
		}
	}
	b, err := os.ReadFile(junit)
	if err != nil || xml.Unmarshal(b, new(struct{})) != nil {
		t.Errorf("the JUnit report: %v", err)
	}
	if b, err = os.ReadFile(page); err != nil || !bytes.Contains(b, []byte("4.4.1.2/1")) {
		t.Errorf("the page: %v", err)
	}
}

// The same over SIP: signalling, media, and memory from one call to the next; and
// a phone that crashes in a case, and is started again.
func TestRunSIP(t *testing.T) {
	t.Parallel()
	at, local := twoPorts(t)
	target := fmt.Sprintf("env %s=%s %s", phoneVariable, at, os.Args[0])
	code, out, errs := command(t, "run", "4/2", "4.1.1/1", "4.3/1", "4.5.3/1", "5.1.5/2", "5.4/2", "8.1/1",
		"--target", "sip:bob@"+at, "--local", local, "--exec", target, "--ready", "1s")
	if code != exitFailed || !strings.Contains(out, "7 pass, 2 fail") {
		t.Errorf("exit %d: %s %s", code, out, errs)
	}
	for _, want := range []string{"pass           4.5.3/1", "pass           4.3/1", "the target ended, signal: killed", "pass           8.1/1"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not said:\n%s", want, out)
		}
	}
}

// Several jobs, and what is known to fail: only a difference from that counts, in
// either direction.
func TestJobsAndKnown(t *testing.T) {
	t.Parallel()
	// Below the ports that Linux numbers by itself, and apart from those of this
	// test elsewhere.
	first := 10_000 + os.Getpid()%400*2*jobStep
	media, local := fmt.Sprintf("127.0.0.1:%d", first), fmt.Sprintf("127.0.0.1:%d", first+8000)
	known := filepath.Join(t.TempDir(), "known")
	target := fmt.Sprintf("env %s=\"127.0.0.1:$%s 127.0.0.1:$%s\" %s", engineVariable, portVariable, localPortVariable, os.Args[0])
	const sums = "5 pass, 1 fail" // each job makes a sane call first and last
	for _, test := range []struct {
		known string
		code  int
		said  string
	}{
		{"5.1.5/2 no Multistream\n", exitPassed, sums},
		{"# nothing\n", exitFailed, "new: 5.1.5/2 fails"},
		{"5.1.5/2 no Multistream\n4/8 nothing\n", exitFailed, "gone: 4/8, now pass, was known for: nothing"},
		{"5.1.5/2 ~ sometimes\n4/8 ~ sometimes\n", exitPassed, sums},
	} {
		write(t, known, []byte("name: a test\n"+test.known))
		code, out, errs := command(t, "run", "4/8", "5.1.5/2",
			"--media", media, "--local", local, "--exec", target, "--known", known, "--jobs", "2")
		if code != test.code || !strings.Contains(out, test.said) {
			t.Errorf("%q: exit %d, want %d and %q: %s %s", test.known, code, test.code, test.said, out, errs)
		}
	}
}

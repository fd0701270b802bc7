package cli_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strconv"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"karat/internal/secret"
	"karat/sip/registrar"
	"karat/softphone/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"karat": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			os.Exit(cli.Run(ctx, "test", os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// TestScripts runs Karat as a user would, in testdata/*.txtar. Each script has a
// SIP provider of its own at $PROXY (UDP) and
// $TLSPROXY, with the users alice, bob and carol and
// the passwords in alice.pw, bob.pw and carol.pw.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata",
		Setup: provide,
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "capture": capture},
	})
}

// provide starts a SIP provider on loopback.
func provide(env *testscript.Env) error {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	config, err := certify(env)
	if err != nil {
		return err
	}
	secured, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	proxy := registrar.New(registrar.Config{Domain: "127.0.0.1", TLS: config, Users: map[string]secret.Bytes{
		"alice": secret.Copy([]byte("a-pw")), "bob": secret.Copy([]byte("b-pw")), "carol": secret.Copy([]byte("c-pw")),
	}})
	go proxy.ServeUDP(conn) // Close waits for both
	go proxy.ServeTLS(secured)
	env.Defer(func() { proxy.Close() })
	env.Setenv("PROXY", conn.LocalAddr().String())
	env.Setenv("TLSPROXY", secured.Addr().String())
	env.Setenv("XDG_DATA_HOME", env.WorkDir+"/data")
	env.Setenv("XDG_STATE_HOME", env.WorkDir+"/state")
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	for name, pw := range map[string]string{"alice.pw": "a-pw\n", "bob.pw": "b-pw\n", "carol.pw": "c-pw\n", "wrong.pw": "guess\n"} {
		if err := os.WriteFile(env.WorkDir+"/"+name, []byte(pw), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// certify makes a certificate for 127.0.0.1 and leaves its authority in ca.pem.
func certify(env *testscript.Env) (*tls.Config, error) {
	authority, err := registrar.NewAuthority()
	if err != nil {
		return nil, err
	}
	cert, err := authority.Server("127.0.0.1")
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}}, os.WriteFile(env.WorkDir+"/ca.pem", authority.PEM(), 0o600)
}

// exits N PROGRAM ARGS... runs a program and checks its exit code; the output is
// there for stdout and stderr.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGS]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// capture NAME REGEXP sets a variable to the first group found in standard
// output.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME REGEXP")
	}
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("%q is not in the output", args[1])
	}
	ts.Setenv(args[0], found[1])
}

//go:build linux

package store

import (
	"bufio"
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/zalando/go-keyring"
)

// TestKeyringAbsent: no bus, a bus address that leads nowhere, and one behind
// which nobody answers: each fails in the time it has, and nothing is started.
func TestKeyringAbsent(t *testing.T) {
	silent := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", silent) // takes connections, and says nothing
	must(t, err)
	defer l.Close()
	for _, c := range []struct {
		name, address string
		want          string
	}{
		{"nowhere", "unix:path=" + filepath.Join(t.TempDir(), "none"), "no desktop keyring"},
		{"no address", "rubbish", "no desktop keyring"},
		{"silent", "unix:path=" + silent, "does not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", c.address)
			began := time.Now()
			_, err := desktopRing{patience: 200 * time.Millisecond}.get("x")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			const most = 5 * time.Second // a slow machine, but no hang
			if took := time.Since(began); took > most {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestWithoutKeyring: the whole way, as on a machine without a desktop.
func TestWithoutKeyring(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "none"))
	dir := t.TempDir()
	s, err := Open(filepath.Join(dir, "home"), Options{Keyring: true, StateDir: filepath.Join(dir, "state")})
	must(t, err)
	defer s.Close()
	if s.Sealing() != KeyFile {
		t.Errorf("sealed by %v", s.Sealing())
	}
	wantNotice(t, s, "there is no desktop keyring", "--passphrase-file")
}

// TestKeyringOverDBus runs a bus with a small Secret Service on it.
func TestKeyringOverDBus(t *testing.T) {
	service := startSecretService(t)
	ring := desktopRing{patience: 10 * time.Second}
	if _, err := ring.get("x"); !errors.Is(err, keyring.ErrNotFound) {
		t.Fatalf("an item that is not there: %v", err)
	}
	b := newBench(t)
	b.opts.Keyring = true
	b.sys.ring = ring
	b.use(func(s *Store) {
		if s.Sealing() != Keyring {
			t.Fatalf("sealed by %v: %q", s.Sealing(), s.Notices())
		}
		addContact(t, "alice")(s)
	})
	b.use(func(s *Store) {
		if len(s.Contacts()) != 1 {
			t.Error("the contact is gone")
		}
	})
	service.lock()
	_, err := open(b.home, b.opts, b.sys)
	if !errors.Is(err, ErrNoKey) || !errors.Is(err, errRingLocked) {
		t.Errorf("locked, nobody there: %v", err)
	}
	if n := service.prompted(); n != 0 {
		t.Errorf("%d prompts were asked for", n)
	}
}

// secretService is as much of the Secret Service as go-keyring talks to.
type secretService struct {
	mu      sync.Mutex // guards: the rest
	items   map[dbus.ObjectPath]secretItem
	locked  bool
	prompts int
}

type secretItem struct {
	attributes map[string]string
	value      []byte
}

// wireSecret is the Secret of the specification: (oayays).
type wireSecret struct {
	Session     dbus.ObjectPath
	Parameters  []byte
	Value       []byte
	ContentType string
}

const noPrompt = dbus.ObjectPath("/")

func startSecretService(t *testing.T) *secretService {
	t.Helper()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", startBus(t))
	conn, err := dbus.ConnectSessionBus()
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	s := &secretService{items: map[dbus.ObjectPath]secretItem{}}
	for _, export := range []error{
		conn.Export(s, "/org/freedesktop/secrets", "org.freedesktop.Secret.Service"),
		conn.Export(s, loginCollection, "org.freedesktop.Secret.Collection"),
		conn.ExportSubtree(s, loginCollection, "org.freedesktop.Secret.Item"),
		conn.Export(s, "/session", "org.freedesktop.Secret.Session"),
		conn.Export(properties{s}, "/org/freedesktop/secrets", "org.freedesktop.DBus.Properties"),
		conn.Export(properties{s}, loginCollection, "org.freedesktop.DBus.Properties"),
	} {
		must(t, export)
	}
	reply, err := conn.RequestName(dbusSecretService, dbus.NameFlagDoNotQueue)
	must(t, err)
	if reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("the bus has a keyring already: %v", reply)
	}
	return s
}

// startBus runs a bus of its own, and returns its address.
func startBus(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address")
	out, err := cmd.StdoutPipe()
	must(t, err)
	if err := cmd.Start(); err != nil {
		t.Skipf("there is no dbus-daemon here: %v", err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	return strings.TrimSpace(address)
}

func (s *secretService) lock() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.locked = true
}

func (s *secretService) prompted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.prompts
}

func (s *secretService) OpenSession(string, dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
	return dbus.MakeVariant(""), "/session", nil
}

func (s *secretService) Close() *dbus.Error { return nil }

func (s *secretService) Unlock(paths []dbus.ObjectPath) ([]dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locked {
		s.prompts++
		return nil, "/prompt", nil
	}
	return paths, noPrompt, nil
}

func (s *secretService) SearchItems(want map[string]string) ([]dbus.ObjectPath, *dbus.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []dbus.ObjectPath{}
	for path, item := range s.items {
		if item.attributes["username"] == want["username"] && item.attributes["service"] == want["service"] {
			found = append(found, path)
		}
	}
	return found, nil
}

func (s *secretService) CreateItem(properties map[string]dbus.Variant, secret wireSecret, _ bool) (dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	attributes, _ := properties["org.freedesktop.Secret.Item.Attributes"].Value().(map[string]string)
	path := loginCollection + "/1"
	s.items[path] = secretItem{attributes, secret.Value}
	return path, noPrompt, nil
}

func (s *secretService) GetSecret(session dbus.ObjectPath) (wireSecret, *dbus.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	item := s.items[loginCollection+"/1"]
	return wireSecret{session, []byte{}, item.value, "text/plain"}, nil
}

// properties are the two that are read.
type properties struct{ *secretService }

func (p properties) Get(_, name string) (dbus.Variant, *dbus.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if name == "Locked" {
		return dbus.MakeVariant(p.locked), nil
	}
	return dbus.MakeVariant([]dbus.ObjectPath{loginCollection}), nil
}

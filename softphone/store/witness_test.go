package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// keep copies a folder aside, and returns what puts it back.
func keep(t *testing.T, dir string) (restore func()) {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copy")
	must(t, os.CopyFS(copied, os.DirFS(dir)))
	return func() {
		t.Helper()
		must(t, os.RemoveAll(dir))
		must(t, os.CopyFS(dir, os.DirFS(copied)))
		must(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return errors.Join(err, os.Chmod(path, 0o700))
			}
			return os.Chmod(path, 0o600)
		}))
	}
}

func addContact(t *testing.T, name string) func(*Store) {
	return func(s *Store) { t.Helper(); must(t, s.SetContact(Contact{Name: name})) }
}

func TestWitness(t *testing.T) {
	tests := []struct {
		name string
		harm func(t *testing.T, b *bench)
		says string // empty: what cannot be noticed
	}{
		{"nothing happened", func(*testing.T, *bench) {}, ""},
		{"rolled back", func(t *testing.T, b *bench) {
			back := keep(t, b.home)
			b.use(addContact(t, "bob"))
			b.use(addContact(t, "carol"))
			back()
		}, "older than the one last used here (by 2 changes)"},
		{"rolled back by one", func(t *testing.T, b *bench) {
			back := keep(t, b.home)
			b.use(addContact(t, "bob"))
			back()
		}, "(by one change)"},
		{"lost", func(t *testing.T, b *bench) { must(t, os.RemoveAll(b.home)) }, "is gone"},
		{"copied to another home", func(t *testing.T, b *bench) {
			other := b.home + "2"
			must(t, os.CopyFS(other, os.DirFS(b.home)))
			b.home = other
		}, "moved or copied here"},
		{
			"copied to another machine", func(t *testing.T, b *bench) { b.sys.machine = "another machine" },
			"copied from another machine",
		},
		{"machine without an id", func(t *testing.T, b *bench) { b.sys.machine = "" }, ""},
		{"a copy changed elsewhere comes back", func(t *testing.T, b *bench) {
			here, state := b.home, b.opts.StateDir
			away := b.home + "2"
			must(t, os.CopyFS(away, os.DirFS(here)))
			b.home, b.opts.StateDir = away, filepath.Join(t.TempDir(), "state")
			b.use(addContact(t, "dave"))
			b.use(addContact(t, "erin"))
			must(t, os.RemoveAll(here))
			must(t, os.Rename(away, here))
			b.home, b.opts.StateDir = here, state
		}, "changed elsewhere"},
		{"another store put in its place", func(t *testing.T, b *bench) {
			other := newBench(t)
			other.use(addContact(t, "mallory"))
			must(t, os.RemoveAll(b.home))
			must(t, os.Rename(other.home, b.home))
		}, "in its place"},
		{"witness altered", func(t *testing.T, b *bench) {
			editWitness(t, b, func(s string) string { return strings.Replace(s, `"generation":2`, `"generation":9`, 1) })
		}, "was altered"},
		{
			"witness spoilt", func(t *testing.T, b *bench) { editWitness(t, b, func(string) string { return "?" }) },
			"was altered",
		},
		{
			"witness gone", func(t *testing.T, b *bench) { must(t, os.RemoveAll(b.opts.StateDir)) },
			"not used in this place before",
		},
		{"no place for a witness", func(t *testing.T, b *bench) {
			must(t, os.RemoveAll(b.opts.StateDir))
			must(t, os.WriteFile(b.opts.StateDir, nil, 0o600))
		}, "would not notice"},
		{"home and witness rolled back", func(t *testing.T, b *bench) {
			home, state := keep(t, b.home), keep(t, b.opts.StateDir)
			b.use(addContact(t, "bob"))
			home()
			state()
		}, ""},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.use(addContact(t, "alice"))
			c.harm(t, b)
			var said []string
			b.use(func(s *Store) {
				addContact(t, "zoe")(s)
				for _, sentence := range s.Notices() {
					if !strings.Contains(sentence, "key lies in a file") {
						said = append(said, sentence)
					}
				}
			})
			if c.says == "" && len(said) != 0 || !strings.Contains(strings.Join(said, " "), c.says) {
				t.Errorf("it says %q, want %q", said, c.says)
			}
			if c.name == "no place for a witness" {
				return
			}
			b.use(func(s *Store) {
				if n := s.Notices(); len(n) != 0 {
					t.Errorf("the next start says it again: %q", n)
				}
			})
		})
	}
}

func editWitness(t *testing.T, b *bench, edit func(string) string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(b.opts.StateDir, "*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("the witnesses are %q, %v", names, err)
	}
	was, err := os.ReadFile(names[0])
	must(t, err)
	is := edit(string(was))
	if is == string(was) {
		t.Fatalf("nothing was edited in %s", was)
	}
	must(t, os.WriteFile(names[0], []byte(is), 0o600))
}

// TestTheOtherCopyIsNoticedToo: after a rollback was accepted, the state it was
// rolled back from is not taken for the good one when it returns.
func TestTheOtherCopyIsNoticedToo(t *testing.T) {
	b := newBench(t)
	b.use(addContact(t, "alice"))
	old := keep(t, b.home)
	b.use(addContact(t, "bob"))
	newer := keep(t, b.home)
	old()
	wantStart(t, b, "older")
	newer()
	wantStart(t, b, "older")
}

func wantStart(t *testing.T, b *bench, says string) {
	t.Helper()
	b.use(func(s *Store) { wantNotice(t, s, says) })
}

// TestWitnessTellsNothing: it lies outside of the sealed home.
func TestWitnessTellsNothing(t *testing.T) {
	b := newBench(t)
	b.use(addContact(t, "alice"))
	editWitness(t, b, func(s string) string {
		for _, word := range []string{"alice", "machine\"" + ":\"this", b.home} {
			if strings.Contains(s, word) {
				t.Errorf("the witness says %q: %s", word, s)
			}
		}
		return s + " "
	})
}

package zrtp

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"karat/zrtp/wire"
)

// Each mode has a file that ends well with each combination of algorithms that it can
// have. Auth tags and SAS types change nothing in the exchange but their own name:
// each is there with each key agreement, hash and cipher, not each with each other.
func TestVectorsCoverEverything(t *testing.T) {
	there := suitesOfFiles(t)
	all := usableAlgorithms()
	n := 0
	want := func(names ...string) {
		n++
		if !there[strings.Join(names, " ")] {
			t.Errorf("no file with %v", names)
		}
	}
	for _, ka := range append(all.KeyAgreements, "Prsh", "Mult") {
		for _, hash := range all.Hashes {
			for _, cipher := range all.Ciphers {
				if !goesWith(ka, hash, cipher) {
					continue
				}
				for _, tag := range all.AuthTags {
					want(ka, hash, cipher, tag)
				}
				for _, sas := range all.SASTypes {
					if ka != "Mult" { // which has none
						want(ka, hash, cipher, sas)
					}
				}
			}
		}
	}
	if n < 160 {
		t.Errorf("only %d combinations were looked for", n)
	}
}

// goesWith tells which hash and cipher a key agreement may have.
//
// RFC 6189, Section 5.1.5: EC38 has SHA-384. What is post-quantum has both of the
// longer kind, and so have the DHKEMs.
func goesWith(ka, hash, cipher string) bool {
	switch {
	case ka == "EC38":
		return hash == "S384"
	case wire.Named(ka).KEM():
		return hash == "S384" && cipher == "AES3"
	}
	return true
}

// suitesOfFiles are the combinations of files that end well.
func suitesOfFiles(t *testing.T) map[string]bool {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(vectorsDir, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, path := range paths {
		v := readVector(t, path)
		suite := strings.Fields(v.get("suite"))
		if v.get("expect") != "secure" || strings.HasPrefix(filepath.Base(path), "fault-") || len(suite) != 5 {
			continue
		}
		for _, last := range suite[3:] {
			there[strings.Join(append(slices.Clone(suite[:3]), last), " ")] = true
		}
	}
	return there
}

// Every fault is of a kind that the README tells of, and says what it leads to.
func TestVectorsOfFaults(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(vectorsDir, "fault-*.txt"))
	if err != nil || len(paths) < 70 {
		t.Fatalf("%d faults: %v", len(paths), err)
	}
	for _, path := range paths {
		v := readVector(t, path)
		if v.get("victim") == "" || v.get("about") == "" {
			t.Errorf("%s does not say whose error it is, or what it is", path)
		}
		switch expect := v.get("expect"); expect {
		case "Error":
			if v.get("error") == "" {
				t.Errorf("%s has no code", path)
			}
		case "secure":
		default:
			t.Errorf("%s expects %q", path, expect)
		}
	}
}

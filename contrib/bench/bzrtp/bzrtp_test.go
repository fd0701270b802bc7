package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"karat/zrtp"
)

// newPeer starts libbzrtp's process, or skips the test.
func newPeer(t *testing.T) *peer {
	t.Helper()
	if !installed() {
		t.Skip(errNoLibrary)
	}
	p, err := startPeer(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// The SRTP keys, the salts and the SAS of every combination of algorithms, in
// both roles, are those of libbzrtp.
func TestKnownAnswers(t *testing.T) {
	var out bytes.Buffer
	if err := compareKeys(newPeer(t), &out); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	if got := strings.Count(out.String(), ": equal\n"); got != 96 {
		t.Errorf("%d comparisons, want 96", got)
	}
}

// The comparison sees a difference of one octet.
func TestCompareSeesDifferences(t *testing.T) {
	p := newPeer(t)
	ours, theirs, err := agree(p, suites()[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := ours.compare(theirs); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(o *outcome){
		"keys":  func(o *outcome) { o.selfKey = "00" + o.selfKey[2:] },
		"salts": func(o *outcome) { o.peerSalt = "00" + o.peerSalt[2:] },
		"SAS":   func(o *outcome) { o.sas = strings.ToUpper(o.sas) + "?" },
	} {
		other := theirs
		change(&other)
		if err := ours.compare(other); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("different %s: %v", name, err)
		}
	}
	if err := ours.suited(suites()[1]); err == nil {
		t.Error("other algorithms than asked for went unnoticed")
	}
}

// A run of the figures: both engines do agree, and take some time.
func TestSpeed(t *testing.T) {
	p := newPeer(t)
	ours, theirs, err := takeTurns(p, options{rounds: 1, each: time.Millisecond}, measured[0])
	if err != nil || ours <= 0 || theirs <= 0 {
		t.Errorf("Karat %v, libbzrtp %v: %v", ours, theirs, err)
	}
	if err := handshake(zrtp.Algorithms{KeyAgreements: []string{"XXXX"}}); err == nil {
		t.Error("an algorithm that does not exist was timed")
	}
}

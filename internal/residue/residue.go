// Package residue finds what is left of secrets in the memory of a process. It is
// for tests only.
//
// A test starts itself a second time, as a process that makes the same call from the
// same random numbers, wipes what its owner has to wipe, and calls Ready. The first
// process computes what the secrets were, and looks for them in the memory of the
// second, in which nothing knows what is looked for.
package residue

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"karat/internal/secret"
)

// Subject runs a test of the calling binary in a process of its own, with the
// variable set to value, and returns its process id once it has called Ready. It
// ends with the calling test.
func Subject(tb testing.TB, test, variable, value string) (pid int) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), os.Args[0], "-test.run=^"+test+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), variable+"="+value)
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		in.Close()
		_ = cmd.Wait() // it was told to end, however it does
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == readyLine {
			return cmd.Process.Pid
		}
		tb.Log(lines.Text())
	}
	tb.Fatal("the process that is looked into ended early")
	return 0
}

const readyLine = "ready to be looked into"

// Ready is called by the process that is looked into when its work is done. It
// returns when nobody looks any more.
func Ready() {
	kept := planted()
	for range 3 { // what nobody refers to any more is reused, or erased
		runtime.GC()
	}
	fmt.Println(readyLine)
	_, _ = io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(kept)
}

// planted is left on purpose, so that the search has something to find.
func planted() []byte {
	sum := sha256.Sum256([]byte("left on purpose"))
	return sum[:]
}

// Check looks for secrets in the memory of a subject. What is found must be in
// remains, which says why it may be there.
func Check(tb testing.TB, pid int, secrets map[string]secret.Bytes, remains map[string]string) {
	tb.Helper()
	const mark = "what was left on purpose"
	secrets = maps.Clone(secrets)
	secrets[mark] = secret.Own(planted())
	found := search(tb, pid, secrets)
	if found[mark] == 0 {
		tb.Error("what was left on purpose was not found: nor would anything else be")
	}
	delete(found, mark)
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if why, ok := remains[name]; ok {
			tb.Logf("%d pieces of %s are left: %s", found[name], name, why)
		} else {
			tb.Errorf("%d pieces of %s are left in memory", found[name], name)
		}
	}
}

// WithPads adds to secrets what HMAC makes of a key: the two blocks that it hashes
// in the key's place.
func WithPads(secrets map[string]secret.Bytes, name string) {
	for pad, by := range map[string]byte{"inner": 0x36, "outer": 0x5c} { // RFC 2104, Section 2
		block := bytes.Clone(secrets[name].Expose())
		for i := range block {
			block[i] ^= by
		}
		secrets[name+", "+pad+" pad"] = secret.Own(block)
	}
}

// Pieces are octets of pieceLen, or a last one of minLen at least: half a hash
// block, or a key in two places, is a find too.
const (
	pieceLen = 16
	minLen   = 14 // a salt of SRTP
)

// search counts the pieces of each secret in a process's memory.
func search(tb testing.TB, pid int, secrets map[string]secret.Bytes) map[string]int {
	tb.Helper()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		tb.Skipf("no look into a process here: %v", err)
	}
	defer mem.Close()
	found := map[string]int{}
	scanned := uint64(0)
	for _, r := range regions(tb, pid) {
		content := make([]byte, r.to-r.from)
		n, err := mem.ReadAt(content, int64(r.from))
		if err != nil {
			continue // reserved, and never used
		}
		scanned += uint64(n)
		for name, s := range secrets {
			for piece := range slices.Chunk(s.Expose(), pieceLen) {
				if len(piece) < minLen {
					continue
				}
				if times := bytes.Count(content[:n], piece); times > 0 {
					found[name] += times
				}
			}
		}
	}
	if scanned < 1<<20 {
		tb.Fatalf("only %d octets of memory could be read", scanned)
	}
	return found
}

// region is a writable part of a process's memory.
type region struct{ from, to uint64 }

// regions reads /proc/PID/maps.
func regions(tb testing.TB, pid int) (list []region) {
	tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		tb.Skipf("no look into a process here: %v", err)
	}
	for line := range strings.Lines(string(text)) {
		var r region
		var access string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &r.from, &r.to, &access); err != nil {
			tb.Fatal(err)
		}
		if strings.HasPrefix(access, "rw") {
			list = append(list, r)
		}
	}
	return list
}

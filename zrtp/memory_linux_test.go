package zrtp

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"karat/internal/secret"
)

// What is left of a call's secrets in the memory of a process is found by
// another process, which made the same call from the same random numbers: so
// nothing in the first one has to know what is looked for.

// subjectVariable makes the test binary the process that is looked into.
const subjectVariable = "ZRTP_MEMORY_SUBJECT"

// memoryConfigs are the two ends of the call.
func memoryConfigs(ka string) (a, b Config) {
	a, b = configs()
	a.Algorithms = Algorithms{
		KeyAgreements: []string{ka}, Hashes: []string{"S384"}, Ciphers: []string{"AES3"},
		AuthTags: []string{"HS80"}, SASTypes: []string{"B256"},
	}
	b.Algorithms = a.Algorithms
	return a, b
}

// TestMemorySubject is not a test: it is the process that TestMemory looks into.
func TestMemorySubject(t *testing.T) {
	ka := os.Getenv(subjectVariable)
	if ka == "" {
		return
	}
	wholeCall(t, ka)
	kept := planted()
	for range 3 { // what nobody refers to any more is reused, or erased
		runtime.GC()
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(kept)
}

// wholeCall makes a call, and wipes at its end what the owner has to wipe.
//
//go:noinline
func wholeCall(t *testing.T, ka string) {
	cryptotest.SetGlobalRandom(t, 1) // for Go's own ML-KEM, which asks no one else
	a, b := memoryConfigs(ka)
	l := newLink(t, a, b)
	l.start()
	l.run(time.Second)
	for _, e := range []*end{l.a, l.b} {
		agreed, ok := find[KeysAgreed](e)
		if !ok {
			t.Fatal("no keys")
		}
		agreed.Keys.Wipe()
		done, _ := find[Secure](e)
		done.Remember.RS1.Wipe()
		done.Remember.RS2.Wipe()
		e.Close()
	}
}

// sought are the secrets of the call by name.
func sought(t *testing.T, ka string) map[string]secret.Bytes {
	t.Helper()
	cryptotest.SetGlobalRandom(t, 1)
	a, b := memoryConfigs(ka)
	l := newLink(t, a, b)
	l.start()
	l.until(l.a, stateCommit)
	l.until(l.b, stateCommit)
	results := map[string]secret.Bytes{}
	for _, e := range []*end{l.a, l.b} {
		e.x.ka = copier{e.x.ka, results}
	}
	l.run(time.Second)
	l.wantSecure()
	initiator := l.a
	if l.b.x.role == Initiator {
		initiator = l.b
	}
	x := initiator.x
	responderHello := initiator.peer.raw
	if x.suite.bindsInitiator() {
		responderHello = slices.Concat(responderHello, initiator.hello)
	}
	k := agreement{
		suite: x.suite, dhResult: results["DHResult"],
		initiator: initiator.cfg.ZID, responder: ZID(initiator.peer.hello.ZID),
		totalHash: totalHash(x.suite, responderHello, x.commit, x.dhPart1, x.dhPart2),
	}.kdf()
	found := map[string]secret.Bytes{"DHResult": results["DHResult"], "s0": k.s0.Clone()}
	schedule := k.schedule(false)
	for role, side := range map[string]sideKeys{"initiator": schedule.initiator, "responder": schedule.responder} {
		found[role+"'s SRTP key"], found[role+"'s SRTP salt"] = side.srtp.Key, side.srtp.Salt
		found[role+"'s mackey"], found[role+"'s zrtpkey"] = side.mac, side.zrtp
	}
	found["retained secret"] = schedule.retained
	agreed, _ := find[KeysAgreed](initiator)
	if !agreed.Keys.Send.Key.Equal(found["initiator's SRTP key"]) {
		t.Fatal("what is sought is not what the call had")
	}
	return found
}

// copier is half of a key agreement that keeps a copy of its DHResult.
type copier struct {
	keyAgreement
	into map[string]secret.Bytes
}

func (c copier) agree(peer []byte) (secret.Bytes, error) {
	result, err := c.keyAgreement.agree(peer)
	c.into["DHResult"] = result.Clone()
	return result, err
}

// region is a writable part of a process's memory.
type region struct {
	from, to uint64
	name     string
}

// regions reads /proc/PID/maps.
func regions(t *testing.T, pid int) (list []region) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Skipf("no look into a process here: %v", err)
	}
	for line := range strings.Lines(string(text)) {
		var r region
		var access string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &r.from, &r.to, &access); err != nil {
			t.Fatal(err)
		}
		if fields := strings.Fields(line); len(fields) > 5 {
			r.name = fields[5]
		}
		if strings.HasPrefix(access, "rw") {
			list = append(list, r)
		}
	}
	return list
}

// pieceLen is how much of a secret counts as found: half a hash block, or a key
// in two places, is a find too.
const pieceLen = 16

// occurrences counts the pieces of each secret in a process's memory.
func occurrences(t *testing.T, pid int, secrets map[string]secret.Bytes) map[string]int {
	t.Helper()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Skipf("no look into a process here: %v", err)
	}
	defer mem.Close()
	found := map[string]int{}
	scanned := uint64(0)
	for _, r := range regions(t, pid) {
		content := make([]byte, r.to-r.from)
		n, err := mem.ReadAt(content, int64(r.from))
		if err != nil {
			continue // reserved, and never used
		}
		scanned += uint64(n)
		for name, s := range secrets {
			for piece := range slices.Chunk(s.Expose(), pieceLen) {
				if at := bytes.Count(content[:n], piece); at > 0 && len(piece) >= saltLen {
					found[name] += at
				}
			}
		}
	}
	if scanned < 1<<20 {
		t.Fatalf("only %d octets of memory could be read", scanned)
	}
	return found
}

// startSubject starts the process and waits until its call is over.
func startSubject(t *testing.T, ka string) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMemorySubject$", "-test.count=1")
	cmd.Env = append(os.Environ(), subjectVariable+"="+ka)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == "ready" {
			return cmd.Process.Pid
		}
	}
	t.Fatal("the process that is looked into ended early")
	return 0
}

// remains is what the default build may leave in memory, and why. With
// GOEXPERIMENT=runtimesecret nothing may be left.
func remains() map[string]string {
	if shields {
		return nil
	}
	const schedule = "crypto/aes keeps the key in its cipher, which cannot be wiped; it encrypts the Confirms and nothing else"
	return map[string]string{
		"initiator's zrtpkey": schedule,
		"responder's zrtpkey": schedule,
		"DHResult":            "a curve's arithmetic, or a hash, leaves half of it on the stack until that is used again",
		"retained secret":     "HMAC leaves it on the stack until that is used again",
	}
}

// Section 4.4.1.4 and what follows: after a call nothing of its secrets is in
// memory but what is listed in remains: neither s0 nor an SRTP key in any build.
func TestMemory(t *testing.T) {
	for _, ka := range []string{"X255", "X448", "EC25", "EC38", "DH3k", "X2M2"} {
		t.Run(ka, func(t *testing.T) {
			secrets := sought(t, ka)
			secrets["planted"] = planted()
			found := occurrences(t, startSubject(t, ka), secrets)
			if found["planted"] == 0 {
				t.Error("what was left on purpose was not found: nor would anything else be")
			}
			delete(found, "planted")
			for _, name := range slices.Sorted(maps.Keys(found)) {
				if why, ok := remains()[name]; ok {
					t.Logf("%d pieces of %s are left: %s", found[name], name, why)
				} else {
					t.Errorf("%d pieces of %s are left in memory", found[name], name)
				}
			}
		})
	}
}

// planted is a secret that the process keeps, so that the search has something
// to find.
func planted() secret.Bytes {
	s, err := randomSecret(testRand('p'), 32)
	if err != nil {
		panic(err)
	}
	return s
}

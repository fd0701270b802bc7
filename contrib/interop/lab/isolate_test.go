package lab

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// inside marks the process that TestIsolation runs in namespaces of its own.
const inside = "LAB_TEST_INSIDE"

func TestIsolation(t *testing.T) {
	if os.Getenv(inside) != "" {
		inIsolation(t)
		return
	}
	if !CanIsolate(t.Context()) {
		t.Skip("no namespaces here")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestIsolation$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=yes")
	Isolate(cmd)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "--- PASS: TestIsolation") {
		t.Errorf("it did not run:\n%s", out)
	}
}

func inIsolation(t *testing.T) {
	if err := Furnish(); err != nil {
		t.Fatal(err)
	}
	if os.Getpid() != 1 {
		t.Errorf("the process has id %d among others", os.Getpid())
	}
	// One interface, which is up, and a way out that leads nowhere.
	routes, err := os.ReadFile("/proc/net/route")
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Fields(strings.Split(string(routes), "\n")[1]); lines[0] != "lo" || lines[1] != "00000000" {
		t.Errorf("routes:\n%s", routes)
	}
}

package house

import (
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// made is a module that breaks one rule per test below.
func made(packages ...*listedPackage) map[string]*listedPackage {
	m := make(map[string]*listedPackage)
	for _, p := range packages {
		m[p.ImportPath] = p
	}
	return m
}

func mine(room string, imports ...string) *listedPackage {
	return &listedPackage{
		ImportPath: module + "/" + room,
		Imports:    imports,
		Deps:       imports,
		Module:     &struct{ Path string }{module},
	}
}

func withDeps(p *listedPackage, deps ...string) *listedPackage {
	p.Deps = append(slices.Clone(p.Deps), deps...)
	return p
}

func withTests(p *listedPackage, imports ...string) *listedPackage {
	p.XTestImports = imports
	return p
}

func others(path string, deps ...string) *listedPackage {
	return &listedPackage{ImportPath: path, Imports: deps, Deps: deps}
}

// TestTableBites: the checker says nothing of a sound house, and names each
// fault of an unsound one.
func TestTableBites(t *testing.T) {
	for _, tc := range []struct {
		name   string
		module map[string]*listedPackage
		want   []string // the beginning of each fault
	}{
		{
			"a sound house",
			made(
				mine("internal/secret"),
				mine("zrtp/wire", "encoding/binary"),
				mine("zrtp", "karat/zrtp/wire", "karat/internal/secret"),
				mine("sip/offer", "net/netip"),
				mine("sip", "net", "karat/sip/offer"),
				mine("softphone", "karat/sip", "karat/zrtp"),
			),
			nil,
		},
		{
			"an import across a wall",
			made(mine("sip", "karat/zrtp"), mine("zrtp")),
			[]string{"sip imports zrtp", "sip reaches zrtp"},
		},
		{
			"a wall got round by way of a room that all may use",
			made(
				withDeps(mine("media", "karat/internal/secret"), "karat/sip"),
				mine("internal/secret", "karat/sip"),
				mine("sip"),
			),
			[]string{"internal/secret imports sip", "internal/secret reaches sip", "media reaches sip"},
		},
		{
			"a wall climbed by a test",
			made(withTests(mine("zrtp"), "karat/media"), mine("media")),
			[]string{"the tests of zrtp import media", "zrtp reaches media"},
		},
		{
			"a wall got round by a test's import",
			made(
				withTests(mine("zrtp"), "example.org/bridge"),
				others("example.org/bridge", "karat/media"),
				mine("media"),
			),
			[]string{"zrtp reaches media"},
		},
		{
			"the phone leans on contrib",
			made(mine("softphone", "karat/contrib/interop"), mine("contrib/interop")),
			[]string{"softphone imports contrib/interop", "softphone reaches contrib/interop"},
		},
		{
			"the phone uses the registrar of the tests",
			made(mine("softphone", "karat/sip/registrar"), mine("sip/registrar")),
			[]string{"softphone imports sip/registrar"},
		},
		{
			"and so do its tests, which is fine",
			made(withTests(mine("softphone"), "karat/sip/registrar", "karat/internal/simnet"), mine("sip/registrar"), mine("internal/simnet")),
			nil,
		},
		{
			"the command does more than parse flags",
			made(mine("cmd/karat", "karat/sip"), mine("sip")),
			[]string{"cmd/karat imports sip"},
		},
		{
			"the command needs a display",
			made(
				withDeps(mine("cmd/karat", "karat/softphone/cli"), "fyne.io/fyne/v2"),
				mine("softphone/cli"), others("fyne.io/fyne/v2"),
			),
			[]string{"cmd/karat reaches fyne.io/fyne/v2"},
		},
		{
			"the tester borrows the engine's key schedule",
			made(mine("contrib/zrtpspec/keys", "karat/zrtp"), mine("zrtp")),
			[]string{"contrib/zrtpspec/keys imports zrtp", "contrib/zrtpspec/keys reaches zrtp"},
		},
		{
			"a package without a place",
			made(mine("lib")),
			[]string{"lib: no row"},
		},
		{
			"a name that says nothing",
			made(mine("sip/util")),
			[]string{"sip/util: the name"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := slices.Concat(checkTable(table, tc.module), checkWalls(walls, tc.module))
			wantFaults(t, got, tc.want)
		})
	}
}

func TestPureBites(t *testing.T) {
	for _, tc := range []struct {
		name string
		pkg  *listedPackage
		want []string
	}{
		{"values only", mine("sip/offer", "net/netip", "time", "github.com/pion/sdp/v3"), nil},
		{"a server", mine("sip/dialog", "net/http"), []string{"sip/dialog is pure and imports net/http"}},
		{"a file", mine("zrtp", "os"), []string{"zrtp is pure and imports os"}},
		{"a process", mine("media/jitter", "os/exec"), []string{"media/jitter is pure and imports os/exec"}},
		{"an impure room", mine("zrtp", "karat/sip"), []string{"zrtp is pure and imports sip, which is not"}},
		{"types of the phone", mine("softphone/view", "karat/softphone"), nil},
		{"a secret", mine("zrtp", "karat/internal/secret"), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, ok := find(table, relative(tc.pkg.ImportPath))
			if !ok || !r.pure {
				t.Fatalf("%s is not a pure room", tc.pkg.ImportPath)
			}
			module := made(tc.pkg, mine("sip"), mine("softphone"), mine("internal/secret"))
			wantFaults(t, checkPure(r, tc.pkg, module), tc.want)
		})
	}
}

func TestSourceBites(t *testing.T) {
	for _, tc := range []struct {
		name, src string
		want      []string
	}{
		{"plain values of time", `package x; import "time"; var d = 3 * time.Second; var t time.Time`, nil},
		{"another package's Now", `package x; import "karat/clock"; var t = clock.Now()`, nil},
		{"time.Now", `package x; import "time"; var t = time.Now()`, []string{"x.go:1:35: a pure room uses time.Now"}},
		{"under another name", `package x; import clock "time"; func f() { clock.Sleep(1) }`, []string{"x.go:1:44: a pure room uses time.Sleep"}},
		{"as a value", `package x; import "time"; var now = time.Now`, []string{"x.go:1:37: a pure room uses time.Now"}},
		{"with a dot", `package x; import . "time"; var t = Now()`, []string{"x.go:1:9: a pure room imports time or net as a dot"}},
		{"a host and its port", `package x; import "net"; var h, p, _ = net.SplitHostPort(s)`, nil},
		{"a socket", `package x; import "net"; var c, _ = net.Dial("udp", s)`, []string{"x.go:1:37: a pure room uses net.Dial"}},
		{"a goroutine", `package x; func f() { go f() }`, []string{"x.go:1:23: a pure room starts a goroutine"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, "x.go", tc.src, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			wantFaults(t, checkSource(fset, f), tc.want)
		})
	}
}

// wantFaults compares faults with the beginnings of those wanted, in any order.
func wantFaults(t *testing.T, got, want []string) {
	t.Helper()
	for _, w := range want {
		if !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, w) }) {
			t.Errorf("no fault %q in %q", w, got)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d faults, want %d: %q", len(got), len(want), got)
	}
}

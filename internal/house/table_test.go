package house

// A row says what the packages of one room may import of ours. Patterns are
// relative to the module; "x/..." means x and all below it, "!x" takes x out
// again.
type row struct {
	room string
	// imports may appear in the room's code, tests only in its tests.
	imports, tests []string
	// pure: bytes and `now` in, packets and the next deadline out. No socket, no
	// file, no clock, no goroutine of its own.
	pure bool
	// types are packages that a pure room may import for their types although
	// they are not pure.
	types []string
}

// table is the import table of ARCHITECTURE.md. The first row whose room matches
// a package decides; a package that no row matches has no place yet, which is an
// error.
var table = []row{
	{room: "internal/secret"},
	{room: "internal/simnet"},
	{room: "internal/socks/...", imports: []string{"internal/socks", "internal/secret"}, tests: []string{"internal/socks/sockstest"}},
	{room: "internal/house"},
	{room: "internal/residue", imports: []string{"internal/secret"}},
	{room: "testdata/..."},

	{room: "zrtp/...", imports: []string{"zrtp/...", "internal/secret"}, pure: true},

	{room: "sip/dialog", pure: true},
	{room: "sip/offer", pure: true},
	{room: "sip/registrar", imports: []string{"sip/dialog", "internal/secret"}, tests: []string{"sip"}},
	{
		room:    "sip/...",
		imports: []string{"sip/...", "!sip/registrar", "internal/secret"},
		tests:   []string{"sip/..."},
	},

	{room: "media/jitter", pure: true},
	{room: "media/profile", pure: true},
	{room: "media/stretch", pure: true},
	{room: "media/resample", pure: true},
	{room: "media/sounds", imports: []string{"media/device"}, pure: true, types: []string{"media/device"}}, // frames
	{room: "media/...", imports: []string{"media/...", "internal/secret"}},

	{room: "softphone/assay", pure: true},
	{room: "softphone/netwatch"},
	{room: "softphone/control", pure: true},
	{room: "softphone/request", imports: []string{"internal/secret"}, tests: []string{"zrtp/..."}, pure: true},
	{room: "softphone/store", imports: []string{"internal/secret"}},
	{
		room:    "softphone/view",
		imports: []string{"softphone", "softphone/assay"},
		pure:    true,
		types:   []string{"softphone"}, // the events it is fed with
	},
	{
		room: "softphone",
		imports: []string{
			"softphone/assay", "softphone/control", "softphone/netwatch", "softphone/request", "softphone/store",
			"sip/...", "!sip/registrar", "zrtp/...", "media/...", "internal/secret", "internal/socks",
		},
		tests: []string{"sip/registrar", "internal/socks/sockstest"},
	},
	{
		// The demo starts a registrar, and taps the media path.
		room:    "softphone/demo",
		imports: []string{"softphone/...", "sip/registrar", "zrtp/wire", "media/...", "internal/secret", "testdata/..."},
	},
	{
		// sip and media/device check the addresses and the devices' names that
		// were typed: who knows their form says what is wrong with them.
		room:    "softphone/...",
		imports: []string{"softphone/...", "sip", "media/device", "internal/secret"},
		tests:   []string{"sip/registrar", "media/...", "zrtp/wire"},
	},

	{
		room:    "cmd/karat",
		imports: []string{"softphone/cli", "contrib/prove", "contrib/forge"},
		tests:   []string{"softphone/...", "sip/registrar"},
	},
	{room: "cmd/karat-desktop", imports: []string{"softphone/desktop"}},

	// The tester shares the messages with the engine and nothing of its key
	// schedule: else both would share a bug and agree.
	// Its tests are what runs it against the engine.
	{
		room:    "contrib/zrtpspec",
		imports: []string{"contrib/zrtpspec/...", "!contrib/zrtpspec/karat", "zrtp/wire", "sip/...", "internal/..."},
		tests:   []string{"zrtp", "contrib/zrtpspec/karat"},
	},
	{room: "contrib/zrtpspec/karat", imports: []string{"contrib/zrtpspec/middle", "zrtp", "internal/secret"}},
	{room: "contrib/zrtpspec/...", imports: []string{"contrib/zrtpspec/...", "zrtp/wire", "sip/...", "internal/..."}},
	{room: "contrib/voicebench/quality", tests: []string{"media/..."}, pure: true},
	{room: "contrib/voicebench/leak", pure: true},
	{room: "contrib/voicebench/echo", imports: []string{"contrib/voicebench/quality"}, tests: []string{"media/..."}, pure: true},
	{room: "contrib/...", imports: []string{"..."}},
}

// forTests are rooms that all tests may use.
var forTests = []string{"internal/simnet", "internal/residue", "testdata/..."}

// displays are libraries that need one.
var displays = []string{"fyne.io/...", "github.com/go-gl/...", "gioui.org/..."}

// A wall stands between the packages of from and those of to, however long the
// way round; tests may climb it no more than code.
type wall struct {
	from, to []string
	why      string
}

var walls = []wall{
	{[]string{"sip/..."}, []string{"zrtp/...", "media/...", "softphone/..."}, "only the phone hands values between sip, zrtp and media"},
	{[]string{"zrtp/..."}, []string{"sip/...", "media/...", "softphone/..."}, "only the phone hands values between sip, zrtp and media"},
	{[]string{"media/..."}, []string{"sip/...", "zrtp/...", "softphone/..."}, "only the phone hands values between sip, zrtp and media"},
	{[]string{"internal/secret", "internal/simnet", "internal/residue"}, []string{"sip/...", "zrtp/...", "media/...", "softphone/..."}, "all rooms stand on it"},
	{[]string{"softphone/assay", "softphone/control", "softphone/store"}, []string{"sip/...", "zrtp/...", "media/..."}, "it knows facts, not where they come from"},
	{[]string{"contrib/zrtpspec/...", "!contrib/zrtpspec", "!contrib/zrtpspec/karat"}, []string{"zrtp", "softphone/..."}, "the tester has a key schedule of its own"},
	{[]string{"...", "!contrib/...", "!cmd/karat"}, []string{"contrib/..."}, "contrib is not part of the phone"},
	{[]string{"...", "!cmd/karat-desktop", "!softphone/desktop", "!contrib/..."}, displays, "karat runs where there is no display"},
}

// impureImports are what a pure room may not import: sockets, files, processes.
// net/netip and net/url are plain values; for net see pureNet.
var impureImports = []string{
	"net/http/...", "net/rpc/...", "net/smtp", "net/textproto",
	"os/...", "syscall/...", "golang.org/x/sys/...", "golang.org/x/net/...",
	"log", "io/ioutil", "testing/...",
}

// impureTime are the functions of package time that look at a clock, or wait.
var impureTime = []string{
	"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick",
}

// pureNet are the functions of package net that only take strings apart: a pure
// room may use these and nothing else of it.
var pureNet = []string{"SplitHostPort", "JoinHostPort"}

// emptyNames say nothing about what a package does.
var emptyNames = []string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "base"}

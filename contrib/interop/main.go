// Interop makes calls between Karat and real telephones through a real SIP
// proxy, and judges them from outside: by what the other phones say, by what
// was heard at both ends, and by every packet that was sent.
//
//	go run ./contrib/interop [-full] [-matrix] [-run REGEXP] [-list] [-keep] [-parallel N]
//
// It installs what is missing (Debian's linphone-cli, baresip-core, kamailio),
// builds Karat, and runs each cell of the table in cells.go in a scratch
// directory of its own, on ports of its own and, where the system allows, in a
// network namespace of its own. It exits 0 when every cell passed, 1 when one
// failed, 2 when it could not begin. README.md says what each cell proves, and
// what it does not.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"syscall"
	"time"

	"karat/contrib/interop/lab"
)

const (
	exitPassed = 0
	exitFailed = 1
	exitSetup  = 2
)

// options are the command line's.
type options struct {
	run  *regexp.Regexp
	list bool
	// providers: write the table of what providers demand, and end.
	providers bool
	// matrix: write what came of the cells.
	matrix   bool
	full     bool // the cells that take long, too
	keep     bool
	install  bool
	parallel int
	root     string // of the repository
	scratch  string

	// inside is the cell to run here, in the process made for it.
	inside string
	karat  string
	first  int
	shared bool
}

// maxParallel bounds the cells that run at once to the processors, and to this:
// what is judged are recordings of speech, and a phone that has to wait for a
// processor stutters.
const maxParallel = 4

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := interop(ctx)
	stop()
	os.Exit(code)
}

func interop(ctx context.Context) int {
	o, err := parseFlags(os.Args[1:])
	if err != nil {
		return setupFailed(err)
	}
	if o.inside != "" {
		return runInside(ctx, o)
	}
	if o.providers {
		if err := writeProviders(o.root); err != nil {
			return setupFailed(err)
		}
		return exitPassed
	}
	chosen := choose(cells(), o.run)
	if !o.full && o.run.String() == "" && !o.list {
		chosen = slices.DeleteFunc(chosen, func(c cell) bool { return c.full })
	}
	if o.list {
		for _, c := range chosen {
			fmt.Printf("%-*s  %s\n", nameWidth(chosen), c.name, c.proves)
		}
		for _, m := range matrix() {
			if why := m.impossible(); why != "" && o.run.MatchString(m.cellName()) {
				fmt.Printf("%-*s  not possible: %s\n", nameWidth(chosen), m.cellName(), why)
			}
		}
		return exitPassed
	}
	if len(chosen) == 0 {
		return setupFailed(fmt.Errorf("no cell matches %q", o.run))
	}
	if err := prepare(ctx, &o, chosen); err != nil {
		return setupFailed(err)
	}
	began := time.Now()
	results := runAll(ctx, o, chosen)
	failed := printTable(os.Stdout, results, time.Since(began))
	if o.keep || failed > 0 {
		fmt.Printf("captures, logs and recordings: %s\n", o.scratch)
	} else if err := os.RemoveAll(o.scratch); err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
	}
	if o.matrix {
		if err := writeResults(o.root, results); err != nil {
			return setupFailed(err)
		}
	}
	if failed > 0 {
		return exitFailed
	}
	return exitPassed
}

func parseFlags(args []string) (options, error) {
	o := options{}
	f := flag.NewFlagSet("interop", flag.ContinueOnError)
	pattern := f.String("run", "", "run only the cells whose name matches this expression")
	f.BoolVar(&o.full, "full", false, "run the cells that take long, too (-run chooses among all)")
	f.BoolVar(&o.list, "list", false, "list the cells and what each proves")
	f.BoolVar(&o.providers, "providers", false, "write "+providersFile+", and end")
	f.BoolVar(&o.matrix, "matrix", false, "write what came of the cells into "+resultsFile)
	f.BoolVar(&o.keep, "keep", false, "keep captures, logs and recordings of cells that passed too")
	f.BoolVar(&o.install, "install", true, "install what is missing with apt-get")
	f.IntVar(&o.parallel, "parallel", min(runtime.NumCPU(), maxParallel), "how many cells run at once")
	f.StringVar(&o.scratch, "scratch", "", "scratch directory (else a new one)")
	f.StringVar(&o.inside, "inside", "", "internal: the cell to run in this process")
	f.StringVar(&o.karat, "karat", "", "use this binary of Karat instead of building one")
	f.IntVar(&o.first, "first-port", 0, "internal: the first port of the cell")
	f.BoolVar(&o.shared, "shared", false, "use the system's loopback instead of network namespaces")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	var err error
	if o.run, err = regexp.Compile(*pattern); err != nil {
		return o, err
	}
	o.root, err = repository()
	return o, err
}

func setupFailed(err error) int {
	if !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "interop: error:", err)
	}
	return exitSetup
}

// speechDir holds the recordings that are spoken, in the repository.
const speechDir = "testdata/speech"

// repository finds the directory of the recordings above the working directory.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, speechDir)); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("run this inside the repository")
		}
		dir = up
	}
}

// prepare makes everything ready that the cells share.
func prepare(ctx context.Context, o *options, chosen []cell) error {
	if o.install {
		if err := lab.Install(ctx, os.Stdout, tools); err != nil {
			return err
		}
	}
	var err error
	if o.scratch == "" {
		if o.scratch, err = os.MkdirTemp("", "interop-"); err != nil {
			return err
		}
	}
	if o.scratch, err = filepath.Abs(o.scratch); err != nil {
		return err
	}
	if err := os.MkdirAll(o.scratch, 0o700); err != nil {
		return err
	}
	if !o.shared && !lab.CanIsolate(ctx) {
		o.shared = true
		fmt.Println("no network namespaces here: cells share loopback, packets to unknown ports are not seen")
	}
	if o.karat == "" && needKarat(chosen) {
		o.karat = filepath.Join(o.scratch, "karat")
		build := exec.CommandContext(ctx, "go", "build", "-o", o.karat, "./cmd/karat")
		build.Dir, build.Stderr = o.root, os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("building Karat: %w", err)
		}
	}
	return nil
}

func needKarat(chosen []cell) bool {
	for _, c := range chosen {
		if c.karat {
			return true
		}
	}
	return false
}

// Karat is a phone for private calls.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"karat/softphone/cli"
)

// version is set when a release is built.
var version = "unversioned"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, version, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

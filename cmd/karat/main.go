// Karat is a phone for private calls.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"karat/softphone/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx)
	stop()
	os.Exit(code)
}

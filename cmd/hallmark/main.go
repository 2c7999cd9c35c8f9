// Command hallmark signs software with a person's or a pipeline's identity and
// verifies what others signed.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, systemEnv())
	stop()
	os.Exit(status)
}

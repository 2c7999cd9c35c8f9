// Command hallmark signs software with a person's or a pipeline's identity and
// verifies what others signed.
package main

import (
	"context"
	"os"
)

func main() {
	e := systemEnv()
	ctx, abandon, stop := interruptible(context.Background())
	e.abandon = abandon
	status := run(ctx, e)
	stop()
	os.Exit(status)
}

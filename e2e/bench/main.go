// Bench measures hallmark against openssl and against a minimal sigstore-go
// program, on the same file and the same sandbox in one run, so that the
// ratios mean something on any machine:
//
//	bench -hallmark ../bin/hallmark
//
// With -before it compares two versions of hallmark instead: both sign 1,000 files,
// in turns.
//
//	bench -hallmark ../bin/hallmark -before ../bin/hallmark-before -runs 7
//
// It ends with status 1 when a limit is passed. It must stay a small program:
// on Linux the peak of a child counts from the size of its parent.
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
	"time"

	"github.com/hallmarksign/hallmark/e2e/internal/cli"
	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	hallmark := flag.String("hallmark", "../bin/hallmark", "the hallmark `program`")
	size := flag.Int64("size", 2048, "size of the file in `MiB`")
	runs := flag.Int("runs", 3, "how often each command runs; the best counts")
	before := flag.String("before", "", "compare with this other version of the `program`, and nothing else")
	flag.Parse()
	dir, err := os.MkdirTemp("", "hallmark-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	module, err := sandbox.Module(ctx)
	if err != nil {
		return err
	}
	b := &bench{dir: dir, runs: *runs, peer: filepath.Join(filepath.Dir(module), "bin", "peer-e2e")}
	if *before == "" {
		if err := sandbox.Build(ctx, module, "./cmd/peer", b.peer); err != nil {
			return err
		}
	}
	var o sandbox.Options
	if beside := filepath.Join(filepath.Dir(*hallmark), "sandbox"); exists(beside) {
		o.Binary = beside
	}
	if b.servers, err = sandbox.Open(ctx, o); err != nil {
		return err
	}
	defer b.servers.Close()
	if b.hallmark, err = cli.New(ctx, *hallmark, dir, b.servers); err != nil {
		return err
	}
	if *before != "" {
		return b.compare(ctx, *before)
	}
	return b.all(ctx, *size<<20)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

type bench struct {
	dir, peer string
	runs      int
	servers   *sandbox.Sandbox
	hallmark  *cli.Hallmark
	over      []string
}

const file = "big"

func (b *bench) all(ctx context.Context, size int64) error {
	// A file with nothing on disk: hashing costs the same, reading is no
	// matter of the disk.
	f, err := os.Create(filepath.Join(b.dir, file))
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		return err
	}
	fmt.Printf("%d MiB, best of %d runs\n\n%-22s %9s %9s %9s\n", size>>20, b.runs, "", "wall", "CPU", "peak")
	base, err := b.openssl(ctx)
	if err != nil {
		return err
	}
	signed, err := b.best("hallmark sign", b.sign(ctx))
	if err != nil {
		return err
	}
	from := []string{"--certificate-identity", sandbox.Alice, "--certificate-oidc-issuer", b.servers.Issuer()}
	verified, err := b.best("hallmark verify", func() (*cli.Result, error) {
		return b.hallmark.Run(ctx, append([]string{"verify", file}, from...)...)
	})
	if err != nil {
		return err
	}
	peerSigned, err := b.best("sigstore-go sign", b.peerSign(ctx))
	if err != nil {
		return err
	}
	peerVerified, err := b.best("sigstore-go verify", func() (*cli.Result, error) {
		return cli.Run(ctx, b.dir, nil, nil, b.peer, "verify", b.servers.TrustedRoot(), b.servers.SigningConfig(), b.servers.Issuer(), sandbox.Alice, file)
	})
	if err != nil {
		return err
	}
	version, err := b.best("hallmark version", func() (*cli.Result, error) { return b.hallmark.Run(ctx, "version") })
	if err != nil {
		return err
	}
	fmt.Println()
	if base != nil {
		b.limit("sign: CPU against openssl, less 50 ms", ratio(signed.CPU-50*time.Millisecond, base.CPU), 1.15)
		b.limit("verify: CPU against openssl, less 50 ms", ratio(verified.CPU-50*time.Millisecond, base.CPU), 1.15)
	}
	b.limit("sign: peak memory, MiB", mib(signed), 48)
	b.limit("verify: peak memory, MiB", mib(verified), 48)
	b.limit("version: CPU, ms", float64(version.CPU.Microseconds())/1000, 10)
	b.limit("version: peak memory, MiB", mib(version), 25)
	fmt.Printf("%-42s %8.2f\n", "sign: CPU against sigstore-go", ratio(signed.CPU, peerSigned.CPU))
	fmt.Printf("%-42s %8.2f\n", "verify: CPU against sigstore-go", ratio(verified.CPU, peerVerified.CPU))
	fmt.Printf("%-42s %8.3f\n", "sign: peak memory against sigstore-go", mib(signed)/mib(peerSigned))
	fmt.Printf("%-42s %8.3f\n", "verify: peak memory against sigstore-go", mib(verified)/mib(peerVerified))
	return b.verdict()
}

// verdict is an error if a limit was passed.
func (b *bench) verdict() error {
	if len(b.over) > 0 {
		return fmt.Errorf("over the limit: %q", b.over)
	}
	return nil
}

// openssl is what hashing costs; nil when it is not installed.
func (b *bench) openssl(ctx context.Context) (*cli.Result, error) {
	path, err := exec.LookPath("openssl")
	if err != nil {
		fmt.Println("openssl is not installed: no ratio to it")
		return nil, nil
	}
	return b.best("openssl dgst -sha256", func() (*cli.Result, error) {
		return cli.Run(ctx, b.dir, nil, nil, path, "dgst", "-sha256", file)
	})
}

func (b *bench) token(ctx context.Context) error {
	token, err := b.servers.Token(ctx, sandbox.Alice)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.dir, "token.jwt"), []byte(token), 0o600)
}

func (b *bench) sign(ctx context.Context) func() (*cli.Result, error) {
	return func() (*cli.Result, error) {
		if err := b.token(ctx); err != nil {
			return nil, err
		}
		return b.hallmark.Run(ctx, "sign", file, "--identity-token", "token.jwt", "--yes", "--force")
	}
}

func (b *bench) peerSign(ctx context.Context) func() (*cli.Result, error) {
	return func() (*cli.Result, error) {
		if err := b.token(ctx); err != nil {
			return nil, err
		}
		return cli.Run(ctx, b.dir, nil, nil, b.peer, "sign", b.servers.TrustedRoot(), b.servers.SigningConfig(), "token.jwt", file)
	}
}

// best runs a command several times and takes the least of each measure, but
// the most of memory.
func (b *bench) best(name string, run func() (*cli.Result, error)) (*cli.Result, error) {
	var best *cli.Result
	for range b.runs {
		r, err := run()
		if err != nil {
			return nil, err
		}
		if err := r.Want(0); err != nil {
			return nil, err
		}
		if best == nil {
			best = r
		}
		best.Wall, best.CPU, best.Peak = min(best.Wall, r.Wall), min(best.CPU, r.CPU), max(best.Peak, r.Peak)
	}
	fmt.Printf("%-22s %9v %9v %6.1f MiB\n", name, best.Wall.Round(time.Millisecond), best.CPU.Round(time.Millisecond), mib(best))
	return best, nil
}

func (b *bench) limit(what string, got, limit float64) {
	word := "ok"
	if got > limit {
		word = "OVER"
		b.over = append(b.over, what)
	}
	fmt.Printf("%-42s %8.2f  limit %.2f  %s\n", what, got, limit, word)
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func mib(r *cli.Result) float64 { return float64(r.Peak) / (1 << 20) }

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/e2e/internal/cli"
	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// A demo is one run.
type demo struct {
	self, dir, source string
	bigSize           int64

	servers  *sandbox.Sandbox
	hallmark *cli.Hallmark
}

const (
	archive = "source.tar.gz"
	program = "hallmark-linux"
	big     = "big.bin"
)

func (d *demo) run(ctx context.Context, hallmark, servers string) (err error) {
	begin := time.Now()
	title("A whole Sigstore on this machine")
	if d.servers, err = sandbox.Open(ctx, sandbox.Options{Binary: servers}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.servers.Close()) }()
	ready := time.Since(begin)
	fmt.Printf("Fulcio, TesseraCT, Rekor v2, a timestamp authority, an OpenID provider, TUF and a\nregistry answer after %v.\n", round(ready))
	if d.hallmark, err = cli.New(ctx, hallmark, d.dir, d.servers); err != nil {
		return err
	}
	files, err := d.release(hallmark)
	if err != nil {
		return err
	}
	signed, err := d.sign(ctx, files)
	if err != nil {
		return err
	}
	verified, err := d.verify(ctx, files)
	if err != nil {
		return err
	}
	if err := d.refusals(ctx); err != nil {
		return err
	}
	title("Measured")
	total := d.bytes(files)
	fmt.Printf("sandbox ready          %v\n", round(ready))
	fmt.Printf("login, sign %d files    %v wall, %v CPU, %d MiB resident at most, for %d MiB\n", len(files), round(signed.Wall), round(signed.CPU), signed.Peak>>20, total>>20)
	fmt.Printf("verify %d files         %v wall, %v CPU, %d MiB resident at most\n", len(files), round(verified.Wall), round(verified.CPU), verified.Peak>>20)
	fmt.Printf("requests               %d to Fulcio, %d to the timestamp authority, %d to Rekor\n",
		d.servers.Requests(sandbox.Fulcio), d.servers.Requests(sandbox.TSA), d.servers.Requests(sandbox.Rekor))
	fmt.Printf("all of it              %v\n", round(time.Since(begin)))
	return nil
}

// release makes the files that are signed.
func (d *demo) release(hallmark string) ([]string, error) {
	if err := pack(filepath.Join(d.dir, archive), d.source); err != nil {
		return nil, err
	}
	if err := copyFile(filepath.Join(d.dir, program), hallmark); err != nil {
		return nil, err
	}
	if err := noise(filepath.Join(d.dir, big), d.bigSize); err != nil {
		return nil, err
	}
	return []string{archive, program, big}, nil
}

func (d *demo) bytes(files []string) (n int64) {
	for _, f := range files {
		if info, err := os.Stat(filepath.Join(d.dir, f)); err == nil {
			n += info.Size()
		}
	}
	return n
}

// browser is what goes into BROWSER: this program, under a name without
// spaces, as these are what separates words there.
func (d *demo) browser(email string) (string, error) {
	link := filepath.Join(d.dir, "browser")
	if err := os.Symlink(d.self, link); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return fmt.Sprintf("BROWSER=%s -login %s %%s", link, email), nil
}

func (d *demo) sign(ctx context.Context, files []string) (*cli.Result, error) {
	title("Alice logs in with her browser and signs a release")
	browser, err := d.browser(sandbox.Alice)
	if err != nil {
		return nil, err
	}
	r, err := d.hallmark.With(browser).Run(ctx, append([]string{"sign", "--yes"}, files...)...)
	if err != nil {
		return nil, err
	}
	show(r)
	if err := r.Want(0); err != nil {
		return nil, err
	}
	for _, f := range files {
		info, err := os.Stat(filepath.Join(d.dir, f+".sigstore.json"))
		if err != nil {
			return nil, err
		}
		if mode := info.Mode().Perm(); mode != 0o644 {
			return nil, fmt.Errorf("%s has mode %v, want 0644", info.Name(), mode)
		}
	}
	return r, nil
}

// from is the identity that users ask for.
func (d *demo) from(email string) []string {
	return []string{"--certificate-identity", email, "--certificate-oidc-issuer", d.servers.Issuer()}
}

func (d *demo) verify(ctx context.Context, files []string) (*cli.Result, error) {
	title("Anyone verifies it")
	r, err := d.hallmark.Run(ctx, append(append([]string{"verify"}, files...), d.from(sandbox.Alice)...)...)
	if err != nil {
		return nil, err
	}
	show(r)
	return r, r.Want(0)
}

// refusals shows what must not be accepted. Each one has to end with status 1
// and say why.
func (d *demo) refusals(ctx context.Context) error {
	if err := copyFile(filepath.Join(d.dir, "changed.tar.gz"), filepath.Join(d.dir, archive)); err != nil {
		return err
	}
	if err := flip(filepath.Join(d.dir, "changed.tar.gz")); err != nil {
		return err
	}
	cases := []struct {
		what string
		args []string
	}{
		{"One bit of the archive was changed", append([]string{"changed.tar.gz", "--bundle", archive + ".sigstore.json"}, d.from(sandbox.Alice)...)},
		{"It should be Bob's, but Alice signed it", append([]string{archive}, d.from(sandbox.Bob)...)},
		{"The bundle is the one of another file", append([]string{program, "--bundle", archive + ".sigstore.json"}, d.from(sandbox.Alice)...)},
	}
	for _, c := range cases {
		title("Refused: " + c.what)
		r, err := d.hallmark.Run(ctx, append([]string{"verify"}, c.args...)...)
		if err != nil {
			return err
		}
		show(r)
		if err := r.Want(1); err != nil {
			return err
		}
		if strings.TrimSpace(r.Stderr+r.Stdout) == "" {
			return errors.New("refused without a reason")
		}
		fmt.Printf("(exit status %d)\n", r.Status)
	}
	return nil
}

func title(s string) { fmt.Printf("\n== %s\n\n", s) }

func show(r *cli.Result) {
	fmt.Printf("$ %s\n", r.Line)
	if text := strings.TrimRight(r.Stderr, "\n"); text != "" {
		fmt.Println(text)
	}
	if text := strings.TrimRight(r.Stdout, "\n"); text != "" {
		fmt.Println(text)
	}
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/internal/rescue"
	"github.com/hallmarksign/hallmark/sign"
	"github.com/hallmarksign/hallmark/tlog"
	"github.com/hallmarksign/hallmark/tlog/read"
	"github.com/hallmarksign/hallmark/verify"
)

type uploadOptions struct {
	signature, key, certificate, form, bundle string
	force, yes, dryRun                        bool
}

func newLogUpload(e *env, done *outcome) *cobra.Command {
	var o uploadOptions
	cmd := logCommand(e, done, &cobra.Command{
		Use:   "upload FILE | DIGEST",
		Short: "Put a signature that was made elsewhere into the log",
		Long: `Put a signature that was made with another tool into the log, and have the log prove
that it is there. The signature is verified first; what does not verify is never
published. An entry is public and stays public, so you are asked first.

Without --type the signature is one of a public key, or of the key of an X.509
certificate, over the digest of the file: ECDSA P-256 with SHA-256, P-384 with
SHA-384, P-521 with SHA-512, Ed25519ph, or RSA (PKCS #1 v1.5) with SHA-256. Logs of
both generations take it, and never see the file.

With --type it is another kind of entry, which only logs of the first generation
take, if their operators let them. The whole file is sent to the log. The program
hallmark-log-upload makes these entries; it is installed apart.

  pgp, minisign, ssh   a detached signature: --signature and --key
  rekord               the same by a key in PEM; also of pure Ed25519
  rpm, alpine          a signed package: --key
  jar                  a signed archive (PKCS #7)
  helm                 the provenance file of a chart: --key
  tuf                  signed metadata: --key is the root.json
  cose                 a COSE_Sign1 message: --key
  rfc3161              a timestamp response`,
		Example: `  hallmark log upload app.tar.gz --signature app.tar.gz.sig --key key.pub --log rekor.sigstore.dev
  hallmark log upload sha256:3b5d... --signature app.sig --certificate signer.pem --log rekor.sigstore.dev --yes
  hallmark log upload app.tar.gz --type pgp --signature app.tar.gz.asc --key signer.asc --log rekor.example.com`,
		Args: func(_ *cobra.Command, args []string) error { return o.check(args) },
	}, func(ctx context.Context, b *logbook, out *outputFlags, args []string) (outcome, error) {
		r := &uploadRun{e: e, o: &o, b: b, out: out}
		return r.run(ctx, args)
	})
	f := cmd.Flags()
	f.StringVar(&o.signature, "signature", "", "`FILE` with the signature, in base64 or as it is")
	f.StringVar(&o.key, "key", "", "`FILE` with the public key that signed")
	f.StringVar(&o.certificate, "certificate", "", "`FILE` with the X.509 certificate of the key that signed")
	f.StringVar(&o.form, "type", "", "make this `KIND` of entry: "+strings.Join(formNames(), ", "))
	f.StringVarP(&o.bundle, "bundle", "b", "", "with --key: write a bundle to this `FILE`")
	f.BoolVar(&o.force, "force", false, "replace a bundle that exists")
	f.BoolVarP(&o.yes, "yes", "y", false, "agree that this becomes public")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would become public, and stop")
	return cmd
}

// check refuses flags that do not fit, before any work.
func (o *uploadOptions) check(args []string) error {
	if len(args) != 1 {
		return usage("want one file or digest, got %d", len(args)).WithNext("hallmark log upload FILE --signature FILE --key FILE")
	}
	if o.form != "" {
		return o.checkForm(args[0])
	}
	switch {
	case o.signature == "":
		return usage("no signature").WithNext("name its file with --signature")
	case (o.key == "") == (o.certificate == ""):
		return usage("want --key or --certificate, and only one: who signed?")
	case o.bundle != "" && o.key == "":
		return usage("--bundle goes with --key: whether a certificate is good is not known here")
	}
	return nil
}

// An upload is an entry that is verified and ready to be sent.
type upload struct {
	digest string   // of the file
	key    string   // of the file, for what is kept; "" if there can be no bundle
	lines  []string // what becomes public besides, for the question
	send   func(context.Context, tlog.Writer) (tlog.Receipt, error)

	// bundle makes the claim of a bundle; nil if there can be none.
	bundle func(bundle.Entry) *bundle.Bundle
	signer verify.Key
	file   verify.Artifact
}

// An uploadRun is the work of one command.
type uploadRun struct {
	e   *env
	o   *uploadOptions
	b   *logbook
	out *outputFlags
	log openLog

	place *atomicfile.Reservation // of the bundle; nil if none is wanted
	store *rescue.Store           // for a bundle that can't be put there; nil if there is none
}

func (r *uploadRun) run(ctx context.Context, args []string) (outcome, error) {
	if err := r.reserve(args[0]); err != nil {
		return outcome{}, err
	}
	defer r.release()
	var err error
	if r.log, err = r.b.one(ctx); err != nil {
		return outcome{}, err
	}
	progress := newProgress(r.e, r.out.quiet || r.out.json)
	u, err := r.make(ctx, args[0], progress)
	if err != nil {
		return outcome{}, err
	}
	writer, err := r.writer()
	if err != nil {
		return outcome{}, err
	}
	if r.o.dryRun {
		return informed(), r.describe(args[0], u)
	}
	if err := r.consent(ctx, args[0], u); err != nil {
		return outcome{}, err
	}
	receipt, err := r.send(ctx, progress, u, writer)
	if err != nil {
		return outcome{}, r.unproved(u, by("log "+r.log.known.Log.Origin, err))
	}
	return r.finish(args[0], u, receipt)
}

// send sends the entry. From here on it does not end with its context: what is public
// must not be lost.
func (r *uploadRun) send(ctx context.Context, p *progress, u *upload, w tlog.Writer) (tlog.Receipt, error) {
	if ctx.Err() != nil {
		return tlog.Receipt{}, context.Cause(ctx)
	}
	_, stop := p.wait("waiting for the log", 1)
	defer stop()
	defer atEnd(ctx, func() {
		r.out.say(r.e, "\nhallmark: finishing an entry that is being published; press Ctrl-C again to stop at once")
	})()
	ctx, cancel := sign.Finishing(ctx, r.e.abandon)
	defer cancel()
	return u.send(ctx, w)
}

// make makes the entry and verifies it. What the log does not take is said first.
func (r *uploadRun) make(ctx context.Context, arg string, p *progress) (*upload, error) {
	if r.o.form == "" {
		return r.o.plain(ctx, arg, p)
	}
	if err := tlog.Takes(r.log.Version(), forms()[r.o.form].what); err != nil {
		return nil, named(r.log.known.Log.Origin, err)
	}
	return r.o.typed(ctx, arg, p)
}

// writer refuses a log that the trusted root does not know, before anything is sent
// (K12).
func (r *uploadRun) writer() (tlog.Writer, error) {
	doer, err := connect(r.log.known.URL, tlog.Timeout)
	if err != nil {
		return nil, err
	}
	config := read.Config{Doer: doer, Root: r.b.root, Memory: r.b.file, Now: r.e.now, MaxAge: r.b.age}
	return tlog.New(r.log.Version(), r.log.known.URL, tlog.Config{
		Doer: doer, Root: r.b.root, Now: r.e.now(), Existing: existing(config),
	})
}

// consent shows what becomes public and asks. Unlike a name, a signature that was
// made elsewhere is not agreed to for the next time.
func (r *uploadRun) consent(ctx context.Context, arg string, u *upload) error {
	if r.o.yes {
		return nil
	}
	fmt.Fprint(r.e.stderr, "This becomes public and stays public:\n"+r.public(arg, u))
	if r.e.ci() {
		return nil
	}
	return confirm(ctx, r.e, "Publish this?")
}

// public says what becomes public, a line each.
func (r *uploadRun) public(arg string, u *upload) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  digest    %s  (%s)\n", u.digest, printable(arg, 1024))
	for _, line := range u.lines {
		fmt.Fprintf(&b, "  %s\n", printable(line, 1024))
	}
	fmt.Fprintf(&b, "  service   entry in the log %s\n", printable(r.log.known.Log.Origin, 256))
	return b.String()
}

// describe prints what would become public (--dry-run).
func (r *uploadRun) describe(arg string, u *upload) error {
	if r.out.json {
		return writeJSON(r.e.stdout, map[string]any{"schema": schema, "dry_run": true, "artifact": arg, "digest": u.digest,
			"log": r.log.known.Log.Origin, "public": u.lines})
	}
	_, err := fmt.Fprint(r.e.stdout, "would publish, for ever:\n"+r.public(arg, u)+"nothing was sent\n")
	return err
}

// finish writes the bundle and prints where the entry is.
func (r *uploadRun) finish(arg string, u *upload, receipt tlog.Receipt) (outcome, error) {
	logged := read.Decoded(receipt.Entry, receipt.ID, r.log.known.Log, r.b.root)
	done := held([]*read.Entry{logged})
	if r.o.bundle != "" {
		result, err := r.write(u, receipt.Entry)
		if err != nil {
			r.out.say(r.e, "hallmark: warning: the signature is logged as entry %d of %s", receipt.Entry.LogIndex, printable(r.log.known.Log.Origin, 256))
			return outcome{}, err
		}
		if done = proved([]*verify.Result{result}); len(result.Times) == 0 {
			r.out.say(r.e, "hallmark: warning: a log of this generation knows no time; verify the bundle with --insecure-skip-time")
		}
	}
	entry := entryOf(logged)
	if entry.Digest = u.digest; u.bundle == nil {
		entry.NotReadable = "" // the program that made it knows what it says
	}
	return done, r.print(arg, entry, receipt.Existing)
}

func (r *uploadRun) print(arg string, j entryJSON, existing bool) error {
	switch {
	case r.out.quiet:
		return nil
	case r.out.json:
		return writeJSON(r.e.stdout, struct {
			entryJSON
			Artifact string `json:"artifact"`
			Existing bool   `json:"existing"`
			Bundle   string `json:"bundle,omitempty"`
		}{j, arg, existing, r.o.bundle})
	}
	word := "logged"
	if existing {
		word = "in the log already"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n    %s", word, printable(arg, 1024), j.text())
	if j.ID != "" {
		fmt.Fprintf(&b, "    id      %s\n", j.ID)
	}
	if r.o.bundle != "" {
		fmt.Fprintf(&b, "    bundle  %s\n", printable(r.o.bundle, 1024))
	}
	fmt.Fprintf(&b, "    show    hallmark log get %s\n", quoted(fmt.Sprintf("log:%d@%s", j.Index, j.Log)))
	_, err := fmt.Fprint(r.e.stdout, b.String())
	return err
}

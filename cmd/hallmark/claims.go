package main

import (
	"crypto"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
)

// A claimSource says where the bundle of an artifact is.
type claimSource struct {
	bundle      string // a bundle, older bundle or JSON lines
	signature   string // or a detached signature
	certificate string // of the detached signature; "": a key of the verifier
}

// bundleSuffixes are the ends of the names that bundles have beside their file, in
// the order in which they are looked for (BP-12).
var bundleSuffixes = []string{".sigstore.json", ".sigstore", ".sigstore.jsonl"}

// withoutBundles leaves out the bundles of other arguments, which a pattern such as
// dist/* matches once a folder is signed, and says so. A file that only has the name
// of a bundle stays an argument, and so does a bundle that is signed itself: nothing
// unverified passes by its name.
func withoutBundles(e *env, o *outputFlags, args []string) []string {
	own := map[string]bool{}
	for _, a := range args {
		for _, suffix := range bundleSuffixes {
			own[a+suffix] = true
		}
		for name := range predicateTypes {
			own[a+attestationSuffix(name)] = true
		}
		own[a+attestationSuffix("")] = true
	}
	files := slices.DeleteFunc(slices.Clone(args), func(a string) bool { return own[a] && !hasBundle(a) && holdsBundles(a) })
	if n := len(args) - len(files); n > 0 {
		o.say(e, "left out %d of the arguments: they are the bundles of others", n)
	}
	return files
}

// hasBundle reports whether a bundle lies beside a file.
func hasBundle(path string) bool {
	return slices.ContainsFunc(bundleSuffixes, func(suffix string) bool { return exists(path + suffix) })
}

// holdsBundles reports whether a file holds bundles and nothing else but blank lines.
func holdsBundles(path string) bool {
	c, err := claimSource{bundle: path}.open()
	if err != nil {
		return false
	}
	defer c.close()
	if c.one != nil {
		return true
	}
	found := false
	for _, err := range c.each() {
		if err != nil && !errors.Is(err, bundle.ErrBlank) {
			return false
		}
		found = found || err == nil
	}
	return found
}

// signedFile returns the file that a bundle of this name belongs to, or "".
func signedFile(name string) string {
	for _, suffix := range bundleSuffixes {
		if file, ok := strings.CutSuffix(name, suffix); ok {
			return file
		}
	}
	return ""
}

// find returns the source for an artifact: the given one, or the first of the
// usual names beside it (BP-12), for an attestation that of its type first.
func (c claimSource) find(artifact, predicate string) (claimSource, error) {
	if c.bundle != "" || c.signature != "" {
		return c, nil
	}
	info, err := os.Stat(artifact)
	if err == nil && info.IsDir() {
		err = errNotRegular
	}
	if err != nil {
		return c, artifactError(artifact, err)
	}
	suffixes := slices.Clone(bundleSuffixes)
	if predicate != "" {
		suffixes = slices.Insert(suffixes, 0, attestationSuffix(predicate))
	}
	for _, suffix := range suffixes {
		if exists(artifact + suffix) {
			return claimSource{bundle: artifact + suffix}, nil
		}
	}
	none := &check.Error{Check: check.NotFound, Err: fmt.Errorf("found no %s.sigstore.json, .sigstore or .sigstore.jsonl beside the file", printable(artifact, 256)),
		Next: "download the bundle that belongs to the file, or name it with --bundle"}
	switch file := signedFile(artifact); {
	case file != "":
		none.Next = "name the file that was signed, " + printable(file, 256) + ", not its bundle"
	case exists(artifact + ".sig"):
		none.Next = "there is a detached signature: name it with --signature, and its certificate with --certificate"
	}
	return c, none
}

func (c claimSource) String() string {
	if c.bundle != "" {
		return c.bundle
	}
	return c.signature
}

var errNoBundles = errors.New("holds no bundle")

// claims are the bundles of a source.
type claims struct {
	name  string
	one   *bundle.Bundle // nil for JSON lines
	lines *os.File       // nil for one bundle
}

// open reads a source that is one bundle, and opens one that has a bundle on each
// line.
func (c claimSource) open() (*claims, error) {
	if c.signature != "" {
		b, err := c.detached()
		return &claims{name: c.signature, one: b}, err
	}
	if strings.HasSuffix(c.bundle, ".jsonl") {
		f, _, err := openRegular(c.bundle)
		if err != nil {
			return nil, fileError(c.bundle, err)
		}
		if lines := (&claims{name: c.bundle, lines: f}); !bundle.IsDocument(lines.reader()) {
			return lines, nil
		}
		f.Close()
	}
	data, err := readBounded(c.bundle, bundle.MaxSize)
	if err != nil {
		return nil, err
	}
	b, err := bundle.Open(data)
	return &claims{name: c.bundle, one: b}, err
}

func (c *claims) close() {
	if c.lines != nil {
		c.lines.Close()
	}
}

// reader reads the lines from the start, each time it is called.
func (c *claims) reader() io.Reader { return io.NewSectionReader(c.lines, 0, math.MaxInt64) }

// each reads every bundle of JSON lines, one at a time.
func (c *claims) each() iter.Seq2[*bundle.Bundle, error] { return bundle.ParseLines(c.reader()) }

// hashes returns what the artifact must be hashed with for all of the bundles.
func (c *claims) hashes() (all []crypto.Hash) {
	if c.one != nil {
		return c.one.Hashes()
	}
	collect := false
	for b, err := range c.each() {
		large := isLarge(b)
		collect = collect || large
		if err == nil {
			all = append(all, b.Hashes()...)
			slices.Sort(all)
			all = slices.Compact(all)
		}
		if large {
			runtime.GC() // it is gone before the next one comes
		}
	}
	if collect {
		runtime.GC() // and so is the buffer of its line
	}
	return all
}

func (c claimSource) detached() (*bundle.Bundle, error) {
	signature, err := readBounded(c.signature, bundle.MaxSize)
	if err != nil || c.certificate == "" {
		return detachedFrom(signature, nil, err)
	}
	certificate, err := readBounded(c.certificate, bundle.MaxCert*2)
	return detachedFrom(signature, certificate, err)
}

func detachedFrom(signature, certificate []byte, err error) (*bundle.Bundle, error) {
	if err != nil {
		return nil, err
	}
	return bundle.Detached(signature, certificate)
}

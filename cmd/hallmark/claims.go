package main

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
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

// holdsBundles reports whether a file holds bundles and nothing else.
func holdsBundles(path string) bool {
	for _, err := range (claimSource{bundle: path}).claims() {
		if err != nil {
			return false
		}
	}
	return true
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

// maxLinesSize bounds a file of JSON lines, in bytes: all of its bundles are in memory
// at once.
const maxLinesSize = 64 << 20

var errNoBundles = errors.New("holds no bundle")

// claims reads every bundle of a source.
func (c claimSource) claims() iter.Seq2[*bundle.Bundle, error] {
	return func(yield func(*bundle.Bundle, error) bool) {
		switch {
		case c.signature != "":
			yield(c.detached())
		case strings.HasSuffix(c.bundle, ".jsonl"):
			f, info, err := openRegular(c.bundle)
			if err != nil {
				yield(nil, fileError(c.bundle, err))
				return
			}
			defer f.Close()
			if info.Size() > maxLinesSize {
				yield(nil, check.Refuse("LM-1", check.Limit, "has %d bytes, want at most %d in one file of JSON lines", info.Size(), maxLinesSize).
					WithNext("split the file"))
				return
			}
			none := true
			for b, err := range bundle.ParseLines(io.LimitReader(f, maxLinesSize)) {
				none = false
				if !yield(b, err) {
					return
				}
			}
			if none {
				yield(nil, &check.Error{Check: check.NotFound, Field: printable(c.bundle, 256), Err: errNoBundles})
			}
		default:
			data, err := readBounded(c.bundle, bundle.MaxSize)
			if err != nil {
				yield(nil, err)
				return
			}
			yield(bundle.Open(data))
		}
	}
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

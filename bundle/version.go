package bundle

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// prefix begins the media type of every version there was.
const prefix = "application/vnd.dev.sigstore.bundle"

// versionOf returns the version that a media type stands for (BP-1).
func versionOf(mediaType string) (Version, error) {
	switch mediaType {
	case prefix + "+json;version=0.1":
		return V01, nil
	case prefix + "+json;version=0.2":
		return V02, nil
	case prefix + "+json;version=0.3", MediaType:
		return V03, nil
	}
	err := check.Refuse("BP-1", check.Version, "is %q, want %q or an older one", clip(mediaType), MediaType).At("mediaType")
	if isNewer(mediaType) {
		err = err.WithNext("this bundle is of a version newer than 0.3: update hallmark to read it")
	}
	return 0, err
}

// isNewer reports whether a media type names a version after 0.3.
func isNewer(mediaType string) bool {
	rest, ok := strings.CutPrefix(mediaType, prefix)
	if !ok {
		return false
	}
	version, ok := strings.CutPrefix(rest, "+json;version=")
	if !ok {
		version, ok = strings.CutPrefix(strings.TrimSuffix(rest, "+json"), ".v")
	}
	major, minor, dot := strings.Cut(version, ".")
	if !ok || !dot {
		return false
	}
	x, errX := strconv.ParseUint(major, 10, 16)
	minor, _, _ = strings.Cut(minor, ".")
	y, errY := strconv.ParseUint(minor, 10, 16)
	return errX == nil && errY == nil && (x > 0 || y > 3)
}

func clip(s string) string { return strictjson.Clip(s) }

// explain says what a file is that does not even look like a bundle. It keeps
// the check and the rule of err.
func explain(err error, data []byte, mediaType string) error {
	refused, ok := err.(*check.Error)
	if !ok || refused.Check != check.Parse {
		return err
	}
	text := bytes.TrimLeft(data, " \t\r\n")
	switch {
	case len(text) == 0:
		return check.Refuse("LM-2", check.Parse, "is empty, want a Sigstore bundle")
	case bytes.HasPrefix(text, []byte("\x1f\x8b")):
		return check.Refuse("LM-2", check.Parse, "is compressed with gzip, want JSON").WithNext("decompress the bundle and try again")
	case bytes.HasPrefix(text, []byte("\x28\xb5\x2f\xfd")):
		return check.Refuse("LM-2", check.Parse, "is compressed with zstd, want JSON").WithNext("decompress the bundle and try again")
	case isPage(text):
		return check.Refuse("LM-2", check.Parse, "is an HTML page, want JSON").
			WithNext("download the bundle again: a login or error page was saved in its place")
	case text[0] != '{' || mediaType == "":
		return refused.WithNext("give the bundle here, not the artifact: its name usually ends in .sigstore.json")
	}
	return err
}

// isPage reports whether text begins like HTML or XML.
func isPage(text []byte) bool {
	start := bytes.ToLower(text[:min(len(text), 16)])
	for _, tag := range []string{"<!doctype", "<html", "<head", "<body", "<?xml", "<!--"} {
		if bytes.HasPrefix(start, []byte(tag)) {
			return true
		}
	}
	return false
}

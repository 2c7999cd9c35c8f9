package oci

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// A reference is the parsed name of an image in a registry.
type reference struct {
	registry   string // host, or host:port
	repository string
	tag        string // "" with a digest alone; "latest" if nothing is given
	digest     string // ""  with a tag alone
}

// context is "registry/repository".
func (r reference) context() string { return r.registry + "/" + r.repository }

// at names a digest in the repository.
func (r reference) at(digest string) string { return r.context() + "@" + digest }

const maxReference = 1024 // bytes of the name of an image

var tagForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

const maxTag = 128 // bytes of a tag

// parseReference reads registry/repository:tag@digest. The registry may be left
// out as Docker allows. Everything else than the exact form is refused (O33).
func parseReference(text string) (reference, error) {
	var r reference
	if len(text) > maxReference {
		return r, check.Refuse("O33", check.Usage, "image name has %d bytes, want at most %d", len(text), maxReference)
	}
	rest, digest, pinned := strings.Cut(text, "@")
	if pinned && isSHA512(digest) {
		return r, check.Refuse("O33", check.Usage, "digest is of sha512, want sha256, by which registries list what is attached").
			WithNext("name the image by its tag, or by its sha256 digest")
	}
	if pinned && !isDigest(digest) {
		return r, check.Refuse("O33", check.Usage, "digest is %q, want sha256: and 64 lower-case hex digits", strictjson.Clip(digest))
	}
	r.digest = digest
	repository := rest
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		repository, r.tag = rest[:i], rest[i+1:]
		if len(r.tag) > maxTag || !tagForm.MatchString(r.tag) {
			return r, check.Refuse("O33", check.Usage, "tag is %q, want letters, digits and _.-", strictjson.Clip(r.tag))
		}
	}
	if !pinned && r.tag == "" {
		r.tag = "latest"
	}
	parsed, err := name.NewRepository(repository)
	if err != nil {
		return r, check.Refuse("O33", check.Usage, "image name is %q, want registry/repository with a tag or digest", strictjson.Clip(text))
	}
	r.registry, r.repository = parsed.RegistryStr(), parsed.RepositoryStr()
	if !plainPath(r.repository) || !plainPort(r.registry) {
		return r, check.Refuse("O33", check.Usage, "image name is %q, want a repository path of plain names and a port up to 65535", strictjson.Clip(text))
	}
	return r, nil
}

var pathForm = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$`)

// plainPath checks a repository by the grammar of the distribution-spec, so that
// it can't change the path of a request.
func plainPath(repository string) bool {
	for element := range strings.SplitSeq(repository, "/") {
		if !pathForm.MatchString(element) {
			return false
		}
	}
	return len(repository) <= 255
}

func plainPort(registry string) bool {
	i := strings.LastIndexByte(registry, ':')
	if i < 0 || strings.HasSuffix(registry, "]") {
		return true
	}
	n, err := strconv.ParseUint(registry[i+1:], 10, 16)
	return err == nil && n > 0
}

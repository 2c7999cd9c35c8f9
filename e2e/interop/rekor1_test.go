package interop

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/hallmarksign/hallmark/e2e/internal/peer"
	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

const predicateType = "https://example.com/tested/v1"

// offers writes a signing configuration and returns the arguments that make
// hallmark use it.
func (s *scene) offers(t *testing.T, name string, logs sandbox.Logs) []string {
	t.Helper()
	config, err := s.SigningConfigOf(logs)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, name, string(config))
	return []string{"--trusted-root", s.TrustedRoot(), "--signing-config", name}
}

// on1 are the arguments that make hallmark sign into Rekor v1.
func (s *scene) on1(t *testing.T) []string {
	t.Helper()
	return s.offers(t, "rekor1.json", sandbox.Logs{Versions: []uint32{1}})
}

// peer1 is sigstore-go with the same configuration.
func (s *scene) peer1(t *testing.T) *peer.Trust {
	t.Helper()
	s.on1(t)
	p, err := peer.Open(s.TrustedRoot(), s.path("rekor1.json"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// parse reads a bundle.
func parse(t *testing.T, data []byte) *protobundle.Bundle {
	t.Helper()
	var b protobundle.Bundle
	if err := protojson.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	return &b
}

// entries says kind and version of each log entry, and whether the log
// promised it, as only the first generation does.
func entries(t *testing.T, bundle []byte) []string {
	t.Helper()
	var out []string
	for _, e := range parse(t, bundle).VerificationMaterial.TlogEntries {
		promise := ""
		if len(e.InclusionPromise.GetSignedEntryTimestamp()) > 0 {
			promise = " promised"
		}
		out = append(out, e.KindVersion.Kind+" "+e.KindVersion.Version+promise)
	}
	return out
}

func wantEntries(t *testing.T, bundle []byte, want ...string) {
	t.Helper()
	if got := entries(t, bundle); !slices.Equal(got, want) {
		t.Errorf("entries are %q, want %q", got, want)
	}
}

// sameVerdicts has both clients judge a bundle of "f": for its content and
// signer, for changed content, and for another signer.
func (s *scene) sameVerdicts(t *testing.T, bundle []byte) {
	t.Helper()
	s.write(t, "judged.json", string(bundle))
	content := s.read(t, "f")
	s.write(t, "changed", string(content)+".")
	for _, tt := range []struct {
		file, signer string
		status       int
	}{
		{"f", sandbox.Alice, 0}, {"changed", sandbox.Alice, 1}, {"f", sandbox.Bob, 1},
	} {
		s.run(t, tt.status, with(s.from(tt.signer), "verify", tt.file, "--bundle", "judged.json")...)
		_, err := s.peer.Verify(bundle, s.read(t, tt.file), s.Issuer(), tt.signer)
		if (err == nil) != (tt.status == 0) {
			t.Errorf("%s by %s: sigstore-go says %v", tt.file, tt.signer, err)
		}
	}
}

// What hallmark signs into Rekor v1, both clients judge alike.
func TestRekor1_SignIsAcceptedBySigstoreGo(t *testing.T) {
	t.Parallel()
	s := newScene(t, sandbox.Options{})
	s.write(t, "f", "into the older log\n")
	s.run(t, 0, with(s.on1(t), "sign", "f", "--identity-token", s.token(t, sandbox.Alice), "--yes")...)
	bundle := s.read(t, "f.sigstore.json")
	wantEntries(t, bundle, "hashedrekord 0.0.1 promised")
	s.sameVerdicts(t, bundle)
	if n := s.Requests(sandbox.Rekor); n != 0 {
		t.Errorf("%d requests to Rekor v2", n)
	}

	// The same artifact in the newer log: the configuration lists both.
	s.run(t, 0, "sign", "f", "--bundle", "second.json", "--identity-token", s.token(t, sandbox.Alice), "--yes")
	bundle = s.read(t, "second.json")
	wantEntries(t, bundle, "hashedrekord 0.0.2")
	s.sameVerdicts(t, bundle)
}

// What sigstore-go signs into Rekor v1, hallmark judges as sigstore-go does.
func TestRekor1_VerifyAcceptsSigstoreGo(t *testing.T) {
	t.Parallel()
	s := newScene(t, sandbox.Options{})
	s.write(t, "f", "signed by the peer\n")
	token, err := s.Token(t.Context(), sandbox.Alice)
	if err != nil {
		t.Fatal(err)
	}
	first := s.peer1(t)
	bundle, err := first.Sign(t.Context(), s.read(t, "f"), token)
	if err != nil {
		t.Fatal(err)
	}
	wantEntries(t, bundle, "hashedrekord 0.0.1 promised")
	s.sameVerdicts(t, bundle)

	bundle, err = first.Attest(t.Context(), statement(s.read(t, "f")), token)
	if err != nil {
		t.Fatal(err)
	}
	wantEntries(t, bundle, "dsse 0.0.1 promised")
	s.attested(t, bundle)
}

// An attestation of hallmark in Rekor v1.
func TestRekor1_AttestIsAcceptedBySigstoreGo(t *testing.T) {
	t.Parallel()
	s := newScene(t, sandbox.Options{})
	s.write(t, "f", "attested\n")
	s.write(t, "predicate.json", `{"passed": true}`)
	s.run(t, 0, with(s.on1(t), "attest", "f", "--predicate", "predicate.json", "--type", predicateType,
		"--bundle", "att.json", "--identity-token", s.token(t, sandbox.Alice), "--yes")...)
	bundle := s.read(t, "att.json")
	wantEntries(t, bundle, "dsse 0.0.1 promised")
	s.attested(t, bundle)
}

// statement says something about an artifact.
func statement(artifact []byte) []byte {
	return fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"f","digest":{"sha256":"%x"}}],`+
		`"predicateType":%q,"predicate":{"passed":true}}`, sha256.Sum256(artifact), predicateType)
}

// attested has both clients judge an attestation about "f".
func (s *scene) attested(t *testing.T, bundle []byte) {
	t.Helper()
	s.write(t, "judged.json", string(bundle))
	s.write(t, "changed", "something else\n")
	verify := func(status int, file, kind, signer string) {
		s.run(t, status, with(s.from(signer), "verify", file, "--bundle", "judged.json", "--type", kind)...)
	}
	verify(0, "f", predicateType, sandbox.Alice)
	verify(1, "f", "https://example.com/reviewed/v1", sandbox.Alice)
	for _, tt := range []struct {
		file, signer string
		status       int
	}{
		{"f", sandbox.Alice, 0}, {"changed", sandbox.Alice, 1}, {"f", sandbox.Bob, 1},
	} {
		verify(tt.status, tt.file, predicateType, tt.signer)
		_, err := s.peer.Verify(bundle, s.read(t, tt.file), s.Issuer(), tt.signer)
		if (err == nil) != (tt.status == 0) {
			t.Errorf("%s by %s: sigstore-go says %v", tt.file, tt.signer, err)
		}
	}
}

// The log takes an entry, but the answer is lost: asked again, it says that it
// has an equal one (409), which is fetched and is as good.
func TestRekor1_SG12_EqualEntry(t *testing.T) {
	t.Parallel()
	s := newScene(t, sandbox.Options{})
	s.write(t, "f", "said twice\n")
	conflicts := make(chan string, 8)
	watch := func(server http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			server.ServeHTTP(statusWriter{w, conflicts}, r)
		})
	}
	lose := sandbox.First(1, sandbox.Path("/api/v1/log/entries", sandbox.DropAnswer()))
	s.Fault(sandbox.Rekor1, func(server http.Handler) http.Handler { return watch(lose(server)) })
	s.run(t, 0, with(s.on1(t), "sign", "f", "--identity-token", s.token(t, sandbox.Alice), "--yes")...)
	s.Fault(sandbox.Rekor1, nil)
	select {
	case location := <-conflicts:
		if !strings.HasPrefix(location, "/api/v1/log/entries/") {
			t.Errorf("the equal entry is at %q", location)
		}
	default:
		t.Error("the log did not answer 409")
	}
	if n := s.treeSize(t); n != 1 {
		t.Errorf("the log has %d entries, want 1", n)
	}
	bundle := s.read(t, "f.sigstore.json")
	wantEntries(t, bundle, "hashedrekord 0.0.1 promised")
	s.sameVerdicts(t, bundle)
}

// A statusWriter tells where a conflict points to.
type statusWriter struct {
	http.ResponseWriter
	conflicts chan<- string
}

func (w statusWriter) WriteHeader(code int) {
	if code == http.StatusConflict {
		w.conflicts <- w.Header().Get("Location")
	}
	w.ResponseWriter.WriteHeader(code)
}

// treeSize asks Rekor v1 how many entries it has.
func (s *scene) treeSize(t *testing.T) int {
	t.Helper()
	resp, err := http.Get(s.URL(sandbox.Rekor1) + "/api/v1/log")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var info struct{ TreeSize int }
	if err := json.Unmarshal(body, &info); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return info.TreeSize
}

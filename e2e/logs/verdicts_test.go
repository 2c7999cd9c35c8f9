package logs

import (
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
	"github.com/hallmarksign/hallmark/internal/check"
)

// A change is one fault in a log entry of a bundle. The generations in which
// hallmark alone refuses it are listed in strict: these are the rows that the
// catalogue knows sigstore-go to accept.
type change struct {
	name   string
	edit   func(e *protorekor.TransparencyLogEntry)
	strict string
}

// unpromised is a time that nothing covers. sigstore-go wants it to be in the
// validity of the certificate, hallmark does not look at it: the timestamp counts.
const unpromised = "E10 time without promise, but a timestamp"

// changes returns the faults; other is an entry of the same log and generation.
func changes(other *protorekor.TransparencyLogEntry) []change {
	type entry = protorekor.TransparencyLogEntry
	flip := func(b []byte) { b[len(b)/2] ^= 1 }
	note := func(edit func(string) string) func(*entry) {
		return func(e *entry) {
			e.InclusionProof.Checkpoint.Envelope = edit(e.InclusionProof.Checkpoint.Envelope)
		}
	}
	return []change{
		{"nothing", func(*entry) {}, ""},
		{"E1 F30 promise", func(e *entry) {
			if e.InclusionPromise == nil {
				e.InclusionPromise = &protorekor.InclusionPromise{SignedEntryTimestamp: []byte("x")}
				return
			}
			flip(e.InclusionPromise.SignedEntryTimestamp)
		}, ""},
		{"E2 F29 time", func(e *entry) { e.IntegratedTime++ }, ""},
		{"E3 F23 index", func(e *entry) { e.LogIndex++ }, ""},
		{"E5 F32 log id", func(e *entry) { flip(e.LogId.KeyId) }, ""},
		{"E6 F25 body", func(e *entry) { flip(e.CanonicalizedBody) }, "2"},
		{"E12 F31 no promise, but a timestamp", func(e *entry) { e.InclusionPromise, e.IntegratedTime = nil, 0 }, ""},
		{unpromised, func(e *entry) { e.InclusionPromise, e.IntegratedTime = nil, 1 }, ""},
		{"E14 hash", func(e *entry) { flip(e.InclusionProof.Hashes[0]) }, ""},
		{"E15 hash less", func(e *entry) { e.InclusionProof.Hashes = e.InclusionProof.Hashes[1:] }, ""},
		{"E17 F24 index of the proof", func(e *entry) { e.InclusionProof.LogIndex++ }, "2"},
		{"E17 F24 size of the proof", func(e *entry) { e.InclusionProof.TreeSize++ }, "2"},
		{"E19 F24 root of the proof", func(e *entry) { flip(e.InclusionProof.RootHash) }, "2"},
		{"E24 K25 proof of another entry", func(e *entry) {
			e.InclusionProof = proto.Clone(other.InclusionProof).(*protorekor.InclusionProof)
		}, ""},
		{"A15 no proof", func(e *entry) { e.InclusionProof = nil }, ""},
		{"A16 no checkpoint", func(e *entry) { e.InclusionProof.Checkpoint = nil }, ""},
		{"F1 signature of the checkpoint", note(func(n string) string { return n[:len(n)-12] + "AAAA" + n[len(n)-8:] }), ""},
		{"F2 key hint", note(hint), ""},
		{"F9 name of the log", note(func(n string) string { return strings.Replace(n, "— ", "— x", 1) }), "1"},
		{"F11 F36 size of the checkpoint", note(func(n string) string { return strings.Replace(n, "\n", "\n1", 1) }), ""},
		{"F26 version of the entry", func(e *entry) { e.KindVersion.Version = "9.9.9" }, "12"},
		{"F26 kind of the entry", func(e *entry) { e.KindVersion.Kind = "rpm" }, "12"},
		{"another entry", func(e *entry) { proto.Reset(e); proto.Merge(e, other) }, ""},
	}
}

// The same artifact through each generation, through two logs, and in both: all
// verdicts are those of sigstore-go, also about bundles with one fault.
func TestVerdicts_E_F_AreThoseOfSigstoreGo(t *testing.T) {
	s := newScene(t)
	const content = "in every log"
	others := map[string]*protorekor.TransparencyLogEntry{}
	learn := func(b *protobundle.Bundle) {
		for _, e := range b.VerificationMaterial.TlogEntries {
			others[string(e.LogId.KeyId)] = e
		}
	}
	first, second := []uint32{1}, []uint32{2}
	bundles := map[string]*protobundle.Bundle{}
	for name, logs := range map[string]sandbox.Logs{
		"first generation": {Versions: first}, "second generation": {Versions: second},
		"ALL of the first": {Versions: first, Selector: "ALL"}, "EXACT 2 of the first": {Versions: first, Selector: "EXACT", Count: 2},
	} {
		for _, text := range []string{"another entry", content} {
			s.write(t, "f", []byte(text))
			s.run(t, 0, append([]string{"sign", "f", "--bundle", "b.json", "--force", "--identity-token", s.token(t), "--yes"}, s.offers(t, logs)...)...)
			if text != content {
				learn(parse(t, s.read(t, "b.json")))
			}
		}
		bundles[name] = parse(t, s.read(t, "b.json"))
	}
	both := proto.Clone(bundles["second generation"]).(*protobundle.Bundle)
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: both.VerificationMaterial.GetCertificate().RawBytes})
	if err := sign.NewRekor(&sign.RekorOptions{BaseURL: s.URL(sandbox.Rekor1), Version: 1}).GetTransparencyLogEntry(t.Context(), cert, both); err != nil {
		t.Fatal(err)
	}
	bundles["both generations"] = both

	// One command judges them all.
	type question struct {
		name   string
		data   []byte
		change change
		second bool
		alone  bool // there is no other entry
	}
	var all []question
	args := append([]string{"verify", "--json"}, s.from()...)
	for name, b := range bundles {
		for i, e := range b.VerificationMaterial.TlogEntries {
			for _, c := range changes(others[string(e.LogId.KeyId)]) {
				edited := proto.Clone(b).(*protobundle.Bundle)
				c.edit(edited.VerificationMaterial.TlogEntries[i])
				data, err := protojson.Marshal(edited)
				if err != nil {
					t.Fatal(err)
				}
				file := fmt.Sprintf("q%03d", len(all))
				s.write(t, file, []byte(content))
				s.write(t, file+".sigstore.json", data)
				args = append(args, file)
				all = append(all, question{fmt.Sprintf("%s, entry %d: %s", name, i, c.name), data, c, e.KindVersion.Version == "0.0.2", len(b.VerificationMaterial.TlogEntries) == 1})
			}
		}
	}
	type verdict struct {
		OK    bool
		Check check.Check
		Error string
	}
	verdicts := lines[verdict](t, s.run(t, 1, args...).Stdout)
	if len(verdicts) != len(all) {
		t.Fatalf("got %d verdicts about %d bundles", len(verdicts), len(all))
	}
	accepted := 0
	for i, q := range all {
		_, theirs := s.peer.Verify(q.data, []byte(content), s.Issuer(), s.email)
		ours := verdicts[i]
		if ours.OK {
			accepted++
		}
		strict := strings.Contains(q.change.strict, map[bool]string{true: "2", false: "1"}[q.second])
		switch {
		case ours.OK && theirs != nil && (q.second || q.change.name != unpromised):
			t.Errorf("%s: sigstore-go refuses: %v", q.name, theirs)
		case !ours.OK && theirs == nil && q.alone && !strict:
			t.Errorf("%s: sigstore-go accepts, hallmark says %s", q.name, ours.Error)
		case q.alone && strict && (ours.OK || theirs != nil):
			t.Errorf("%s: want that hallmark alone refuses, it says %q, and sigstore-go %v", q.name, ours.Error, theirs)
		}
		// EB-8: every entry counts for hallmark. For sigstore-go one good one is enough.
	}
	t.Logf("%d bundles, %d accepted by both", len(all), accepted)
	if accepted < 2*len(bundles) {
		t.Errorf("%d were accepted, want more", accepted)
	}
}
